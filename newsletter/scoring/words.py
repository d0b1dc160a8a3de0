"""Reads texts as the local scorer does: each word that tells something becomes the number of its stem.

A number is a hash of the stem: it is the same in every process, and on every machine that ranks a part of a day.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import snowballstemmer

from newsletter.models.papers import Paper

PAPERS_KEPT = 20_000  # that are not read again; some 3 kB each
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
IGNORED = -1  # the number of a word that tells nothing


class _Numbers(dict[str, int]):
    """The number of each word's stem. The stemmer keeps its state in itself: one thread at a time."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(_STOP, IGNORED))
        self._stem = snowballstemmer.stemmer("english").stemWord
        self._one_at_a_time = threading.Lock()

    def __missing__(self, word: str) -> int:
        with self._one_at_a_time:
            stem = str(self._stem(word))
        number = self[word] = int.from_bytes(blake2b(stem.encode(), digest_size=8).digest(), "little") >> 1
        return number


_numbers = _Numbers()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text: the numbers of its words, in order, and how much each counts."""

    numbers: tuple[int, ...]
    weight: int = 1


Text = tuple[Part, ...]


def words_of(text: str) -> list[str]:
    """The words of a text, in order, in lower case."""
    return _WORD.findall(text.lower())


def numbers_of(text: str) -> tuple[int, ...]:
    """The numbers of the words that tell something, in order."""
    return tuple([number for word in words_of(text) if (number := _numbers[word]) != IGNORED])


def read(text: str) -> Text:
    """A text of one part."""
    return (Part(numbers_of(text)),)


def read_paper(paper: Paper) -> Text:
    """A paper's title and abstract, as they are shown."""
    return _read(paper.shown.title, paper.shown.abstract)


@lru_cache(maxsize=PAPERS_KEPT)  # readers have their pasts in common; a paper equals itself before it is made readable
def _read(title: str, abstract: str) -> Text:
    return (Part(numbers_of(title), TITLE_WEIGHT), Part(numbers_of(abstract)))


def spelling(paper: Paper) -> dict[int, str]:
    """The word that each stem of a paper first stands for there."""
    found: dict[int, str] = {}
    for word in words_of(f"{paper.shown.title} {paper.shown.abstract}"):
        found.setdefault(_numbers[word], word)
    found.pop(IGNORED, None)
    return found


def identity(paper: Paper) -> str:
    """What tells a paper version from every other."""
    return f"{paper.source}:{paper.id}v{paper.version}"


def distinct(papers: Iterable[Paper]) -> dict[str, Paper]:
    """Each paper version once, in order."""
    return {identity(paper): paper for paper in papers}
