"""Which mailings an edition covers: all since the last one, once one falls on a day the reader wants."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.due import MERGED_AT_MOST, due
from newsletter.models.editions import Cadence
from newsletter.models.papers import MailingDay, MailingStatus
from newsletter.models.subscribers import WEEKDAYS, Deliver
from newsletter.sources.arxiv.calendar import Hours

MONDAY = date(2026, 11, 16)
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (MONDAY + timedelta(days=n) for n in range(1, 5))
DAILY = Deliver()
WEEKLY = Deliver(frequency="weekly", days=("fri",))


def mailings(*days: date) -> list[MailingDay]:
    return [MailingDay(day, MailingStatus.COMPLETE) for day in days]


def test_a_new_subscriber_starts_with_the_newest_mailing() -> None:
    found = due(DAILY, mailings(MONDAY, WEDNESDAY, TUESDAY), None)
    assert found is not None
    assert (found.mailings, found.cadence, found.date) == ((WEDNESDAY,), Cadence.DAILY, WEDNESDAY)


def test_nothing_is_due_without_a_new_mailing() -> None:
    assert due(DAILY, [], None) is None
    assert due(DAILY, mailings(MONDAY, TUESDAY), TUESDAY) is None


def test_missed_mailings_are_merged_oldest_first() -> None:
    found = due(DAILY, mailings(WEDNESDAY, TUESDAY, MONDAY), MONDAY)
    assert found is not None
    assert (found.mailings, found.cadence) == ((TUESDAY, WEDNESDAY), Cadence.CATCH_UP)


def test_mailings_wait_for_a_delivery_day() -> None:
    some_days = Deliver(days=("mon", "thu"))
    assert due(some_days, mailings(TUESDAY, WEDNESDAY), MONDAY) is None
    found = due(some_days, mailings(TUESDAY, WEDNESDAY, THURSDAY, FRIDAY), MONDAY)
    assert found is not None
    assert found.mailings == (TUESDAY, WEDNESDAY, THURSDAY)


def test_a_weekly_digest_covers_its_week() -> None:
    week = mailings(MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)
    found = due(WEEKLY, week, MONDAY - timedelta(days=3))
    assert found is not None
    assert (len(found.mailings), found.cadence) == (5, Cadence.WEEKLY)
    assert due(WEEKLY, week[:4], MONDAY - timedelta(days=3)) is None


def test_at_most_ten_mailings_are_merged_and_the_older_ones_named() -> None:
    days = [MONDAY + timedelta(days=n) for n in range(12)]  # the last two are a Thursday and a Friday
    found = due(DAILY, mailings(*days), MONDAY - timedelta(days=1))
    assert found is not None
    assert (found.mailings, found.older, found.cadence) == (tuple(days[2:]), tuple(days[:2]), Cadence.CATCH_UP)


@given(
    st.sets(st.integers(0, 40)),
    st.none() | st.integers(-1, 41),
    st.sets(st.sampled_from(WEEKDAYS), min_size=1),
)
def test_every_mailing_is_due_exactly_once_and_never_before_the_last_edition(
    offsets: set[int], last: int | None, days: set[str]
) -> None:
    deliver = Deliver(days=tuple(day for day in WEEKDAYS if day in days))
    all_days = {MONDAY + timedelta(days=n) for n in offsets}
    last_edition = None if last is None else MONDAY + timedelta(days=last)
    found = due(deliver, mailings(*all_days), last_edition)
    if found is None:
        return
    covered = [*found.older, *found.mailings]
    assert covered == sorted(set(covered))
    assert set(covered) <= all_days
    assert len(found.mailings) <= MERGED_AT_MOST
    assert WEEKDAYS[found.date.weekday()] in deliver.days
    if last_edition:
        assert set(covered) == {day for day in all_days if last_edition < day <= found.date}
    after = due(deliver, mailings(*all_days), found.date)
    assert after is None or not set(after.mailings) & set(covered)


@pytest.mark.parametrize(
    ("status", "hour_in_utc", "is_settled"),
    [
        (MailingStatus.COMPLETE, 0, True),
        (MailingStatus.EMPTY, 0, True),
        (MailingStatus.PARTIAL, 10, False),  # 05:00 in New York
        (MailingStatus.PARTIAL, 11, True),  # 06:00
    ],
)
def test_a_partial_mailing_is_waited_for_until_six_in_new_york(
    status: MailingStatus, hour_in_utc: int, is_settled: bool
) -> None:
    now = datetime(WEDNESDAY.year, WEDNESDAY.month, WEDNESDAY.day, hour_in_utc, tzinfo=UTC)
    assert Hours().settled(MailingDay(WEDNESDAY, status), now) is is_settled
