"""Decides how far two models agree on the same papers. Calls nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of so many papers: the share with equal relevance, and with a relevance at most one apart; Cohen's kappa over the
    ten grades; Spearman's rank correlation. None where all grades are equal, so that there is nothing to compare."""

    papers: int
    exact: float | None
    within_one: float | None
    kappa: float | None
    rank_correlation: float | None


def agreement(grades: Sequence[tuple[int, int]]) -> Agreement:
    """The agreement of two gradings of the same papers, paper by paper."""
    if not grades:
        return Agreement(0, None, None, None, None)
    count = len(grades)
    exact = sum(a == b for a, b in grades) / count
    near = sum(abs(a - b) <= 1 for a, b in grades) / count
    return Agreement(count, exact, near, _kappa(grades, exact), _spearman(grades))


def _kappa(grades: Sequence[tuple[int, int]], exact: float) -> float | None:
    """Cohen's kappa: what the agreement is above that of two who know only how often each grade is given."""
    first, second = (Counter(grade) for grade in zip(*grades, strict=True))
    chance = sum(first[grade] * second[grade] for grade in first) / len(grades) ** 2
    return None if chance == 1 else (exact - chance) / (1 - chance)


def _spearman(grades: Sequence[tuple[int, int]]) -> float | None:
    from scipy import stats  # noqa: PLC0415 - only where models are compared

    first, second = zip(*grades, strict=True)
    if len(set(first)) == 1 or len(set(second)) == 1:
        return None
    return float(stats.spearmanr(first, second).statistic)
