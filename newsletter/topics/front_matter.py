"""Decides what the YAML front matter of a topics file says: strict, and every error names line and key. Calls nothing.

YAML 1.2 core, at most three levels deep: keys, their lists or mappings, and the texts and numbers in those.
"""

import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.tokens import (
    AliasToken,
    AnchorToken,
    BlockEndToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
)

from newsletter.errors import TopicsError
from newsletter.models.papers import Taxonomy
from newsletter.models.subscribers import WORKDAYS, Deliver, Keywords, Wishes
from newsletter.topics import plain_yaml
from newsletter.validation import in_words

FENCE = "---"
MAX_ADDRESS = 254  # octets that a mail server takes (RFC 5321 §4.5.3.1.3, with its angle brackets)
_KEYS = {
    "": [f.name for f in fields(Wishes)],
    "deliver": [f.name for f in fields(Deliver)],
    "keywords": [f.name for f in fields(Keywords)],
}
_FORMER = {"full_papers": "write length: brief (the best in full) or length: page (everything of every paper)"}
_DEEPEST = 3
_DEEPEST_NESTING = 8
_OPENING = (BlockMappingStartToken, BlockSequenceStartToken, FlowMappingStartToken, FlowSequenceStartToken)
_CLOSING = (BlockEndToken, FlowMappingEndToken, FlowSequenceEndToken)
_WISHES = TypeAdapter(Wishes)
_ADDRESS = re.compile(r"[^@\s<>,;\"\x00-\x1f\x7f]+@[^@\s<>,;\"\x00-\x1f\x7f]+")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_TWO_LETTERS = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el "
    "en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu "
    "ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na "
    "nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so "
    "sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo "
    "za zh zu".split()
)
_NAMES = """
en english/de german deutsch/fr french français francais/es spanish español espanol/it italian italiano
nl dutch nederlands/pt portuguese português portugues/pl polish polski/ru russian русский/uk ukrainian/cs czech čeština
sv swedish svenska/da danish dansk/nb norwegian norsk/fi finnish suomi/hu hungarian magyar/ro romanian/el greek
tr turkish türkçe/ar arabic
he hebrew/fa persian farsi/hi hindi/zh chinese 中文/ja japanese 日本語/ko korean 한국어/vi vietnamese/id indonesian
"""
_LANGUAGES = {name: entry.split()[0] for entry in re.split(r"[/\n]", _NAMES) if entry for name in entry.split()[1:]}
_EXAMPLES = {"deliver": "{frequency: weekly, days: [fri]}", "keywords": "{include: [graph], exclude: [survey]}"}


def split(text: str, name: str) -> tuple[str, str]:
    """Front matter (without its fences, "" where there is none) and body. Raises TopicsError."""
    lines = text.split("\n")
    if lines[0].strip() != FENCE:
        return "", text
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]).lstrip("\n")
    raise TopicsError(f"{name}:1: the front matter opens with --- and is never closed by a line ---")


def read(front: str, name: str, taxonomy: Taxonomy | None = None) -> Wishes:
    """The wishes that `front` states; `name` stands in errors. Without a taxonomy any category is taken.

    Raises TopicsError with file, line and key.
    """
    wishes, errors = examined(front, name, taxonomy)
    if errors:
        raise TopicsError(errors[0])
    return wishes


def examined(front: str, name: str, taxonomy: Taxonomy | None = None) -> tuple[Wishes, tuple[str, ...]]:
    """The wishes that `front` states as far as they can be read, and a sentence for each thing wrong with it."""
    if wishes := _at_once(front, taxonomy):
        return wishes, ()
    try:
        mapping = _loaded(front, name)
    except TopicsError as error:
        return Wishes(), (str(error),)
    errors = list(_unknown_keys(mapping, name))
    plain = {key: value for key, value in _plain(mapping).items() if key in _KEYS[""]}
    try:
        wishes = _validated(plain)
    except ValidationError as error:
        details = error.errors()
        errors += [_said(detail, mapping, name) for detail in details]
        bad = {str(detail["loc"][0]) for detail in details if detail["loc"]}
        wishes = _validated({key: value for key, value in plain.items() if key not in bad})
    for path, problem in _problems(wishes, mapping, taxonomy):
        errors.append(f"{name}:{_line(mapping, path)}: {'.'.join(path)}: {problem}")
    return _with_weekly_day(wishes), tuple(errors)


