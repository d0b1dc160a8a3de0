"""Days in figures, by which one day is compared with others, and what an operator is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from newsletter.models.papers import Day, MailingStatus


class Concern(StrEnum):
    """What may be wrong with a day; at most one incident of each is open."""

    RUN = "run"  # a run failed as a whole
    SILENCE = "silence"  # no run came to its end for more than a day
    READERS = "readers"  # some got no edition: a file that cannot be read, an error of ours
    MAILING = "mailing"  # it is late, or not whole
    PAPERS = "papers"  # far fewer in a category than usual
    SCORES = "scores"  # papers without a score, or scored without the model
    TOKENS = "tokens"  # far fewer or more a paper than usual
    SELECTED = "selected"  # a far smaller or larger share of the papers than usual
    EDITIONS = "editions"  # far fewer than usual
    MAILS = "mails"  # not accepted, or overdue
    UNKNOWN = "unknown"  # sends of unknown outcome wait for a person
    SENDING = "sending"  # paused by a breaker
    PROVIDER = "provider"  # one refuses mail from this sender


@dataclass(frozen=True, slots=True)
class Figures:
    """What one mailing's day came to, all readers together.

    `papers` are the new ones and cross-lists by category. `scored` are the candidates that have a score, `faults` the
    editions whose scorer was in trouble. `mailed` are the sends that a backend took, `lost` those that failed or
    expired, `overdue` those that should have gone out and wait; `unknown` are those of any day whose outcome nobody
    knows. `found` is what was wrong with the day.
    """

    date: Day
    status: MailingStatus
    papers: Mapping[str, int] = field(default_factory=dict)
    editions: int = 0
    candidates: int = 0
    scored: int = 0
    faults: int = 0
    selected: int = 0
    tokens: int = 0
    mailed: int = 0
    lost: int = 0
    overdue: int = 0
    unknown: int = 0
    found: tuple[Concern, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in a sentence without addresses."""

    concern: Concern
    said: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What is wrong, and what was looked at and is well; of other concerns nothing can be said."""

    findings: tuple[Finding, ...] = ()
    well: tuple[Concern, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """A thing that is or was wrong, from when to when."""

    concern: Concern
    said: str
    opened_at: datetime
    closed_at: datetime | None = None
