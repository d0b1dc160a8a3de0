"""The nouns of an examination: what is examined, what it may ask, what a check found."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from newsletter.delivery.dns import Lookup
from newsletter.models.subscribers import Problem, Subscriber
from newsletter.operations import records
from newsletter.settings import Settings
from newsletter.store import Store

OK, MOVED, FORBIDDEN, NOT_FOUND = 200, 300, 403, 404


class Mark(StrEnum):
    TICK = "tick"
    CROSS = "cross"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found; a cross says what to do (`mend`)."""

    name: str
    mark: Mark
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Probes:
    """What reaches outside. `ask(method, url, headers, body)` follows no redirect and raises OSError."""

    ask: Callable[[str, str, Mapping[str, str], bytes], Answer]
    lookup: Lookup
    mail_server: Callable[[], str]  # why the mail server cannot be used, or nothing
    free: Callable[[Path], int]  # bytes
    whole: Callable[[Path], object]  # raises StoreError for a damaged database
    spam: Callable[[bytes], float | None]  # points; None where no judge is installed
    dkim_key: Callable[[str], str]  # the base64 of the public key of a private one's file; raises OSError, ValueError


@dataclass(frozen=True, slots=True)
class Sample:
    """An edition as it would be mailed: its message and the bytes of its HTML."""

    eml: bytes
    html: int


@dataclass(frozen=True)
class Patient:
    """A set-up under examination."""

    settings: Settings
    store: Store
    entries: tuple[Subscriber | Problem, ...]
    probes: Probes
    now: datetime
    sample: Callable[[], Sample | None] = lambda: None
    expected: Callable[[], str] = lambda: ""  # what a day will cost with the model, a sentence

    @property
    def mails_people(self) -> bool:
        return self.settings.mail.backend != "outbox"


Found = Iterator[Check]


def tick(name: str, said: str) -> Check:
    return Check(name, Mark.TICK, said)


def cross(name: str, said: str, mend: str) -> Check:
    return Check(name, Mark.CROSS, said, mend)


def skip(name: str, said: str) -> Check:
    return Check(name, Mark.SKIPPED, said)


def said(name: str, found: records.Said, mend: str) -> Check:
    return tick(name, found.said) if found.well else cross(name, found.said, mend)
