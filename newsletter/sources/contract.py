"""What a source of mailings is. One folder here is one source."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from newsletter.models.papers import Clock, Day, Mailing, Origin, Paper, Progress
from newsletter.settings import Section, Settings


class Source(Protocol):
    """Where mailings come from. Papers are known by (source, id), so that sources never meet."""

    origin: Origin

    def newest(self, now: datetime) -> Day:
        """The date of the newest mailing that can be fetched."""

    def days(self, first: Day, last: Day) -> list[Day]:
        """The dates between these two, both included, on which there is a mailing, oldest first."""

    def categories(self, wishes: tuple[str, ...]) -> tuple[str, ...]:
        """The categories to fetch for what subscribers wish, each once, in a fixed order."""

    def plan(self, days: Collection[Day]) -> None:
        """Told, before the first of them, which mailings `fetch` will be called for: what they share is had once."""

    def fetch(self, day: Day, categories: tuple[str, ...], before: Mailing | None, progress: "Progress") -> Mailing:
        """The mailing of a day; `before` is the one before it. Partial, with a note, where it is not proven whole.

        Raises InputError for a day without a mailing, SourceError where nothing could be had.
        """

    def details(self, mailing: Mailing, progress: "Progress") -> Mailing:
        """A complete mailing again, with what was not known of its papers when it was fetched."""

    def look_up(self, ids: Sequence[str]) -> list[Paper]:
        """Papers of this source by their ids, in any order; unknown ones are absent. Raises SourceError."""

    def close(self) -> None:
        """Ends connections."""


class SourceModule(Protocol):
    """What each folder of this folder offers."""

    ORIGIN: Origin
    Options: type[Section]

    def connect(self, settings: Settings, state: Path, clock: Clock, sleep: Callable[[float], None]) -> Source:
        """The source, ready to fetch; whatever it keeps lies in `state`."""
