"""What a source announces: papers and mailings. A mailing's date is that of its announcement at the source."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

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


class Progress(Protocol):
    """Told of each step: a stage's name and how many of its items are done."""

    def __call__(self, stage: str, done: int) -> None: ...


Clock = Callable[[], datetime]
