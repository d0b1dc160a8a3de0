"""Decides when all sending must pause before harm grows; calls nothing.

Mailbox providers act on complaint rates of 0.3 % (Gmail's sender guidelines ask for less than 0.1 %), so ours stops
first. The floors keep one complaint in a small lab from stopping everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field

from newsletter.models.sends import SendState
from newsletter.money import PICODOLLARS_PER_USD
from newsletter.settings import Section

RECENT = timedelta(days=7)  # the mail that rates are taken of
OPEN = "breaker"  # the names of the facts kept: why sending is paused,
RESUMED_AT = "breaker_resumed_at"  # and since when a person lets it go on


class Breakers(Section):
    """When sending pauses by itself. Rates are shares of the mail of the last seven days; floors are numbers.

    `unknown_in_a_row`: so many outcomes of one run that nobody knows, without one that is known between them.
    """

    section: ClassVar[str] = "breakers"
    complaint_rate: float = Field(0.001, gt=0, le=1)
    complaint_floor: int = Field(3, ge=1)
    bounce_rate: float = Field(0.05, gt=0, le=1)
    bounce_floor: int = Field(5, ge=1)
    unknown_in_a_row: int = Field(5, ge=1)
    usd_per_day: float = Field(20.0, ge=0)


DEFAULTS = Breakers.model_validate({})  # what holds where nothing is set


@dataclass(frozen=True, slots=True)
class Recent:
    """Input of the breakers: recent sends by state, and today's spend in picodollars."""

    sends: Mapping[SendState, int]
    picodollars_today: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`stop` is empty or says why all sending pauses; `alert` is what a person should know although nothing stops."""

    stop: str = ""
    alert: str = ""


def judge(recent: Recent, limits: Breakers) -> Verdict:
    """Compares recent mail and today's spend with the limits."""
    sends = recent.sends
    complaints = sends.get(SendState.COMPLAINED, 0)
    bounces = sends.get(SendState.BOUNCED, 0) + sends.get(SendState.FAILED, 0)
    mailed = complaints + bounces + sends.get(SendState.ACCEPTED, 0) + sends.get(SendState.DELIVERED, 0)
    spent = recent.picodollars_today / PICODOLLARS_PER_USD
    if spent > limits.usd_per_day:
        return Verdict(f"today's spend of ${spent:.2f} passed the cap of ${limits.usd_per_day:.2f} a day")
    alerts = []
    for count, what, rate, floor in (
        (complaints, "complaints", limits.complaint_rate, limits.complaint_floor),
        (bounces, "bounces", limits.bounce_rate, limits.bounce_floor),
    ):
        if not count or count / mailed < rate:
            continue
        said = f"{count} {what if count > 1 else what[:-1]} among the {mailed} mails of the last days"
        if count >= floor:
            return Verdict(f"{said} ({count / mailed:.2%}; the limit is {rate:.2%})")
        alerts.append(said)
    return Verdict(alert="; ".join(alerts))


def since(now: datetime, resumed_at: str) -> datetime:
    """Start of the period that rates are taken of: seven days ago, or the last `newsletter resume` if it is later."""
    return max(now - RECENT, datetime.fromisoformat(resumed_at)) if resumed_at else now - RECENT
