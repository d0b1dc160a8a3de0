"""A desk to fetch from: our own arXiv, a store, the source, and a clock that only sleeping moves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from newsletter.models.papers import Announcement, Mailing
from newsletter.settings import load
from newsletter.sources import arxiv, collect
from newsletter.sources.arxiv.calendar import NEW_YORK
from newsletter.sources.arxiv.fetching import Arxiv
from newsletter.store import Store
from tests.arxiv_server import Announced, FakeArxiv

TUESDAY = date(2026, 11, 17)
WEDNESDAY = date(2026, 11, 18)
THURSDAY = date(2026, 11, 19)


def new_york(day: date, hour: int = 0, minute: int = 45) -> datetime:
    """A moment in arXiv's time; a quarter to one is when the day's feeds are read."""
    return datetime.combine(day, time(hour, minute), NEW_YORK)


@dataclass
class Clock:
    """Stands still but for sleeping; tells UTC, as the clock of the command line does."""

    now: datetime
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now.astimezone(UTC)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class Desk:
    arxiv: FakeArxiv
    source: Arxiv
    store: Store
    clock: Clock
    state: Path

    def fetch(self, *days: date, categories: Sequence[str] = ("cs.LG",)) -> list[collect.Taken]:
        """Fetches some mailings, or those that are missing, and stores them."""
        wishes = set(categories)
        wanted = list(days) or collect.missing(self.source, self.store.mailings.fetched("arxiv"), wishes, self.clock())
        return list(
            collect.take(self.source, wanted, wishes, self.store, clock=self.clock, progress=lambda: lambda *_: None)
        )

    def mailing(self, day: date = WEDNESDAY, *, categories: Sequence[str] = ("cs.LG",)) -> Mailing:
        """The mailing of a day, fetched now and as stored. Raises what the fetch could not go on from."""
        taken = self.fetch(day, categories=categories)[-1]
        if taken.error:
            raise taken.error
        assert taken.mailing is not None
        return taken.mailing

    def at(self, moment: datetime) -> "Desk":
        self.clock.now = moment
        return self


@contextmanager
def a_desk(tmp_path: Path, *papers: Announced, now: datetime | None = None, **options: Any) -> Iterator[Desk]:
    """A desk on Wednesday at 00:45 in New York; `options` are settings of [arxiv]."""
    clock = Clock(now or new_york(WEDNESDAY))
    with FakeArxiv(list(papers), clock) as server, Store.open(tmp_path / "newsletter.db") as store:
        source = a_source(server, tmp_path / "var", clock, **options)
        yield Desk(server, source, store, clock, tmp_path / "var")
        source.close()


def a_source(server: FakeArxiv, state: Path, clock: Clock, **options: Any) -> Arxiv:
    settings = server.settings() | options
    environ = {f"NEWSLETTER_ARXIV__{key.upper()}": str(value) for key, value in settings.items()}
    return arxiv.connect(load(environ, None, [arxiv.Options]), state, clock, clock.sleep)


def day_of_papers(day: date, *numbers: int, **fields: Any) -> list[Announced]:
    """New papers of one mailing, with ascending identifiers of its month."""
    return [Announced(day, f"{day:%y%m}.{number:05}", **fields) for number in numbers]


def listed(mailing: Mailing) -> list[str]:
    """What a mailing announces: identifiers with versions, in order."""
    return [f"{a.paper.id}v{a.paper.version}" for a in mailing.announcements]


def of(mailing: Mailing, paper_id: str) -> Announcement:
    return next(a for a in mailing.announcements if a.paper.id == paper_id)
