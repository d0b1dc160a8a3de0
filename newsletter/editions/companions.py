"""Decides which papers of a mailing are nearly the same: one work in two parts, or two accounts of one work.

Only papers that share an author are compared. They are companions where their words are alike, or where their titles
begin alike ("Part I", "Part II"). Looked at by eye on 23 real mailings of some 18,000 papers: about five pairs a
thousand papers, from .45 on without a wrong one. Calls nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from newsletter.models.papers import Paper
from newsletter.models.scores import Pool
from newsletter.scoring.words import numbers_of

ALIKE = 0.45  # a cosine of words; common words count little
TITLE_WORDS = 3  # that tell something, with which the titles of a series begin
LOOKED_AT = 20  # papers after each one, of the same author

Companions = Mapping[str, frozenset[str]]


@lru_cache(maxsize=16)
def of_pool(pool: Pool) -> Companions:
    """The companions among the papers of some mailings, once for all readers to whom just these are due."""
    return companions(pool.papers)


def companions(papers: Sequence[Paper]) -> Companions:
    """For each paper that has some, by its id, the ids of those that are nearly the same."""
    distinct = list({paper.id: paper for paper in papers}.values())
    pairs = sorted(set(_of_one_author(distinct)))
    if not pairs:
        return {}
    from newsletter.scoring.features import neighbours  # noqa: PLC0415 - numpy only where papers are compared

    rows = neighbours(distinct)
    left, right = (rows[[pair[side] for pair in pairs]] for side in (0, 1))
    alike = left.multiply(right).sum(axis=1).A1
    starts = [numbers_of(paper.shown.title)[:TITLE_WORDS] for paper in distinct]
    found: dict[str, set[str]] = defaultdict(set)
    for (one, other), cosine in zip(pairs, alike, strict=True):
        is_series = len(starts[one]) == TITLE_WORDS and starts[one] == starts[other]
        if cosine >= ALIKE or is_series:
            found[distinct[one].id].add(distinct[other].id)
            found[distinct[other].id].add(distinct[one].id)
    return {paper: frozenset(others) for paper, others in found.items()}


def _of_one_author(papers: Sequence[Paper]) -> Iterator[tuple[int, int]]:
    """The places of pairs that share an author; of an author with many papers, each with those next to it."""
    by_author: dict[str, list[int]] = defaultdict(list)
    for place, paper in enumerate(papers):
        for author in {name.casefold() for name in paper.shown.authors}:
            by_author[author].append(place)
    seen: set[tuple[int, ...]] = set()
    for places in by_author.values():
        if len(places) < 2 or tuple(places) in seen:
            continue  # all authors of one team have the same papers
        seen.add(tuple(places))
        for at, one in enumerate(places):
            for other in places[at + 1 : at + 1 + LOOKED_AT]:
                yield one, other
