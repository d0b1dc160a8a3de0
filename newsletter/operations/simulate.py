"""The whole service in fast time: invented mailings and readers, a mailbox that only counts, a clock of its own.

The run is the real one (collect, compose, dispatch, watch), woken by the real schedule; replaced is what lies outside:
arXiv, the backend, the clock.
"""

import json
import random
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from newsletter import pipeline
from newsletter.delivery import restore_guard
from newsletter.delivery.dispatch import Desk, Pace
from newsletter.editions.compose import Composing, up_to_date
from newsletter.editions.due import MERGED_SPAN
from newsletter.editions.morning import Entry
from newsletter.errors import NewsletterError
from newsletter.files import PACKAGE, find
from newsletter.links import Signer
from newsletter.models.days import Incident
from newsletter.models.papers import (
    Announcement,
    AnnounceType,
    Mailing,
    MailingDay,
    MailingStatus,
    Origin,
    Paper,
    Progress,
)
from newsletter.models.scores import Scorer
from newsletter.models.sends import Outcome, Outgoing, Receipt
from newsletter.models.subscribers import Subscriber
from newsletter.operations.alerts import Alert
from newsletter.operations.schedule import Standing, follow, standing
from newsletter.operations.watch import Watch, watched
from newsletter.rendering.templates import Templates
from newsletter.settings import Mail
from newsletter.sources import collect, origins, taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import awake, roster, wished

