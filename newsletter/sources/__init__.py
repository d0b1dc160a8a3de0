"""Finds the sources of mailings: each package here is one. `mailing_file.py` reads a mailing from a file.

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
    """Returns the names of the sources, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def module(name: str) -> SourceModule:
    """Imports the package of one source."""
    return cast("SourceModule", importlib.import_module(f"{__name__}.{name}"))


def origins() -> dict[str, Origin]:
    """Returns each source's origin (name, links, categories, hours) by its name."""
    return {name: module(name).ORIGIN for name in sources()}


def taxonomy() -> Taxonomy:
    """Returns the union of the categories of all sources."""
    return reduce(or_, (origin.taxonomy for origin in origins().values()), Taxonomy())


def sections() -> Iterable[type[Section]]:
    """Returns the settings sections of all sources."""
    return [module(name).Options for name in sources()]


def connect(settings: Settings, state: Path, clock: Clock, sleep: Callable[[float], None]) -> list[Source]:
    """Connects all sources."""
    return [module(name).connect(settings, state, clock, sleep) for name in sources()]
