"""Decides what an endpoint's reply says: read once, by models that forgive, whatever shape it has. Calls nothing.

What is missing or of the wrong type counts as not said. Usage is believed where it is possible for what was sent, else
the tokens are estimated from the characters, and marked so.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from newsletter.models.scores import Tokens

CHARS_PER_TOKEN = 4  # where an endpoint counts none
MOST_TOKENS_A_BYTE = 1.5  # no tokenizer makes more of a text; a chat template adds some
TEMPLATE_TOKENS = 500
MOST_THOUGHT = 200_000  # tokens that a model may think beyond the room it was given for its answer
_FINISHES = {"content_filter": "filter", "max_tokens": "length", "eos": "stop", "end_turn": "stop"}
_THOUGHT_ENDS = "</think>"


class NoAnswer(Exception):
    """A reply that holds nothing to read: `status` is what it would have had, had the server said so.

    `lost`: it may have been billed, and does not say for how much.
    """

    def __init__(self, message: str, status: int = 502, code: str = "", *, lost: bool = True) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.lost = message, status, code, lost


@dataclass(frozen=True, slots=True)
class Sent:
    """What bounds the usage of a reply: characters and bytes of the prompt, and the room for the answer."""

    chars: int
    bytes: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply says; `finish` as the endpoint names it or in our words. `estimated`: the tokens are a guess."""

    text: str
    finish: str
    tokens: Tokens
    estimated: bool
    tier: str
    id: str


def _text(value: object) -> str:
    """Text, also where it comes as parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _text(value.get("text") or value.get("content") or "")
    return "".join(map(_text, value)) if isinstance(value, list) else ""


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    """A whole number that is not negative, also as 12.0 or "12"; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) < 15:
        return int(value)
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value) if 0 <= value < 10**12 else None
    return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _spoken(value: object) -> object:
    """A message that came as bare text or as parts is its content."""
    return value if isinstance(value, dict) else {"content": value}


_Text = Annotated[str, BeforeValidator(_text)]
_Word = Annotated[str, BeforeValidator(_word)]
_Count = Annotated[int | None, BeforeValidator(_count)]


class _Details(BaseModel):
    cached_tokens: _Count = None
    cache_write_tokens: _Count = None
    reasoning_tokens: _Count = None


_DetailsOf = Annotated[_Details, BeforeValidator(_object)]


class _Usage(BaseModel):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    prompt_tokens_details: _DetailsOf = _Details()
    completion_tokens_details: _DetailsOf = _Details()


class _Message(BaseModel):
    content: _Text = ""
    reasoning_content: _Text = ""
    refusal: _Text = ""


class _Choice(BaseModel):
    message: Annotated[_Message, BeforeValidator(_spoken)] = _Message()
    text: _Text = ""
    finish_reason: _Word = ""
    error: object = None


class _Body(BaseModel):
    id: _Word = ""
    choices: Annotated[list[_Choice], BeforeValidator(_objects)] = []
    usage: Annotated[_Usage, BeforeValidator(_object)] = _Usage()
    service_tier: _Word = ""
    error: object = None


def read(body: object, sent: Sent) -> Answer:
    """What a reply says. Raises NoAnswer for an error inside it, and where it holds nothing that was paid for."""
    if not isinstance(body, dict):
        raise NoAnswer(f"the answer is no JSON object but {type(body).__name__}")
    try:
        reply = _Body.model_validate(body)
        choice = reply.choices[0] if reply.choices else _Choice()
        refused = _refused(error) if (error := reply.error or choice.error) else None
    except (ValidationError, RecursionError):
        raise NoAnswer("the answer has no form that we know") from None
    if refused:
        raise refused
    if not reply.choices and not reply.usage.completion_tokens:
        raise NoAnswer("the answer has no choices")
    message = choice.message
    text = (message.content or choice.text).rpartition(_THOUGHT_ENDS)[2].strip() or message.reasoning_content
    tokens, estimated = _tokens(reply.usage, sent, len(text))
    finish = _FINISHES.get(choice.finish_reason, choice.finish_reason) or "stop"
    return Answer(text, "refusal" if message.refusal else finish, tokens, estimated, reply.service_tier, reply.id)


def _refused(error: object) -> NoAnswer:
    found = error if isinstance(error, dict) else {"message": _text(error) or str(error)}
    status = _count(found.get("code")) or _count(found.get("status")) or 502
    return NoAnswer(
        _text(found.get("message")) or "the answer is an error",
        status if 400 <= status < 600 else 502,
        code_of(found),
        lost=False,
    )


