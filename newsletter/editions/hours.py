"""Decides from when on an edition may go out: the reader's own hour in their own time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from newsletter.models.subscribers import Deliver


def not_before(deliver: Deliver, announced_at: datetime) -> datetime:
    """The first `at` of the reader's clock after a mailing was announced, in UTC.

    An hour that a night has twice is the first of the two; one that it lacks moves forward with the clock
    (`fold=0`, https://docs.python.org/3/library/datetime.html#datetime.datetime.fold, PEP 495).
    """
    zone = ZoneInfo(deliver.timezone)
    day = announced_at.astimezone(zone).date()
    while True:
        hour = datetime.combine(day, deliver.at, zone).astimezone(UTC)
        if hour >= announced_at:
            return hour
        day += timedelta(days=1)
