"""Decides what a topics file says: strict YAML front matter, then Markdown as a person writes it. Calls nothing.

The body is read generously: numbered topics with Relevant/Irrelevant lines (also Keep/Filter and kin), headings with
such paragraphs, keyword lists, free text. Whatever the reading misses, the model still gets the body as written.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from newsletter.categories import is_known
from newsletter.errors import TopicsError
from newsletter.models import Deliver, Keywords, Topic, Topics, TopicsFile, Wishes

FENCE = "---"
MAX_BYTES = 64_000
_KEYS = {
    "": [f.name for f in fields(Wishes)],
    "deliver": [f.name for f in fields(Deliver)],
    "keywords": [f.name for f in fields(Keywords)],
}
_WISHES = TypeAdapter(Wishes)


def parse(raw: bytes, name: str) -> TopicsFile:
    """The topics file `raw`; `name` stands in error messages. Raises TopicsError with file, line and key."""
    if len(raw) > MAX_BYTES:
        raise TopicsError(f"{name}: is {len(raw)} bytes; a topics file has at most {MAX_BYTES}")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise TopicsError(f"{name}:{line}: is not valid UTF-8 (byte {error.start})") from None
    front, body = split(text, name)
    wishes = _wishes(front, name) if front else Wishes()
    if not body.strip():
        raise TopicsError(f"{name}: has no topics: write what you want to read about below the front matter")
    return TopicsFile(wishes, read_body(body))


def split(text: str, name: str) -> tuple[str, str]:
    """Front matter (without its fences, "" where there is none) and body."""
    lines = text.split("\n")
    if lines[0].strip() != FENCE:
        return "", text
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]).lstrip("\n")
    raise TopicsError(f"{name}:1: the front matter opens with --- and is never closed by a line ---")


def with_front_matter(text: str, values: dict[str, Any], name: str) -> str:
    """The file's text with these keys set in its front matter; comments and the rest stay as they are."""
    front, body = split(text.replace("\r\n", "\n"), name)
    yaml = YAML(typ="rt")
    yaml.width = 4096
    mapping = yaml.load(front) if front.strip() else CommentedMap()
    mapping.update(values)
    written = io.StringIO()
    yaml.dump(mapping, written)
    return f"{FENCE}\n{written.getvalue()}{FENCE}\n\n{body}" if mapping else body


# Front matter


def _wishes(front: str, name: str) -> Wishes:
    try:
        mapping = YAML(typ="rt").load(front)  # round trip, because it knows the line of each key
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        key = re.search(r'found duplicate key "?([^"\s]+)"?', str(error))
        raise TopicsError(f"{name}:{line}: the key {key.group(1) if key else ''} stands twice") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise TopicsError(f"{name}:{line}: is not valid YAML: {error.problem}") from None
    except (YAMLError, ValueError) as error:
        raise TopicsError(f"{name}:1: is not valid YAML: {error}") from None
    if mapping is None:
        return Wishes()
    if not isinstance(mapping, CommentedMap):
        raise TopicsError(f"{name}:2: the front matter must be lines of `key: value`")
    _known_keys(mapping, "", name)
    try:
        wishes = _WISHES.validate_python(_plain(mapping))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
        raise TopicsError(f"{name}:{_line(mapping, first['loc'])}: {where}: {first['msg']}") from None
    _check(wishes, mapping, name)
    return _with_weekly_day(wishes)


def _known_keys(mapping: CommentedMap, path: str, name: str) -> None:
    for key, value in mapping.items():
        if key not in _KEYS[path]:
            where = f"{path}.{key}" if path else str(key)
            line = mapping.lc.key(key)[0] + 2
            raise TopicsError(f"{name}:{line}: unknown key {where}; known keys: {', '.join(_KEYS[path])}")
        if not path and key in _KEYS and isinstance(value, CommentedMap):
            _known_keys(value, str(key), name)


