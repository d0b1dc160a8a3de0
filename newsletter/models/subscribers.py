"""People: what a subscriber wants (wishes and topics) and whether they get mail."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from newsletter.models.papers import (
    AnnounceType,
)


class SubscriberStatus(StrEnum):
    """PENDING: asked to join and did not confirm yet."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing a subscriber wants; `number` is the file's own where those are rising, else its place."""

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

Length = Literal["brief", "page"]  # of an email: the best in full and the rest in short, or everything of every paper
Attach = Literal["none", "page"]

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
    length: Length = "brief"
    attach: Attach = "none"
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
    warnings: tuple[str, ...] = ()  # of keys that are read no more, a sentence each


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person with an address and a topics file; the slug is the identity, `id` the store's integer."""

    id: int
    slug: str
    wishes: Wishes
    topics: Topics
    status: SubscriberStatus = SubscriberStatus.ACTIVE
    paused_until: datetime | None = None  # UTC; a pause without it ends by `resume`


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file; the others go on."""

    slug: str
    message: str


@dataclass(frozen=True, slots=True)
class Idle:
    """A subscriber whose file did not change and to whom nothing is due; not read from the store."""

    slug: str


class Mark(StrEnum):
    """What a reader said of a paper."""

    MORE = "more"
    LESS = "less"
    SAVED = "saved"


@dataclass(frozen=True, slots=True)
class Marked:
    """A mark on a paper, by the store's key of the paper."""

    paper_key: int
    mark: Mark
    at: datetime
