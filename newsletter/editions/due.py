"""Decides which mailings a subscriber's next edition covers; calls nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from newsletter.models.editions import Cadence
from newsletter.models.papers import MailingDay, MailingStatus
from newsletter.models.subscribers import WEEKDAYS, Deliver

ARXIV_TIME = ZoneInfo("America/New_York")
WAIT_UNTIL = time(6, 0)  # in ARXIV_TIME: until then a partial mailing may still become complete
ANNOUNCED = time(20, 0)  # in ARXIV_TIME, on the evening before a mailing's date
MERGED_AT_MOST = 10


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


def announced_at(mailing: date) -> datetime:
    """When arXiv announces the mailing of a date: 20:00 in New York on the evening before, Sunday to Thursday.

    Source: https://info.arxiv.org/help/availability.html
    """
    return datetime.combine(mailing - timedelta(days=1), ANNOUNCED, ARXIV_TIME)


def settled(mailing: MailingDay, now: datetime) -> bool:
    """True once nothing more is waited for: a partial mailing is until 06:00 in New York on its own day.

    An early one goes out as it is; what completes it comes with the next edition.
    """
    deadline = datetime.combine(mailing.date, WAIT_UNTIL, ARXIV_TIME)
    return mailing.early or mailing.status is not MailingStatus.PARTIAL or now >= deadline


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
