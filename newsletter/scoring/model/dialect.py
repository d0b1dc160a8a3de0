"""Decides what a request says to an endpoint, and what its refusal of one means for the next. Calls nothing.

The first request asks for all that the API has; what the endpoint refuses (a schema, cache breakpoints, a tier, an
effort) is left out from then on.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from newsletter.scoring.model.prices import STANDARD

WORDY = 8  # how much longer an answer gets that no schema holds to its form
BOUNDS = ("maxItems", "minimum", "maximum")  # of a schema; some endpoints refuse a schema that has them

Body = dict[str, Any]


@dataclass(frozen=True)
class Prompt:
    """One call. `shared` is the same for all calls of one block, `own` comes after the cache breakpoint.

    `max_tokens` is the room for the answer, `usual_tokens` what it takes as a rule.
    """

    system: str
    shared: str
    own: str
    schema: Mapping[str, Any]
    max_tokens: int
    usual_tokens: int = 0
    cached: bool = False
    cache_key: str = ""

    @cached_property
    def size(self) -> int:
        """Bytes of everything that is billed as prompt."""
        texts = (self.system, self.shared, self.own, json.dumps(self.schema))
        return sum(len(text.encode()) for text in texts)

    @property
    def chars(self) -> int:
        """Characters of everything that a server would count as prompt."""
        return len(self.system) + len(self.shared) + len(self.own)


@dataclass(frozen=True, slots=True)
class _Feature:
    """`said`: to people; `words`: by which a refusal names it; `sent`: whether a request has it."""

    said: str
    words: tuple[str, ...]
    sent: Callable[[Mapping[str, Any]], bool]


def _form(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("response_format") or {}


# In the order in which they are given up where a refusal names none of them.
_FEATURES = {
    "breakpoint": _Feature(
        "cache breakpoints",
        ("prompt_cache_options", "prompt_cache_breakpoint", "cache_breakpoint"),
        lambda body: "prompt_cache_options" in body,
    ),
    "key": _Feature("a prompt cache key", ("prompt_cache_key",), lambda body: "prompt_cache_key" in body),
    "tier": _Feature("the service tier", ("service_tier",), lambda body: "service_tier" in body),
    "bounds": _Feature("bounds in a schema", BOUNDS, lambda body: _is_bounded(_form(body).get("json_schema"))),
    "schema": _Feature(
        "a JSON schema", ("json_schema", "response_format"), lambda body: _form(body).get("type") == "json_schema"
    ),
    "json": _Feature(
        "JSON mode", ("json_object", "response_format"), lambda body: _form(body).get("type") == "json_object"
    ),
    "effort": _Feature(
        "the reasoning effort", ("reasoning_effort", "reasoning"), lambda body: "reasoning_effort" in body
    ),
    "limit": _Feature(
        "max_completion_tokens", ("max_completion_tokens",), lambda body: "max_completion_tokens" in body
    ),
}


@dataclass(frozen=True)
class Dialect:
    """What an endpoint is told: the effort, and all features but those that it refused, by our names."""

    effort: str
    refused: frozenset[str] = frozenset()

    def roomy(self, prompt: Prompt) -> Prompt:
        """The prompt with room for an answer that no schema holds to its form, where the endpoint has none."""
        factor = WORDY if "schema" in self.refused else 1
        return replace(prompt, max_tokens=prompt.max_tokens * factor)

    def body(self, model: str, prompt: Prompt, tier: str) -> Body:
        """The request, as Chat Completions takes it."""
        shared: dict[str, Any] = {"type": "text", "text": prompt.shared}
        own = {"type": "text", "text": prompt.own}
        body: Body = {"model": model}
        if self._has("breakpoint"):
            # Without "explicit" the end of every prompt would be written to the cache, at 1.25 times the price.
            body["prompt_cache_options"] = {"mode": "explicit"}
            if prompt.cached:
                shared["prompt_cache_breakpoint"] = {"mode": "explicit"}
            content: Any = [shared, own]
        else:
            content = f"{prompt.shared}\n{prompt.own}"
        body["messages"] = [{"role": "system", "content": prompt.system}, {"role": "user", "content": content}]
        body["max_completion_tokens" if self._has("limit") else "max_tokens"] = prompt.max_tokens
        if self._has("schema"):
            schema = prompt.schema if self._has("bounds") else _unbounded(prompt.schema)
            form = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        elif self._has("json"):
            body["response_format"] = {"type": "json_object"}
        if self._has("effort") and self.effort != "default":
            body["reasoning_effort"] = self.effort
        if self._has("tier") and tier != STANDARD:
            body["service_tier"] = tier
        if self._has("key") and prompt.cache_key:
            body["prompt_cache_key"] = prompt.cache_key
        return body

    def after(self, body: Mapping[str, Any], message: str, code: str, *, guess: bool) -> tuple["Dialect", str] | None:
        """What is left after a refusal of this request, and what was refused, in words for people.

        None where the refusal is of nothing that can be left out. `guess`: where it names no feature, one after
        another is tried.
        """
        sent = [name for name, feature in _FEATURES.items() if feature.sent(body)]
        named = [name for name in sent if any(word in message for word in _FEATURES[name].words)]
        for name in named or (sent if guess else []):
            if name == "effort" and code == "unsupported_value" and self.effort == "none":
                # Before GPT-5.1, "minimal" was the least.
                return replace(self, effort="minimal"), "the effort none"
            return replace(self, refused=self.refused | {name}), _FEATURES[name].said
        return None

    def _has(self, name: str) -> bool:
        return name not in self.refused


def _is_bounded(schema: object) -> bool:
    if isinstance(schema, Mapping):
        return any(key in BOUNDS or _is_bounded(value) for key, value in schema.items())
    return False


def _unbounded(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {key: _unbounded(value) for key, value in schema.items() if key not in BOUNDS}
    return schema
