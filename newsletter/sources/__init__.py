"""Where mailings come from: one folder per source, found by its name. `listing.py` reads a mailing from a file.

What each folder offers is in contract.py; nothing here, nor above, knows one of them by name.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_
from pathlib import Path
from typing import cast

from newsletter.models.papers import Clock, Origin, Taxonomy
from newsletter.settings import Section, Settings
from newsletter.sources.contract import Source, SourceModule


def sources() -> list[str]:
    """The names of the sources there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def module(name: str) -> SourceModule:
    """The module of one source."""
    return cast("SourceModule", importlib.import_module(f"{__name__}.{name}"))


def origins() -> dict[str, Origin]:
    """What is known of each source, by its name."""
    return {name: module(name).ORIGIN for name in sources()}


def taxonomy() -> Taxonomy:
    """The categories of all sources."""
    return reduce(or_, (origin.taxonomy for origin in origins().values()), Taxonomy())


def sections() -> Iterable[type[Section]]:
    """The settings sections of all sources."""
    return [module(name).Options for name in sources()]


def connect(settings: Settings, state: Path, clock: Clock, sleep: Callable[[float], None]) -> list[Source]:
    """All sources, ready to fetch."""
    return [module(name).connect(settings, state, clock, sleep) for name in sources()]
