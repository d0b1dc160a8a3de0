"""A model in one function: reads the prompt as a model would, answers from a table, misbehaves on request."""

import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from newsletter.cli.recorded import prompt_of
from newsletter.scoring.model.client import Posted, Rejected

LINE = re.compile(r"^\[(p\d+)\] (.*)$", re.MULTILINE)
TOPICS = re.compile(r"<topics [0-9a-f]{16}>")  # the rubric speaks of the fence too
Fault = Callable[[int, dict[str, Any]], "Rejected | str | None"]


def well(call: int, body: dict[str, Any]) -> None:
    """No call goes wrong."""


@dataclass
class FakeModel:
    """Answers with `scores[title] = (relevance, novelty)`, (1, 3) for others.

    `fault(call, body)` may return an error to raise, or a word: refusal, cut, badjson, omit, dup.
    """

    scores: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    fault: Fault = well
    obeys: re.Pattern[str] | None = None
    context: int = 10**9
    evidence: Callable[[str], str] = lambda abstract: " ".join(abstract.split()[:6])
    calls: list[dict[str, Any]] = field(default_factory=list)
    meter: Counter[str] = field(default_factory=Counter)
    _cached: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, body: dict[str, Any]) -> Posted:
        with self._lock:
            self.calls.append(body)
            wrong = self.fault(len(self.calls), body)
            if isinstance(wrong, Rejected):
                raise wrong
            return self._answer(body, wrong or "")

    def texts(self) -> list[str]:
        """Every prompt that was sent, in full."""
        return [text_of(body)[0] for body in self.calls]

    def _answer(self, body: dict[str, Any], wrong: str) -> Posted:
        text, shared = text_of(body)
        read = text[-self.context * 4 :]
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        content = json.dumps(self._fill(read, schema, wrong))
        if wrong == "badjson":
            content = '{"scores": [{"i": "p01", "s": 9,'
        usage = self._meter(read, shared, "" if wrong == "refusal" else content)
        message = {"content": content} if wrong != "refusal" else {"content": None, "refusal": "No."}
        finish = "length" if wrong == "cut" else "stop"
        if wrong == "cut":
            message = {"content": content[: len(content) // 2]}
        choice = {"message": message, "finish_reason": finish}
        tier = body.get("service_tier", "default")
        return Posted({"choices": [choice], "usage": usage, "service_tier": tier}, f"req-{len(self.calls)}")

    def _fill(self, text: str, schema: dict[str, Any], wrong: str) -> dict[str, Any]:
        name = next(iter(schema.get("properties", {"scores": {}})))
        fields = schema["properties"][name]["items"]["properties"] if schema else {"i": {}, "s": {}}
        entries = [self._entry(label, title, abstract, fields, text) for label, title, abstract in papers_in(text)]
        if wrong == "omit":
            entries = entries[1:]
        if wrong == "dup" and entries:
            entries.append(entries[0])
        return {name: entries}

    def _entry(self, label: str, title: str, abstract: str, fields: dict[str, Any], text: str) -> dict[str, Any]:
        relevance, novelty = self.scores.get(title, (1, 3))
        if self.obeys and self.obeys.search(f"{title}\n{abstract}"):
            relevance = novelty = 10
        only_novelty = not TOPICS.search(text)
        values = {
            "i": label,
            "s": novelty if only_novelty else relevance,
            "rel": relevance,
            "nov": novelty,
            "topic": 1,
            "evidence": self.evidence(abstract),
            "comment": f"About {title}.",
            "summary": "Something is new.",
        }
        return {name: values[name] for name in fields}

    def _meter(self, text: str, shared: str, content: str) -> dict[str, Any]:
        prompt, completion = math.ceil(len(text) / 4), math.ceil(len(content) / 4)
        cached = written = 0
        if shared and len(text) <= self.context * 4:
            cached, written = (len(shared) // 4, 0) if shared in self._cached else (0, len(shared) // 4)
            self._cached.add(shared)
        self.meter.update(calls=1, prompt=prompt, cached=cached, written=written, completion=completion)
        details = {"cached_tokens": cached, "cache_write_tokens": written}
        return {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details}


def papers_in(text: str) -> list[tuple[str, str, str]]:
    """(label, title, abstract) of each paper shown."""
    found = list(LINE.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [
        (m[1], m[2], text[m.end() : end].split("</papers", maxsplit=1)[0].strip())
        for m, end in zip(found, ends, strict=True)
    ]


def text_of(body: dict[str, Any]) -> tuple[str, str]:
    """A request's prompt, and the part up to the cache breakpoint."""
    shared, whole = prompt_of(body)
    return whole, shared
