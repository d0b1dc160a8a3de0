"""Delivery: sends, what a backend answers, and what it reports later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from newsletter.models.editions import Kind
from newsletter.models.papers import Day, MailingStatus


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


class Mail(Protocol):
    """What a send and a notice have in common: an opaque id, an address, and how often it was tried."""

    @property
    def id(self) -> str: ...

    @property
    def address(self) -> str: ...

    @property
    def attempts(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as a backend gets it: `eml` is the frozen RFC 5322 message with CRLF line ends.

    Without a `date` it is no edition: `slug` is the kind of the notice and its id.
    """

    send_id: str
    slug: str
    date: date | None
    sender: str
    recipient: str
    eml: bytes


class NoticeKind(StrEnum):
    """Mail that is no edition: a question whether somebody subscribed, a link to the preferences, an alert, a test."""

    CONFIRM = "confirm"
    PREFERENCES = "preferences"
    ALERT = "alert"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """Mail that is no edition, over all its attempts; `facts` is what its text needs."""

    id: str
    kind: NoticeKind
    address: str
    state: SendState
    created_at: datetime
    subscriber_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class DayStatus:
    """The day at a glance. An age is in seconds, None where there was no such thing yet; money in picodollars."""

    mailing: Day | None = None
    mailing_status: MailingStatus | None = None
    editions: Mapping[str, int] = field(default_factory=dict)  # by status
    sends: Mapping[str, int] = field(default_factory=dict)  # by state
    spent_today: int = 0
    spent_this_month: int = 0
    breaker: str = ""  # why sending is paused
    run_age: float | None = None
    mailing_age: float | None = None
    backup_age: float | None = None


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
    `sender_refused`: it is the sender whom the server dislikes, whoever the reader is; this was no attempt either.
    """

    outcome: Outcome
    detail: str = ""
    provider_id: str = ""
    retry_after: float | None = None
    bad_address: bool = False
    sender_refused: bool = False


class EventType(StrEnum):
    """What a backend reports of a message after it took it. HARD_BOUNCE: never again; SOFT_BOUNCE: not this time.

    REFUSED: it came back because of the sender, and says nothing of the reader.
    """

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    SOFT_BOUNCE = "soft_bounce"
    HARD_BOUNCE = "hard_bounce"
    DROPPED = "dropped"
    REFUSED = "refused"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """One report in our words. `id` is the backend's and makes it unique; `send_id` may be unknown; `raw` is JSON.

    `signed`: the backend proved that it is from there; mail proves nothing, anybody may have written it.
    """

    backend: str
    id: str
    type: EventType
    address: str
    at: datetime
    send_id: str = ""
    detail: str = ""
    raw: str = "{}"
    signed: bool = False


class Forged(Exception):
    """A webhook's body was not signed by whom it claims, or too long ago."""


class Webhook(Protocol):
    """How a backend's reports come in over HTTP."""

    def admit(self, headers: Mapping[str, str], now: datetime) -> None:
        """Raises Forged where the headers alone show that a request is not the backend's."""

    def events(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Event]:
        """The events of one request, broken ones left out. Raises Forged."""


class Backend(Protocol):
    """Delivers messages. `reaches_people` backends need consent, a postal address and real links."""

    reaches_people: bool

    def submit(self, outgoing: Outgoing) -> Receipt:
        """Tries once; network trouble comes back as a Receipt, never as an exception."""

    def close(self) -> None:
        """Ends connections."""
