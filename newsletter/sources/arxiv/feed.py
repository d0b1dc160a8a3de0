"""Decides what an announcement feed of one category says; calls nothing.

Source: https://info.arxiv.org/help/rss_specifications.html. The XML itself is read, because feed libraries clean the
text as HTML and so lose `x<y` and `&`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date
from email.utils import parsedate_to_datetime

from lxml import etree

from newsletter.errors import Malformed, SourceError
from newsletter.models.papers import Paper
from newsletter.sources.arxiv import markup
from newsletter.sources.arxiv.calendar import NEW_YORK
from newsletter.sources.arxiv.categories import canonical
from newsletter.sources.arxiv.entries import Entry, Listed, identifier
from newsletter.text.printable import one_line, printable

ITEMS_AT_MOST = 2000  # arXiv cuts a feed here, new papers first
_ARXIV = "{http://arxiv.org/schemas/atom}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_HEAD = re.compile(r"\s*arXiv:\S+\s+Announce Type:\s*\S+\s*(?:Abstract:[ \t]?)?")
_LISTED = {
    "new": Listed.NEW,
    "cross": Listed.CROSS,
    "replace": Listed.REPLACE,
    "replace-cross": Listed.REPLACE,
}
_SUFFIX = re.compile(r"(jr|sr|ii|iii|iv)\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: the announcement date in arXiv's time zone, its entries, and a sentence for each item left out."""

    date: date
    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()
    items: int = 0


class UnknownCategory(SourceError):
    """arXiv does not know the category that was asked for."""


def parse(body: bytes) -> Feed:
    """The feed in a body. Raises UnknownCategory or Malformed; one bad item harms only itself."""
    root = markup.xml(body)
    channel = root.find("channel")
    if root.tag != "rss" or channel is None:
        raise Malformed("it is not an announcement feed")
    title = one_line(channel.findtext("title") or "")
    if title.startswith("Feed error"):
        raise UnknownCategory(one_line(channel.findtext("description") or title))
    entries: list[Entry] = []
    problems: list[str] = []
    items = channel.findall("item")
    for item in items:
        try:
            entries.append(_entry(item))
        except Malformed as error:
            problems.append(str(error))
    return Feed(_date(channel.findtext("pubDate") or ""), tuple(entries), tuple(problems), len(items))


def names(creators: str) -> tuple[str, ...]:
    """Author names: split at commas outside parentheses, without affiliations and without entries such as ":"."""
    found: list[str] = []
    for part in _split(creators):
        name = one_line(_without_parentheses(part))
        if _SUFFIX.fullmatch(name) and found:
            found[-1] = f"{found[-1]}, {name}"
        elif any(c.isalnum() for c in name):
            found.append(name)
    return tuple(found)


def _entry(item: etree._Element) -> Entry:
    guid = item.findtext("guid") or ""
    paper_id, version = identifier(guid.removeprefix("oai:arXiv.org:"))
    title = one_line(item.findtext("title") or "")
    announced = (item.findtext(f"{_ARXIV}announce_type") or "").strip()
    if announced not in _LISTED:
        raise Malformed(f"{paper_id}: the announce type {announced[:40]!r} is not known")
    if not title:
        raise Malformed(f"{paper_id}: the title is missing")
    categories = tuple(dict.fromkeys(canonical((c.text or "").strip()) for c in item.findall("category")))
    paper = Paper(
        id=paper_id,
        version=version or 1,
        title=title,
        authors=names(", ".join(creator.text or "" for creator in item.findall(f"{_DC}creator"))),
        abstract=printable(_HEAD.sub("", item.findtext("description") or "", count=1)),
        categories=categories,
        primary_category=categories[0] if categories else "",
        doi=one_line(item.findtext(f"{_ARXIV}DOI") or ""),
        journal_ref=one_line(item.findtext(f"{_ARXIV}journal_reference") or ""),
    )
    return Entry(paper, _LISTED[announced])


def _date(text: str) -> date:
    try:
        moment = parsedate_to_datetime(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(NEW_YORK).date()
    except (ValueError, OverflowError, TypeError, IndexError):
        raise Malformed(f"the date {text.strip()[:40]!r} is not one") from None


def _split(text: str) -> Iterator[str]:
    depth, start = 0, 0
    for i, c in enumerate(text):
        if c == "(":
            depth += 1
        elif c == ")":
            depth = max(0, depth - 1)
        elif c == "," and depth == 0:
            yield text[start:i]
            start = i + 1
    yield text[start:]


def _without_parentheses(text: str) -> str:
    kept, depth = [], 0
    for c in text:
        if c == "(":
            depth += 1
        elif c == ")" and depth:
            depth -= 1
        elif not depth:
            kept.append(c)
    return "".join(kept)
