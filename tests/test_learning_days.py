"""Eight days of a reader by the real commands and a model's endpoint: the ranking comes to agree with the model."""

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from newsletter.editions.candidates import candidates
from newsletter.models.scores import Pool, Reading
from newsletter.scoring.remembered import stored_archive, stored_past
from newsletter.scoring.similarity import Similarity
from newsletter.sources import taxonomy
from newsletter.store import Store
from tests.commands import Command
from tests.fake_model import FakeModel
from tests.test_bad_input import a_line, subscribe
from tests.test_model_end_to_end import serving

FIRST = date(2026, 11, 2)
DAYS = [FIRST + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7, 8, 9)]  # of two weeks, those with a mailing
SUBJECTS = {  # moss is what the topics say; casks are what the reader's model finds relevant as well
    "moss": "moss stones brook splash green growth damp shade colour carpet",
    "cask": "cask stave hoop cooper oak barrel cellar bung vat wine",
    "rope": "rope hemp knot splice sisal fibre strand load wear bollard",
    "loaf": "loaf oven flour yeast crust baker rye dough salt dawn",
    "gem": "stones gem facet growth crystal colour polish carat jewel green",  # speaks as the topics do
    "wall": "stones wall mortar mason growth lintel arch quarry slab course",  # and so does this
    "tide": "tide strait current buoy shore ebb flood moon gauge drift",
}
WANTED = {"moss": (9, 7), "cask": (8, 7)}


def a_day(day: date, each: int = 6) -> list[tuple[str, str]]:
    """Lines of one day's mailing with their subjects, in no order."""
    draw = random.Random(str(day))
    number, found = (day - FIRST).days * 100, []
    for subject, vocabulary in SUBJECTS.items():
        for _ in range(each):
            number += 1
            words = [draw.choice(vocabulary.split()) for _ in range(8)]
            strange = [f"{draw.choice('bcdfg')}{draw.choice('aeiou')}{draw.choice('lmnr')}um" for _ in range(12)]
            text = " ".join(draw.sample(words + strange, 20))
            fields = {"title": f"Note {number} on {words[0]}", "abstract": f"{text}.", "authors": [f"Author {number}"]}
            found.append((a_line(number, **fields, announced_on=str(day)), subject))
    draw.shuffle(found)
    return found


def fitness(home: Path, day: date, *, learned: bool) -> float:
    """The average precision of what the model calls relevant, in the order of the local score of a day."""
    with Store.open(home / "var" / "newsletter.db") as store:
        reader = store.subscribers.load("ada")
        assert reader is not None
        announcements = store.mailings.announcements([day])
        chosen = candidates(reader.wishes, announcements, (), taxonomy())
        pool = Pool(tuple(announcement.paper for announcement in announcements))
        local = Similarity(stored_archive(store), stored_past(store) if learned else lambda *_: ())
        scores = local.score(Reading(reader, day, chosen.papers, pool)).scored
    subjects = {json.loads(line)["id"]: subject for line, subject in a_day(day)}
    ranked = sorted(scores, key=lambda item: (-item.score.local, item.paper.id))
    relevant = [subjects[item.paper.id] in WANTED for item in ranked]
    hits = [place for place, is_relevant in enumerate(relevant, 1) if is_relevant]
    return sum(n / place for n, place in enumerate(hits, 1)) / len(hits)


def place_of(home: Path, day: date, paper: str) -> int:
    """Where a paper of a day stands in the local order; 1 is the best."""
    with Store.open(home / "var" / "newsletter.db") as store:
        reader = store.subscribers.load("ada")
        assert reader is not None
        papers = tuple(announcement.paper for announcement in store.mailings.announcements([day]))
        local = Similarity(stored_archive(store), stored_past(store))
        scores = local.score(Reading(reader, day, papers, Pool(papers))).scored
    ranked = sorted(scores, key=lambda item: (-item.score.local, item.paper.id))
    return [item.paper.id for item in ranked].index(paper) + 1


