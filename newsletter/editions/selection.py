"""Decides what an edition shows and in which order; calls nothing."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from newsletter.editions.candidates import followed_authors
from newsletter.editions.companions import Companions
from newsletter.models.editions import Candidates
from newsletter.models.scores import Scored, Scores
from newsletter.models.subscribers import Wishes
from newsletter.models.turns import in_turns

NEAR_MISSES = 3
EXPLORED = 10  # papers after the near misses, of which one may be tried


@dataclass(frozen=True, slots=True)
class Selection:
    """What an edition lists, and the next ones that it does not."""

    papers: tuple[Scored, ...]
    near_misses: tuple[Scored, ...]
    exploration: Scored | None = None


def select(
    wishes: Wishes,
    candidates: Candidates,
    scores: Scores,
    companions: Companions | None = None,
    exploring: str = "",
) -> Selection:
    """Followed authors first, then what passes the subscriber's thresholds.

    Papers that are companions are listed as such. `exploring` draws the paper to try, the same for the same text; where
    it is empty there is none.
    """
    ranked = rank(scores.scored)
    if wishes.authors:
        ranked = [replace(s, followed=followed_authors(s.paper, wishes.authors)) for s in ranked]
    listed = _together(chosen(ranked, wishes), companions or {})
    shown = {s.paper.id for s in listed}
    near = [s for s in ranked if s.paper.id not in shown and s.score.relevance > 1][:NEAR_MISSES]
    is_whole = not (scores.fault or scores.economies or scores.not_scored)
    shown |= {s.paper.id for s in near}
    tried = _drawn([s for s in ranked if s.paper.id not in shown], wishes, exploring) if is_whole and listed else None
    dates = {paper.id: date for paper, date in zip(candidates.papers, candidates.dates, strict=False)}
    places = {s.paper.id: place for place, s in enumerate(ranked, 1)}

    def placed(s: Scored) -> Scored:
        return replace(s, date=dates.get(s.paper.id), top=_top(places[s.paper.id], len(ranked)))

    return Selection(tuple(map(placed, listed)), tuple(map(placed, near)), placed(tried) if tried else None)


def chosen(ranked: Sequence[Scored], wishes: Wishes) -> list[Scored]:
    """What is listed of the ranked papers: those of followed authors first, then what passes the thresholds.

    Where max_papers cuts through papers that are equally good, their topics take turns; the order stays.
    """
    passing = [s for s in ranked if s.followed or _passes(s, wishes)]
    passing.sort(key=lambda s: not s.followed)
    if len(passing) <= wishes.max_papers:
        return passing
    kept = {s.paper.id for s in in_turns(passing)[: wishes.max_papers]}
    return [s for s in passing if s.paper.id in kept]


def _together(listed: Sequence[Scored], companions: Companions) -> list[Scored]:
    """The same papers; each names the first one before it of which it is nearly the same and that names none."""
    heads: list[str] = []
    told = []
    for item in listed:
        alike = companions.get(item.paper.id, frozenset())
        head = next((name for name in heads if name in alike), "") if alike else ""
        heads += [] if head else [item.paper.id]
        told.append(replace(item, companion=head) if head else item)
    return told


def _drawn(ranked: Sequence[Scored], wishes: Wishes, exploring: str) -> Scored | None:
    """One of the best papers that do not pass, by lot."""
    below = [s for s in ranked if s.score.relevance > 1 and not _passes(s, wishes)][:EXPLORED]
    if not exploring or not below:
        return None
    return min(below, key=lambda s: hashlib.sha256(f"{exploring} {s.paper.id}".encode()).digest())


def rank(scored: Sequence[Scored]) -> list[Scored]:
    """Best first: relevance + novelty, then relevance, then local score, then id."""
    return sorted(scored, key=_order)


def _top(place: int, count: int) -> int:
    """The share, in whole percent, of those that are at least as good; never less than 1."""
    return math.ceil(100 * place / count)


def _order(s: Scored) -> tuple[float, float, float, str]:
    score = s.score
    return (-(score.relevance + (score.novelty or 0)), -score.relevance, -score.local, s.paper.id)


def _passes(s: Scored, wishes: Wishes) -> bool:
    novelty = s.score.novelty
    return s.score.relevance >= wishes.min_relevance and (novelty is None or novelty >= wishes.min_novelty)
