"""Decides arXiv's hours: when a mailing is announced, how long an unready one is waited for. Calls nothing.

Source: https://info.arxiv.org/help/availability.html
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from newsletter.models.papers import MailingDay, MailingStatus

NEW_YORK = ZoneInfo("America/New_York")
WAIT_UNTIL = time(6, 0)  # in New York: until then a partial mailing may still become complete, an empty feed fill
NOTHING_UNTIL = time(12, 0)  # in New York: until then a day without any paper waits for a second witness
PUBLISHED = time(0, 5)  # in New York, on the mailing's date
ANNOUNCED = time(20, 0)  # in New York, on the evening before a mailing's date
FRIDAY = 4
GIVE_UP_AFTER = timedelta(days=7)  # a partial mailing older than this stays as it is
# The days left of the year that arXiv's page names; it names each year's anew (the setting `holidays` adds to them).
HOLIDAYS = frozenset(date(2026, month, day) for month, day in ((11, 26), (12, 25), (12, 29), (12, 31)))


def is_holiday(day: date, more: Collection[date] = ()) -> bool | None:
    """True where arXiv's published holidays explain that a date's mailing is empty; None in a year without a list.

    The page does not say whether the mailing of the evening or that of the date itself is put off. A holiday is never
    computed: arXiv's differ from year to year and from those of any country.
    """
    holidays = HOLIDAYS | frozenset(more)
    if not holidays.isdisjoint((day, day - timedelta(days=1))):
        return True
    return False if day.year in {holiday.year for holiday in holidays} else None


class Hours:
    """arXiv's calendar; see models.papers.Calendar."""

    def has_mailing(self, day: date) -> bool:
        """Every day but Saturday and Sunday."""
        return day.weekday() <= FRIDAY

    def announced_at(self, day: date) -> datetime:
        """20:00 in New York on the evening before, Sunday to Thursday."""
        return datetime.combine(day - timedelta(days=1), ANNOUNCED, NEW_YORK)

    def published_at(self, day: date) -> datetime:
        """Five past midnight in New York: the feeds come at midnight."""
        return datetime.combine(day, PUBLISHED, NEW_YORK)

    def settled(self, mailing: MailingDay, now: datetime) -> bool:
        """A partial mailing is waited for until 06:00 in New York on its own day, one without any paper until 12:00.

        An early one goes out as it is; what completes it comes with the next edition. An empty one is settled: a
        mailing is called empty only after 06:00, by a second witness.
        """
        if mailing.early or mailing.status is not MailingStatus.PARTIAL:
            return True
        return _is_past(mailing.date, WAIT_UNTIL if mailing.has_papers else NOTHING_UNTIL, now)

    def is_final(self, mailing: MailingDay, newest: date, now: datetime) -> bool:
        """Early ones until the feeds come at midnight, partial ones for a week, empty ones until their day is over."""
        match mailing.status:
            case MailingStatus.PARTIAL if mailing.early:
                return mailing.date > now.astimezone(NEW_YORK).date()
            case MailingStatus.PARTIAL:
                return newest - mailing.date > GIVE_UP_AFTER
            case MailingStatus.EMPTY:
                return _is_over(mailing) or newest - mailing.date > GIVE_UP_AFTER
            case MailingStatus.COMPLETE:
                return True

    def may_be_empty(self, day: date, now: datetime) -> bool:
        """True once a day on which nothing was announced so far may be called empty."""
        return _is_past(day, WAIT_UNTIL, now)


def _is_over(mailing: MailingDay) -> bool:
    """True where a mailing's own day was over when it was last asked for."""
    following = mailing.date + timedelta(days=1)
    return mailing.fetched_at is not None and _is_past(following, time(0, 0), mailing.fetched_at)


def _is_past(day: date, hour: time, now: datetime) -> bool:
    return now >= datetime.combine(day, hour, NEW_YORK)
