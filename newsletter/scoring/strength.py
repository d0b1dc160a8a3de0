"""Decides how well a paper fits, on a scale of its own: against what the topics reach on other days, not by a quota.

A paper of relevance 7 stands three deviations above what these topics reach on the archive as a whole, and shares
telling words with one of them: on a dull day there is none. Where too few papers are known to judge by, the words that
it shares decide alone.
"""

from bisect import bisect_right
from collections.abc import Sequence

from newsletter.models.scores import Strength

# Deviations above the archive's mean for a relevance of 2, 3 ... 10.
STEPS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0)
SHARED_AT_LEAST = 0.08  # of the words (a cosine) with the best topic for more than the relevance below
WITHOUT_WORDS = 6  # at most, for what shares fewer
PASSES = 7  # the default threshold
CLOSE = 9  # this relevance is a close match
SEVERAL = 8  # clear matches, for a day that has some of the field; those that are only near then pass too
NEAR_FROM = 4  # a relevance
LISTED, LISTED_SHARE = 15, 0.1  # papers that pass at most while nothing is known of a reader, or this share of the day
KNOWN_AT_LEAST = 100  # papers; with fewer, deviations mean nothing
SHARED_A_STEP = 0.04  # then so much of the words stands for one deviation


def relevance(judged: float, shared: float) -> int:
    """From 1 to 10; `judged` in deviations, `shared` as a cosine."""
    grade = 1 + bisect_right(STEPS, judged)
    return grade if shared >= SHARED_AT_LEAST else min(grade, WITHOUT_WORDS)


def in_order(values: Sequence[float], grades: Sequence[int], among: Sequence[bool]) -> list[int]:
    """The same grades, handed out among some papers by their values: how many pass is judged, which ones is ranked."""
    places = sorted((place for place, counts in enumerate(among) if counts), key=lambda place: (-values[place], place))
    best_first = sorted((grades[place] for place in places), reverse=True)
    given = list(grades)
    for place, grade in zip(places, best_first, strict=True):
        given[place] = grade
    return given


def usual(grades: Sequence[int]) -> int:
    """How many pass where nothing is known of a reader: what matches clearly; on a day with several, the next as well.

    A broad topic matches nothing clearly, and a field that the archive hardly has matches all too easily: hence both.
    """
    clear = sum(grade >= PASSES for grade in grades)
    if clear < SEVERAL:
        return clear
    return min(sum(grade >= NEAR_FROM for grade in grades), max(LISTED, round(LISTED_SHARE * len(grades))))


def limited(grades: Sequence[int], values: Sequence[float], passing: int) -> list[int]:
    """The grades so that just the best papers, as many as are expected to be relevant, reach the default threshold."""
    best = set(sorted(range(len(grades)), key=lambda place: (-grades[place], -values[place], place))[:passing])
    return [max(PASSES, grade) if place in best else min(PASSES - 1, grade) for place, grade in enumerate(grades)]


def strength(relevance: int, threshold: int) -> Strength:
    """In a reader's words; below their threshold a paper is only near."""
    if relevance < threshold:
        return Strength.NEAR
    return Strength.CLOSE if relevance >= CLOSE else Strength.MATCH
