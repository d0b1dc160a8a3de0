"""Decides what a topics file says: strict YAML front matter, then Markdown as a person writes it. Calls nothing.

The body is read generously: numbered topics with Relevant/Irrelevant lines (also Keep/Filter and kin), headings with
such paragraphs, keyword lists, free text. Whatever the reading misses, the model still gets the body as written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from newsletter.errors import TopicsError
from newsletter.models.papers import Taxonomy
from newsletter.models.subscribers import Topic, Topics, TopicsFile, Wishes

MAX_BYTES = 32_000


def parse(raw: bytes, name: str, taxonomy: Taxonomy | None = None) -> TopicsFile:
    """The topics file `raw`; `name` stands in error messages. Without a taxonomy any category is taken.

    Raises TopicsError with file, line and key.
    """
    from newsletter.topics import front_matter  # noqa: PLC0415 - YAML only where a file is read, not what is stored of it

    text = decoded(raw, name)
    front, body = front_matter.split(text, name)
    wishes = front_matter.read(front, name, taxonomy) if front else Wishes()
    if not body.strip():
        raise TopicsError(f"{name}: has no topics: write what you want to read about below the front matter")
    return TopicsFile(wishes, read_body(body), front_matter.warnings(front, name) if front else ())


def decoded(raw: bytes, name: str) -> str:
    """The text of a topics file, with plain line ends. Raises TopicsError for what is too large or no UTF-8."""
    if len(raw) > MAX_BYTES:
        raise TopicsError(f"{name}: is {len(raw)} bytes; a topics file has at most {MAX_BYTES}")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise TopicsError(f"{name}:{line}: is not valid UTF-8 (byte {error.start})") from None


# Body

# 1. Moss, 1.Moss, 1) Moss, (1) Moss, 1: Moss, **1.** Moss, ## 1. Moss; not 3.5 eV
_NUMBERED = re.compile(r"^\s{0,3}(?:#{1,6}\s*)?[*_]{0,2}\(?(\d{1,3})(?:[.)](?!\d)|:\s)(.*)$")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.*)$")
_LABEL = re.compile(
    r"^\s*(?:[-*+]\s+)?[*_]{0,2}(?P<label>not relevant|irrelevant|relevant|keep|filter(?: out)?|include|exclude|"
    r"skip|ignore|not interested|interested|want|avoid)[*_]{0,2}\s*:[*_]{0,2}\s*(?P<text>.*)$",
    re.IGNORECASE,
)
_WANTED = ("relevant", "keep", "include", "interested", "want")  # every other label of _LABEL is unwanted
_BULLET = re.compile(r"^\s*[-*+]\s+")
_KEYWORDS = re.compile(
    r"^\s{0,3}(?:#{1,6}\s*)?[*_]{0,2}keywords?[*_]{0,2}\s*(?:$|:[*_]{0,2}\s*(?P<text>.*)$)", re.IGNORECASE
)
_MARKS = re.compile(r"[*`]+|(?<!\w)_++|(?<!_)_++(?!\w)|(?<!\S)[#>]+(?!\S)")
_KEYWORD_ITEM = re.compile(
    r"^\s*+[-*+]\s++[*_]{0,2}(?P<label>\w[\w /-]{0,39}?)[*_]{0,2}\s*+:[*_]{0,2}\s*+(?P<text>.*)$"
)


@dataclass
class _Draft:
    """A topic while its lines are read."""

    name: str
    number: int = 0
    relevant: list[str] = field(default_factory=list)
    irrelevant: list[str] = field(default_factory=list)
    labelled: bool = False

    def side(self, label: str) -> list[str]:
        """Where the text of a label belongs: Relevant, Keep ... or Irrelevant, Filter ..."""
        self.labelled = True
        return self.relevant if label.lower() in _WANTED else self.irrelevant

    def topic(self, number: int) -> Topic:
        name = _clean(self.name)
        relevant = _clean(" ".join(self.relevant)) or name
        short = name if len(name) <= 80 else name[:77].rsplit(" ", 1)[0] + "…"
        return Topic(
            number,
            short.rstrip(":;,. "),
            f"{name} {relevant}" if len(name) > 80 else relevant,
            _clean(" ".join(self.irrelevant)),
        )


@dataclass
class _Reading:
    """The state of one pass over the body's lines; `open` takes the lines that follow without a blank one."""

    drafts: list[_Draft] = field(default_factory=list)
    relevant_keywords: list[str] = field(default_factory=list)
    irrelevant_keywords: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    open: list[str] | None = None

    def take(self, line: str, where: list[str]) -> None:
        where.append(line)
        self.open = where


