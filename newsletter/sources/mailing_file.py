"""Reads mailings from JSON Lines files, plain or gzipped, and says their lines; a bad line is reported and skipped."""

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from newsletter.errors import ListingError
from newsletter.models.papers import Announcement, AnnounceType, Mailing, MailingStatus, Paper
from newsletter.sources.arxiv.categories import canonical
from newsletter.text.printable import printable

_VERSION = re.compile(r"^(?P<id>.+?)v(?P<version>\d+)$")
_ANNOUNCE_TYPES = {
    "new": AnnounceType.NEW,
    "cross": AnnounceType.NEW,  # cross-listed is relative to a reader; recomputed from the primary category
    "replace": AnnounceType.REPLACE,
    "replace-cross": AnnounceType.REPLACE,
    "old-cross": AnnounceType.OLD_CROSS,
}


@dataclass(frozen=True, slots=True)
class Listing:
    """A mailing read from a file, with one sentence for each line that was skipped."""

    mailing: Mailing
    problems: tuple[str, ...]


def read(path: Path, today: date) -> Listing:
    """Reads the mailing in a file. Its date is the one that most lines name, `today` if none does.

    Raises ListingError where the file cannot be read, is cut off in its last line, or has no paper: a torn file is no
    short day, and an empty one no holiday.
    """
    announcements: dict[str, Announcement] = {}
    days: Counter[date] = Counter()
    problems: list[str] = []
    for number, line in _lines(path, whole=True):
        try:
            fields = _fields(line)
            announcement = _announcement(fields)
            day = _day(_text(fields, "announced_on"))
        except ValueError as error:
            problems.append(f"{path.name}:{number}: {error}")
            continue
        paper_id = announcement.paper.id
        if paper_id in announcements:
            problems.append(f"{path.name}:{number}: the paper {paper_id} stands twice; the first line counts")
            continue
        announcements[paper_id] = announcement
        if day:
            days[day] += 1
    if not announcements:
        why = f"{problems[0]} (and no line of the file is a paper)" if problems else f"{path}: the file has no paper"
        raise ListingError(f"{why}: write it again")
    mailing = Mailing(
        date=days.most_common(1)[0][0] if days else today,
        status=MailingStatus.COMPLETE,
        announcements=tuple(announcements.values()),
        note=f"from {path.name}",
    )
    return Listing(mailing, tuple(problems))


def lines(mailing: Mailing) -> Iterator[str]:
    """A mailing as `read` takes it, a line each paper; raw text of a paper as its source gave it."""
    for announcement in mailing.announcements:
        paper = announcement.paper
        fields = {
            "id": paper.id,
            "version": paper.version,
            "title": paper.title,
            "authors": list(paper.authors),
            "abstract": paper.abstract,
            "categories": list(paper.categories),
            "primary_category": paper.primary_category,
            "comment": paper.comment,
            "doi": paper.doi,
            "journal_ref": paper.journal_ref,
            "submitted_at": paper.submitted_at.isoformat() if paper.submitted_at else None,
            "announce_type": str(announcement.type),
            "announced_in": list(announcement.categories),
            "announced_on": str(mailing.date),
        }
        yield json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Judged:
    """Papers of earlier mailings with the relevance (1-10) each was given, and a sentence for each line skipped."""

    papers: tuple[tuple[Paper, int], ...]
    problems: tuple[str, ...]


def read_judged(path: Path) -> Judged:
    """Reads the judged papers in a file: a mailing file whose lines have a `relevance`. An empty file is valid.

    Raises ListingError where the file cannot be read.
    """
    papers, problems = [], []
    for number, line in _lines(path):
        try:
            fields = _fields(line)
            relevance = fields.get("relevance")
            if not isinstance(relevance, int) or not 1 <= relevance <= 10:
                raise ValueError("relevance: must be a whole number from 1 to 10")
            papers.append((_announcement(fields).paper, relevance))
        except ValueError as error:
            problems.append(f"{path.name}:{number}: {error}")
    return Judged(tuple(papers), tuple(problems))


def read_archive(path: Path) -> tuple[tuple[Paper, ...], tuple[str, ...]]:
    """Reads the papers of an earlier mailing, and one sentence for each line skipped. An empty file is valid.

    Raises ListingError where the file cannot be read.
    """
    papers, problems = [], []
    for number, line in _lines(path):
        try:
            papers.append(_announcement(_fields(line)).paper)
        except ValueError as error:
            problems.append(f"{path.name}:{number}: {error}")
    return tuple(papers), tuple(problems)


def _lines(path: Path, *, whole: bool = False) -> Iterator[tuple[int, bytes]]:
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except OSError as error:
        raise ListingError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise ListingError(f"{path}: the gzip file is cut off: fetch it again") from error
    lines = raw.split(b"\n")
    if whole and lines[-1].strip():
        _require_whole(path, len(lines), lines[-1])
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, line


def _require_whole(path: Path, number: int, last: bytes) -> None:
    """Raises ListingError for a last line without a line break that is not valid JSON either."""
    try:
        json.loads(last)
    except (ValueError, RecursionError):
        raise ListingError(f"{path.name}:{number}: the file is cut off in its last line: fetch it again") from None


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is not valid UTF-8 (byte {error.start} of the line)") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"is not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError("is not a JSON object")
    return fields


def _announcement(fields: dict[str, Any]) -> Announcement:
    paper_id = _text(fields, "id")
    version = fields.get("version")
    if match := _VERSION.match(paper_id):
        paper_id, version = match["id"], version or int(match["version"])
    title = _text(fields, "title")
    if not paper_id or not title:
        raise ValueError(f"{'id' if not paper_id else 'title'}: is missing")
    categories = tuple(dict.fromkeys(canonical(c) for c in _texts(fields, "categories")))
    primary = canonical(_text(fields, "primary_category")) or (categories[0] if categories else "")
    announce_type = _text(fields, "announce_type") or "new"
    if announce_type not in _ANNOUNCE_TYPES:
        raise ValueError(f"announce_type: {announce_type!r} is none of {', '.join(_ANNOUNCE_TYPES)}")
    paper = Paper(
        id=paper_id,
        title=title,
        authors=_texts(fields, "authors"),
        abstract=_text(fields, "abstract"),
        categories=categories,
        primary_category=primary,
        comment=_text(fields, "comment"),
        version=version if isinstance(version, int) and 0 < version < 10_000 else 1,
        doi=_text(fields, "doi"),
        journal_ref=_text(fields, "journal_ref"),
        submitted_at=_moment(_text(fields, "submitted_at")),
    )
    announced_in = tuple(dict.fromkeys(canonical(c) for c in _texts(fields, "announced_in")))
    return Announcement(paper, _ANNOUNCE_TYPES[announce_type], announced_in or categories)


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key}: must be text")
    return printable(value)


def _texts(fields: dict[str, Any], key: str) -> tuple[str, ...]:
    value = fields.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key}: must be a list of texts")
    return tuple(text for item in value if (text := printable(item)))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(f"announced_on: {text!r} is no date like 2026-11-18") from None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(f"submitted_at: {text!r} is no time like 2026-11-18T12:00:00Z") from None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
