"""Decides what is wrong with a topics file, all at once, and which of its lines look like a topic and are none.

Calls nothing. `run` stops at a file's first error; who writes a file wants to hear of all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.errors import TopicsError
from newsletter.models.papers import Taxonomy
from newsletter.models.subscribers import TopicsFile
from newsletter.topics import body, front_matter

_INSIDE = re.compile(r"^(?: {4,}|\t)")  # a line that belongs to what stands above it
# What people write for a number and the reading does not take: 3 Moss, 3 - Moss, IV. Moss, b) Moss, Topic 3, 1234. Moss
_LOOKS_NUMBERED = re.compile(
    r"^\s{0,3}[*_]{0,2}(?:\d{1,2}(?:\s*[-–—]\s*|\s+)(?=[A-Z])|\d{4,6}[.)]\s|[IVX]{1,5}[.):]\s|[A-Za-z][.)]\s|"
    r"(?:topic|thema|tema|sujet|no\.|nr\.)\s*\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A topics file, None where it has an error, with a sentence for each error and for each doubt."""

    name: str
    file: TopicsFile | None
    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def check(raw: bytes, name: str, taxonomy: Taxonomy | None = None, *, needs_reader: bool = False) -> Checked:
    """What is to be said of the topics file `raw`; `needs_reader`: a subscriber's, with address and categories."""
    try:
        text = body.decoded(raw, name)
        front, rest = front_matter.split(text, name)
    except TopicsError as error:
        return Checked(name, None, (str(error),))
    wishes, errors = front_matter.examined(front, name, taxonomy)
    missing = [key for key in ("email", "categories") if needs_reader and not errors and not getattr(wishes, key)]
    errors += tuple(f"{name}: {key}: is missing; add it to the front matter" for key in missing)
    try:
        file = body.parse(raw, name, taxonomy) if not errors else None
    except TopicsError as error:
        return Checked(name, None, (*errors, str(error)))
    if not rest.strip():
        return Checked(name, None, (*errors, f"{name}: has no topics: write what you want to read about"))
    first = text.count("\n") - rest.count("\n") + 1
    warnings = (*(file.warnings if file else ()), *_doubts(rest, first, name))
    return Checked(name, file, errors, warnings)


def _doubts(rest: str, first: int, name: str) -> Iterator[str]:
    """A sentence for each line that looks like a topic and is read as something else."""
    lines = rest.split("\n")
    numbered = any(body.is_numbered(line) for line in lines)
    for number, line in enumerate(lines, first):
        if body.is_numbered(line) or _INSIDE.match(line):
            continue
        if _LOOKS_NUMBERED.match(line):
            yield f"{name}:{number}: looks like a topic and is read as text; number it like `1. {_bare(line)}`"
        elif numbered and number > first and body.is_heading(line) and not body.is_keywords(line):
            yield f"{name}:{number}: is a heading among numbered topics and is left out; if it is a topic, number it"


def _bare(line: str) -> str:
    """The line without what stood for its number, shortened."""
    bare = _LOOKS_NUMBERED.sub("", line).strip(" -–—:.*_")
    return bare if len(bare) <= 40 else bare[:39].rsplit(" ", 1)[0] + "…"