SENDER = "Rehearsal <news@example.org>"
_ZONES = ("America/Los_Angeles", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC")


@dataclass
class Moving:
    """A clock that only waiting moves."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Stop(threading.Event):
    """What a run waits on: its waiting moves the clock."""

    def __init__(self, clock: Moving) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.pass_(timeout or 0)
        return self.is_set()


@dataclass(frozen=True, slots=True)
class Announced:
    """What arXiv says of one day: when its papers are there, when all of them, or that nothing was announced."""

    papers: tuple[Paper, ...]
    at: datetime | None = None  # not before; the usual hour where it is None
    whole_at: datetime | None = None  # until then only the first half is listed
    empty: bool = False


@dataclass
class Arxiv:
    """Where mailings come from: what is announced on a day, by the clock."""

    announced: Callable[[date], Announced]
    clock: Moving
    origin: Origin = field(default_factory=lambda: origins()["arxiv"])

    def newest(self, now: datetime) -> date:
        day = now.date() + timedelta(days=1)
        while not (self.origin.calendar.has_mailing(day) and self.origin.calendar.published_at(day) <= now):
            day -= timedelta(days=1)
        return day

    def plan(self, days: Collection[date]) -> None:
        """Nothing is shared between the days."""

    def days(self, first: date, last: date) -> list[date]:
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [day for day in days if self.origin.calendar.has_mailing(day)]

    def categories(self, wishes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(self.origin.taxonomy.expand(wishes)))

    def fetch(self, day: date, categories: tuple[str, ...], before: Mailing | None, progress: Progress) -> Mailing:
        """The mailing as far as it is announced by now."""
        del before, progress
        found, now = self.announced(day), self.clock()
        is_out = found.at is None or now >= found.at
        is_whole = found.whole_at is None or now >= found.whole_at
        papers = found.papers if is_whole else found.papers[: len(found.papers) // 2]
        status = MailingStatus.COMPLETE if is_out and is_whole else MailingStatus.PARTIAL
        if found.empty or not is_out:
            papers = ()
            settled = self.origin.calendar.settled(_partial(day), now)
            status = MailingStatus.EMPTY if found.empty and settled else MailingStatus.PARTIAL
        listed = tuple(
            Announcement(paper, AnnounceType.NEW, tuple(set(paper.categories) & set(categories)))
            for paper in papers
            if set(paper.categories) & set(categories)
        )
        return Mailing(day, status, listed, covered=categories)

    def details(self, mailing: Mailing, progress: Progress) -> Mailing:
        del progress
        return mailing

    def look_up(self, ids: Sequence[str]) -> list[Paper]:
        del ids
        return []

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Mailbox:
    """Takes mail and counts it; `answers` may say otherwise, or raise."""

    answers: Callable[[Outgoing], Receipt | None] = lambda _: None
    taken: Callable[[Outgoing], None] = lambda _: None
    reaches_people: bool = True
    mails: int = 0
    bytes: int = 0
    largest: int = 0
    _turns: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, outgoing: Outgoing) -> Receipt:
        if (answer := self.answers(outgoing)) is not None:
            return answer
        with self._turns:
            self.mails, self.bytes = self.mails + 1, self.bytes + len(outgoing.eml)
            self.largest = max(self.largest, len(outgoing.eml))
            self.taken(outgoing)
        return Receipt(Outcome.ACCEPTED, "250 taken")

    def close(self) -> None:
        """Nothing is open."""


class Killed(BaseException):
    """The process is gone, in the middle of whatever it did; nothing of ours catches it."""


@dataclass
class World:
    """A service in fast time. `scorer` is entered for each run; `before` is called at each run's start."""

    home: Path
    store: Store
    clock: Moving
    source: Arxiv
    mailbox: Mailbox
    templates: Templates
    scorer: Callable[[], AbstractContextManager[Scorer]]
    workers: int = 2
    before: Callable[[], None] = lambda: None
    told: list[Alert] = field(default_factory=list)
    runs: int = 0
    slowest: float = 0.0
    confirm: bool = False  # the next run's --confirm-restore

    @property
    def mark(self) -> Path:
        return self.home / "var" / "dispatch.mark"

    def live(self, until: datetime) -> None:
        """Follows the schedule until a time."""

        def wait(seconds: float) -> bool:
            self.clock.pass_(seconds)
            return self.clock() >= until

        follow(self.run, wait, self.clock, self.source.origin.calendar)

    def run(self) -> Standing:
        """What `newsletter run` does; a killed one is started again like one that failed."""
        started, failed = time.perf_counter(), False
        self.runs += 1
        try:
            self.before()
            with watched(self._watch()) as ended:
                ended.report = self._day()
                failed = ended.report.failed
        except (NewsletterError, Killed):
            failed = True
        self.slowest = max(self.slowest, time.perf_counter() - started)
        return standing(self.store, self.clock(), failed=failed)

    def _day(self) -> pipeline.Report:
        now, store = self.clock(), self.store
        restore_guard.check(store, self.mark, now, confirmed=self.confirm)
        self.confirm = False
        folder = self.home / "subscribers"
        wishes = wished(folder, store, taxonomy(), now)
        wanted = collect.missing(self.source, store.mailings.fetched("arxiv"), wishes, now, catch_up=MERGED_SPAN)
        for _ in collect.take(
            self.source,
            wanted,
            wishes,
            store,
            clock=self.clock,
            progress=lambda: lambda stage, done: None,  # noqa: ARG005
        ):
            pass
        with self.scorer() as scorer:
            services = self._services(scorer)

            def entries() -> Iterator[Entry]:
                return awake(folder, store, taxonomy(), now, up_to_date(services.composing, now))

            return pipeline.run(entries, services)

    def _services(self, scorer: Scorer) -> pipeline.Services:
        stop = Stop(self.clock)
        mail = Mail.model_validate({"from": SENDER})
        signer = Signer("https://news.example.org", [b"rehearsal"])
        return pipeline.Services(
            composing=Composing(
                self.store,
                scorer,
                {"arxiv": self.source.origin},
                taxonomy(),
                to_people=True,
                with_marks=True,
                workers=self.workers,
                stop=stop,
            ),
            desk=Desk(
                store=self.store,
                backend=self.mailbox,
                backend_name="mailbox",
                write=pipeline.writer(self.store, self.templates, signer, mail, self.clock),
                sender=SENDER,
                clock=self.clock,
                lanes=self.workers,
                pace=Pace(0, time.monotonic, lambda _: None),
                stop=stop,
            ),
            mark=self.mark,
        )

    def _watch(self) -> Watch:
        return Watch(
            self.store,
            self.home / "var",
            self.clock,
            self.source.origin.calendar,
            ways={"told": self.told.append},
        )


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal came to. Seconds are of this machine, bytes those of the mails and of the database."""

    days: int
    readers: int
    runs: int
    mailings: int
    editions: int
    mails: int
    bytes: int
    largest: int
    seconds: float
    slowest_run: float
    database: int
    incidents: tuple[Incident, ...]


def rehearse(  # noqa: PLR0917 - what a rehearsal is asked for
    home: Path,
    store: Store,
    templates: Templates,
    scorer: Callable[[], Scorer],
    readers: int,
    days: int,
    first: date,
    papers: int,
    *,
    troubles: bool = True,
    seed: int = 7,
) -> Rehearsed:
    """Days of a service with so many readers; with troubles, some of the days go wrong in the ways they do."""
    clock = Moving(origins()["arxiv"].calendar.published_at(first).astimezone(UTC) + timedelta(minutes=5))
    invented = Invented(papers, seed)
    mailbox = Mailbox()
    script = _troubles(first, days, clock, mailbox) if troubles else {}

    def announced(day: date) -> Announced:
        return replace(script.get(day, Announced(())), papers=invented.papers(day))

    world = World(home, store, clock, Arxiv(announced, clock), mailbox, templates, lambda: nullcontext(scorer()))
    subscribe(home, store, readers, clock(), seed)
    started = time.perf_counter()
    world.live(clock() + timedelta(days=days))
    with_editions = store.database.row("SELECT count(*) AS n FROM editions") or {"n": 0}
    return Rehearsed(
        days=days,
        readers=readers,
        runs=world.runs,
        mailings=len(store.mailings.days()),
        editions=with_editions["n"],
        mails=mailbox.mails,
        bytes=mailbox.bytes,
        largest=mailbox.largest,
        seconds=time.perf_counter() - started,
        slowest_run=world.slowest,
        database=sum(path.stat().st_size for path in store.database.path.parent.glob("newsletter.db*")),
        incidents=tuple(reversed(store.incidents.all())),
    )


class Invented:
    """Papers made of the demo's sentences, the same for the same day and seed."""

    def __init__(self, count: int, seed: int) -> None:
        lines = (PACKAGE / "demo" / "mailing.jsonl").read_text(encoding="utf-8").splitlines()
        self._demo = [json.loads(line) for line in lines]
        self._count, self._seed = count, seed

    def papers(self, day: date) -> tuple[Paper, ...]:
        """Those of one day; Tuesdays have more, as at arXiv."""
        chance = random.Random(f"{self._seed} {day}")  # noqa: S311 - no secret
        count = round(self._count * chance.uniform(0.8, 1.2) * (1.3 if day.weekday() == 1 else 1))
        return tuple(self._paper(day, number, chance) for number in range(1, count + 1))

    def _paper(self, day: date, number: int, chance: random.Random) -> Paper:
        one, other = chance.choice(self._demo), chance.choice(self._demo)
        sentences = [s for s in re.split(r"(?<=\.) ", f"{one['abstract']} {other['abstract']}") if s]
        return Paper(
            id=f"{day:%y%m}.{day.day * 1000 + number:05}",
            title=f"{one['title']}, part {number}",
            authors=tuple(one["authors"]),
            abstract=" ".join(chance.sample(sentences, min(7, len(sentences)))),
            categories=tuple(one["categories"]),
            primary_category=one["primary_category"],
        )


def subscribe(home: Path, store: Store, count: int, now: datetime, seed: int) -> None:
    """Topics files like those of the examples, with hours and zones of their own; consent is on record."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    files = [find(f"subscribers/{slug}.md", None).read_text(encoding="utf-8") for slug in ("ada", "emmy", "rosalind")]
    words = sorted(set(re.findall(r"[a-z]{6,}", " ".join(files))))
    folder = home / "subscribers"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        slug, text = f"reader{number:05}", chance.choice(files)
        deliver = f'deliver: {{at: "{chance.randint(5, 9):02}:30", timezone: {chance.choice(_ZONES)}}}'
        head = [
            line
            for line in text.split("---")[1].strip().splitlines()
            if re.match(r"(categories|min_relevance|max_papers):", line)
        ]
        own = f"9. {' '.join(chance.sample(words, 6))}\n\n**Keywords"
        body = text.split("---", 2)[2].replace("**Keywords", own, 1)
        front = "\n".join([f"email: {slug}@example.org", *head, deliver])
        (folder / f"{slug}.md").write_text(f"---\n{front}\n---{body}", encoding="utf-8")
    for entry in roster(folder, store, taxonomy(), now):
        if isinstance(entry, Subscriber):
            store.subscribers.consent(entry.id, entry.wishes.email, "rehearsal", now)


def _troubles(first: date, days: int, clock: Moving, mailbox: Mailbox) -> Mapping[date, Announced]:
    """A late mailing, one cut until noon, a day without any, and a mail server that is away for six hours."""
    calendar = origins()["arxiv"].calendar
    mornings = [d for d in (first + timedelta(days=n) for n in range(days)) if calendar.has_mailing(d)]

    def at(day: date, hours: float) -> datetime:
        return calendar.published_at(day) + timedelta(hours=hours)

    script: dict[date, Announced] = {}
    for morning in mornings[3:4]:
        script[morning] = Announced((), at=at(morning, 10))
    for morning in mornings[10:11]:
        script[morning] = Announced((), whole_at=at(morning, 12))
    for morning in mornings[17:18]:
        script[morning] = Announced((), empty=True)
    if len(mornings) > 6:
        away = at(mornings[6], 0), at(mornings[6], 6)

        def answers(_: Outgoing) -> Receipt | None:
            if away[0] <= clock() < away[1]:
                return Receipt(Outcome.RETRY, "the server is away")
            return None

        mailbox.answers = answers
    return script


def _partial(day: date) -> MailingDay:
    return MailingDay(day, MailingStatus.PARTIAL)
