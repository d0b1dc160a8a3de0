"""A week in one email: its best papers, then each under its day, also after the store kept the edition."""

from datetime import timedelta
from pathlib import Path

from newsletter.editions.assemble import assemble
from newsletter.editions.candidates import candidates
from newsletter.editions.due import Due
from newsletter.editions.selection import select
from newsletter.models.editions import Cadence, Links
from newsletter.models.scores import Commented, Pool, Reading, Status
from newsletter.models.subscribers import Subscriber
from newsletter.rendering.templates import load_templates, render
from newsletter.scoring.similarity import Similarity
from newsletter.sources import origins, taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import roster
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_topics_file

MONDAY = WEDNESDAY - timedelta(days=2)


def test_papers_after_the_best_stand_under_the_day_of_their_mailing_with_their_place_in_the_week(
    tmp_path: Path,
) -> None:
    (tmp_path / "ada.md").write_text(a_topics_file("ada", min_relevance="1"), encoding="utf-8")
    with Store.open(tmp_path / "newsletter.db") as store:
        store.mailings.save(a_mailing(*(a_paper(n, title=f"Monday moss {n}") for n in range(1, 5)), day=MONDAY), NOON)
        store.mailings.save(
            a_mailing(*(a_paper(n, title=f"Wednesday moss {n}") for n in range(5, 9)), day=WEDNESDAY), NOON
        )
        (ada,) = (entry for entry in roster(tmp_path, store, taxonomy(), NOON) if isinstance(entry, Subscriber))
        week = Due((MONDAY, WEDNESDAY), Cadence.WEEKLY)
        announcements = store.mailings.announcements(week.mailings)
        chosen = candidates(ada.wishes, announcements, (), taxonomy())
        scores = Similarity().score(Reading(ada, WEDNESDAY, chosen.papers, Pool(chosen.papers)))
        selected = select(ada.wishes, chosen, scores)
        told = assemble(ada, week, chosen, scores, selected, Commented(()), Status.OK)
        send = store.editions.freeze(told, ada, "a1b2c3d4e5", NOON)
        assert send
        kept = store.editions.load(send.edition_id)
    assert {item.date for item in kept.papers if item.paper.title.startswith("Monday")} == {MONDAY}
    assert {item.date for item in kept.papers if item.paper.title.startswith("Wednesday")} == {WEDNESDAY}
    assert sorted(item.top or 0 for item in kept.papers) == [13, 25, 38, 50, 63, 75, 88, 100]
    text = " ".join(render(kept, Links(), load_templates(None, origins())).text.split())
    best = text.index("THE BEST OF THE WEEK")
    assert best < text.index("WEDNESDAY 18 NOVEMBER") < text.index("6. Wednesday moss 6")
