"""What is thought of papers and what that took: scores, tokens, cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from newsletter.models.papers import Announcement, Day, Paper
from newsletter.models.subscribers import Subscriber


class Status(StrEnum):
    """What kind of day an edition reports; a failure never looks like a quiet day."""

    OK = "ok"
    NO_MATCH = "no_match"
    HOLIDAY = "holiday"
    ARXIV_FAULT = "arxiv_fault"
    SCORING_FAULT = "scoring_fault"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Score:
    """Raw integers 1-10; `novelty` None means not rated and counts 0. `local` in 0..1 breaks ties.

    `topic` is the matched topic's name; `evidence` the words of the abstract that the comment rests on;
    `summary` one sentence of what is new.
    """

    relevance: int
    novelty: int | None = None
    topic: str = ""
    comment: str = ""
    evidence: str = ""
    summary: str = ""
    local: float = 0.0


@dataclass(frozen=True, slots=True)
class Scored:
    """A paper with its score; `followed` are the authors whom the subscriber follows.

    `date` is that of the paper's mailing. `top` 3 means among the best 3 % of the subscriber's scored candidates.
    """

    paper: Paper
    score: Score
    followed: tuple[str, ...] = ()
    date: Day | None = None
    top: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one call used. `cached` and `written` are parts of `prompt`, `reasoning` is a part of `completion`."""

    prompt: int = 0
    cached: int = 0
    written: int = 0
    completion: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """Decimal strings in USD, printed as stored."""

    prompt: str = "0.00"
    completion: str = "0.00"
    total: str = "0.00"


NO_TOKENS = Usage()
FREE = Cost()


@dataclass(frozen=True, slots=True)
class Scores:
    """What a scorer says of one subscriber's candidates.

    `not_scored` are papers that stayed without a score; `fault` is empty or says what failed, in one sentence;
    `economies` name the steps that a budget forced.
    """

    scored: tuple[Scored, ...]
    scorer: Literal["local", "openai"]
    model: str = ""
    not_scored: tuple[Paper, ...] = ()
    status: Status = Status.OK
    fault: str = ""
    economies: tuple[str, ...] = ()
    usage: Usage = NO_TOKENS
    cost: Cost = FREE
    prompt: str = ""


class Scorer(Protocol):
    """Scores one subscriber's candidates; each paper ends in `scored` or in `not_scored`."""

    def __call__(self, subscriber: Subscriber, papers: Sequence[Paper]) -> Scores: ...


class ScorerFor(Protocol):
    """Makes the scorer of some mailings, once for all subscribers to whom just these are due."""

    def __call__(self, announcements: Sequence[Announcement]) -> Scorer: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One subscriber's part of a run: the papers that a scorer will be asked about, for the edition of `date`."""

    subscriber: Subscriber
    date: Day
    papers: tuple[Paper, ...]


class Plan(Protocol):
    """Told of all readings of a run before the first is scored, so that what is shared is bought once.

    The readings stream by, for there may be 100,000: keep counts of them, not the readings.
    """

    def __call__(self, readings: Iterable[Reading]) -> None: ...
