"""What is thought of papers and what that took: scores, tokens, cost."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from newsletter.models.papers import Day, Paper
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


class Strength(StrEnum):
    """How well a paper fits, in a reader's words: what people see where no model graded it."""

    CLOSE = "close"
    MATCH = "match"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a paper is listed, as facts; rendering words them.

    `topic` is the matched topic's number (0: none), `sentence` the one of the abstract closest to it, `words` those of
    the topic that are rare in the archive, `liked` the ids of papers that the reader marked and that are alike.
    `strength` is None where a model graded the paper.
    """

    topic: int = 0
    sentence: str = ""
    words: tuple[str, ...] = ()
    liked: tuple[str, ...] = ()
    strength: Strength | None = Strength.NEAR


class Trouble(StrEnum):
    """What went wrong with scoring, or what money did not reach for. `{}` stand for a fault's numbers."""

    NO_MODEL = "no_model"  # the reader insists on a model, and none is set up
    MODEL_STOPPED = "model_stopped"  # the model could not be used; all were ranked by similarity
    UNSCORED = "unscored"  # {} of {} papers got no score; all were ranked by similarity
    SCORER_FAILED = "scorer_failed"  # an error of ours; no paper has a score
    UNREAD = "unread"  # {} of {} papers, those least like the topics, were ranked by similarity only
    SKIPPED = "skipped"  # {} of {} papers were not shown to the model: earlier days say that they hold nothing
    UNRATED = "unrated"  # the novelty of {} papers was not rated
    NOT_READ_AGAIN = "not_read_again"  # {} borderline papers were not read a second time
    NOT_READ_ALONE = "not_read_alone"  # papers beside one that gives orders were not read again alone
    NO_COMMENTS = "no_comments"  # comments are templates
    FEW_COMMENTS = "few_comments"  # {} of {} papers have no comment
    UNKNOWN = "unknown"  # said by an earlier release, in words that are gone


class Cap(StrEnum):
    """Which bound left no room for a call."""

    RUN = "run"
    SERVICE_MONTH = "service_month"
    OWN_MONTH = "own_month"
    DAY = "day"  # a reader's allowance for the day: their budget lasts the month
    COMMENTS = "comments"  # the rest is kept for comments


@dataclass(frozen=True, slots=True)
class Fault:
    """A trouble with the numbers that its sentence needs, and the cap that was reached, if it was one of money."""

    code: Trouble
    numbers: tuple[int, ...] = ()
    cap: Cap | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A paper with its score; `followed` are the authors whom the subscriber follows.

    `date` is that of the paper's mailing. `top` 3 means among the best 3 % of the subscriber's scored candidates.
    `reason` says why the paper is near to the topics. `companion` is the id of the paper, listed before it, of which it
    is nearly the same: the two are told together.
    """

    paper: Paper
    score: Score
    followed: tuple[str, ...] = ()
    date: Day | None = None
    top: int | None = None
    reason: Reason | None = None
    companion: str = ""


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
    """What a scorer says of one subscriber's candidates; each paper is in `scored` or in `not_scored`.

    `fault` says what failed as a whole; `economies` name the steps that a budget forced.
    """

    scored: tuple[Scored, ...]
    scorer: Literal["local", "openai"]
    model: str = ""
    not_scored: tuple[Paper, ...] = ()
    fault: Fault | None = None
    economies: tuple[Fault, ...] = ()
    prompt: str = ""

    @property
    def status(self) -> Status:
        """What kind of day this makes of an edition."""
        if self.fault is None:
            return Status.OK
        return Status.BUDGET if self.fault.code is Trouble.UNREAD else Status.SCORING_FAULT


@dataclass(frozen=True, slots=True)
class Commented:
    """The papers of an edition with their comments, and what the whole edition used and cost its reader."""

    papers: tuple[Scored, ...]
    economies: tuple[Fault, ...] = ()
    usage: Usage = NO_TOKENS
    cost: Cost = FREE


@dataclass(frozen=True, eq=False)
class Pool:
    """All papers of some mailings, shared by the readers to whom just these are due; known by its identity."""

    papers: tuple[Paper, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One subscriber's part of a run: the papers that a scorer is asked about, for the edition of `date`.

    `pool` holds the mailings' papers, those of other categories included: what is rare is judged by them.
    """

    subscriber: Subscriber
    date: Day
    papers: tuple[Paper, ...]
    pool: Pool


@dataclass(frozen=True, slots=True)
class Computable:
    """Scores as a computation alone, which any process may do: `work(known, readings, own)` gives each reading's.

    `known` is the same for all readings of a pool, `own` is what each reader adds.
    """

    work: Callable[[Any, Sequence[Reading], Sequence[Any]], list[Scores]]
    known: Any
    own: Any


class Scorer(Protocol):
    """Scores papers for subscribers, in three steps; safe to use from several threads, one subscriber each."""

    def plan(self, readings: Iterable[Reading]) -> None:
        """Hears all readings of a run before the first is scored, so that what is shared is bought once.

        The readings stream by, for there may be 100,000: keep counts of them, not the readings.
        """

    def score(self, reading: Reading) -> Scores:
        """The scores of one subscriber's candidates, without comments."""

    def computable(self, subscriber: Subscriber, day: Day, pool: Pool) -> Computable | None:
        """How one subscriber's papers of a pool are scored without asking anybody; None where `score` must be asked.

        Such papers need no comment.
        """

    def comment(self, reading: Reading, shown: Sequence[Scored]) -> Commented:
        """The papers that an edition shows, in the same order, with their comments where there are any."""
