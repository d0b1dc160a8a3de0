"""The whole service in fast time: invented mailings and readers, a mailbox that only counts, a clock of its own.

The run is the real one (collect, compose, dispatch, watch), woken by the real schedule; replaced is what lies outside:
arXiv, the backend, the clock.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
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
from newsletter.models.days import Incident
from newsletter.models.scores import Scorer
from newsletter.models.sends import Notice, Outcome, Outgoing, Receipt, Send
from newsletter.operations.alerts import Alert
from newsletter.operations.invented import Invented, subscribe
from newsletter.operations.outside import Announced, Arxiv, Killed, Mailbox, Moving, Stop
from newsletter.operations.schedule import Standing, follow, standing
from newsletter.operations.watch import Watch, watched
from newsletter.sources import collect, origins, taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import awake, wished
from newsletter.threads import SerialExecutor

SENDER = "Rehearsal <news@example.org>"


Write = Callable[[Send | Notice], bytes]
Begin = Callable[[Sequence[Send]], None]


@dataclass
class World:
    """A service in fast time.

    `scorer` is entered for each run, at whose start `before` is called; `tell` hears of each day that is over.
    `workers` pieces of the composing and as many mails are under way at a time.
    """

    home: Path
    store: Store
    clock: Moving
    source: Arxiv
    mailbox: Mailbox
    write: Write
    scorer: Callable[[], AbstractContextManager[Scorer]]
    workers: int = 2
    executor: Executor = field(default_factory=SerialExecutor)
    begin: Begin | None = None
    before: Callable[[], None] = lambda: None
    tell: Callable[[int], None] = lambda _: None
    told: list[Alert] = field(default_factory=list)
    runs: int = 0
    slowest: float = 0.0
    confirm: bool = False  # the next run's --confirm-restore

    @property
    def mark(self) -> Path:
        return self.home / "var" / "dispatch.mark"

    def live(self, until: datetime) -> None:
        """Follows the schedule until a time."""
        began = self.clock()

        def wait(seconds: float) -> bool:
            self.clock.pass_(seconds)
            self.tell((self.clock() - began).days)
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
        return pipeline.Services(
            composing=Composing(
                self.store,
                scorer,
                {"arxiv": self.source.origin},
                taxonomy(),
                to_people=True,
                with_marks=True,
                workers=self.workers,
                executor=self.executor,
                stop=stop,
            ),
            desk=Desk(
                store=self.store,
                backend=self.mailbox,
                backend_name="mailbox",
                write=self.write,
                begin=self.begin,
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
class Rehearsal:
    """What is rehearsed: days from the `first` on, with so many readers, and papers of a usual mailing.

    With `troubles` some of the days go wrong in the ways they do; another `seed` makes other papers, readers and hours.
    """

    days: int
    readers: int
    papers: int
    first: date
    troubles: bool = True
    seed: int = 7

    @property
    def begins(self) -> datetime:
        """A little after the first mailing is published."""
        return origins()["arxiv"].calendar.published_at(self.first).astimezone(UTC) + timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal came to. Seconds are of this machine, bytes those of the mails and of the database."""

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


def rehearse(asked: Rehearsal, world: World) -> Rehearsed:
    """Lives through the days of a world that begins with them, with readers, mailings and troubles of its own."""
    store, mailbox = world.store, world.mailbox
    invented = Invented(asked.papers, asked.seed)
    script = _troubles(asked, world) if asked.troubles else {}
    world.source.announced = lambda day: replace(script.get(day, Announced(())), papers=invented.papers(day))
    subscribe(world.home, store, asked.readers, world.clock(), asked.seed)
    started = time.perf_counter()
    world.live(world.clock() + timedelta(days=asked.days))
    with_editions = store.database.row("SELECT count(*) AS n FROM editions") or {"n": 0}
    return Rehearsed(
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


def _troubles(asked: Rehearsal, world: World) -> Mapping[date, Announced]:
    """A late mailing, one cut until noon, a day without any, and a mail server that is away for six hours."""
    calendar = origins()["arxiv"].calendar
    days = (asked.first + timedelta(days=n) for n in range(asked.days))
    mornings = [day for day in days if calendar.has_mailing(day)]

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
            if away[0] <= world.clock() < away[1]:
                return Receipt(Outcome.RETRY, "the server is away")
            return None

        world.mailbox.answers = answers
    return script