def _plain(value: Any) -> Any:
    """ruamel's containers as Python's own; a lone string where a list belongs counts as a list of one."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return tuple(_plain(v) for v in value)
    return value


def _line(mapping: CommentedMap, location: tuple[int | str, ...]) -> int:
    """The file's line of a key; line 1 is the opening fence."""
    node: Any = mapping
    line = 2
    for part in location:
        if not isinstance(node, CommentedMap) or part not in node:
            break
        line = node.lc.key(part)[0] + 2
        node = node[part]
    return line


def _check(wishes: Wishes, mapping: CommentedMap, name: str) -> None:
    def fail(message: str, *path: str) -> TopicsError:
        return TopicsError(f"{name}:{_line(mapping, path)}: {message}")

    for category in wishes.categories:
        if not is_known(category):
            raise fail(f"categories: arXiv has no category {category!r} (spelled like cs.LG or math)", "categories")
    if wishes.email and not re.fullmatch(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+", wishes.email):
        raise fail(f"email: {wishes.email!r} is not one plain address", "email")
    try:
        ZoneInfo(wishes.deliver.timezone)
    except (KeyError, ValueError, OSError):
        raise fail(
            f"deliver.timezone: unknown time zone {wishes.deliver.timezone!r} (write one like Europe/Berlin)",
            "deliver",
            "timezone",
        ) from None
    if not wishes.deliver.days:
        raise fail("deliver.days: name at least one day", "deliver", "days")
    explicit = isinstance(mapping.get("deliver"), dict) and "days" in mapping["deliver"]
    if wishes.deliver.frequency == "weekly" and explicit and len(wishes.deliver.days) > 1:
        raise fail("deliver.days: a weekly digest comes on one day; name just one", "deliver", "days")


def _with_weekly_day(wishes: Wishes) -> Wishes:
    """A weekly digest that names no day comes on Friday, after the week's mailings."""
    deliver = wishes.deliver
    if deliver.frequency == "weekly" and len(deliver.days) > 1:
        return replace(wishes, deliver=replace(deliver, days=("fri",)))
    return wishes


# Body

_NUMBERED = re.compile(r"^\s{0,3}(?:#{1,6}\s*)?(\d{1,2})[.)]\s+(.*)$")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.*?)\s*#*$")
_LABEL = re.compile(
    r"^\s*(?:[-*+]\s+)?[*_]{0,2}(?P<label>not relevant|irrelevant|relevant|keep|filter(?: out)?|include|exclude|"
    r"skip|ignore|not interested|interested|want|avoid)[*_]{0,2}\s*:[*_]{0,2}\s*(?P<text>.*)$",
    re.IGNORECASE,
)
_UNWANTED = {
    "not relevant",
    "irrelevant",
    "filter",
    "filter out",
    "exclude",
    "skip",
    "ignore",
    "not interested",
    "avoid",
}
_KEYWORDS = re.compile(
    r"^\s{0,3}(?:#{1,6}\s*)?[*_]{0,2}keywords?[*_]{0,2}\s*:?[*_]{0,2}\s*(?P<text>.*)$", re.IGNORECASE
)
_KEYWORD_ITEM = re.compile(r"^\s*[-*+]\s+[*_]{0,2}(?P<label>[\w /-]{1,40}?)[*_]{0,2}\s*:[*_]{0,2}\s*(?P<text>.*)$")
_NEGATIVE_ADVICE = re.compile(r"(?i)\b(do not|don't|leave|avoid|filter|ignore|skip|except|not interested)\b")


@dataclass
class _Draft:
    """A topic while its lines are read."""

    name: str
    relevant: list[str] = field(default_factory=list)
    irrelevant: list[str] = field(default_factory=list)
    labelled: bool = False

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
    """The state of one pass over the body's lines."""

    drafts: list[_Draft] = field(default_factory=list)
    relevant_keywords: list[str] = field(default_factory=list)
    irrelevant_keywords: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