@pytest.fixture
def with_model(newsletter: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command with a model that finds moss and casks relevant, and a reader whose topics say only moss."""
    scores = {json.loads(line)["title"]: WANTED[s] for day in DAYS for line, s in a_day(day) if s in WANTED}
    subscribe(home, "ada")
    with serving(FakeModel(scores)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield newsletter


def mail(newsletter: Command, home: Path, day: date) -> str:
    listing = home / f"{day}.jsonl"
    listing.write_text("\n".join(line for line, _ in a_day(day)), encoding="utf-8")
    done = newsletter("run", "--listing", listing)
    assert done.code == 0, done.err
    shown = newsletter("preview", "ada", "--format", "text")
    return " ".join(shown.out.split())


def papers_of(day: date, subject: str) -> list[str]:
    return [json.loads(line)["id"] for line, of in a_day(day) if of == subject]


def test_the_local_order_comes_to_agree_with_the_model_day_by_day(with_model: Command, home: Path) -> None:
    for day in DAYS:
        mail(with_model, home, day)
    learned = [fitness(home, day, learned=True) for day in DAYS]
    cold = [fitness(home, day, learned=False) for day in DAYS]
    assert learned[0] == cold[0], "on the first day there is nothing to learn from"
    gained = [after - before for after, before in zip(learned, cold, strict=True)]
    assert all(gain > 0.1 for gain in gained[2:]), gained
    assert sum(learned[4:]) > sum(learned[:4]) + 0.4, learned


def test_after_less_its_like_falls_and_after_more_it_rises_and_the_mail_says_why(
    newsletter: Command, home: Path
) -> None:
    subscribe(home, "ada")
    first, second = FIRST, FIRST + timedelta(days=1)
    mail(newsletter, home, first)
    cask, rope = papers_of(first, "cask")[0], papers_of(first, "rope")[0]
    listing = home / "next.jsonl"
    alike = {"cask": SUBJECTS["cask"], "rope": SUBJECTS["rope"]}
    lines = [line for line, _ in a_day(second)]
    lines += [
        a_line(900 + n, title=f"Of {subject} and moss", abstract=f"{text} moss on stones.", announced_on=str(second))
        for n, (subject, text) in enumerate(alike.items())
    ]
    listing.write_text("\n".join(lines), encoding="utf-8")
    newsletter("feedback", "ada", cask, "more")
    newsletter("feedback", "ada", rope, "less")
    assert newsletter("run", "--listing", listing).code == 0
    marked = [place_of(home, second, f"2611.{n:05}") for n in (900, 901)]
    text = " ".join(newsletter("preview", "ada", "--format", "text").out.split())
    title = next(json.loads(line)["title"] for line, _ in a_day(first) if json.loads(line)["id"] == cask)
    assert f"Because you liked “{title}”." in text
    assert f"it is like {cask}, which the subscriber liked" in newsletter("why", "ada", "2611.00900").out
    newsletter("feedback", "ada", "--reset")
    without = [place_of(home, second, f"2611.{n:05}") for n in (900, 901)]
    assert marked[0] < without[0] or marked[0] == 1
    assert marked[1] > without[1]


def test_learning_survives_an_edit_of_the_topics_is_shown_and_can_be_reset(with_model: Command, home: Path) -> None:
    days = DAYS[:4]
    for day in days[:3]:
        mail(with_model, home, day)
    file = home / "subscribers" / "ada.md"
    file.write_text(file.read_text(encoding="utf-8").replace("moss on stones", "moss on old stones"), encoding="utf-8")
    mail(with_model, home, days[3])
    assert fitness(home, days[3], learned=True) > fitness(home, days[3], learned=False) + 0.1
    shown = with_model("feedback", "ada", "--learned").out
    assert any(word in shown.split("does not want")[0] for word in SUBJECTS["cask"].split())
    with_model("feedback", "ada", "--reset")
    assert "nothing is learned yet" in with_model("feedback", "ada", "--learned").out
