"""Decides what a listing page (/list/<category>/new) or a catch-up page says; calls nothing.

Source: the public templates of arxiv-browse. A page states how many entries each of its sections shows; one whose
parsed count differs is an error, so that a cut page never passes for a short day. Pages show each paper as it is when
they are read, also those of past days.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from newsletter.errors import Malformed
from newsletter.models.papers import Paper
from newsletter.sources.arxiv import markup
from newsletter.sources.arxiv.categories import canonical
from newsletter.sources.arxiv.entries import UNKNOWN, Entry, Listed, identifier
from newsletter.text.printable import one_line, printable

_HEADING = re.compile(r"(New|Cross|Replacement) submissions \((continued, )?showing (?:first |last )?(\d+) of (\d+)")
_SECTIONS = {"New": Listed.NEW, "Cross": Listed.CROSS, "Replacement": Listed.REPLACE}
_TOTAL = re.compile(r"Total of (\d+) entries")
_NEW_DATE = re.compile(r"Showing new listings for \w+, (\d{1,2} \w+ \d{4})")
_CATCH_UP_DATE = re.compile(r"Catchup results for .* on \w{3}, (\d{2} \w{3} \d{4})")
_CATEGORY = re.compile(r"\(([a-z-]+(?:\.[A-Za-z-]+)?)\)\s*$")
AUTHORS = ".//div[@class='list-authors']/a"


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its announcement date, its entries, and how many entries all its pages have together."""

    date: date
    entries: tuple[Entry, ...]
    total: int


def parse(body: bytes) -> Page:
    """The page in a body. Raises Malformed where it is none or where its own counts do not hold."""
    root = markup.page(body)
    day: date | None = None
    section = Listed.NEW
    stated = of_all = 0
    entries: list[Entry] = []
    term: etree._Element | None = None
    for node in root.iter("h1", "h3", "dt", "dd"):
        if node.tag in ("h1", "h3"):
            text = _text(node)
            day = day or _date(text)
            if heading := _HEADING.match(text):
                section = _SECTIONS[heading[1]]
                stated += int(heading[3])
                of_all += int(heading[4])
        elif node.tag == "dt":
            term = node
        elif term is not None:
            entries.append(_entry(term, node, section))
            term = None
    if day is None:
        raise Malformed("it is not a listing page: it has no date")
    if len(entries) != stated or term is not None:
        raise Malformed(f"the page states {stated} entries and has {len(entries)}")
    return Page(day, tuple(entries), _total(root, of_all, bool(entries)))


def _date(text: str) -> date | None:
    for pattern, form in ((_NEW_DATE, "%d %B %Y"), (_CATCH_UP_DATE, "%d %b %Y")):
        if match := pattern.search(text):
            try:
                return datetime.strptime(match[1], form).date()  # noqa: DTZ007 - a date alone
            except ValueError:
                raise Malformed(f"the date {match[1]!r} is not one") from None
    return None


def _total(root: etree._Element, of_all: int, has_entries: bool) -> int:
    text = _text(root)
    if match := _TOTAL.search(text):
        return int(match[1])
    if has_entries:
        return of_all
    if "No updates" not in text:
        raise Malformed("the page states no total and is not an empty day either")
    return 0


def _entry(term: etree._Element, details: etree._Element, section: Listed) -> Entry:
    paper_id, version = _id(term)
    title = _field(details, "list-title")
    if not title:
        raise Malformed(f"{paper_id}: the title is missing")
    subjects = [one_line(part) for part in _field(details, "list-subjects").split(";")]
    primary = _text(_one(details, "primary-subject", "span"))
    found = [match[1] for part in (primary, *subjects) if (match := _CATEGORY.search(part))]
    categories = tuple(dict.fromkeys(canonical(category) for category in found))
    paper = Paper(
        id=paper_id,
        version=version,
        title=title,
        authors=tuple(name for name in map(_text, details.iterfind(AUTHORS)) if any(map(str.isalnum, name))),
        abstract=_abstract(details),
        categories=categories,
        primary_category=categories[0] if categories else "",
        comment=_field(details, "list-comments"),
        doi=_field(details, "list-doi"),
        journal_ref=_field(details, "list-journal-ref"),
    )
    return Entry(paper, section, current=True)


def _id(term: etree._Element) -> tuple[str, int]:
    """The id, and the version where the link to the HTML rendering tells it."""
    paper_id, version = "", UNKNOWN
    for link in term.iterfind(".//a"):
        path = (link.get("href") or "").removeprefix("https://arxiv.org")
        if path.startswith("/abs/"):
            paper_id, known = identifier(path.removeprefix("/abs/"))
            version = version or known
        elif path.startswith("/html/"):
            version = identifier(path.removeprefix("/html/"))[1] or version
    if not paper_id:
        raise Malformed("an entry has no link to its paper")
    return paper_id, version


def _field(details: etree._Element, name: str) -> str:
    """The text of a field without its descriptor ("Title:")."""
    node = _one(details, name, "div")
    if node is None:
        return ""
    descriptor = _one(node, "descriptor", "span")
    return one_line(_text(node).removeprefix(_text(descriptor)))


def _abstract(details: etree._Element) -> str:
    node = _one(details, "mathjax", "p")
    return printable(_text(node)) if node is not None else ""


def _one(node: etree._Element, name: str, tag: str) -> etree._Element | None:
    for child in node.iter(tag):
        if name in (child.get("class") or "").split():
            return child
    return None


def _text(node: etree._Element | None) -> str:
    """All text of a node on one line; a link shown as "this https URL" becomes its address again."""
    return one_line("".join(_pieces(node))) if node is not None else ""


def _pieces(node: etree._Element) -> list[str]:
    pieces = [node.text or ""] if isinstance(node.tag, str) else []
    if node.tag == "a" and re.fullmatch(r"this (https?|ftp) URL", one_line(node.text or "")):
        pieces = [node.get("href") or ""]
    for child in node:
        pieces += [*_pieces(child), child.tail or ""]
    return pieces
