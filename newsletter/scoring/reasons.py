"""Decides why a paper is near, as facts: the sentence of its abstract that is closest to the topic, and rare words."""

import re
from functools import lru_cache

from newsletter.models.papers import Paper
from newsletter.models.subscribers import Topic
from newsletter.scoring.features import Space, Sparse, dense
from newsletter.scoring.words import Text, read, spelling

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


def closest_sentence(paper: Paper, topic: Topic, space: Space) -> str:
    """The sentence of the abstract with the most in common with the topic; empty where none has anything."""
    found, rows = _said(paper.shown.abstract, space)
    if not found:
        return ""
    alike = dense(rows @ _wanted(f"{topic.name} {topic.relevant}", space).T).ravel()
    best = int(alike.argmax())
    return found[best] if alike[best] > 0 else ""


@lru_cache(maxsize=2048)  # a day's abstracts are the same for all readers
def _said(abstract: str, space: Space) -> tuple[tuple[str, ...], Sparse]:
    """The sentences of an abstract that are long enough, with a row for each."""
    found = tuple(s for s in sentences(abstract) if len(s.split()) >= SHORTEST)
    return found, space.words([_read(text) for text in found])


@lru_cache(maxsize=256)  # a reader's topics are few, their papers many
def _wanted(text: str, space: Space) -> Sparse:
    return space.words([_read(text)])


@lru_cache(maxsize=4096)  # readers have topics for all papers, and papers in common
def _read(text: str) -> Text:
    return read(text)


def telling_words(paper: Paper, topic: Topic, space: Space) -> tuple[str, ...]:
    """The topic's rarest words that the paper has, as the paper writes them."""
    written = spelling(paper)
    shared = [
        number for number in dict.fromkeys(_read(f"{topic.name} {topic.relevant}")[0].numbers) if number in written
    ]
    known = [(number, place) for number in shared if (place := space.place(number)) is not None]
    known.sort(key=lambda found: (-float(space.rarity[found[1]]), written[found[0]]))
    return tuple(written[number] for number, _ in known[:WORDS_SHOWN])
