"""Decides why a paper is near, as facts: the sentence of its abstract that is closest to the topic, and rare words."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from scipy import sparse

from newsletter.scoring.features import Corpus, Floats, Sparse, dense
from newsletter.scoring.words import read, spelling

WORDS_SHOWN = 5
SHORTEST = 4  # words that a sentence has at least

# A sentence ends where an upper-case letter or a digit follows, but not after an abbreviation or an initial.
_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bvs)(?<!\bet al)(?<!\bFig)(?<!\b[A-Z])[.!?]\s+(?=[A-Z0-9“\"(])")


def sentences(text: str) -> list[str]:
    """The sentences of a text, each as it is written."""
    found, start = [], 0
    plain = " ".join(text.split())
    for end in _END.finditer(plain):
        found.append(plain[start : end.end()].strip())
        start = end.end()
    return [sentence for sentence in [*found, plain[start:].strip()] if sentence]


@dataclass(frozen=True, slots=True, eq=False)
class Quotable:
    """What can be quoted of the papers of a day, read once for all readers.

    The sentences of a paper stand from its place in `first` to the next; `across` has a column for each. `written` has
    for each paper the word that each stem stands for there.
    """

    sentences: tuple[str, ...]
    first: tuple[int, ...]
    across: Sparse
    written: tuple[dict[int, str], ...]

    def alike(self, topics: Sparse) -> Floats:
        """How much each sentence has in common with each of these rows of words."""
        return dense(topics @ self.across)

    def closest(self, row: int, alike: Floats) -> str:
        """The sentence of a paper with the most in common with a topic; empty where none has anything."""
        start, end = self.first[row : row + 2]
        if start == end:
            return ""
        best = start + int(alike[start:end].argmax())
        return self.sentences[best] if alike[best] > 0 else ""

    def telling(self, row: int, rarity: dict[int, float]) -> tuple[str, ...]:
        """The rarest words, of some, that a paper has, as it writes them."""
        written = self.written[row]
        shared = sorted([(-rare, written[number]) for number, rare in rarity.items() if number in written])
        return tuple(word for _, word in shared[:WORDS_SHOWN])


@lru_cache(maxsize=2)  # a day's papers are the same for all readers
def quotable(corpus: Corpus) -> Quotable:
    """Reads the abstracts of a day; sentences that are too short to tell anything are left out."""
    said = [
        [sentence for sentence in sentences(paper.shown.abstract) if len(sentence.split()) >= SHORTEST]
        for paper in corpus.papers
    ]
    found = tuple(sentence for each in said for sentence in each)
    return Quotable(
        sentences=found,
        first=(0, *accumulate(map(len, said))),
        across=sparse.csr_matrix(corpus.space.words([read(sentence) for sentence in found]).T),
        written=tuple(spelling(paper) for paper in corpus.papers),
    )
