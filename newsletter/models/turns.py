"""Decides whose turn it is among papers that are equally good, so that a topic with many does not crowd out others."""

from collections.abc import Sequence
from itertools import groupby

from newsletter.models.scores import Scored


def in_turns(ranked: Sequence[Scored]) -> list[Scored]:
    """The same papers; where several in a row are equal in every integer, the topics' best, then their second, ...

    Within a topic, and from one grade to the next, the order stays: this says who comes first when there is room for
    some, the list itself keeps its order.
    """
    turned: list[Scored] = []
    for _, equal in groupby(ranked, key=_grade):
        seen: dict[str, int] = {}
        turns = []
        for place, item in enumerate(equal):
            turn = seen[item.score.topic] = seen.get(item.score.topic, -1) + 1
            turns.append((turn, place, item))
        turned += [item for *_, item in sorted(turns, key=lambda found: found[:2])]
    return turned


def _grade(item: Scored) -> tuple[bool, int, int]:
    return bool(item.followed), item.score.relevance + (item.score.novelty or 0), item.score.relevance
