"""Decides what an edition shows and in which order; calls nothing."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from newsletter.editions.candidates import followed_authors
from newsletter.models.editions import Candidates
from newsletter.models.scores import Scored, Scores
from newsletter.models.subscribers import Wishes

NEAR_MISSES = 3


@dataclass(frozen=True, slots=True)
class Selection:
    """What an edition lists, and the next ones that it does not."""

    papers: tuple[Scored, ...]
    near_misses: tuple[Scored, ...]


def select(wishes: Wishes, candidates: Candidates, scores: Scores) -> Selection:
    """Followed authors first, then what passes the subscriber's thresholds."""
    dates = {paper.id: date for paper, date in zip(candidates.papers, candidates.dates, strict=False)}
    ranked = [
        replace(s, followed=followed_authors(s.paper, wishes.authors), date=dates.get(s.paper.id), top=top)
        for s, top in _with_top(rank(scores.scored))
    ]
    listed = chosen(ranked, wishes)
    shown = {s.paper.id for s in listed}
    near = [s for s in ranked if s.paper.id not in shown and s.score.relevance > 1][:NEAR_MISSES]
    return Selection(tuple(listed), tuple(near))


def chosen(ranked: Sequence[Scored], wishes: Wishes) -> list[Scored]:
    """What is listed of the ranked papers: those of followed authors first, then what passes the thresholds."""
    passing = [s for s in ranked if s.followed or _passes(s, wishes.min_relevance, wishes.min_novelty)]
    return sorted(passing, key=lambda s: not s.followed)[: wishes.max_papers]


def rank(scored: Sequence[Scored]) -> list[Scored]:
    """Best first: relevance + novelty, then relevance, then local score, then id."""
    return sorted(scored, key=_order)


def _with_top(ranked: Sequence[Scored]) -> Iterable[tuple[Scored, int]]:
    """Each with the share, in whole percent, of those that are at least as good; never less than 1."""
    return ((s, math.ceil(100 * place / len(ranked))) for place, s in enumerate(ranked, 1))


def _order(s: Scored) -> tuple[float, float, float, str]:
    score = s.score
    return (-(score.relevance + (score.novelty or 0)), -score.relevance, -score.local, s.paper.id)


def _passes(s: Scored, min_relevance: int, min_novelty: int) -> bool:
    novelty = s.score.novelty
    return s.score.relevance >= min_relevance and (novelty is None or novelty >= min_novelty)
