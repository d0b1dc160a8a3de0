"""What one subscriber gets from one or more mailings, before and after it is rendered."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from newsletter.models.papers import Day, Paper
from newsletter.models.scores import FREE, NO_TOKENS, Cost, Fault, Scored, Status, Usage
from newsletter.models.subscribers import Attach, Length


class Kind(StrEnum):
    """EMPTY is a notice that nothing came: it leaves the date's digest free."""

    DIGEST = "digest"
    WELCOME = "welcome"
    EMPTY = "empty"


class Cadence(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    CATCH_UP = "catch-up"


@dataclass(frozen=True, slots=True)
class Totals:
    """Announced: feed entries of all kinds. Scanned: after the announce filter; both count a paper once per
    category. Candidates: the same without repetition. Relevant: papers listed."""

    announced: int = 0
    scanned: int = 0
    candidates: int = 0
    relevant: int = 0


@dataclass(frozen=True, slots=True)
class Candidates:
    """The papers of one subscriber's mailings that may be shown to them, and the date of each one's mailing."""

    papers: tuple[Paper, ...]
    totals: Totals
    dates: tuple[Day | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Month:
    """What the reader spent this month, this edition included, and may spend: decimal strings in USD."""

    spent: str
    budget: str


@dataclass(frozen=True, slots=True)
class Edition:
    """What one subscriber gets from one or more mailings, best first.

    Identity: subscriber, `date` of the last mailing, kind. `older` are due mailings too old to be merged.
    The thresholds are the reader's; 0 where they are unknown. `exploration` is one paper that does not pass them, shown
    so that the reader may say whether its like should. `liked` are the ids and titles of papers that reasons name.
    """

    subscriber: str
    date: date
    scorer: str
    model: str
    totals: Totals
    papers: tuple[Scored, ...]
    near_misses: tuple[Scored, ...] = ()
    exploration: Scored | None = None
    liked: tuple[tuple[str, str], ...] = ()
    not_scored: tuple[Paper, ...] = ()
    usage: Usage = NO_TOKENS
    cost: Cost = FREE
    prompt: str = ""
    kind: Kind = Kind.DIGEST
    cadence: Cadence = Cadence.DAILY
    status: Status = Status.OK
    mailings: tuple[Day, ...] = ()
    older: tuple[Day, ...] = ()
    fault: Fault | None = None
    economies: tuple[Fault, ...] = ()
    categories: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    length: Length = "brief"
    attach: Attach = "none"
    language: str = "en"
    min_relevance: int = 0
    min_novelty: int = 0
    month: Month | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """The URLs an edition may show; an empty one has no route and is not shown."""

    unsubscribe: str = ""
    web_copy: str = ""
    preferences: str = ""
    feed: str = ""
    feedback: str = ""  # takes `?paper=<id>`
    missed_web_copy: str = ""  # of the reader's last edition, when its send is of unknown outcome


@dataclass(frozen=True, slots=True)
class Attachment:
    """A page of text/markdown that goes with an email."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Email:
    """An edition rendered; `preheader` is what a mailbox shows beside the subject."""

    subject: str
    html: str
    text: str
    preheader: str = ""
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """What composing came to for one subscriber: an edition of so many papers, or the reason why there is none."""

    slug: str
    status: Status | None = None
    papers: int = 0
    candidates: int = 0
    reason: str = ""
    failed: bool = False
    barred: bool = False  # for want of consent, or by a suppression
    fault: Fault | None = None  # of the scorer: what the edition says of it
    waited: timedelta | None = None  # from the announcement to the edition
