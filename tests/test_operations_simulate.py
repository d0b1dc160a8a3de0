"""A month of the whole service with everything that happens in one: each inbox holds what it should, each incident
raised one alert.

What should be in an inbox is worked out here, apart from the service: from the announcements, the readers' wishes and the
script of what goes wrong.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP
from itertools import pairwise
from pathlib import Path

import pytest

from newsletter import pipeline
from newsletter.errors import StoreError
from newsletter.links import Signer
from newsletter.models.days import Concern
from newsletter.models.papers import Paper
from newsletter.models.scores import Commented, Fault, Pool, Reading, Score, Scored, Scores, Trouble
from newsletter.models.sends import Outcome, Outgoing, Receipt, SendState
from newsletter.models.subscribers import Subscriber
from newsletter.operations.backup import backup, restore
from newsletter.operations.outside import Announced, Arxiv, Killed, Mailbox, Moving
from newsletter.operations.simulate import SENDER, World
from newsletter.settings import Mail
from newsletter.sources import taxonomy
from newsletter.sources.arxiv import HOURS
from newsletter.store import Store
from newsletter.subscribers.roster import roster
from tests.builders import a_paper
from tests.commands import Command
from tests.days import TEMPLATES

FIRST, LAST = date(2026, 10, 19), date(2026, 11, 17)  # summer time ends on Sunday, 1 November
CATEGORIES = ("q-bio.PE", "cs.LG")
PAPERS = 48  # a day; of each four one fits the readers of its category


@dataclass(frozen=True)
class Reader:
    slug: str
    categories: tuple[str, ...]
    zone: str
    hour: int
    frequency: str = "daily"

    @property
    def file(self) -> str:
        days = "[fri]" if self.frequency == "weekly" else "[mon, tue, wed, thu, fri]"
        deliver = f'{{frequency: {self.frequency}, days: {days}, at: "{self.hour:02}:30", timezone: {self.zone}}}'
        return (
            f"---\nemail: {self.slug}@example.org\ncategories: [{', '.join(self.categories)}]\n"
            f"deliver: {deliver}\n---\n\n1. Moss\n   - Relevant: moss\n"
        )


READERS = (
    Reader("ada", ("q-bio.PE",), "America/New_York", 7),
    Reader("bo", ("cs.LG",), "Europe/Berlin", 8),
    Reader("cy", CATEGORIES, "Asia/Tokyo", 9),
    Reader("di", CATEGORIES, "UTC", 12),
    Reader("ed", ("q-bio.PE",), "UTC", 10, frequency="weekly"),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


# The script, in UTC.
LATE = date(2026, 10, 22), at("10-22T15:00")
CUT = date(2026, 10, 27), at("10-27T21:00")  # until then half of it is there
HOLIDAY = date(2026, 10, 30)
NO_MODEL = (date(2026, 11, 3), date(2026, 11, 4), date(2026, 11, 5))
AWAY = at("11-06T04:00"), at("11-06T17:00")  # the provider
FULL = at("11-10T04:30"), at("11-10T08:30")  # the disk
KILLED_BEFORE = date(2026, 11, 11)  # while editions are composed
KILLED_AFTER = date(2026, 11, 12)  # once a message was handed over
ANSWERED = at("11-13T14:00")  # a person says what became of the mail of unknown outcome
RESTORED = at("11-16T20:00")  # to the backup of the evening before


def papers_of(day: date) -> tuple[Paper, ...]:
    """Papers of both categories by turns; every fourth of each fits."""
    if day == HOLIDAY:
        return ()
    return tuple(
        a_paper(
            n,
            id=f"{day:%y%m}.{day.day * 1000 + n:05}",
            title=f"{'Moss' if n % 8 < 2 else 'Bread'} number {n} of {day}",
            categories=(CATEGORIES[n % 2],),
            primary_category=CATEGORIES[n % 2],
        )
        for n in range(PAPERS)
    )


class ByTitle:
    """A scorer that knows moss when it sees it; without its model it has no scores."""

    def __init__(self, *, works: bool, reached: Callable[[Reading], None] = lambda _: None) -> None:
        self._works, self._reached = works, reached

    def plan(self, readings: Iterable[Reading]) -> None:
        """Nothing is shared."""

    def computable(self, subscriber: Subscriber, day: date, pool: Pool) -> None:
        """A model is asked."""

    def score(self, reading: Reading) -> Scores:
        self._reached(reading)
        if not self._works:
            return Scores((), "openai", not_scored=reading.papers, fault=Fault(Trouble.MODEL_STOPPED))
        scored = (Scored(paper, Score(9 if paper.title.startswith("Moss") else 1, 6)) for paper in reading.papers)
        return Scores(tuple(scored), "openai", "m")

    def comment(self, reading: Reading, shown: Sequence[Scored]) -> Commented:
        return Commented(tuple(shown))


def expected(reader: Reader) -> Counter[str]:
    """The identifiers that this reader should have got, each once."""
    fits: Counter[str] = Counter()
    day = FIRST
    while day <= LAST:
        # A new subscriber starts with the newest mailing on a delivery day; the last week is not over.
        is_weekly = reader.frequency == "weekly"
        outside = is_weekly and not date(2026, 10, 23) <= day <= date(2026, 11, 13)
        # Composed and waiting for its hour when the database was restored: a missing digest beats two.
        lost = reader.slug == "cy" and day == RESTORED.date()
        if day.weekday() < 5 and not outside and not lost:
            for paper in papers_of(day):
                if paper.primary_category not in reader.categories:
                    continue
                unscored = day in NO_MODEL and reader.frequency == "daily"
                if paper.title.startswith("Moss") or unscored:  # without scores titles are listed
                    fits[paper.id] += 1
        day += timedelta(days=1)
    return fits


@dataclass
class Inboxes:
    """What arrived: per reader, the identifiers and when."""

    clock: Moving
    mails: dict[str, list[tuple[datetime, str, list[str]]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, outgoing: Outgoing) -> None:
        part = message_from_bytes(outgoing.eml, policy=SMTP).get_body(("plain",))
        assert part is not None
        text = part.get_content()
        found = dict.fromkeys(re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5})", text))
        self.mails[outgoing.slug].append((self.clock(), text, list(found)))

    def counted(self, slug: str) -> Counter[str]:
        return Counter(identifier for _, _, found in self.mails[slug] for identifier in found)


@dataclass
class Month:
    """The service through the month, with its script."""

    world: World
    inboxes: Inboxes
    kept: Path
    killed: list[str] = field(default_factory=list)
    restored: bool = False

    def before(self) -> None:
        """At each run's start: the disk fills or is emptied; a person says what became of a mail, or restores a backup."""
        now, store = self.world.clock(), self.world.store
        pages = 1 if FULL[0] <= now < FULL[1] else 2**30
        store.database.utils.conn.execute(f"PRAGMA max_page_count = {pages}")  # this thread's connection
        if pages == 1:
            self._fill()
        if now >= ANSWERED:
            for record in store.sends.records(SendState.AMBIGUOUS):
                assert store.sends.resolve(record.send.id, True, now)
        if not self.restored and now >= RESTORED - timedelta(days=1) and not self.kept.exists():
            backup(self.world.home, store, self.kept, now, timedelta(days=30))
        if not self.restored and now >= RESTORED:
            (folder,) = self.kept.iterdir()
            restore(self.world.home, folder, now)
            self.restored = self.world.confirm = True

    def _fill(self) -> None:
        for number in range(10_000):
            try:
                self.world.store.facts.set(f"ballast {number}", "x" * 999)
            except StoreError:
                return
        pytest.fail("the disk is not full")

    def composing(self, reading: Reading) -> None:
        if reading.date == KILLED_BEFORE and "before" not in self.killed and reading.subscriber.slug == "cy":
            self.killed.append("before")
            raise Killed

    def answer(self, outgoing: Outgoing) -> Receipt | None:
        if AWAY[0] <= self.world.clock() < AWAY[1]:
            return Receipt(Outcome.RETRY, "421 try again")
        if outgoing.date == KILLED_AFTER and "after" not in self.killed and outgoing.slug == "bo":
            self.killed.append("after")
            self.inboxes.take(outgoing)  # it arrived, and nobody was there to write that down
            raise Killed
        return None


