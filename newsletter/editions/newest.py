"""Editions of the newest mailing for anybody, by the local scorer: what the web shows and what a welcome holds.

The mailing is read once and kept until a newer one is stored, so that the next visitor waits for the scoring alone.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from newsletter.editions.assemble import assemble
from newsletter.editions.candidates import candidates
from newsletter.editions.due import Due
from newsletter.editions.selection import select
from newsletter.models.editions import Cadence, Edition, Kind
from newsletter.models.papers import Announcement, MailingDay, Paper, Taxonomy
from newsletter.models.scores import Pool, Reading, Scorer, Status
from newsletter.models.subscribers import Subscriber
from newsletter.store import Store


@dataclass(frozen=True, slots=True)
class _Read:
    """A mailing in memory, with the scorer that has read it."""

    days: tuple[MailingDay, ...]
    announcements: tuple[Announcement, ...]
    pool: Pool
    scorer: Scorer


class Newest:
    """The newest mailing that has papers. Safe to use from several threads."""

    def __init__(self, store: Store, taxonomy: Taxonomy, scorer: Callable[[], Scorer]) -> None:
        self._store = store
        self._taxonomy = taxonomy
        self._scorer = scorer
        self._read: _Read | None = None
        self._reading = threading.Lock()

    def edition(self, subscriber: Subscriber, kind: Kind = Kind.DIGEST) -> Edition | None:
        """What the subscriber would get of it; None where no mailing is stored. Nothing is written."""
        read = self._newest()
        if read is None:
            return None
        told = Due((read.days[0].date,), Cadence.DAILY)
        chosen = candidates(subscriber.wishes, read.announcements, (), self._taxonomy)
        reading = Reading(subscriber, told.date, chosen.papers, read.pool)
        scores = read.scorer.score(reading)
        selected = select(subscriber.wishes, chosen, scores)
        commented = read.scorer.comment(reading, selected.papers)
        return replace(assemble(subscriber, told, chosen, scores, selected, commented, Status.OK), kind=kind)

    def papers(self) -> tuple[Paper, ...]:
        """The papers of the mailing, by which one can tell what is rare."""
        read = self._newest()
        return read.pool.papers if read else ()

    def _newest(self) -> _Read | None:
        with self._reading:
            known = [day for day in self._store.mailings.days() if day.has_papers]
            days = tuple(day for day in known if day.date == known[-1].date)
            if not days:
                return None
            if self._read is None or [_state(day) for day in self._read.days] != [_state(day) for day in days]:
                announcements = tuple(self._store.mailings.announcements([days[0].date]))
                pool = Pool(tuple(announcement.paper for announcement in announcements))
                self._read = _Read(days, announcements, pool, self._scorer())
            return self._read


def _state(day: MailingDay) -> tuple[object, ...]:
    return day.source, day.date, day.status, day.fetched_at
