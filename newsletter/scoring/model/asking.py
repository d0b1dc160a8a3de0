"""Decides what is asked next after an answer: again for what it lacks, in halves what was too much. Calls nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum, auto

from newsletter.models.papers import Paper
from newsletter.models.subscribers import Topics
from newsletter.scoring.model.prompts import Task
from newsletter.scoring.model.sharing import Part

ROUNDS = 2  # how often a score that is missing is asked for again
ROUNDS_OF_REMARKS = 1
REMARKS_A_CALL = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and who pays. `sharers` split what the call writes to the cache.

    What is read by a `final` call is not read another time; with `before`, it is averaged with what was read then.
    """

    stage: str
    task: Task
    date: date
    payers: tuple[int, ...]
    topics: Topics | None = None
    topics_key: int | None = None
    sharers: tuple[int, ...] = ()
    final: bool = False
    before: Mapping[int, int] = field(default_factory=dict)
    language: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """One call to be made: a question about some papers, by the text of their block where `part` names one.

    `sharers` pay for writing the block to the cache, should it turn out that this call has to. `baited` adds an
    invented paper that orders a high score, as blocks have one; `rounds`, how often what is missing is asked again.
    """

    question: Question
    papers: tuple[Paper, ...]
    part: Part | None = None
    cache_key: str = ""
    sharers: tuple[int, ...] = ()
    baited: bool = False
    rounds: int = ROUNDS


class Came(Enum):
    """What came of a call."""

    READ = auto()
    TOO_LONG = auto()  # the prompt did not fit into the context, or was cut without a word
    UNUSABLE = auto()  # cut off, refused or filtered
    NOTHING = auto()


def asks_for_remarks(question: Question, papers: Sequence[Paper]) -> list[Ask]:
    """The calls that ask for comments on papers."""
    starts = range(0, len(papers), REMARKS_A_CALL)
    return [Ask(question, tuple(papers[n : n + REMARKS_A_CALL]), rounds=ROUNDS_OF_REMARKS) for n in starts]


def follow_ups(ask: Ask, came: Came, found: Collection[int | None]) -> list[Ask]:
    """What is asked next; `found` are the keys of the papers that the answer spoke of."""
    several = len(ask.papers) > 1
    if came is Came.TOO_LONG:
        return halves(ask) if several else []
    if came is Came.UNUSABLE:
        return halves(_alone(ask)) if several else []
    if came is Came.NOTHING:
        return []
    missing = tuple(paper for paper in ask.papers if paper.key not in found)
    if missing and ask.rounds:
        most = len(missing) * 2 > len(ask.papers)  # the cached block is cheaper than half of it anew
        again = replace(_alone(ask), papers=missing, rounds=ask.rounds - 1)
        return [again if most and ask.question.task != "comments" else replace(again, part=None, cache_key="")]
    if found and len(missing) > 1 and ask.question.task != "comments":  # a small model loses its way in long lists
        return halves(replace(_alone(ask), papers=missing, rounds=0))
    return []


def halves(ask: Ask) -> list[Ask]:
    """Two calls in place of one, outside the block."""
    middle = (len(ask.papers) + 1) // 2
    parts = ask.papers[:middle], ask.papers[middle:]
    return [replace(ask, papers=half, part=None, cache_key="", sharers=()) for half in parts if half]


def _alone(ask: Ask) -> Ask:
    """Without those who share what a first call writes."""
    return replace(ask, question=replace(ask.question, sharers=()), sharers=())