@pytest.fixture
def month(home: Path, tmp_path: Path) -> Iterator[Month]:
    """The month, lived through."""
    (home / "var").mkdir()
    for reader in READERS:
        (home / "subscribers" / f"{reader.slug}.md").write_text(reader.file, encoding="utf-8")
    clock = Moving(at("10-19T04:10"))
    inboxes = Inboxes(clock)

    def announced(day: date) -> Announced:
        return Announced(
            papers_of(day),
            at=LATE[1] if day == LATE[0] else None,
            whole_at=CUT[1] if day == CUT[0] else None,
            empty=day == HOLIDAY,
        )

    with Store.open(home / "var" / "newsletter.db") as store:
        for entry in roster(home / "subscribers", store, taxonomy(), clock()):
            assert isinstance(entry, Subscriber)
            store.subscribers.consent(entry.id, entry.wishes.email, "operator", clock())
        mailbox = Mailbox(taken=inboxes.take)
        signer, mail = Signer("https://news.example.org", [b"rehearsal"]), Mail.model_validate({"from": SENDER})
        write = pipeline.writer(store, TEMPLATES, signer, mail, clock)
        world = World(
            home, store, clock, Arxiv(clock, announced), mailbox, write,
            lambda: nullcontext(ByTitle(works=clock().date() not in NO_MODEL, reached=lived.composing)), workers=1,
        )  # fmt: skip
        lived = Month(world, inboxes, tmp_path / "kept")
        world.before, mailbox.answers = lived.before, lived.answer
        world.live(datetime(2026, 11, 18, 4, 30, tzinfo=UTC))
        yield lived


