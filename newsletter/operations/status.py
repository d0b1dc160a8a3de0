"""Reads how the day stands, at a glance, and decides what of it is not on time."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from newsletter.delivery.breakers import OPEN
from newsletter.models.papers import Calendar, MailingDay, MailingStatus, Origin
from newsletter.models.sends import DayStatus
from newsletter.sources import origins
from newsletter.store import Store

RUN_AT = "run_at"  # the names of the facts kept: when a run last came to its end,
BACKUP_AT = "backup_at"  # and when a backup was last made and checked
LOOK_BACK = timedelta(days=14)
RUN_WITHIN = timedelta(hours=26)  # a day and a little: whoever runs it once a day is on time
GRACE = timedelta(hours=2)  # after the hour until which a mailing is waited for


def today(store: Store, now: datetime, sources: Mapping[str, Origin] | None = None) -> DayStatus:
    """The newest mailing with what became of it, the money, and the ages of what should be young."""
    mailing = _newest(store, now)
    announced = _announced_at(mailing, sources or origins()) if mailing else None
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return DayStatus(
        mailing=mailing.date if mailing else None,
        mailing_status=mailing.status if mailing else None,
        editions=store.days.editions(mailing.date) if mailing else {},
        sends=store.days.sends(mailing.date) if mailing else {},
        spent_today=sum(store.charges.spent_since(midnight).values()),
        spent_this_month=sum(store.charges.spent_since(midnight.replace(day=1)).values()),
        breaker=store.facts.get(OPEN) or "",
        run_age=_age(store.days.happened(RUN_AT), now),
        mailing_age=_age(announced, now),
        backup_age=_age(store.days.happened(BACKUP_AT), now),
    )


def late(day: DayStatus, now: datetime, calendar: Calendar) -> tuple[str, ...]:
    """What is not on time, a sentence each; empty where the day is as it should be."""
    found = []
    if day.breaker:
        found.append(day.breaker)
    if day.run_age is None:
        found.append("no run has come to its end yet")
    elif day.run_age > RUN_WITHIN.total_seconds():
        found.append(f"the last run ended {day.run_age / 3600:.0f} hours ago")
    if found_late := mailing_late(day, now, calendar):
        found.append(found_late)
    return tuple(found)


def mailing_late(day: DayStatus, now: datetime, calendar: Calendar) -> str:
    """Why the mailing that should be here by now is not, or an empty string."""
    expected = expected_mailing(now, calendar)
    if day.mailing is None or day.mailing < expected:
        return f"the mailing of {expected} is not here"
    if day.mailing_status is MailingStatus.PARTIAL and day.mailing == expected:
        return f"the mailing of {expected} is not complete"
    return ""


def expected_mailing(now: datetime, calendar: Calendar) -> date:
    """The newest mailing that should be here by now: the one that is waited for no more, and a little time for it."""
    day = now.date() + timedelta(days=1)
    while not (calendar.has_mailing(day) and calendar.settled(MailingDay(day, MailingStatus.PARTIAL), now - GRACE)):
        day -= timedelta(days=1)
    return day


def _newest(store: Store, now: datetime) -> MailingDay | None:
    recent = store.mailings.days(since=now.date() - LOOK_BACK) or store.mailings.days()
    settled = [day for day in recent if not day.early] or recent
    return settled[-1] if settled else None


def _announced_at(mailing: MailingDay, sources: Mapping[str, Origin]) -> datetime | None:
    origin = sources.get(mailing.source)
    return origin.calendar.announced_at(mailing.date) if origin else mailing.fetched_at


def _age(at: datetime | None, now: datetime) -> float | None:
    return (now - at).total_seconds() if at else None
