"""Decides arXiv's hours: when a mailing is announced, how long an unready one is waited for. Calls nothing.

Source: https://info.arxiv.org/help/availability.html
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from newsletter.models.papers import MailingDay, MailingStatus

NEW_YORK = ZoneInfo("America/New_York")
WAIT_UNTIL = time(6, 0)  # in New York: until then a partial mailing may still become complete
ANNOUNCED = time(20, 0)  # in New York, on the evening before a mailing's date
GIVE_UP_AFTER = timedelta(days=7)  # a partial mailing older than this stays as it is


class Hours:
    """arXiv's calendar; see models.papers.Calendar."""

    def announced_at(self, day: date) -> datetime:
        """20:00 in New York on the evening before, Sunday to Thursday."""
        return datetime.combine(day - timedelta(days=1), ANNOUNCED, NEW_YORK)

    def settled(self, mailing: MailingDay, now: datetime) -> bool:
        """A partial mailing is waited for until 06:00 in New York on its own day.

        An early one goes out as it is; what completes it comes with the next edition.
        """
        return mailing.early or mailing.status is not MailingStatus.PARTIAL or _is_waited_out(mailing.date, now)

    def is_final(self, mailing: MailingDay, newest: date, now: datetime) -> bool:
        """Early ones until the feeds come at midnight, partial ones for a week, empty ones until 06:00."""
        match mailing.status:
            case MailingStatus.PARTIAL if mailing.early:
                return mailing.date > now.astimezone(NEW_YORK).date()
            case MailingStatus.PARTIAL:
                return newest - mailing.date > GIVE_UP_AFTER
            case MailingStatus.EMPTY:
                return _is_waited_out(mailing.date, now)
            case MailingStatus.COMPLETE:
                return True


def _is_waited_out(day: date, now: datetime) -> bool:
    return now >= datetime.combine(day, WAIT_UNTIL, NEW_YORK)
