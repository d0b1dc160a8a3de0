"""Reads texts as the local scorer does: stems and pairs of them, counted, with the words that they stand for.

Nothing here is shared by threads: the stemmer keeps its state in itself, so that each thread has its own.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import snowballstemmer

from newsletter.models.papers import Paper

TITLE_WEIGHT = 2  # a word of the title counts as often as two of the abstract

_WORD = re.compile(r"[^\W\d_]{2,}")
_STOP = frozenset(
    "a about above after all also although among an and any are as at avoid based be because been both but by can "
    "could do does due each either etc even few focus focuses for from further had has have he her here his how "
    "however i if in including into irrelevant is it its itself just keep like mainly many may might more most "
    "must new no nor not novel of off on one only or other our out over own paper papers particularly propose "
    "proposed proposes provide relevant same see shall should show shows since so some study such than that the "
    "their them then there these they this those through to too topic topics toward under until up upon use used "
    "uses using very via was we well were what when where whether which while who why will with within without "
    "work works would you your".split()
)


class _Stems(threading.local):
    """A stemmer for this thread, and what it found."""

    def __init__(self) -> None:
        self._stem = snowballstemmer.stemmer("english").stemWord
        self._known: dict[str, str] = {}

    def of(self, word: str) -> str:
        found = self._known.get(word)
        if found is None:
            found = self._known[word] = str(self._stem(word))
        return found


_stems = _Stems()


@dataclass(frozen=True, slots=True)
class Text:
    """How often a text holds each stem and each pair of neighbours, and the word that a stem first stood for."""

    counts: Mapping[str, int]
    spelling: Mapping[str, str]


def words_of(text: str) -> list[str]:
    """The words that tell something, in order, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if word not in _STOP]


def read(*parts: tuple[str, int]) -> Text:
    """Some texts as one, each with the weight of its words."""
    counts: Counter[str] = Counter()
    spelling: dict[str, str] = {}
    for text, weight in parts:
        written = words_of(text)
        stems = [_stems.of(word) for word in written]
        for stem, word in zip(stems, written, strict=True):
            counts[stem] += weight
            spelling.setdefault(stem, word)
        for first, second in pairwise(stems):
            counts[f"{first} {second}"] += weight
    return Text(counts, spelling)


def read_paper(paper: Paper) -> Text:
    """A paper's title and abstract."""
    return read((paper.shown.title, TITLE_WEIGHT), (paper.shown.abstract, 1))


def identity(paper: Paper) -> str:
    """What tells a paper version from every other."""
    return f"{paper.source}:{paper.id}v{paper.version}"


def distinct(papers: Iterable[Paper]) -> dict[str, Paper]:
    """Each paper version once, in order."""
    return {identity(paper): paper for paper in papers}
