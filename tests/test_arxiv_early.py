"""Early mailings, and what comes after an edition: each paper goes into one edition, whenever it arrives."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from newsletter import pipeline
from newsletter.errors import InputError, SourceError
from newsletter.models.editions import Composed
from newsletter.models.papers import MailingStatus
from newsletter.models.scores import Status
from newsletter.sources import taxonomy
from newsletter.subscribers.roster import roster
from tests.arxiv_desk import THURSDAY, WEDNESDAY, Desk, a_desk, day_of_papers, listed, new_york
from tests.arxiv_server import Announced, refused
from tests.builders import a_topics_file
from tests.days import services
from tests.test_pipeline import an_outbox

FRIDAY = date(2026, 11, 20)
EVENING = new_york(WEDNESDAY, 20, 20)
PAPERS = [
    *day_of_papers(WEDNESDAY, 1),
    *day_of_papers(THURSDAY, 2, 3, title="Growth of moss on stones"),
    Announced(THURSDAY, "2611.00004", ("math.CO", "cs.LG"), title="Moss on stones, counted"),
    Announced(THURSDAY, "2607.00001", ("math.CO", "cs.LG"), into=("cs.LG",)),
    Announced(THURSDAY, "2610.00001", version=2, kind="replace"),
    *day_of_papers(FRIDAY, 5, title="Growth of more moss on stones"),
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk that wants early mailings, with one on record, and one reader of it."""
    folder = tmp_path / "subscribers"
    folder.mkdir()
    front = {"categories": "[cs.LG]", "min_relevance": "1", "max_papers": "50"}
    (folder / "ada.md").write_text(a_topics_file("ada", **front), encoding="utf-8")
    with a_desk(tmp_path, *PAPERS, early=True) as desk:
        desk.fetch()
        yield desk


def a_run(desk: Desk) -> list[Composed]:
    """Composes and sends what is due; ada's editions are what it returns."""
    folder = desk.state.parent / "subscribers"
    day = services(desk.store, an_outbox(), clock=desk.clock)
    return list(pipeline.run(partial(roster, folder, desk.store, taxonomy(), desk.clock()), day).composed)


def edition_papers(desk: Desk) -> list[str]:
    """What ada's newest edition lists."""
    edition_id = desk.store.editions.newest_id("ada")
    assert edition_id is not None
    return sorted(item.paper.id for item in desk.store.editions.load(edition_id).papers)


def test_before_a_quarter_past_eight_the_newest_mailing_is_todays(desk: Desk) -> None:
    assert desk.source.newest(new_york(WEDNESDAY, 20, 14)) == WEDNESDAY
    assert desk.source.newest(EVENING) == THURSDAY
    assert desk.source.newest(new_york(FRIDAY, 20, 20)) == FRIDAY
    assert desk.source.newest(new_york(date(2026, 11, 22), 20, 20)) == date(2026, 11, 23)


def test_the_listing_pages_give_the_new_papers_on_the_evening_before(desk: Desk) -> None:
    taken = desk.at(EVENING).fetch()[0]
    assert taken.mailing
    assert taken.ready
    assert (taken.mailing.early, taken.mailing.status) == (True, MailingStatus.PARTIAL)
    assert listed(taken.mailing) == ["2611.00002v1", "2611.00003v1", "2611.00004v1"]


def test_an_early_mailing_is_not_fetched_twice_in_one_evening(desk: Desk) -> None:
    desk.at(EVENING).fetch()
    assert desk.at(EVENING + timedelta(hours=1)).fetch() == []


def test_pages_that_still_show_the_day_before_are_no_early_mailing(desk: Desk) -> None:
    desk.arxiv.papers = [p for p in desk.arxiv.papers if p.day == WEDNESDAY]
    taken = desk.at(EVENING).fetch()
    assert [str(t.error) for t in taken] == ["the listing page is of 2026-11-18, not of 2026-11-19"]
    assert [day.date for day in desk.store.mailings.days()] == [WEDNESDAY]


def test_without_the_setting_the_evening_brings_nothing(tmp_path: Path) -> None:
    with a_desk(tmp_path, *PAPERS, now=EVENING) as desk:
        assert desk.source.newest(EVENING) == WEDNESDAY
        with pytest.raises(InputError, match="2026-11-19 is not announced yet"):
            desk.mailing(THURSDAY)


def test_an_early_edition_goes_out_at_once_and_the_feed_completes_the_mailing(desk: Desk) -> None:
    a_run(desk)
    desk.at(EVENING).fetch()
    composed = a_run(desk)
    assert [(c.status, c.papers, c.waited) for c in composed] == [(Status.OK, 3, timedelta(minutes=20))]
    taken = desk.at(new_york(THURSDAY)).fetch()
    assert [(t.date, t.mailing and t.mailing.status, t.added) for t in taken] == [(THURSDAY, MailingStatus.COMPLETE, 2)]
    assert [c.reason for c in a_run(desk)] == ["has nothing due"]


