"""Decides how papers read to a reference manager: BibTeX, RIS and CSL-JSON. Calls nothing.

BibTeX gets the title as its authors wrote it, for it is TeX already; the others get what people read.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from newsletter.models.papers import Origin, Paper
from newsletter.rendering.templates import page_of
from newsletter.text.printable import one_line

_SPECIAL = re.compile(r"(?<!\\)([&%#])")
_BRACE, _BARE_BRACE = re.compile(r"[{}]"), re.compile(r"(?<!\\)[{}]")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the ending of its files, its media type, and how papers are written in it."""

    ending: str
    media_type: str
    write: Callable[[Sequence[Paper], Mapping[str, Origin]], str]


def bibtex(papers: Iterable[Paper], origins: Mapping[str, Origin]) -> str:
    """An @misc entry a paper, as arXiv recommends (https://info.arxiv.org/help/bib_feed.html)."""
    return "\n".join(_bibtex(paper, origins) for paper in papers)


def ris(papers: Iterable[Paper], origins: Mapping[str, Origin]) -> str:
    """A record a paper, with CRLF line ends (https://en.wikipedia.org/wiki/RIS_(file_format))."""
    return "".join(f"{line}\r\n" for paper in papers for line in _ris(paper, origins))


def csl_json(papers: Iterable[Paper], origins: Mapping[str, Origin]) -> str:
    """A list of items (https://citeproc-js.readthedocs.io/en/latest/csl-json/markup.html)."""
    return json.dumps([_csl(paper, origins) for paper in papers], ensure_ascii=False, indent=2) + "\n"


FORMATS = {
    "bib": Format("bib", "application/x-bibtex; charset=utf-8", bibtex),
    "ris": Format("ris", "application/x-research-info-systems; charset=utf-8", ris),
    "json": Format("json", "application/vnd.citationstyles.csl+json; charset=utf-8", csl_json),
}


def _bibtex(paper: Paper, origins: Mapping[str, Origin]) -> str:
    at = paper.submitted_at
    fields = {
        "title": f"{{{_tex(paper.title)}}}",
        "author": " and ".join(_tex(author) for author in paper.authors),
        "year": str(at.year) if at else "",
        "month": "",
        "eprint": one_line(paper.id),
        "archiveprefix": "arXiv" if paper.source == "arxiv" else "",
        "primaryclass": one_line(paper.primary_category),
        "doi": one_line(paper.doi),
        "note": _tex(paper.journal_ref),
        "url": page_of(paper, "abs", origins),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    if at:
        lines.append(f"  month = {_MONTHS[at.month - 1]},")
    key = re.sub(r"[^A-Za-z0-9.:-]", "-", paper.id)
    return f"@misc{{{key},\n" + "\n".join(lines) + "\n}\n"


def _tex(text: str) -> str:
    """TeX on one line whose braces fit together; text that would break out of its field is written without any.

    BibTeX counts each brace, others leave out those behind a backslash: both must find them in pairs.
    """
    line = one_line(text)
    if line.endswith("\\") or not (_in_pairs(_BRACE.findall(line)) and _in_pairs(_BARE_BRACE.findall(line))):
        line = re.sub(r"[{}\\]", "", line)
    return line if "\\" in line or "$" in line else _SPECIAL.sub(r"\\\1", line)


def _in_pairs(braces: Iterable[str]) -> bool:
    depth = 0
    for brace in braces:
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def _ris(paper: Paper, origins: Mapping[str, Origin]) -> Iterable[str]:
    shown = paper.shown
    yield "TY  - GEN"
    yield f"TI  - {one_line(shown.title)}"
    for author in shown.authors:
        yield f"AU  - {one_line(author)}"
    if paper.submitted_at:
        yield f"PY  - {paper.submitted_at.year}"
        yield f"DA  - {paper.submitted_at:%Y/%m/%d}"
    yield f"AB  - {one_line(shown.abstract)}"
    if paper.doi:
        yield f"DO  - {one_line(paper.doi)}"
    if url := page_of(paper, "abs", origins):
        yield f"UR  - {url}"
    yield "ER  - "


def _csl(paper: Paper, origins: Mapping[str, Origin]) -> dict[str, object]:
    shown, at = paper.shown, paper.submitted_at
    item: dict[str, object] = {
        "id": f"{paper.source}:{paper.id}",
        "type": "article",
        "title": shown.title,
        "author": [{"literal": author} for author in shown.authors],
        "abstract": shown.abstract,
        "publisher": origins[paper.source].title if paper.source in origins else paper.source,
        "number": f"arXiv:{paper.id}" if paper.source == "arxiv" else paper.id,
    }
    if url := page_of(paper, "abs", origins):
        item["URL"] = url
    if paper.doi:
        item["DOI"] = paper.doi
    if at:
        item["issued"] = {"date-parts": [[at.year, at.month, at.day]]}
    return item