def _at_once(front: str, taxonomy: Taxonomy | None) -> Wishes | None:
    """The wishes of front matter in which nothing is wrong; None where it takes the strict reading to tell."""
    mapping = plain_yaml.mapping(front)
    if mapping is None or any(_unknown_keys(mapping, "")):
        return None
    try:
        wishes = _validated({key: value for key, value in _plain(mapping).items() if key in _KEYS[""]})
    except ValidationError:
        return None
    return None if any(_problems(wishes, mapping, taxonomy)) else _with_weekly_day(wishes)


def _validated(plain: dict[str, Any]) -> Wishes:
    """By way of JSON, because strict JSON takes "07:30" as a time and a list as a tuple, but not "7" as a number."""
    return _WISHES.validate_json(json.dumps(plain, default=str), strict=True)


def _said(error: ErrorDetails, mapping: CommentedMap, name: str) -> str:
    where = ".".join(str(part) for part in error["loc"] if isinstance(part, str))
    example = f", such as {_EXAMPLES[where]}" if error["type"] == "dataclass_type" and where in _EXAMPLES else ""
    return f"{name}:{_line(mapping, error['loc'])}: {where}: {in_words(error)}{example}"


def warnings(front: str, name: str) -> tuple[str, ...]:
    """A sentence for each key that an earlier release knew and that does nothing now."""
    if not any(key in front for key in _FORMER):
        return ()
    mapping = _loaded(front, name)
    lines = ((_line(mapping, (key,)), key) for key in _FORMER if key in mapping)
    return tuple(f"{name}:{line}: {key} is read no more; {_FORMER[key]}" for line, key in lines)


def with_front_matter(text: str, values: dict[str, Any], name: str) -> str:
    """The file's text with these keys set in its front matter, nested ones one by one; comments and the rest stay."""
    front, body = split(text.replace("\r\n", "\n"), name)
    yaml = YAML(typ="rt")
    yaml.width = 4096
    mapping = _loaded(front, name) if front.strip() else CommentedMap()
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(mapping.get(key), dict):
            mapping[key].update(value)
        else:
            mapping[key] = value
    written = io.StringIO()
    yaml.dump(mapping, written)
    return f"{FENCE}\n{written.getvalue()}{FENCE}\n\n{body}" if mapping else body


def _refuse_what_multiplies(front: str, name: str) -> None:
    """Refuses aliases and deep nesting while the text is only scanned, before anything is built of it."""
    depth = 0
    for token in YAML(typ="rt").scan(front):
        if isinstance(token, AliasToken | AnchorToken):
            raise TopicsError(f"{name}:{token.start_mark.line + 2}: YAML aliases are not taken: write the value out")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > _DEEPEST_NESTING:
            raise TopicsError(f"{name}:{token.start_mark.line + 2}: is nested too deep; three levels are enough")


def _loaded(front: str, name: str) -> CommentedMap:
    try:
        _refuse_what_multiplies(front, name)
        mapping = YAML(typ="rt").load(front)  # round trip, because it knows the line of each key
    except TopicsError:
        raise
    except DuplicateKeyError as error:
        key = re.search(r'found duplicate key "?([^"\s]+)"?', str(error))
        raise TopicsError(f"{name}:{_marked(error)}: the key {key.group(1) if key else ''} stands twice") from None
    except MarkedYAMLError as error:
        raise TopicsError(f"{name}:{_marked(error)}: is not valid YAML: {error.problem}") from None
    except Exception as error:  # noqa: BLE001 - for malformed input ruamel raises whatever its code trips over
        raise TopicsError(f"{name}:1: is not valid YAML: {' '.join(str(error).split()) or 'too deep'}") from None
    if mapping is None:
        return CommentedMap()
    if not isinstance(mapping, CommentedMap):
        raise TopicsError(f"{name}:2: the front matter must be lines of `key: value`")
    return mapping


def _marked(error: MarkedYAMLError) -> int:
    """The file's line of a YAML error; line 1 is the opening fence."""
    return error.problem_mark.line + 2 if error.problem_mark else 1


