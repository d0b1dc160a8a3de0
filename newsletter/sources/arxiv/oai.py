"""Decides what OAI-PMH answers say: identifiers with their categories, or whole records. Calls nothing.

Sources: https://www.openarchives.org/OAI/openarchivesprotocol.html §2.4-4.5 and https://info.arxiv.org/help/oa/.
Errors come with status 200; a datestamp is a UTC day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lxml import etree

from newsletter.errors import Malformed
from newsletter.models.papers import Paper
from newsletter.sources.arxiv import markup
from newsletter.sources.arxiv.categories import canonical
from newsletter.sources.arxiv.entries import UNKNOWN, Entry, Header, Listed, identifier
from newsletter.text.printable import one_line, printable

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_META = "{http://arxiv.org/OAI/arXiv/}"
_NOTHING = {"GetRecord": "idDoesNotExist"}  # what a verb says where it has no record; the lists say noRecordsMatch


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a list request; `token` asks for the next one and is empty on the last."""

    headers: tuple[Header, ...] = ()
    entries: tuple[Entry, ...] = ()
    token: str = ""


def identifiers(body: bytes) -> Page:
    """The headers of a ListIdentifiers answer. Raises Malformed, also for OAI's own errors."""
    found = _list(body, "ListIdentifiers")
    if found is None:
        return Page()
    headers = tuple(header for node in found.findall(f"{_OAI}header") if (header := _header(node)))
    return Page(headers=headers, token=_token(found))


def records(body: bytes, verb: str = "ListRecords") -> Page:
    """Headers and papers of a ListRecords or GetRecord answer in the format `arXiv`; a bad record harms only itself.

    The format tells no version: a record is that of the paper's newest one.
    """
    found = _list(body, verb)
    if found is None:
        return Page()
    headers: list[Header] = []
    entries: list[Entry] = []
    for node in found.findall(f"{_OAI}record"):
        head, meta = node.find(f"{_OAI}header"), node.find(f"{_OAI}metadata/{_META}arXiv")
        try:
            header = _header(head) if head is not None else None
            if header is None or meta is None:
                continue
            entries.append(Entry(_paper(meta), Listed.NEW, current=True))
            headers.append(header)
        except Malformed:
            continue  # the paper stays missing, and is looked for at the next door
    return Page(tuple(headers), tuple(entries), _token(found))


def _list(body: bytes, verb: str) -> etree._Element | None:
    """The element of the answer, or None where no record matches."""
    root = markup.xml(body)
    if root.tag != f"{_OAI}OAI-PMH":
        raise Malformed("it is not an OAI-PMH answer")
    error = root.find(f"{_OAI}error")
    if error is not None:
        if error.get("code") == _NOTHING.get(verb, "noRecordsMatch"):
            return None
        raise Malformed(f"OAI-PMH says {error.get('code')}: {one_line(error.text or '')}")
    found = root.find(f"{_OAI}{verb}")
    if found is None:
        raise Malformed(f"the answer has no {verb}")
    return found


def _header(node: etree._Element) -> Header | None:
    if node.get("status") == "deleted":
        return None
    text = (node.findtext(f"{_OAI}identifier") or "").strip()
    paper_id, _ = identifier(text.removeprefix("oai:arXiv.org:"))
    sets = (one_line(spec.text or "") for spec in node.findall(f"{_OAI}setSpec"))
    categories = dict.fromkeys(category for spec in sets if (category := _category(spec)))
    return Header(paper_id, _day(node.findtext(f"{_OAI}datestamp") or ""), tuple(categories))


def _category(spec: str) -> str:
    """`cs:cs:LG` is cs.LG and `physics:hep-th` is hep-th; a bare group such as `math` is none."""
    return canonical(".".join(spec.split(":")[1:]))


def _token(found: etree._Element) -> str:
    return (found.findtext(f"{_OAI}resumptionToken") or "").strip()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise Malformed(f"the date {text.strip()[:40]!r} is not one") from None


def _paper(meta: etree._Element) -> Paper:
    def text(name: str) -> str:
        return meta.findtext(f"{_META}{name}") or ""

    paper_id, _ = identifier(text("id"))
    title = one_line(text("title"))
    if not title:
        raise Malformed(f"{paper_id}: the title is missing")
    categories = tuple(dict.fromkeys(canonical(category) for category in text("categories").split()))
    created = _day(text("created"))
    return Paper(
        id=paper_id,
        version=UNKNOWN,
        title=title,
        authors=tuple(_authors(meta)),
        abstract=printable(text("abstract")),
        categories=categories,
        primary_category=categories[0] if categories else "",
        comment=one_line(text("comments")),
        doi=one_line(text("doi")),
        journal_ref=one_line(text("journal-ref")),
        submitted_at=datetime(created.year, created.month, created.day, tzinfo=UTC),
    )


def _authors(meta: etree._Element) -> Iterator[str]:
    for author in meta.iterfind(f"{_META}authors/{_META}author"):
        parts = (author.findtext(f"{_META}{part}") or "" for part in ("forenames", "keyname", "suffix"))
        name = one_line(" ".join(parts))
        if any(c.isalnum() for c in name):
            yield name