def test_a_month_of_everything(month: Month) -> None:
    inboxes, store = month.inboxes, month.world.store
    # Each inbox is exactly what it should be.
    for reader in READERS:
        got = inboxes.counted(reader.slug)
        assert {i: n for i, n in got.items() if n > 1} == {}, f"{reader.slug} got papers twice"
        assert got == expected(reader), reader.slug
    # At their hour: the first by the reader's clock after the announcement, on both sides of the end of summer time.
    ada = [moment for moment, _, _ in inboxes.mails["ada"]]
    assert at("10-20T11:30") in ada
    assert at("11-02T12:30") in ada
    assert all(one < other for one, other in pairwise(ada))
    # Nothing that failed looks like a quiet day.
    assert any("scor" in text.lower() for moment, text, _ in inboxes.mails["di"] if moment.date() in NO_MODEL)
    assert month.killed == ["before", "after"]
    assert month.restored
    assert store.sends.counts().keys() <= {SendState.ACCEPTED, SendState.AMBIGUOUS}
    # Each incident raised one alert, and one all-clear.
    opened = [(incident.concern, alert.at.date()) for alert in month.world.told for incident in alert.opened]
    closed = Counter(incident.concern for alert in month.world.told for incident in alert.closed)
    assert Counter(concern for concern, _ in opened) == {
        Concern.MAILING: 2,
        Concern.SCORES: 1,
        Concern.MAILS: 1,
        Concern.RUN: 1,  # the full disk; a killed run is followed by one that is well
        Concern.UNKNOWN: 1,
        Concern.EDITIONS: 1,
    }, opened
    assert (Concern.EDITIONS, RESTORED.date()) in opened, "after the restore the day's editions are not on record"
    assert closed == Counter(concern for concern, _ in opened)
    assert store.incidents.open() == []
    assert HOURS.has_mailing(HOLIDAY)


def test_the_command_rehearses_and_says_what_it_took(newsletter: Command) -> None:
    done = newsletter("simulate", "--days", "4", "--subscribers", "3", "--papers", "12", "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert (found["readers"], found["mails"]) == (3, 12)
    assert found["bytes"] > 12 * 5000
    assert [incident["concern"] for incident in found["incidents"]] == ["mailing"], "the fourth mailing is late"
