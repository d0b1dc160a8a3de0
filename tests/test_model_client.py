"""The door to the model: what is tried again, what is dropped, and when calling stops."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from newsletter.scoring.model.client import (
    Model,
    ModelStopped,
    OpenAISettings,
    Posted,
    Rejected,
    TooLong,
    Unanswered,
)
from newsletter.scoring.model.dialect import Prompt

PROMPT = Prompt("system", "shared", "own", {"type": "object"}, max_tokens=10, cached=True, cache_key="k")
ANSWER = {
    "choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2},
}


class Endpoint:
    """Answers each request by the next of `answers`, or by the function; the last one holds."""

    def __init__(self, *answers: Rejected | dict[str, Any] | Callable[[dict[str, Any]], Any]) -> None:
        self.answers = list(answers)
        self.requests: list[dict[str, Any]] = []
        self.slept: list[float] = []
        self.warnings: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Posted:
        self.requests.append(body)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(body)
        if isinstance(answer, Rejected):
            raise answer
        return Posted({"service_tier": body.get("service_tier", "default"), **answer}, "req-1")

    def model(self, learn: Callable[[frozenset[str]], None] = lambda _: None, **settings: Any) -> Model:
        chosen, lot = OpenAISettings(**settings), random.Random(0)
        return Model(chosen, self, sleep=self.slept.append, rng=lot, warn=self.warnings.append, learn=learn)


def refuses(*names: str) -> Callable[[dict[str, Any]], Any]:
    """An endpoint that names the first parameter it does not know."""

    def answer(body: dict[str, Any]) -> Any:
        text = str(body)
        for name in names:
            if f"'{name}'" in text:
                return Rejected(400, f"Unsupported parameter: '{name}'", "unsupported_parameter", name)
        return ANSWER

    return answer


def test_a_request_puts_the_breakpoint_between_papers_and_topics() -> None:
    endpoint = Endpoint(ANSWER)
    endpoint.model().ask(PROMPT)
    (body,) = endpoint.requests
    shared, own = body["messages"][1]["content"]
    assert (shared["text"], shared["prompt_cache_breakpoint"]) == ("shared", {"mode": "explicit"})
    assert own == {"type": "text", "text": "own"}
    assert body["prompt_cache_options"] == {"mode": "explicit"}
    assert (body["service_tier"], body["reasoning_effort"]) == ("flex", "none")


@pytest.mark.parametrize(
    "name",
    [
        "prompt_cache_options",
        "prompt_cache_key",
        "service_tier",
        "response_format",
        "reasoning_effort",
        "max_completion_tokens",
    ],
)
def test_what_is_refused_is_dropped_for_the_rest_of_the_run_with_one_warning(name: str) -> None:
    endpoint = Endpoint(refuses(name))
    model = endpoint.model()
    model.ask(PROMPT)
    refused = len(endpoint.requests)
    model.ask(PROMPT)
    assert len(endpoint.requests) == refused + 1
    assert name not in endpoint.requests[-1]
    assert len(endpoint.warnings) == refused - 1
    assert endpoint.slept == []


def test_an_endpoint_that_refuses_everything_is_still_asked() -> None:
    endpoint = Endpoint(
        refuses(
            "prompt_cache_breakpoint",
            "prompt_cache_key",
            "service_tier",
            "json_schema",
            "json_object",
            "reasoning_effort",
            "max_completion_tokens",
        )
    )
    endpoint.model(attempts=1).ask(PROMPT)
    assert set(endpoint.requests[-1]) == {"model", "messages", "max_tokens"}
    assert endpoint.requests[-1]["messages"][1]["content"] == "shared\nown"


@pytest.mark.parametrize("word", ["maxItems", "minimum"])
def test_where_bounds_are_refused_the_schema_stays(word: str) -> None:
    endpoint = Endpoint(refuses(word))
    score = {"type": "integer", "minimum": 1, "maximum": 10}
    schema = {"type": "array", "items": score, "maxItems": 2}
    endpoint.model().ask(replace(PROMPT, schema=schema))
    form = endpoint.requests[-1]["response_format"]
    assert form["json_schema"]["schema"] == {"type": "array", "items": {"type": "integer"}}
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    "message", ["response_format: this server has no grammar", "max_completion_tokens is too small", "no"]
)
def test_a_refusal_that_nothing_helps_against_ends_and_teaches_nothing(message: str) -> None:
    endpoint, learnt = Endpoint(Rejected(400, message)), list[frozenset[str]]()
    model = endpoint.model(learn=learnt.append)
    for _ in range(4):
        with pytest.raises(Unanswered):
            model.ask(PROMPT)
    with pytest.raises(ModelStopped):
        model.ask(PROMPT)
    assert len(endpoint.requests) < 20
    assert learnt == []


def test_what_is_refused_is_remembered_once_it_helped() -> None:
    endpoint, learnt = Endpoint(refuses("service_tier", "json_schema")), list[frozenset[str]]()
    model = endpoint.model(learn=learnt.append)
    model.ask(PROMPT)
    model.ask(PROMPT)
    assert learnt == [{"tier", "schema"}]


def test_where_no_schema_holds_an_answer_to_its_form_it_gets_more_room() -> None:
    endpoint = Endpoint(refuses("json_schema"))
    model = endpoint.model()
    assert model.roomy(PROMPT).max_tokens == 10
    model.ask(PROMPT)
    assert model.roomy(PROMPT).max_tokens == 80


def test_a_refusal_that_names_nothing_gives_up_one_thing_after_another() -> None:
    endpoint = Endpoint(lambda body: Rejected(422, "extra inputs") if "service_tier" in body else ANSWER)
    endpoint.model().ask(PROMPT)
    assert "response_format" in endpoint.requests[-1]


def test_where_none_is_no_effort_minimal_is_asked() -> None:
    refusal = Rejected(400, "reasoning_effort does not support 'none'", "unsupported_value", "reasoning_effort")
    endpoint = Endpoint(refusal, ANSWER)
    endpoint.model().ask(PROMPT)
    assert endpoint.requests[-1]["reasoning_effort"] == "minimal"


def test_retry_after_is_obeyed_with_jitter() -> None:
    endpoint = Endpoint(Rejected(429, "slow down", retry_after=7.0), ANSWER)
    reply = endpoint.model().ask(PROMPT)
    assert reply.retries == 1
    assert 7.0 <= endpoint.slept[0] <= 10.5


def test_pauses_grow() -> None:
    endpoint = Endpoint(Rejected(500), Rejected(503), Rejected(0, "reset"), Rejected(502), ANSWER)
    endpoint.model().ask(PROMPT)
    assert endpoint.slept == sorted(endpoint.slept)


def test_a_call_that_never_succeeds_is_given_up() -> None:
    endpoint = Endpoint(Rejected(500, "down"))
    with pytest.raises(Unanswered, match="500: down"):
        endpoint.model(attempts=3).ask(PROMPT)
    assert len(endpoint.requests) == 3


def test_an_outage_stops_the_run_after_a_few_calls() -> None:
    endpoint = Endpoint(Rejected(0, "connection refused"))
    model = endpoint.model(attempts=1)
    for _ in range(4):
        with pytest.raises(Unanswered):
            model.ask(PROMPT)
    with pytest.raises(ModelStopped):
        model.ask(PROMPT)
    with pytest.raises(ModelStopped):
        model.ask(PROMPT)
    assert len(endpoint.requests) == 5


@pytest.mark.parametrize(
    "last", [Rejected(429, "no capacity", "resource_unavailable"), Rejected(0, "slow", timed_out=True)]
)
def test_flex_without_capacity_goes_to_the_standard_tier(last: Rejected) -> None:
    endpoint = Endpoint(last, ANSWER)
    assert endpoint.model().ask(PROMPT).tier == "default"
    assert "service_tier" not in endpoint.requests[-1]


def test_the_tier_on_record_is_the_one_that_was_used() -> None:
    assert Endpoint({**ANSWER, "service_tier": "default"}).model().ask(PROMPT).tier == "default"


def test_a_prompt_that_is_too_long_is_no_refusal() -> None:
    endpoint = Endpoint(Rejected(400, "maximum context length", "context_length_exceeded"))
    with pytest.raises(TooLong):
        endpoint.model().ask(PROMPT)
    assert endpoint.warnings == []


def test_usage_is_read_generously() -> None:
    bare = {"choices": [{"message": {"content": "12345678"}}]}
    tokens = Endpoint(bare).model().ask(PROMPT).tokens
    assert (tokens.prompt, tokens.completion) == (4, 2)  # four characters a token, where the server counts none


def test_the_key_stands_in_no_error() -> None:
    endpoint = Endpoint(Rejected(401, "Incorrect API key provided"))
    with pytest.raises(ModelStopped) as stopped:
        endpoint.model().ask(PROMPT)
    assert "openai.model" in str(stopped.value)
