"""When all sending pauses."""

import pytest

from newsletter.delivery.breakers import DEFAULTS, Recent, judge
from newsletter.models.sends import SendState
from newsletter.money import PICODOLLARS_PER_USD

A = SendState


@pytest.mark.parametrize(
    ("sends", "stops"),
    [
        ({A.DELIVERED: 10_000}, False),
        ({A.DELIVERED: 9_990, A.COMPLAINED: 10}, True),
        ({A.DELIVERED: 9_991, A.COMPLAINED: 9}, False),
        ({A.ACCEPTED: 95, A.BOUNCED: 5}, True),
        ({A.ACCEPTED: 95, A.FAILED: 5}, True),
        ({A.ACCEPTED: 96, A.BOUNCED: 4}, False),
        ({}, False),
    ],
)
def test_rates_at_the_limit_stop(sends: dict[SendState, int], stops: bool) -> None:
    assert bool(judge(Recent(sends), DEFAULTS).stop) is stops


def test_one_complaint_in_a_small_lab_alerts_but_stops_nothing() -> None:
    verdict = judge(Recent({A.DELIVERED: 19, A.COMPLAINED: 1}), DEFAULTS)
    assert verdict.stop == ""
    assert verdict.alert == "1 complaint among the 20 mails of the last days"


def test_spend_beyond_the_cap_stops() -> None:
    assert judge(Recent({}, 20 * PICODOLLARS_PER_USD), DEFAULTS).stop == ""
    assert "$20.50" in judge(Recent({}, 20 * PICODOLLARS_PER_USD + PICODOLLARS_PER_USD // 2), DEFAULTS).stop
