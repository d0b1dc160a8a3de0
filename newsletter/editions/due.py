"""Decides which mailings a subscriber's next edition covers; calls nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from newsletter.models.editions import Cadence
from newsletter.models.papers import MailingDay
from newsletter.models.subscribers import WEEKDAYS, Deliver

MERGED_AT_MOST = 10
MERGED_SPAN = timedelta(days=14)  # in which so many mailings fall; what is older need not be fetched for an edition


@dataclass(frozen=True, slots=True)
class Due:
    """The mailings of one edition, oldest first; `older` were due as well but are too many to merge."""

    mailings: tuple[date, ...]
    cadence: Cadence
    older: tuple[date, ...] = ()

    @property
    def date(self) -> date:
        """The edition's date: its last mailing's."""
        return self.mailings[-1]


def due(deliver: Deliver, mailings: Sequence[MailingDay], last_edition: date | None) -> Due | None:
    """The next edition, or None when nothing is due.

    `mailings` are the settled ones in any order, `last_edition` the date of the subscriber's newest digest. All
    mailings after it are due once one of them falls on a delivery day; a new subscriber starts with the newest.
    """
    dates = sorted({mailing.date for mailing in mailings})
    waiting = dates[-1:] if last_edition is None else [day for day in dates if day > last_edition]
    while waiting and WEEKDAYS[waiting[-1].weekday()] not in deliver.days:
        waiting.pop()  # they wait for the next delivery day
    if not waiting:
        return None
    merged, older = waiting[-MERGED_AT_MOST:], waiting[:-MERGED_AT_MOST]
    return Due(tuple(merged), _cadence(deliver, len(waiting)), tuple(older))


def _cadence(deliver: Deliver, count: int) -> Cadence:
    if deliver.frequency == "weekly":
        return Cadence.WEEKLY if count <= 5 else Cadence.CATCH_UP
    return Cadence.DAILY if count == 1 else Cadence.CATCH_UP