def _unknown_keys(mapping: dict[str, Any], name: str) -> Iterator[str]:
    inner = [(key, mapping[key]) for key in _KEYS if isinstance(mapping.get(key), dict)]
    for path, node in [("", mapping), *inner]:
        for key in node:
            if key not in _KEYS[path] and not (path == "" and key in _FORMER):
                where = f"{path}.{key}" if path else str(key)
                line = _line(mapping, (path, key) if path else (key,))
                yield f"{name}:{line}: unknown key {where}; known keys: {', '.join(_KEYS[path])}"


def _plain(value: Any, depth: int = 0) -> Any:
    """ruamel's containers as Python's own; what lies deeper than any wish is left out, so that no alias multiplies."""
    if isinstance(value, dict):
        return {str(k): _plain(v, depth + 1) for k, v in value.items() if v is not None} if depth < _DEEPEST else {}
    if isinstance(value, list):
        return [_plain(v, depth + 1) for v in value] if depth < _DEEPEST else []
    return value


def _line(mapping: dict[str, Any], location: tuple[Any, ...]) -> int:
    """The file's line of a key; line 1 is the opening fence."""
    node: Any = mapping
    line = 2
    for part in location:
        if not isinstance(node, CommentedMap) or part not in (node.lc.data or {}):
            break
        line = node.lc.key(part)[0] + 2
        node = node[part]
    return line


def _problems(
    wishes: Wishes, mapping: dict[str, Any], taxonomy: Taxonomy | None
) -> Iterator[tuple[tuple[str, ...], str]]:
    """What the types cannot say: the path of the key, and what is wrong there."""
    for category in wishes.categories:
        if taxonomy and not taxonomy.is_known(category):
            near = taxonomy.nearest(category)
            advice = f"did you mean {' or '.join(near)}?" if near else "write one like cs.LG, or an archive like math"
            yield ("categories",), f"there is no category {category!r}; {advice}"
    if advice := _unfit(wishes.email):
        yield ("email",), f"{wishes.email!r} {advice}"
    if problem := _no_language(wishes.language):
        yield ("language",), f"{wishes.language!r} {problem}"
    if not math.isfinite(wishes.budget_usd_per_month):
        yield ("budget_usd_per_month",), "must be a number, such as 1.00"
    deliver = wishes.deliver
    try:
        ZoneInfo(deliver.timezone)
    except (KeyError, ValueError, OSError):
        yield ("deliver", "timezone"), f"unknown time zone {deliver.timezone!r}; write one like Europe/Berlin"
    if deliver.at.tzinfo is not None:
        yield ("deliver", "at"), 'must be a time, such as "07:30"; its zone stands in deliver.timezone'
    if not deliver.days:
        yield ("deliver", "days"), "name at least one day"
    if deliver.frequency == "weekly" and len(deliver.days) > 1 and "days" in mapping["deliver"]:
        yield ("deliver", "days"), "a weekly digest comes on one day; name just one"


def _no_language(tag: str) -> str:
    """Why a text names no language, or an empty string: a tag is as short as ISO 639 has it (RFC 5646 §2.2.1)."""
    if known := _LANGUAGES.get(tag.casefold()):
        return f"is written {known} here"
    if (match := _LANGUAGE.fullmatch(tag)) and (len(match[1]) == 3 or match[1].lower() in _TWO_LETTERS):
        return ""
    return "is no language; write one like en, de or pt-BR"


def _unfit(address: str) -> str:
    """Why no mail can go to an address: a local part in ASCII is what every mail server takes (RFC 6531 §3)."""
    if not address:
        return ""
    if len(address) > 4 * MAX_ADDRESS or not _ADDRESS.fullmatch(address):
        return "is not one plain address, such as ada@example.org"
    local, _, domain = address.rpartition("@")
    try:
        carried = local.encode("ascii") + b"@" + domain.encode("idna")
    except UnicodeError:
        return "has letters that mail cannot carry: before the @ write plain ASCII"
    return f"is longer than {MAX_ADDRESS} characters" if len(carried) > MAX_ADDRESS else ""


def _with_weekly_day(wishes: Wishes) -> Wishes:
    """A weekly digest that names no day comes on Friday, after the week's mailings."""
    deliver = wishes.deliver
    if deliver.frequency == "weekly" and deliver.days == WORKDAYS:
        return replace(wishes, deliver=replace(deliver, days=("fri",)))
    return wishes
