"""The nouns of arXiv's doors: what a feed, a listing page, OAI-PMH and the API say of papers. Decides nothing."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from newsletter.errors import Malformed
from newsletter.models.papers import Paper

UNKNOWN = 0  # the version of a paper whose door does not tell it

# YYMM.NNNNN, to 2014 YYMM.NNNN, before April 2007 archive/YYMMNNN.
# Source: https://info.arxiv.org/help/arxiv_identifier.html
_NEW_STYLE = re.compile(r"(?P<yy>\d\d)(?P<mm>0[1-9]|1[0-2])\.(?P<n>\d{4,5})", re.ASCII)
_OLD_STYLE = re.compile(r"[a-z-]+(?:\.[A-Z]{2})?/(?P<yy>\d\d)(?P<mm>0[1-9]|1[0-2])(?P<n>\d{3})", re.ASCII)
_VERSIONED = re.compile(r"(?P<id>[^\s]+?)(?:v(?P<version>[1-9]\d{0,3}))?", re.ASCII)


class Listed(StrEnum):
    """Under which heading a door lists a paper; `cross` is relative to the category that was asked for."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Entry:
    """One paper as one door lists it; its version is UNKNOWN where the door does not tell it.

    `current`: text and version are those of the moment of reading, which may be later than what was announced.
    """

    paper: Paper
    listed: Listed
    current: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """A paper as OAI-PMH names it: the UTC day on which its record last changed, and its canonical categories."""

    id: str
    changed_on: date
    categories: tuple[str, ...]


def identifier(text: str) -> tuple[str, int]:
    """`2611.00001v2` or `hep-th/9901001` as base id and version. Raises Malformed for anything else."""
    match = _VERSIONED.fullmatch(text.strip())
    if match is None or order(match["id"]) == (0, 0, 0):
        raise Malformed(f"{text.strip()[:40]!r} is not an arXiv identifier")
    return match["id"], int(match["version"] or UNKNOWN)


def order(paper_id: str) -> tuple[int, int, int]:
    """Year, month and number of an identifier, so that a later announcement compares higher; zeros for none."""
    match = _NEW_STYLE.fullmatch(paper_id) or _OLD_STYLE.fullmatch(paper_id)
    if match is None:
        return (0, 0, 0)
    year = int(match["yy"])
    return (1900 + year if year >= 91 else 2000 + year, int(match["mm"]), int(match["n"]))
