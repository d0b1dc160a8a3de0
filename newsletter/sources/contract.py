"""The interface of a source of mailings. Each package beside this file is one source."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from newsletter.models.papers import Clock, Day, Mailing, Origin, Paper, Progress
from newsletter.settings import Section, Settings


class Source(Protocol):
    """A source of mailings. A paper's key is (source, id): sources do not share papers."""

    origin: Origin

    def newest(self, now: datetime) -> Day:
        """Returns the date of the newest mailing that can be fetched at a moment."""

    def days(self, first: Day, last: Day) -> list[Day]:
        """Returns the dates of mailings from `first` to `last`, both included, in ascending order."""

    def categories(self, wishes: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the categories to fetch for what subscribers wish, without duplicates, in a fixed order."""

    def plan(self, days: Collection[Day]) -> None:
        """Announces the mailings that `fetch` will be called for, so that data they share is requested once."""

    def fetch(self, day: Day, categories: tuple[str, ...], before: Mailing | None, progress: "Progress") -> Mailing:
        """Fetches the mailing of a day; `before` is the previous one. Partial, with a note, unless proven complete.

        Raises InputError for a day without a mailing, SourceError where nothing could be had.
        """

    def details(self, mailing: Mailing, progress: "Progress") -> Mailing:
        """Returns a complete mailing with the details of its papers that were not available when it was fetched."""

    def look_up(self, ids: Sequence[str]) -> list[Paper]:
        """Fetches papers by their ids, in any order; unknown ones are absent. Raises SourceError."""

    def close(self) -> None:
        """Closes the connections."""


class SourceModule(Protocol):
    """The names that each source package defines."""

    ORIGIN: Origin
    Options: type[Section]

    def connect(self, settings: Settings, state: Path, clock: Clock, sleep: Callable[[float], None]) -> Source:
        """Returns the source, ready to fetch; it keeps its files in the folder `state`."""