def read_body(body: str) -> Topics:
    """Topics, keywords and advice of a body; text without any structure is one topic."""
    lines = body.split("\n")
    reading = _Reading()
    numbered = any(_NUMBERED.match(line) for line in lines)
    for line in _without_keywords(lines, reading):
        if not line.strip():
            reading.open = None
        elif numbered:
            _read_numbered(line, reading)
        else:
            _read_headed(line, reading)
    drafts = [draft for draft in reading.drafts if numbered or draft.labelled]
    if not drafts:
        text = _clean(" ".join(line for line in lines if not _HEADING.match(line))) or _clean(body)
        drafts, reading.advice = [_Draft(name=_first_words(text), relevant=[text])], []
    elif not numbered and not reading.drafts[-1].labelled:
        reading.advice.append(reading.drafts[-1].name)
    return Topics(
        body=body.strip("\n") + "\n",
        topics=tuple(draft.topic(number) for number, draft in zip(_numbers(drafts), drafts, strict=True)),
        relevant_keywords=tuple(reading.relevant_keywords),
        irrelevant_keywords=tuple(reading.irrelevant_keywords),
        advice=_clean(" ".join(reading.advice)),
    )


def is_numbered(line: str) -> bool:
    """True for a line that opens a numbered topic."""
    return bool(_NUMBERED.match(line))


def is_heading(line: str) -> bool:
    """True for a heading of Markdown."""
    return bool(_HEADING.match(line))


def is_keywords(line: str) -> bool:
    """True for the line above a list of keywords."""
    return bool(_KEYWORDS.match(line))


def _without_keywords(lines: list[str], reading: _Reading) -> Iterator[str]:
    """The lines outside keyword lists, whose items go to `reading`."""
    inside = False
    for line in lines:
        if match := _KEYWORDS.match(line):
            inside = True
            reading.relevant_keywords += _items(match["text"] or "")
            continue
        if inside and (match := _KEYWORD_ITEM.match(line)):
            wanted = match["label"].strip().lower() in _WANTED
            (reading.relevant_keywords if wanted else reading.irrelevant_keywords).extend(_items(match["text"]))
            continue
        if inside and (match := _BULLET.match(line)):
            reading.relevant_keywords += _items(line[match.end() :])
            continue
        if line.strip():
            inside = False
        yield line


def _read_numbered(line: str, reading: _Reading) -> None:
    if match := _NUMBERED.match(line):
        reading.drafts.append(_Draft(name=match[2].strip(), number=int(match[1])))
        reading.open = reading.drafts[-1].relevant
    elif (match := _LABEL.match(line)) and reading.drafts:
        reading.take(match["text"], reading.drafts[-1].side(match["label"]))
    elif not _HEADING.match(line):
        indented = line.startswith((" ", "\t")) and not re.match(r"^ \S", line)
        draft = reading.drafts[-1] if reading.drafts else None
        inside = (draft.irrelevant or draft.relevant) if draft and indented else reading.advice
        reading.take(line, reading.open if reading.open is not None else inside)


def _read_headed(line: str, reading: _Reading) -> None:
    """A topic is a line of its own, followed by paragraphs that open with Relevant: or Not relevant:."""
    if match := _LABEL.match(line):
        if not reading.drafts:
            reading.drafts.append(_Draft(name=_first_words(match["text"])))
        reading.take(match["text"], reading.drafts[-1].side(match["label"]))
    elif reading.open is not None and not _HEADING.match(line):
        reading.take(line, reading.open)
    else:
        heading = _HEADING.match(line)
        if reading.drafts and not reading.drafts[-1].labelled:
            reading.advice.append(reading.drafts.pop().name)
        reading.drafts.append(_Draft(name=heading[1].rstrip(" \t#") if heading else line))


def _numbers(drafts: list[_Draft]) -> list[int]:
    """The file's own numbers where they rise from 1 or more, else the positions."""
    own = [draft.number for draft in drafts]
    rising = all(before < after for before, after in zip([0, *own], own, strict=False))
    return own if rising else list(range(1, len(drafts) + 1))


def _items(text: str) -> list[str]:
    """`a, b (c), etc.` as [a, b (c)]."""
    parts = (part.strip(" .*_`") for part in re.split(r"[,;]", text))
    return [part for part in parts if part and part.lower() != "etc"]


def _clean(text: str) -> str:
    """Markdown marks and repeated white space removed."""
    return re.sub(r"\s+", " ", _MARKS.sub("", text)).strip(" -")


def _first_words(text: str, limit: int = 60) -> str:
    clean = _clean(text)
    return clean if len(clean) <= limit else clean[:limit].rsplit(" ", 1)[0] + "…"
