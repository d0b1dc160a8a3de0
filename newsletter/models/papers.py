"""What a source announces: papers and mailings. A mailing's date is that of its announcement at the source."""

import difflib
from collections.abc import Callable, Iterable, Mapping
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
    """A mailing without its papers: what `due()` decides on. `bare`: some papers lack details the source may have.

    `fetched_at` is when the source last confirmed its status.
    """

    date: date
    status: MailingStatus
    early: bool = False
    covered: tuple[str, ...] = ()
    bare: bool = False
    source: str = "arxiv"
    has_papers: bool = True
    fetched_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Taxonomy:
    """The categories of a source: what other names stand for, archives, which stand for all theirs, and `names` that
    say to a person what is in a category."""

    categories: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    archives: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)

    def canonical(self, category: str) -> str:
        """The name in use today; an unknown name stays as it is."""
        return self.aliases.get(category, category)

    def is_known(self, category: str) -> bool:
        """True for a category, an alias or an archive, in the source's own spelling."""
        return category in self.categories or category in self.aliases or category in self.archives

    def nearest(self, name: str) -> list[str]:
        """Up to three names that somebody who wrote an unknown one may have meant, the likeliest first."""
        names = {known.lower(): known for known in (*self.archives, *self.aliases, *self.categories)}
        return [names[near] for near in difflib.get_close_matches(name.lower(), sorted(names), n=3, cutoff=0.7)]

    def expand(self, categories: Iterable[str]) -> frozenset[str]:
        """The canonical categories that a subscriber's list stands for; an archive stands for all of its own."""
        wanted = {self.canonical(category) for category in categories}
        if not wanted & self.archives:
            return frozenset(wanted)
        names = (*self.categories, *self.aliases)
        inside = {self.canonical(name) for name in names if name.partition(".")[0] in wanted}
        return frozenset(wanted | inside)

    def __or__(self, other: "Taxonomy") -> "Taxonomy":
        """The categories of both."""
        return Taxonomy(
            self.categories | other.categories,
            {**self.aliases, **other.aliases},
            self.archives | other.archives,
            {**self.names, **other.names},
        )


class Calendar(Protocol):
    """A source's hours."""

    def has_mailing(self, day: Day) -> bool:
        """True for a date on which the source announces, holidays aside."""

    def announced_at(self, day: Day) -> datetime:
        """When the source announces the mailing of a date, in UTC or with the source's own zone."""

    def published_at(self, day: Day) -> datetime:
        """From when on asking the source for the mailing of a date makes sense."""

    def settled(self, mailing: MailingDay, now: datetime) -> bool:
        """True once nothing more is waited for before editions are made of a mailing."""

    def is_final(self, mailing: MailingDay, newest: Day, now: datetime) -> bool:
        """True once asking the source for this mailing again would bring nothing."""


@dataclass(frozen=True)
class Origin:
    """What is known of a source without asking it.

    `pages` are URLs with {id}: abs, pdf, html and bibtex, where the source has them.
    """

    name: str
    title: str
    url: str
    taxonomy: Taxonomy
    calendar: Calendar
    pages: Mapping[str, str] = field(default_factory=dict)


class Progress(Protocol):
    """Told of each step: a stage's name and how many of its items are done."""

    def __call__(self, stage: str, done: int) -> None: ...


Clock = Callable[[], datetime]
