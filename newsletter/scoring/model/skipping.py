"""Decides which of a reader's papers the model is not asked about: those that earlier days say hold nothing for them.

How likely a paper is to be relevant is learned from the part of the local ranking that relevant papers stood in on
earlier days. What is unlikely is skipped, except for a part of it that is drawn by lot and read nevertheless: the only
way to know what is missed. Calls nothing.
"""

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from newsletter.models.papers import Day
from newsletter.models.quality import PLACES, ReadDay

DAYS = 20  # mailings that are looked back at
LEAST_DAYS = 5
LEAST_FOUND = 20  # relevant papers on these days
# Of the relevant papers that are expected, in all that is skipped: single papers, or whole blocks, which hold some that
# are better than the block. The highest that missed at most 2 % of them on labelled days (bench/skipping.py).
BOUND, BOUND_OF_BLOCKS = 0.03, 0.08
SAMPLED = 0.2  # of what is skipped
STOPS_ABOVE = 0.05  # of the relevant papers, missed
DOUBT = 2.0  # papers of the usual kind that each part of the ranking is taken to have held beside those it held
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Choice:
    """The papers that are skipped and those drawn from them, by their keys; each drawn one stands for `weight`."""

    skipped: frozenset[int] = frozenset()
    sampled: frozenset[int] = frozenset()
    weight: float = 1.0

    @property
    def unread(self) -> frozenset[int]:
        return self.skipped - self.sampled


ALL_READ = Choice()


@dataclass(frozen=True, slots=True)
class Missed:
    """The share of the relevant papers that the model was not shown, with an interval; None where none is known of."""

    share: float | None
    low: float | None
    high: float | None


def parts(order: Sequence[int]) -> dict[int, int]:
    """The part of the ranking that each paper of it stands in; `order` is best first."""
    return {key: place * PLACES // len(order) for place, key in enumerate(order)}


def has_evidence(days: Sequence[ReadDay]) -> bool:
    """True where enough is known of a reader to leave papers out."""
    return len(days) >= LEAST_DAYS and sum(day.listed for day in days) >= LEAST_FOUND


def stopped(days: Sequence[ReadDay]) -> bool:
    """True where too much was missed for papers to be left out."""
    share = missed(days).share
    return share is not None and share > STOPS_ABOVE


def chances(days: Sequence[ReadDay]) -> list[float]:
    """How likely a paper of each part of the ranking is relevant: it falls with the place (isotonic regression)."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - only where papers may be left out

    papers = [sum(day.papers[n] for day in days) for n in range(PLACES)]
    relevant = [sum(day.relevant[n] for day in days) for n in range(PLACES)]
    usual = sum(relevant) / max(1, sum(papers))
    weights = [count + DOUBT for count in papers]
    seen = [(found + DOUBT * usual) / weight for found, weight in zip(relevant, weights, strict=True)]
    return [float(chance) for chance in isotonic_regression(seen, weights=weights, increasing=False).x]


def choose(
    days: Sequence[ReadDay],
    order: Sequence[int],
    units: Sequence[Collection[int]],
    lot: random.Random,
    bound: float = BOUND,
) -> Choice:
    """What is skipped of today's papers; `order` holds their keys, best first; `units` are skipped and drawn whole.

    The units that promise least a paper are skipped while all of them together are expected to hold at most `bound`
    of the day's relevant papers; nothing is, without evidence or where too much was missed.
    """
    if not has_evidence(days) or stopped(days):
        return ALL_READ
    chance, part = chances(days), parts(order)
    expected = [sum(chance[part[key]] for key in unit) for unit in units]
    room = bound * sum(expected)
    skipped: list[int] = []
    for number in sorted(range(len(units)), key=lambda n: (expected[n] / len(units[n]), -n)):
        room -= expected[number]
        if room < 0:
            break
        skipped.append(number)
    drawn = lot.sample(skipped, max(1, round(SAMPLED * len(skipped)))) if skipped else []
    if len(drawn) == len(skipped):
        return ALL_READ
    return Choice(_keys(units, skipped), _keys(units, drawn), len(skipped) / len(drawn))


def accounted(date: Day, choice: Choice, order: Sequence[int], relevant: Collection[int]) -> ReadDay:
    """The day as it is kept; `relevant` are the keys of the papers that were read and found so."""
    part = parts(order)
    weights = {key: choice.weight if key in choice.sampled else 1.0 for key in relevant if key not in choice.unread}
    papers, found = [0] * PLACES, [0.0] * PLACES
    for key in order:
        papers[part[key]] += 1
        found[part[key]] += weights.get(key, 0.0)
    drawn = sum(key in choice.sampled for key in weights)
    return ReadDay(
        date=date,
        read=len(order) - len(choice.skipped),
        skipped=len(choice.skipped),
        sampled=len(choice.sampled),
        weight=choice.weight,
        found=len(weights) - drawn,
        found_sampled=drawn,
        papers=tuple(papers),
        relevant=tuple(found),
    )


def missed(days: Iterable[ReadDay]) -> Missed:
    """What was missed on these days, of one reader or of several.

    The interval is that of a weighted sum of Poisson counts (Fay and Feuer 1997, the gamma method): it does not end at
    nothing where no drawn paper was relevant. Relevant papers that come in one drawn block make it a little too narrow.
    """
    from scipy.special import gammaincinv  # noqa: PLC0415 - only where papers may have been left out

    known = list(days)
    listed = sum(day.listed for day in known)
    estimate = sum(day.missed for day in known)
    if not listed:
        return Missed(None, None, None)
    most = max((day.weight - 1 for day in known), default=0.0)
    if not most:
        return Missed(0.0, 0.0, 0.0)
    variance = sum((day.weight - 1) ** 2 * day.found_sampled for day in known)
    tail = (1 - CONFIDENCE) / 2
    low = variance / estimate * float(gammaincinv(estimate**2 / variance, tail)) if estimate else 0.0
    above, wide = estimate + most, variance + most**2
    high = wide / above * float(gammaincinv(above**2 / wide, 1 - tail))
    return Missed(*(value / (listed + value) for value in (estimate, low, high)))


def _keys(units: Sequence[Collection[int]], numbers: Sequence[int]) -> frozenset[int]:
    return frozenset(key for number in numbers for key in units[number])
