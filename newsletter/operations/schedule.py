"""Decides when one process that runs the day wakes next, and follows that: run ─▶ plan ─▶ wait ─▶ run.

Mailings come by New York's clock, editions go out by their readers' clocks; both are moments in UTC here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from newsletter import log
from newsletter.models.papers import Calendar, Clock, MailingDay, MailingStatus
from newsletter.store import Store

RETRY = timedelta(minutes=20)  # while the day's mailing is not whole, until nothing more is waited for
SELDOM = timedelta(hours=2)  # after that, and for what is empty
TURNED = timedelta(minutes=20)  # after the announcement
AFTER_TROUBLE = timedelta(minutes=10)
AT_MOST = timedelta(hours=1)  # new readers, changed files, pauses that end
SLICE = timedelta(seconds=30)  # a machine that slept is noticed after so long


@dataclass(frozen=True, slots=True)
class Standing:
    """What the next waking depends on: the newest fetched mailing, when the next mail may go out, how the run ended.

    `early`: mailings are also taken on the evening before, from the listing pages.
    """

    mailing: MailingDay | None = None
    next_send: datetime | None = None
    failed: bool = False
    early: bool = False


def standing(store: Store, now: datetime, *, failed: bool, early: bool = False) -> Standing:
    """How things stand in the store."""
    fetched = [mailing for mailing in store.mailings.fetched("arxiv") if not mailing.early]
    return Standing(fetched[-1] if fetched else None, store.sends.next_try(now), failed, early)


def next_wake(now: datetime, stands: Standing, calendar: Calendar) -> datetime:
    """When to run again: for a mailing, for a reader's hour, after trouble, at the latest in an hour."""
    times = [now + AT_MOST, next_fetch(now, stands.mailing, calendar)]
    if stands.next_send and stands.next_send > now:
        times.append(stands.next_send)
    if stands.failed or (stands.next_send and stands.next_send <= now):  # what is due waits, as where sending is paused
        times.append(now + AFTER_TROUBLE)
    if stands.early:
        times.append(_next_evening(now, calendar))
    return min(times)


def next_fetch(now: datetime, newest: MailingDay | None, calendar: Calendar) -> datetime:
    """When to ask for a mailing: again, where the newest is not whole; else when the next one is published."""
    published = _published(now, calendar)
    if newest is None or newest.date < published or newest.status is not MailingStatus.COMPLETE:
        is_waited_for = not calendar.settled(MailingDay(published, MailingStatus.PARTIAL, has_papers=False), now)
        is_empty = newest is not None and newest.date >= published and newest.status is MailingStatus.EMPTY
        return now + (RETRY if is_waited_for and not is_empty else SELDOM)
    day = published + timedelta(days=1)
    while not calendar.has_mailing(day):
        day += timedelta(days=1)
    return calendar.published_at(day)


def follow(
    run: Callable[[], Standing],
    wait: Callable[[float], bool],
    clock: Clock,
    calendar: Calendar,
    tell: Callable[[datetime], None] = lambda _: None,
) -> None:
    """Runs, tells when it runs again and waits until then, for ever. `wait(seconds)` is True once it shall stop."""
    while True:
        stands = run()
        wake = next_wake(clock(), stands, calendar)
        log.event("scheduled", next=wake.isoformat())
        tell(wake)
        while (left := wake - clock()) > timedelta(0):
            if wait(min(left, SLICE).total_seconds()):
                return
        if wait(0):
            return


def _next_evening(now: datetime, calendar: Calendar) -> datetime:
    """When the listing pages of the next mailing have turned."""
    day = now.date()
    while not (calendar.has_mailing(day) and calendar.announced_at(day) + TURNED > now):
        day += timedelta(days=1)
    return calendar.announced_at(day) + TURNED


def _published(now: datetime, calendar: Calendar) -> date:
    """The newest mailing that its source has published by now."""
    day = now.date() + timedelta(days=1)
    while not (calendar.has_mailing(day) and calendar.published_at(day) <= now):
        day -= timedelta(days=1)
    return day
