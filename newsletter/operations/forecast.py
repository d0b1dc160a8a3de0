"""Decides what this month and a whole month will cost at the pace of the last days; calls nothing."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

PACE_OF = 10  # days with costs: two weeks of mailings
MAILINGS_A_MONTH = 21
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Forecast:
    """Picodollars. `days` are those that the pace is of, `to_come` the mailing days left in this month."""

    days: int
    a_day: int
    so_far: int
    this_month: int
    a_month: int
    to_come: tuple[date, ...]


def forecast(spent: Sequence[tuple[str, int]], today: date) -> Forecast | None:
    """From the picodollars of each day (ISO date, UTC), oldest first; None where there is no pace yet."""
    recent = [amount for day, amount in spent if amount and date.fromisoformat(day) < today][-PACE_OF:]
    if not recent:
        return None
    a_day = round(sum(recent) / len(recent))
    so_far = sum(amount for day, amount in spent if day[:7] == f"{today:%Y-%m}")
    has_today = any(amount and day == str(today) for day, amount in spent)
    last = today.replace(day=calendar.monthrange(today.year, today.month)[1])
    first = today + timedelta(days=1 if has_today else 0)
    left = tuple(
        day for day in (first + timedelta(days=n) for n in range((last - first).days + 1)) if day.weekday() < SATURDAY
    )
    return Forecast(len(recent), a_day, so_far, so_far + a_day * len(left), a_day * MAILINGS_A_MONTH, left)
