"""The nouns, frozen, and the protocols through which services reach a stage. Decides nothing, calls nothing.

Times are aware datetimes in UTC; a mailing's date is arXiv's announcement date in America/New_York.
Money is an integer of picodollars (1 USD = 10**12), so that shares sum exactly.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from annotated_types import Ge, Interval

PICODOLLARS_PER_USD = 10**12
Day = date  # the type, where a field is named `date`


class AnnounceType(StrEnum):
    """How arXiv announced a paper. `CROSS` is relative to a reader: new, but primary in a category not theirs."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"
    OLD_CROSS = "old-cross"


class MailingStatus(StrEnum):
    COMPLETE = "complete"
    PARTIAL = "partial"
    EMPTY = "empty"


class Kind(StrEnum):
    DIGEST = "digest"
    WELCOME = "welcome"


class Cadence(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    CATCH_UP = "catch-up"


class Status(StrEnum):
    """What kind of day an edition reports; a failure never looks like a quiet day."""

    OK = "ok"
    NO_MATCH = "no_match"
    HOLIDAY = "holiday"
    ARXIV_FAULT = "arxiv_fault"
    SCORING_FAULT = "scoring_fault"
    BUDGET = "budget"


class SubscriberStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    REMOVED = "removed"


class SendState(StrEnum):
    """The life of a send. A paper counts as sent from `SUBMITTING` on; `RELEASED` states give it back."""

    READY = "ready"
    CLAIMED = "claimed"
    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    RETRY_AT = "retry_at"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    AMBIGUOUS = "ambiguous"


RELEASED = (SendState.FAILED, SendState.EXPIRED, SendState.SKIPPED)


@dataclass(frozen=True, slots=True)
class Display:
    """A paper's text as people read it: TeX turned into Unicode, control characters gone."""

    title: str
    authors: tuple[str, ...]
    abstract: str


@dataclass(frozen=True, slots=True)
class Paper:
    """One version of one paper, raw as the source gave it; `id` is the base id without the version.

    `key` is the store's integer once the paper is saved; `display` is derived once and stored beside the raw text.
    """

    id: str
    title: str
    authors: tuple[str, ...]
    abstract: str
    categories: tuple[str, ...]
    primary_category: str
    comment: str = ""
    version: int = 1
    source: str = "arxiv"
    doi: str = ""
    journal_ref: str = ""
    submitted_at: datetime | None = None
    display: Display | None = field(default=None, compare=False, repr=False)
    key: int | None = field(default=None, compare=False)

    @property
    def shown(self) -> Display:
        """The display text; the raw text where none was derived."""
        return self.display or Display(self.title, self.authors, self.abstract)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One paper of a mailing: how it was announced, the categories whose feeds listed it, and the mailing's date."""

    paper: Paper
    type: AnnounceType
    categories: tuple[str, ...]
    added_at: datetime | None = None
    date: Day | None = None


@dataclass(frozen=True, slots=True)
class Mailing:
    """arXiv's announcement of one day.

    `covered` are the categories it was fetched in, none where it comes from a file; `mark` is how far its source had
    been read, in the source's own terms; `early` says that it was taken before its feeds were out.
    """

    date: date
    status: MailingStatus
    announcements: tuple[Announcement, ...]
    source: str = "arxiv"
    fetched_at: datetime | None = None
    note: str = ""
    mark: str = ""
    covered: tuple[str, ...] = ()
    early: bool = False


@dataclass(frozen=True, slots=True)
class MailingDay:
    """A mailing without its papers: what `due()` decides on. `bare`: some papers lack details the source may have."""

    date: date
    status: MailingStatus
    early: bool = False
    covered: tuple[str, ...] = ()
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing a subscriber wants; `number` counts from 1 in the order of the file."""

    number: int
    name: str
    relevant: str
    irrelevant: str = ""


@dataclass(frozen=True, slots=True)
class Topics:
    """What a subscriber wants. `body` is the Markdown as written, for the model; the rest is parsed from it."""

    body: str
    topics: tuple[Topic, ...]
    relevant_keywords: tuple[str, ...] = ()
    irrelevant_keywords: tuple[str, ...] = ()
    advice: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of the body, white space normalised: equal topics share their scores."""
        return hashlib.sha256(re.sub(r"\s+", " ", self.body).strip().encode()).hexdigest()


Score1To10 = Annotated[int, Interval(ge=1, le=10)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WORKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
WEEKDAYS: tuple[Weekday, ...] = (*WORKDAYS, "sat", "sun")


@dataclass(frozen=True, slots=True)
class Keywords:
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deliver:
    """When a subscriber wants mail; `at` is the hour in `timezone`, `days` the mailings' weekdays."""

    frequency: Literal["daily", "weekly"] = "daily"
    days: tuple[Weekday, ...] = WORKDAYS
    at: time = time(7, 30)
    timezone: str = "UTC"
    empty: Literal["heartbeat", "silent"] = "heartbeat"


@dataclass(frozen=True, slots=True)
class Wishes:
    """The front matter of a topics file; the defaults are those of a file that says nothing."""

    email: str = ""
    categories: tuple[str, ...] = ()
    min_relevance: Score1To10 = 7
    min_novelty: Score1To10 = 1
    max_papers: Annotated[int, Interval(ge=1, le=200)] = 40
    full_papers: Annotated[int, Ge(0)] = 12
    announce: tuple[AnnounceType, ...] = (AnnounceType.NEW, AnnounceType.CROSS)
    authors: tuple[str, ...] = ()
    keywords: Keywords = Keywords()
    deliver: Deliver = Deliver()
    language: str = "en"
    scorer: Literal["auto", "local", "openai"] = "auto"
    budget_usd_per_month: Annotated[float, Ge(0)] = 1.00


@dataclass(frozen=True, slots=True)
class TopicsFile:
    """A topics file read: the wishes of its front matter and the topics of its body."""

    wishes: Wishes
    topics: Topics


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person with an address and a topics file; the slug is the identity, `id` the store's integer."""

    id: int
    slug: str
    wishes: Wishes
    topics: Topics
    status: SubscriberStatus = SubscriberStatus.ACTIVE


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
class Cost:
    """Decimal strings in USD, printed as stored."""

    prompt: str = "0.00"
    completion: str = "0.00"
    total: str = "0.00"


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
    usage: Usage = Usage()
    cost: Cost = Cost()
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Edition:
    """What one subscriber gets from one or more mailings, best first.

    Identity: subscriber, `date` of the last mailing, kind. `older` are due mailings too old to be merged.
    """

    subscriber: str
    date: date
    scorer: str
    model: str
    totals: Totals
    papers: tuple[Scored, ...]
    near_misses: tuple[Scored, ...] = ()
    not_scored: tuple[Paper, ...] = ()
    usage: Usage = Usage()
    cost: Cost = Cost()
    prompt: str = ""
    kind: Kind = Kind.DIGEST
    cadence: Cadence = Cadence.DAILY
    status: Status = Status.OK
    mailings: tuple[Day, ...] = ()
    older: tuple[Day, ...] = ()
    fault: str = ""
    economies: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    full_papers: int = 12
    language: str = "en"


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
class Email:
    """An edition rendered; `preheader` is what a mailbox shows beside the subject."""

    subject: str
    html: str
    text: str
    preheader: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """Delivery of one edition over all its attempts; `id` is opaque, 10 characters, and gives the Message-ID."""

    id: str
    edition_id: int
    subscriber_id: int
    slug: str
    date: date
    kind: Kind
    state: SendState
    address: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as a backend gets it: `eml` is the frozen RFC 5322 message with CRLF line ends."""

    send_id: str
    slug: str
    date: date
    sender: str
    recipient: str
    eml: bytes


class Outcome(StrEnum):
    """What one attempt came to.

    ACCEPTED: the backend has it. RETRY: certainly not sent, try later. FAILED: certainly not sent, never will be.
    AMBIGUOUS: nobody knows. STOP: certainly not sent, and neither will anything else be (credentials refused).
    """

    ACCEPTED = "accepted"
    RETRY = "retry"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A backend's answer; `provider_id` is the backend's own name for the message.

    `retry_after` in seconds: the backend asked us to wait, and this was no attempt. `bad_address`: nobody is there.
    """

    outcome: Outcome
    detail: str = ""
    provider_id: str = ""
    retry_after: float | None = None
    bad_address: bool = False


class EventType(StrEnum):
    """What a backend reports of a message after it took it. HARD_BOUNCE: never again; SOFT_BOUNCE: not this time."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    SOFT_BOUNCE = "soft_bounce"
    HARD_BOUNCE = "hard_bounce"
    DROPPED = "dropped"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """One report in our words. `id` is the backend's and makes it unique; `send_id` may be unknown; `raw` is JSON."""

    backend: str
    id: str
    type: EventType
    address: str
    at: datetime
    send_id: str = ""
    detail: str = ""
    raw: str = "{}"


class Forged(Exception):
    """A webhook's body was not signed by whom it claims, or too long ago."""


class Webhook(Protocol):
    """How a backend's reports come in over HTTP."""

    def events(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Event]:
        """The events of one request, broken ones left out. Raises Forged."""


class Backend(Protocol):
    """Delivers messages. `reaches_people` backends need consent, a postal address and real links."""

    reaches_people: bool

    def submit(self, outgoing: Outgoing) -> Receipt:
        """Tries once; network trouble comes back as a Receipt, never as an exception."""

    def close(self) -> None:
        """Ends connections."""


class Source(Protocol):
    """Where mailings come from. Papers are known by (source, id), so that sources never meet."""

    name: str

    def newest(self, now: datetime) -> Day:
        """The date of the newest mailing that can be fetched."""

    def days(self, first: Day, last: Day) -> list[Day]:
        """The dates between these two, both included, on which there is a mailing, oldest first."""

    def categories(self, wishes: tuple[str, ...]) -> tuple[str, ...]:
        """The categories to fetch for what subscribers wish, each once, in a fixed order."""

    def fetch(self, day: Day, categories: tuple[str, ...], before: Mailing | None, progress: "Progress") -> Mailing:
        """The mailing of a day; `before` is the one before it. Partial, with a note, where it is not proven whole.

        Raises InputError for a day without a mailing, SourceError where nothing could be had.
        """

    def details(self, mailing: Mailing, progress: "Progress") -> Mailing:
        """A complete mailing again, with what was not known of its papers when it was fetched."""

    def close(self) -> None:
        """Ends connections."""


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


class Progress(Protocol):
    """Told of each step: a stage's name and how many of its items are done."""

    def __call__(self, stage: str, done: int) -> None: ...


Clock = Callable[[], datetime]
