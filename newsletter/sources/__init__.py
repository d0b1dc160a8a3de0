"""Where mailings come from: one folder per source, found by its name. `listing.py` reads a mailing from a file.

A source's module offers `Options`, its section of newsletter.toml, and `connect(settings, state, clock, sleep)`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, cast

from newsletter.models.papers import Clock
from newsletter.settings import Section, Settings
from newsletter.sources.contract import Source


class SourceModule(Protocol):
    """What each folder of this folder offers."""

    Options: type[Section]

    def connect(self, settings: Settings, state: Path, clock: Clock, sleep: Callable[[float], None]) -> Source:
        """The source, ready to fetch; whatever it keeps lies in `state`."""


def sources() -> list[str]:
    """The names of the sources there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def module(name: str) -> SourceModule:
    """The module of one source."""
    return cast("SourceModule", importlib.import_module(f"{__name__}.{name}"))


def sections() -> Iterable[type[Section]]:
    """The settings sections of all sources."""
    return [module(name).Options for name in sources()]


def connect(settings: Settings, state: Path, clock: Clock, sleep: Callable[[float], None]) -> list[Source]:
    """All sources, ready to fetch."""
    return [module(name).connect(settings, state, clock, sleep) for name in sources()]
