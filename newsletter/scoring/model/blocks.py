"""Decides which papers are shown to the model together: balanced blocks of papers that are alike. Calls nothing.

Papers that are alike are easier to compare, and a reader is asked only about blocks that hold a candidate of theirs.
The cut depends on the papers alone, so that every reader's call on a block starts with the same words.
"""

from collections.abc import Sequence

from newsletter.models.papers import Paper
from newsletter.scoring.similarity import Index

MOST = 48  # papers a call: up to about a hundred cost a model little, more cost it attention


def cut(papers: Sequence[Paper], words: Index, most: int = MOST) -> list[tuple[Paper, ...]]:
    """Each paper in one block, no block above `most`, sizes at most one apart. `words` indexes `papers` in order."""
    if not papers:
        return []
    count = -(-len(papers) // most)
    sizes = [len(papers) // count + (i < len(papers) % count) for i in range(count)]
    neighbours = _Neighbours(words, len(papers))
    left = dict.fromkeys(range(len(papers)))  # an ordered set
    blocks = []
    for size in sizes:
        seed = next(iter(left))
        del left[seed]
        block, pull = [seed], neighbours.of(seed)
        while len(block) < size:
            nearest = max(left, key=lambda i: (pull[i], -i))
            del left[nearest]
            block.append(nearest)
            pull = [a + b for a, b in zip(pull, neighbours.of(nearest), strict=True)]
        blocks.append(tuple(papers[i] for i in sorted(block)))
    return blocks


class _Neighbours:
    """Cosines between one paper and all others, from the index's postings."""

    def __init__(self, words: Index, count: int) -> None:
        self._count = count
        self._postings = words.postings
        self._vectors: list[list[tuple[str, float]]] = [[] for _ in range(count)]
        for stem, posting in words.postings.items():
            for position, weight in posting:
                self._vectors[position].append((stem, weight))

    def of(self, position: int) -> list[float]:
        cosines = [0.0] * self._count
        for stem, weight in self._vectors[position]:
            for other, held in self._postings[stem]:
                cosines[other] += weight * held
        return cosines
