"""Each edition waits for its reader's hour: the first one, in their own zone, after the mailing was announced."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.hours import not_before
from newsletter.models.sends import SendState
from newsletter.models.subscribers import Deliver
from newsletter.store import Store
from tests.builders import NOON
from tests.delivery import Ticking, a_send, dispatched

ANNOUNCED = datetime(2026, 11, 18, 1, 0, tzinfo=UTC)  # 20:00 in New York, the evening before
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        ("07:30", "UTC", "2026-11-18 07:30"),
        ("07:30", "Europe/Berlin", "2026-11-18 06:30"),
        ("07:30", "Asia/Tokyo", "2026-11-18 22:30"),  # 10:00 there when it was announced: tomorrow morning
        ("19:30", "America/New_York", "2026-11-19 00:30"),  # half an hour too late for this evening
        ("20:00", "America/New_York", "2026-11-18 01:00"),  # the very moment
    ],
)
def test_the_hour_is_the_first_after_the_announcement(at: str, zone: str, expected: str) -> None:
    assert not_before(Deliver(at=time.fromisoformat(at), timezone=zone), ANNOUNCED) == utc(expected)


@pytest.mark.parametrize(
    ("announced", "at", "zone", "expected"),
    [
        ("2026-10-25 00:00", "02:30", "Europe/Berlin", "2026-10-25 00:30"),  # that hour comes twice: the first
        ("2026-10-25 00:45", "02:30", "Europe/Berlin", "2026-10-26 01:30"),  # the first is over: tomorrow's
        ("2027-03-28 00:00", "02:30", "Europe/Berlin", "2027-03-28 01:30"),  # there is no 02:30: 03:30
        ("2026-11-01 05:00", "01:30", "America/New_York", "2026-11-01 05:30"),
        ("2027-03-14 06:00", "02:30", "America/New_York", "2027-03-14 07:30"),
    ],
)
def test_nights_in_which_clocks_change(announced: str, at: str, zone: str, expected: str) -> None:
    assert not_before(Deliver(at=time.fromisoformat(at), timezone=zone), utc(announced)) == utc(expected)


@given(
    announced=st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: utc("2026-01-01") + timedelta(minutes=minutes)),
    at=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    zone=st.sampled_from(ZONES),
)
def test_the_hour_comes_within_a_day_and_shows_on_the_readers_clock(announced: datetime, at: time, zone: str) -> None:
    hour = not_before(Deliver(at=at, timezone=zone), announced)
    assert timedelta(0) <= hour - announced <= timedelta(hours=49)
    shown = hour.astimezone(ZoneInfo(zone)).time()
    gap = abs(timedelta(hours=shown.hour - at.hour, minutes=shown.minute - at.minute))
    assert gap in (timedelta(0), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=23))


# A send before its hour


HOUR = NOON + timedelta(hours=3)


def test_nothing_goes_out_before_its_hour_and_all_of_it_after(store: Store) -> None:
    a_send(store, "ada", not_before=HOUR)
    a_send(store, "bo")
    clock = Ticking()
    assert dispatched(store, clock) == ["bo"]
    assert store.sends.early(clock.now).count == 1
    assert store.sends.early(clock.now).next == HOUR
    clock.pass_(hours=3)
    assert dispatched(store, clock) == ["ada"]


def test_an_operator_with_a_late_hour_halts_nobody(store: Store) -> None:
    a_send(store, "ed", not_before=HOUR)
    a_send(store, "bo")
    assert dispatched(store, Ticking(), operator="ed@example.org") == ["bo"]


def test_a_dispatch_waits_for_an_hour_that_comes_in_a_moment(store: Store) -> None:
    clock = Ticking(step=timedelta(seconds=20))
    a_send(store, not_before=NOON + timedelta(seconds=60))
    assert dispatched(store, clock) == ["ada"]


def test_a_send_grows_old_from_its_hour_on(store: Store) -> None:
    a_send(store, not_before=NOON + timedelta(hours=24))
    assert dispatched(store, Ticking(NOON + timedelta(hours=71))) == ["ada"]
    a_send(store, "bo", not_before=NOON + timedelta(hours=24))
    assert dispatched(store, Ticking(NOON + timedelta(hours=73))) == []
    assert store.sends.counts() == {SendState.ACCEPTED: 1, SendState.EXPIRED: 1}


def test_hours_are_lifted_for_some_or_for_all(store: Store) -> None:
    for slug in ("ada", "bo", "cy"):
        a_send(store, slug, not_before=HOUR)
    store.sends.lift_hours(["bo"], NOON)
    assert dispatched(store, Ticking()) == ["bo"]
    store.sends.lift_hours([], NOON)
    assert dispatched(store, Ticking()) == ["ada", "cy"]
