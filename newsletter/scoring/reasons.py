"""Decides why a paper is near, as facts: the sentence of its abstract that is closest to the topic, and rare words."""

import re
from functools import lru_cache

from newsletter.models.papers import Paper
from newsletter.models.subscribers import Topic
from newsletter.scoring.features import Space, dense
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
    found = [s for s in sentences(paper.shown.abstract) if len(s.split()) >= SHORTEST]
    if not found:
        return ""
    rows = space.words([_read(text) for text in (f"{topic.name} {topic.relevant}", *found)])
    alike = dense(rows[1:] @ rows[:1].T).ravel()
    best = int(alike.argmax())
    return found[best] if alike[best] > 0 else ""


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