def read_body(body: str) -> Topics:
    """Topics, keywords and advice of a body; text without any structure is one topic."""
    lines = body.split("\n")
    reading = _Reading()
    numbered = any(_NUMBERED.match(line) for line in lines)
    for line in _without_keywords(lines, reading):
        if numbered:
            _read_numbered(line, reading)
        else:
            _read_headed(line, reading)
    drafts = [draft for draft in reading.drafts if numbered or draft.labelled]
    if not drafts:
        text = _clean(" ".join(line for line in lines if not _HEADING.match(line))) or _clean(body)
        drafts = [_Draft(name=_first_words(text), relevant=[text])]
    return Topics(
        body=body.strip("\n") + "\n",
        topics=tuple(draft.topic(number) for number, draft in enumerate(drafts, 1)),
        relevant_keywords=tuple(reading.relevant_keywords),
        irrelevant_keywords=tuple(reading.irrelevant_keywords),
        advice=_clean(" ".join(reading.advice)),
    )


def _without_keywords(lines: list[str], reading: _Reading) -> Iterator[str]:
    """The lines outside keyword lists, whose items go to `reading`."""
    inside = False
    for line in lines:
        if match := _KEYWORDS.match(line):
            inside = True
            reading.relevant_keywords += _items(match["text"])
            continue
        if inside and (match := _KEYWORD_ITEM.match(line)):
            wanted = match["label"].strip().lower() in ("relevant", "keep", "include", "interested", "want")
            (reading.relevant_keywords if wanted else reading.irrelevant_keywords).extend(_items(match["text"]))
            continue
        if inside and re.match(r"^\s*[-*+]\s+", line):
            reading.relevant_keywords += _items(re.sub(r"^\s*[-*+]\s+", "", line))
            continue
        if line.strip():
            inside = False
        yield line


def _read_numbered(line: str, reading: _Reading) -> None:
    if match := _NUMBERED.match(line):
        reading.drafts.append(_Draft(name=match[2]))
    elif (match := _LABEL.match(line)) and reading.drafts:
        draft = reading.drafts[-1]
        draft.labelled = True
        (draft.irrelevant if match["label"].lower() in _UNWANTED else draft.relevant).append(match["text"])
    elif line.strip() and not _HEADING.match(line):
        indented = line.startswith((" ", "\t")) and not re.match(r"^ \S", line)
        if reading.drafts and indented:
            draft = reading.drafts[-1]
            (draft.irrelevant or draft.relevant).append(line)
        else:
            reading.advice.append(line)


def _read_headed(line: str, reading: _Reading) -> None:
    """A topic is a line of its own, followed by paragraphs that open with Relevant: or Not relevant:."""
    if match := _LABEL.match(line):
        if not reading.drafts:
            reading.drafts.append(_Draft(name=""))
        draft = reading.drafts[-1]
        draft.labelled = True
        (draft.irrelevant if match["label"].lower() in _UNWANTED else draft.relevant).append(match["text"])
        if not draft.name:
            draft.name = _first_words(match["text"])
    elif line.strip():
        heading = _HEADING.match(line)
        if reading.drafts and not reading.drafts[-1].labelled:
            reading.advice.append(reading.drafts.pop().name)
        reading.drafts.append(_Draft(name=heading[1] if heading else line))


def _items(text: str) -> list[str]:
    """`a, b (c), etc.` as [a, b (c)]."""
    parts = (part.strip(" .*_`") for part in re.split(r"[,;]", text))
    return [part for part in parts if part and part.lower() != "etc"]


def _clean(text: str) -> str:
    """Markdown marks and repeated white space removed."""
    return re.sub(r"\s+", " ", re.sub(r"[*_`#>]+", " ", text)).strip(" -")


def _first_words(text: str, limit: int = 60) -> str:
    clean = _clean(text)
    return clean if len(clean) <= limit else clean[:limit].rsplit(" ", 1)[0] + "…"
