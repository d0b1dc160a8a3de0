"""Reads what somebody already collected: BibTeX, RIS, CSL-JSON or arXiv identifiers, as Zotero and kin export them.

The kind is told by the text, because what is pasted has no name. One entry that cannot be read harms no other: it is
named, and the rest is read. Calls nothing; the parsers of BibTeX and RIS are loaded when they are needed.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newsletter.errors import InputError
from newsletter.text.printable import one_line
from newsletter.text.tex import to_unicode

MAX_BYTES = 2_000_000
MOST = 2_000  # references; a library beyond that says less of what its owner reads now
_LONGEST = {"title": 400, "abstract": 5_000, "name": 100}  # characters of what is kept
_ARXIV_ID = re.compile(
    r"(?<![\w./-])(?P<id>\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z]{2,8}(?:-[a-z]{2,5})?(?:\.[A-Z]{2})?/\d{7})(?:v\d{1,3})?(?![\w/])",
    re.ASCII,
)
# Where an entry says that its number is arXiv's: arXiv:2401.00001, abs/2401.00001, the DOI 10.48550/arXiv.2401.00001
_NAMED_ID = re.compile(
    r"arxiv(?:\.org/(?:abs|pdf|html|list)/|[.:]\s?)"
    r"(?P<id>\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z]{2,8}(?:-[a-z]{2,5})?(?:\.[A-Z]{2})?/\d{7})(?!\d)",
    re.ASCII | re.IGNORECASE,
)
_BIBTEX = re.compile(r"^\s{0,20}@\w{1,30}\s{0,20}[{(]", re.MULTILINE)
_RIS = re.compile(r"^TY {1,2}-", re.MULTILINE)
_ABOUT = {"computer science", "statistics", "mathematics", "physics", "quantitative biology", "quantitative finance"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One paper that somebody collected, as plain text; `arxiv_id` is the base id, fields are empty where unknown."""

    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    arxiv_id: str = ""


@dataclass(frozen=True, slots=True)
class References:
    """What was read, in the order of the file and none twice, and a sentence for each entry that was not."""

    items: tuple[Reference, ...]
    problems: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The arXiv identifiers among them."""
        return tuple(item.arxiv_id for item in self.items if item.arxiv_id)


def read(raw: bytes, name: str) -> References:
    """The references in `raw`, at most MOST; `name` stands in the sentences.

    Raises InputError for what is too large, no text, or none of the four kinds.
    """
    if len(raw) > MAX_BYTES:
        raise InputError(f"{name}: is {len(raw)} bytes; references are read up to {MAX_BYTES}: export fewer of them")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is not valid UTF-8 (byte {error.start}): export it as UTF-8") from None
    if text.lstrip()[:1] in ("[", "{"):
        entries = _csl(text, name)
    elif _RIS.search(text):
        entries = _ris(text)
    elif _BIBTEX.search(text):
        entries = _bibtex(text, name)
    else:
        entries = (Reference("", arxiv_id=match["id"]) for match in _ARXIV_ID.finditer(_without_addresses(text)))
    found, problems = _sorted_out(entries, name)
    if not found and not problems:
        raise InputError(f"{name}: no reference was found: BibTeX, RIS, CSL-JSON and arXiv identifiers are read")
    return References(tuple(found), tuple(problems))


def arxiv_id(text: str) -> str:
    """The base id in `arXiv:2401.00001v2`, an address of arxiv.org, a DOI of arXiv's or a bare id; else empty."""
    match = _NAMED_ID.search(text) or _ARXIV_ID.fullmatch(text.strip())
    return match["id"] if match else ""


def _sorted_out(entries: Iterable["Reference | str"], name: str) -> tuple[list[Reference], list[str]]:
    """References without repetition, and sentences."""
    found: list[Reference] = []
    problems: list[str] = []
    seen: set[str] = set()
    for entry in entries:
        if isinstance(entry, str):
            problems.append(f"{name}: {entry}")
            continue
        same = {entry.arxiv_id, entry.title.casefold()} - {""}
        if same & seen:
            continue
        if len(found) == MOST:
            problems.append(f"{name}: has more than {MOST} references; the first {MOST} were read")
            break
        seen |= same
        found.append(entry)
    return found, problems


def _without_addresses(text: str) -> str:
    """Text in which an identifier stands free: `https://arxiv.org/abs/2401.00001` and `arXiv:2401.00001` as the id."""
    return re.sub(
        r"(?:https?://)?(?:[\w-]{1,40}\.){0,3}arxiv\.org/(?:abs|pdf|html)/|(?:10\.48550/)?arxiv[.:]|\.pdf\b",
        " ",
        text,
        flags=re.IGNORECASE,
    )


# BibTeX