def code_of(error: Mapping[str, Any]) -> str:
    """The name of an error: some servers put the status where others have the name."""
    names = [value for key in ("code", "type") if isinstance(value := error.get(key), str) and not value.isdecimal()]
    return names[0] if names else ""


def _tokens(usage: _Usage, sent: Sent, answered: int) -> tuple[Tokens, bool]:
    """The usage as said, and False; where it is not possible, an estimate from the characters, and True."""
    before, after = usage.prompt_tokens_details, usage.completion_tokens_details
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    cached, written, reasoning = before.cached_tokens or 0, before.cache_write_tokens or 0, after.reasoning_tokens or 0
    possible = (
        prompt is not None
        and completion is not None
        and 0 < prompt <= sent.bytes * MOST_TOKENS_A_BYTE + TEMPLATE_TOKENS
        and completion <= 2 * sent.max_tokens + answered + MOST_THOUGHT * (reasoning > 0)
        and cached + written <= prompt
        and reasoning <= completion
    )
    if possible and prompt is not None and completion is not None:
        return Tokens(prompt, cached, written, completion, reasoning), False
    return Tokens(prompt=-(-sent.chars // CHARS_PER_TOKEN), completion=-(-answered // CHARS_PER_TOKEN)), True


def embedding_tokens(body: object, texts: Sequence[str]) -> tuple[int, bool]:
    """The tokens that an embeddings call used, and False; an estimate from the characters, and True."""
    usage = _Usage.model_validate(_object(_object(body).get("usage")))
    size = sum(len(text.encode()) for text in texts)
    if usage.prompt_tokens is not None and 0 < usage.prompt_tokens <= size * MOST_TOKENS_A_BYTE + TEMPLATE_TOKENS:
        return usage.prompt_tokens, False
    return sum(-(-len(text) // CHARS_PER_TOKEN) for text in texts), True


def parsed(text: str) -> object:
    """The body of a reply: JSON, or the chunks of a stream put together. Raises NoAnswer."""
    if text.lstrip().startswith(("data:", "event:", ":")):
        return _streamed(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NoAnswer(f"the answer is not JSON: {text[:60]!r}") from None


def _streamed(text: str) -> dict[str, Any]:
    """Server-sent chunks as one body; a chunk that is no JSON object is passed over."""
    whole: dict[str, Any] = {}
    content, thought, finish = "", "", ""
    for chunk in _chunks(text):
        whole |= {key: value for key, value in chunk.items() if key != "choices" and value}
        for choice in _objects(chunk.get("choices")):
            assert isinstance(choice, dict), "_objects gives objects"
            delta = _object(choice.get("delta") or choice.get("message"))
            content += _text(delta.get("content"))
            thought += _text(delta.get("reasoning_content"))
            finish = _word(choice.get("finish_reason")) or finish
    if not (content or thought or "error" in whole):
        raise NoAnswer("the answer is a stream without text")
    message = {"content": content, "reasoning_content": thought}
    return {**whole, "choices": [{"message": message, "finish_reason": finish or "length"}]}


def _chunks(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("data:"):
            try:
                chunk = json.loads(line.removeprefix("data:"))
            except (ValueError, RecursionError):
                continue  # [DONE]
            if isinstance(chunk, dict):
                yield chunk


# Overflow

_OVERFLOW_CODES = (
    "context_length_exceeded",
    "exceed_context_size_error",
    "string_above_max_length",
    "context_window_exceeded",
)
_OVERFLOW = re.compile(
    r"context (?:length|size|window)|max_model_len|maximum model length|prompt (?:is )?too long|"
    r"too many (?:input )?tokens|input (?:is )?too long|reduce the length|maximum prompt length|input tokens? exceed",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:maximum (?:context|model|prompt) length|context (?:size|window|length)|n_ctx|max_model_len)(?: is| of)?"
    r"[^\d\n]{0,12}(\d{3,7})",
    re.IGNORECASE,
)


def overflows(status: int, code: str, message: str) -> bool:
    """True where the prompt was too long, as OpenAI, llama.cpp, vLLM and others say it."""
    return status == 413 or code in _OVERFLOW_CODES or (status in (400, 422, 500) and bool(_OVERFLOW.search(message)))


def context_of(message: str, detail: Mapping[str, Any]) -> int | None:
    """The tokens that the endpoint says it can hold."""
    said = _count(detail.get("n_ctx"))
    found = _LIMIT.search(message)
    return said or (int(found[1]) if found else None)