def test_a_paper_that_came_after_the_early_edition_stands_in_the_next_one_once(desk: Desk) -> None:
    a_run(desk)
    desk.arxiv.hidden_from["listing"] = {"2611.00003"}
    desk.at(EVENING).fetch()
    a_run(desk)
    assert edition_papers(desk) == ["2611.00002", "2611.00004"]
    desk.at(new_york(THURSDAY)).fetch()
    desk.at(new_york(FRIDAY)).fetch()
    a_run(desk)
    assert edition_papers(desk) == ["2611.00003", "2611.00005"]


def test_a_partial_mailing_waits_until_six_and_what_completes_it_stands_in_the_next_edition(desk: Desk) -> None:
    a_run(desk)
    desk.at(new_york(THURSDAY)).arxiv.hidden_from["feed"] = {"2611.00003"}
    desk.arxiv.fail("/oai", refused(503), times=4)
    assert desk.fetch()[0].ready is False
    assert [c.reason for c in a_run(desk)] == ["has nothing due"]
    composed = a_run(desk.at(new_york(THURSDAY, 6, 1)))
    assert [(c.status, c.papers) for c in composed] == [(Status.ARXIV_FAULT, 2)]
    assert desk.at(new_york(THURSDAY, 6, 30)).fetch()[0].ready is True
    desk.at(new_york(FRIDAY)).fetch()
    a_run(desk)
    assert edition_papers(desk) == ["2611.00003", "2611.00005"]


def test_a_mailing_that_was_completed_after_the_next_edition_is_not_forgotten(desk: Desk) -> None:
    a_run(desk)
    desk.at(new_york(THURSDAY)).arxiv.hidden_from["feed"] = {"2611.00003"}
    desk.arxiv.fail("/oai", refused(503), times=4)
    desk.fetch()
    a_run(desk.at(new_york(THURSDAY, 6, 1)))
    desk.arxiv.hidden_from["oai"] = {"2611.00003"}
    desk.at(new_york(FRIDAY)).fetch(FRIDAY)
    a_run(desk)
    desk.arxiv.hidden_from["oai"] = set()
    desk.at(new_york(FRIDAY, 2)).fetch(THURSDAY)
    monday = FRIDAY + timedelta(days=3)
    desk.arxiv.papers += day_of_papers(monday, 6, title="Growth of moss")
    desk.at(new_york(monday)).fetch()
    a_run(desk)
    assert edition_papers(desk) == ["2611.00003", "2611.00006"]


def test_a_holiday_leads_to_one_heartbeat_that_says_so(desk: Desk) -> None:
    a_run(desk)
    desk.arxiv.papers = [p for p in desk.arxiv.papers if p.day != THURSDAY]
    desk.at(new_york(THURSDAY, 6)).fetch()
    assert [c.status for c in a_run(desk)] == [Status.HOLIDAY]
    assert [c.reason for c in a_run(desk)] == ["has nothing due"]
    desk.at(new_york(FRIDAY)).fetch()
    a_run(desk)
    newest = desk.store.editions.newest_id("ada")
    assert newest
    assert desk.store.editions.load(newest).mailings == (FRIDAY,)


def test_papers_that_come_after_the_notice_of_an_empty_day_are_mailed_that_day(desk: Desk) -> None:
    a_run(desk)
    announced = desk.arxiv.papers
    desk.arxiv.papers = [p for p in announced if p.day == WEDNESDAY]
    desk.at(new_york(THURSDAY, 5)).fetch()
    assert [c.reason for c in a_run(desk)] == ["has nothing due"]
    desk.at(new_york(THURSDAY, 6)).fetch()
    assert [c.status for c in a_run(desk)] == [Status.HOLIDAY]
    desk.arxiv.papers = announced
    desk.at(new_york(THURSDAY, 7)).fetch()
    assert [(c.status, c.papers) for c in a_run(desk)] == [(Status.OK, 3)]


def test_a_day_without_a_paper_or_a_witness_is_a_fault_at_noon(desk: Desk) -> None:
    a_run(desk)
    desk.arxiv.papers = [p for p in desk.arxiv.papers if p.day == WEDNESDAY]
    desk.arxiv.fail("/oai", refused(500), times=100)
    desk.at(new_york(THURSDAY, 11)).fetch()
    assert [c.reason for c in a_run(desk)] == ["has nothing due"]
    assert [c.status for c in a_run(desk.at(new_york(THURSDAY, 12)))] == [Status.ARXIV_FAULT]


def test_two_missed_days_are_two_mailings_in_one_edition(desk: Desk) -> None:
    a_run(desk)
    desk.at(new_york(FRIDAY)).fetch()
    a_run(desk)
    newest = desk.store.editions.newest_id("ada")
    assert newest
    assert desk.store.editions.load(newest).mailings == (THURSDAY, FRIDAY)
    assert edition_papers(desk) == ["2611.00002", "2611.00003", "2611.00004", "2611.00005"]


def test_a_failed_evening_says_why(desk: Desk) -> None:
    desk.arxiv.fail("/list/", refused(500), times=4)
    with pytest.raises(SourceError, match="answers 500"):
        desk.at(EVENING).mailing(THURSDAY)
