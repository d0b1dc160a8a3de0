"""Calls OAI-PMH once for all mailings of a fetch: the identifiers that prove them."""

from collections.abc import Collection
from datetime import date, timedelta

from newsletter.sources.arxiv.doors import Doors
from newsletter.sources.arxiv.entries import Header

OVERLAP = timedelta(days=4)  # asked for before a mailing: an answer of "nothing" may be a stale one
REVISED = timedelta(days=30)  # after the last mailing: a record is of the day of its last change


class Proof:
    """The identifiers of one range of days, read when they are first needed.

    The range ends REVISED after the last of the mailings, or with today. A paper revised after its end is missing:
    then the count that the catch-up page of its category states is the proof.
    """

    def __init__(self, doors: Doors, days: Collection[date], today: date) -> None:
        self.days = days
        until = max(days) + REVISED
        self._doors = doors
        self._since = min(days) - OVERLAP
        self._until = until if until < today else None
        self._headers: tuple[Header, ...] | None = None

    def headers(self, day: date) -> tuple[Header, ...]:
        """The papers whose records changed on the UTC days since OVERLAP before a mailing.

        Raises Unreachable or Malformed, and asks again the next time.
        """
        if self._headers is None:
            self._headers = self._doors.identifiers(self._since, self._until, day)
        return tuple(header for header in self._headers if header.changed_on >= day - OVERLAP)