def _bibtex(text: str, name: str) -> Iterator["Reference | str"]:
    from bibtexparser.entrypoint import parse_string  # noqa: PLC0415 - only reading of BibTeX pays for it

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL + 1)  # what it cannot read is said below
    try:
        library = parse_string(text)
    except Exception as error:  # noqa: BLE001 - for malformed input the parser raises whatever it trips over
        raise InputError(f"{name}: is not valid BibTeX: {one_line(str(error))[:200]}") from None
    for block in library.failed_blocks:
        yield f"line {(block.start_line or 0) + 1}: is no whole BibTeX entry and was left out"
    for entry in library.entries:
        fields = {field.key.lower(): str(field.value) for field in entry.fields}
        yield _reference(
            fields.get("title", ""),
            fields.get("abstract", ""),
            [_turned(author) for author in re.split(r"\s+and\s+", fields.get("author", "")) if author.strip()],
            _listed(fields.get("keywords", "")),
            _bibtex_id(fields),
            what=f"the entry {entry.key[:60]}",
        )


def _bibtex_id(fields: Mapping[str, str]) -> str:
    archive = fields.get("archiveprefix", fields.get("eprinttype", "arxiv"))
    if "eprint" in fields and archive.casefold() == "arxiv" and (found := arxiv_id(fields["eprint"])):
        return found
    return _first_id(fields.get(key, "") for key in ("doi", "url", "number", "journal", "note", "howpublished"))


# RIS: https://en.wikipedia.org/wiki/RIS_(file_format)


def _ris(text: str) -> Iterator["Reference | str"]:
    import rispy  # noqa: PLC0415 - only reading of RIS pays for it

    for number, record in enumerate(_records(text), 1):
        try:
            fields = rispy.loads(record)[0]
        except (KeyError, IndexError, ValueError, TypeError):
            yield f"record {number}: is no whole RIS record and was left out"
            continue
        title = fields.get("title") or fields.get("primary_title") or ""
        ids = (fields.get(key) for key in ("doi", "urls", "number", "note", "notes", "secondary_title", "publisher"))
        yield _reference(
            str(title),
            str(fields.get("abstract") or fields.get("notes_abstract") or ""),
            [_turned(str(author)) for author in fields.get("authors") or fields.get("first_authors") or ()],
            [str(keyword) for keyword in fields.get("keywords") or ()],
            _first_id(_flat(ids)),
            what=f"record {number}",
        )


def _records(text: str) -> Iterator[str]:
    """Each record with its end, also the last one whose end was cut off."""
    starts = [match.start() for match in _RIS.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text[start:end].split("\nER  -", 1)[0].replace("TY -", "TY  -", 1) + "\nER  - \n"


# CSL-JSON: https://citeproc-js.readthedocs.io/en/latest/csl-json/markup.html


def _csl(text: str, name: str) -> Iterator["Reference | str"]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: is not valid CSL-JSON: {one_line(str(error))[:200]}") from None
    items = data.get("items", [data]) if isinstance(data, dict) else data
    for number, item in enumerate(items if isinstance(items, list) else [], 1):
        if not isinstance(item, dict):
            yield f"item {number}: is no reference and was left out"
            continue
        authors = item.get("author")
        named = [a for a in authors if isinstance(a, dict)] if isinstance(authors, list) else []
        keywords = item.get("keyword") or item.get("keywords") or ""
        keys = ("arxiv", "DOI", "URL", "number", "note", "archive_location", "id")
        yield _reference(
            _plain(item.get("title")),
            _plain(item.get("abstract")),
            [one_line(f"{_plain(a.get('given'))} {_plain(a.get('family') or a.get('literal'))}") for a in named],
            _listed(keywords if isinstance(keywords, str) else ",".join(_flat([keywords]))),
            _first_id(_plain(item.get(key)) for key in keys),
            what=f"item {number}",
        )


# What they share


def _reference(
    title: str, abstract: str, authors: Sequence[str], keywords: Sequence[str], found_id: str, *, what: str
) -> "Reference | str":
    reference = Reference(
        _text(title, "title"),
        _text(abstract, "abstract"),
        tuple(_text(author, "name") for author in authors[:50]),
        tuple(filter(None, (_keyword(word) for word in keywords[:50]))),
        found_id,
    )
    return reference if reference.title or found_id else f"{what}: has no title and was left out"


def _text(value: str, what: str) -> str:
    """Plain text on one line, without the TeX, the braces and the tags that reference managers keep."""
    bare = re.sub(r"</?[a-zA-Z][^<>]{0,60}>", " ", value[: 2 * _LONGEST[what]])
    return one_line(to_unicode(bare).replace("{", "").replace("}", ""))[: _LONGEST[what]].rstrip()


def _keyword(word: str) -> str:
    """`Computer Science - Machine Learning`, arXiv's category as Zotero writes it, is `Machine Learning`."""
    group, separator, name = _text(word, "name").partition(" - ")
    return name if separator and group.casefold() in _ABOUT else f"{group}{separator}{name}"


def _turned(author: str) -> str:
    """`Winter, Ada` as `Ada Winter`."""
    last, comma, first = author.partition(",")
    return f"{first.strip()} {last.strip()}" if comma else author


def _listed(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


def _first_id(texts: Iterable[str]) -> str:
    """The first identifier that is named as arXiv's."""
    return next((match["id"] for text in texts if (match := _NAMED_ID.search(text))), "")


def _flat(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        yield from (str(part) for part in (value if isinstance(value, list) else [value]) if part)


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""
