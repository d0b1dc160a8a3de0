"""Decides which papers are shown to the model together: balanced blocks of papers that are alike. Calls nothing.

Papers that are alike are easier to compare, and a reader is asked only about blocks that hold a candidate of theirs.
The cut depends on the papers alone, so that every reader's call on a block starts with the same words.
"""

from collections.abc import Sequence

from newsletter.models.papers import Paper

MOST = 48  # papers a call: up to about a hundred cost a model little, more cost it attention


def cut(papers: Sequence[Paper], most: int = MOST) -> list[tuple[Paper, ...]]:
    """Each paper in one block, no block above `most`, sizes at most one apart."""
    from newsletter.scoring.features import dense, neighbours  # noqa: PLC0415 - numpy only where blocks are cut

    if not papers:
        return []
    count = -(-len(papers) // most)
    sizes = [len(papers) // count + (i < len(papers) % count) for i in range(count)]
    words = neighbours(papers)
    left = dict.fromkeys(range(len(papers)))  # an ordered set
    blocks = []
    for size in sizes:
        seed = next(iter(left))
        del left[seed]
        block, pull = [seed], dense(words @ words[seed].T).ravel()
        while len(block) < size:
            nearest = max(left, key=lambda i: (pull[i], -i))
            del left[nearest]
            block.append(nearest)
            pull += dense(words @ words[nearest].T).ravel()
        blocks.append(tuple(papers[i] for i in sorted(block)))
    return blocks
