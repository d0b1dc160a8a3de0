"""Stands in for what lies outside a service in fast time: a clock, arXiv, a backend, and the end of a process."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

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
from newsletter.models.sends import Outcome, Outgoing, Receipt
from newsletter.sources import origins


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

    clock: Moving
    announced: Callable[[date], Announced] = lambda _: Announced(())
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


def _partial(day: date) -> MailingDay:
    return MailingDay(day, MailingStatus.PARTIAL)
