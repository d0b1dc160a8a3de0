"""Decides what an answer of the model says, and what of it may be believed. Calls nothing, raises nothing.

Labels are matched by name, never by place. A value that is missing, out of range or given twice with two meanings is
left out, so that the caller asks for it again. Nothing is taken from text that is not whole JSON: a fragment may have
lost what made it mean something else.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

MOST_EVIDENCE = 12  # words
MOST_SUMMARY = 25
ALIKE = 90.0  # of 100: how much of the evidence must stand in the text
_LABELS = ("i", "id", "label", "paper", "arxivid", "arxiv_id")
_NAMES = {
    "relevance": ("s", "rel", "relevance", "score"),
    "novelty": ("nov", "novelty", "s", "score"),
}
_BOTH = {"relevance": ("rel", "relevance"), "novelty": ("nov", "novelty")}
_WORD = re.compile(r"\w+")
_OPENS = re.compile(r"[{\[](?=\s*[\"{\[])")  # JSON, not a bracket of prose
_FENCE = "```"
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Remark:
    """What the model says of one paper: the matched topic's number, its words, and what they rest on."""

    topic: int
    evidence: str
    comment: str
    summary: str


def scores(text: str, labels: Collection[str], axes: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """For each label that has them all: its integers 1-10 in the order of `axes`."""
    names = _BOTH if len(axes) > 1 else _NAMES
    found: dict[str, tuple[int, ...]] = {}
    doubtful: set[str] = set()
    for label, entry in entries(text, labels):
        values = [_first(entry, names[axis]) for axis in axes]
        whole = tuple(value for value in map(_score, values) if value is not None)
        if len(whole) != len(axes) or found.setdefault(label, whole) != whole:
            doubtful.add(label)
    return {label: values for label, values in found.items() if label not in doubtful}


def remarks(text: str, abstracts: Mapping[str, str], topics: Collection[int]) -> dict[str, Remark]:
    """The remarks, by label, that name one of the topics by its number and quote the paper's text."""
    found = {}
    for label, entry in entries(text, abstracts):
        topic = _first(entry, ("topic",))
        remark = Remark(
            topic=int(topic) if isinstance(topic, int) or str(topic).isdecimal() else 0,
            evidence=line(entry.get("evidence")),
            comment=line(entry.get("comment")),
            summary=_short(line(entry.get("summary"))),
        )
        if _is_true(remark, abstracts[label], topics):
            found[label] = remark
    return found


def _is_true(remark: Remark, abstract: str, topics: Collection[int]) -> bool:
    return remark.topic in topics and bool(remark.comment) and quotes(remark.evidence, abstract)


def quotes(evidence: str, text: str) -> bool:
    """True when at most twelve words stand in the text as they are, but for case, punctuation and a letter or two."""
    words = _WORD.findall(evidence.casefold())
    if not 2 <= len(words) <= MOST_EVIDENCE:
        return False
    wanted, within = " ".join(words), " ".join(_WORD.findall(text.casefold()))
    return wanted in within or (len(wanted) <= len(within) and fuzz.partial_ratio(wanted, within) >= ALIKE)


def entries(text: str, labels: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(label, entry) of all objects and maps in an answer whose label is one of ours."""
    for document in _documents(text):
        yield from _walk(document, labels)


def _walk(node: Any, labels: Collection[str], depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if depth > 4:
        return
    if isinstance(node, list):
        for item in node:
            yield from _walk(item, labels, depth + 1)
    elif isinstance(node, dict):
        entry = {str(key).lower(): value for key, value in node.items()}
        label = _first(entry, _LABELS)
        if isinstance(label, str):
            if label.strip(" []") in labels:
                yield label.strip(" []"), entry
            return
        for key, value in node.items():
            if key in labels:
                yield key, value if isinstance(value, dict) else {"s": value}
            elif isinstance(value, list | dict):
                yield from _walk(value, labels, depth + 1)


def _documents(text: str) -> Iterator[Any]:
    """The JSON in an answer: all of it, what a code fence holds, one object a line, or what stands between prose."""
    bare = _unfenced(text)
    for whole in (text, bare):
        try:
            yield json.loads(whole)
        except (ValueError, RecursionError):
            continue
        return
    lines = list(_by_line(bare))
    yield from lines or _in_prose(text)


def _unfenced(text: str) -> str:
    """The text without the Markdown fence around it, if there is one."""
    bare = text.strip()
    if bare.startswith(_FENCE):
        bare = bare.partition("\n")[2]
    return bare.removesuffix(_FENCE)


def _by_line(text: str) -> Iterator[Any]:
    for raw in map(str.strip, text.splitlines()):
        if not raw.startswith(("{", "[")):
            continue  # a number in a list of prose
        try:
            yield json.loads(raw.rstrip(","))
        except (ValueError, RecursionError):
            continue


def _in_prose(text: str) -> Iterator[Any]:
    """Whole JSON with other text around it; after one that is broken, what follows may be a part of it."""
    place = 0
    while start := _OPENS.search(text, place):
        try:
            document, place = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            return
        yield document


def _first(entry: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((entry[name] for name in names if name in entry), None)


def _score(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 4:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 1 <= value <= 10 else None


def _short(text: str) -> str:
    """The text, cut after so many words; what is too long is still true."""
    words = text.split()
    return text if len(words) <= MOST_SUMMARY else " ".join(words[:MOST_SUMMARY]).rstrip(",;:") + "…"


def line(value: Any) -> str:
    """A text on one line; empty where the value is none."""
    return " ".join(value.split()) if isinstance(value, str) else ""
