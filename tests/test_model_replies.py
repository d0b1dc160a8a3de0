"""Replies of odd endpoints: read where they can be, else one clear fault; usage is believed where it is possible."""

from typing import Any

import pytest

from newsletter.models.scores import Status, Tokens
from newsletter.scoring.model.client import Posted, Rejected, without
from newsletter.scoring.model.replies import NoAnswer, Sent, code_of, context_of, overflows, parsed, read
from newsletter.store import Store
from newsletter.store.endpoints import FORGOTTEN_AFTER, Learned
from tests.builders import NOON
from tests.fake_model import FakeModel
from tests.test_model_reader import a_reader, a_run, a_slate, liked, relevance_of, total

SENT = Sent(chars=400, bytes=400, max_tokens=50)
USAGE = {"prompt_tokens": 100, "completion_tokens": 5}


def a_body(message: Any = None, usage: Any = None, **fields: Any) -> dict[str, Any]:
    choice = {"message": {"content": "{}"} if message is None else message, "finish_reason": "stop"}
    return {"choices": [choice], "usage": USAGE if usage is None else usage, **fields}


@pytest.mark.parametrize(
    "message",
    [
        "hello",
        {"content": "hello"},
        {"content": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]},
        {"content": "<think>{} or not?</think>\nhello"},
        {"content": "{} or not?</think>hello"},
        {"content": None, "reasoning_content": "hello"},
        [{"text": "hello"}],
    ],
)
def test_the_text_of_an_answer_is_found_in_every_form(message: Any) -> None:
    assert read(a_body(message), SENT).text == "hello"


def test_a_stream_is_put_together() -> None:
    chunks = [
        'data: {"id": "a", "choices": [{"delta": {"role": "assistant", "content": "hel"}}]}',
        'data: {"choices": [{"delta": {"content": "lo"}, "finish_reason": "stop"}], "usage": null}',
        'data: {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 5}}',
        "data: [DONE]",
    ]
    answer = read(parsed("\n\n".join(chunks)), SENT)
    assert (answer.text, answer.finish, answer.tokens) == ("hello", "stop", Tokens(prompt=100, completion=5))


def test_a_stream_that_ends_early_was_cut() -> None:
    assert read(parsed('data: {"choices": [{"delta": {"content": "hel"}}]}'), SENT).finish == "length"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"message": "slow down", "code": 429}, 429, ""),
        ({"message": "no money", "code": "insufficient_quota"}, 502, "insufficient_quota"),
        ("something broke", 502, ""),
    ],
)
def test_an_error_inside_an_answer_is_an_error(error: Any, status: int, code: str) -> None:
    with pytest.raises(NoAnswer) as told:
        read({"error": error}, SENT)
    assert (told.value.status, told.value.code) == (status, code)


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    "body", [[], "text", None, {}, {"choices": []}, {"choices": "none"}, {"error": nested(900)}, a_body(nested(900))]
)
def test_what_holds_nothing_is_one_clear_fault(body: Any) -> None:
    with pytest.raises(NoAnswer):
        read(body, SENT)


@pytest.mark.parametrize("usage", [{"prompt_tokens": 100.0, "completion_tokens": "5"}, {**USAGE, "extra": [1]}])
def test_usage_is_read_where_it_means_a_number(usage: Any) -> None:
    answer = read(a_body(usage=usage), SENT)
    assert (answer.tokens, answer.estimated) == (Tokens(prompt=100, completion=5), False)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 12.5, "completion_tokens": 5},
        {"prompt_tokens": -100, "completion_tokens": 5},
        {"prompt_tokens": 10**6, "completion_tokens": 5},
        {"prompt_tokens": 100, "completion_tokens": 10**6},
        {"prompt_tokens": [100], "completion_tokens": 5},
        {"prompt_tokens": True, "completion_tokens": 5},
        {**USAGE, "prompt_tokens_details": {"cached_tokens": 101}},
        {"prompt_tokens": float("nan"), "completion_tokens": 5},
        "many",
        [],
        None,
    ],
)
def test_impossible_usage_is_estimated_from_what_was_sent(usage: Any) -> None:
    body = a_body({"content": "x" * 8})
    answer = read({**body, "usage": usage}, SENT)
    assert (answer.tokens, answer.estimated) == (Tokens(prompt=100, completion=2), True)


def test_details_of_another_type_count_as_not_said() -> None:
    assert read(a_body(usage={**USAGE, "prompt_tokens_details": [3]}), SENT).tokens.cached == 0


OVERFLOWS = [
    (400, {"message": "too long", "code": "context_length_exceeded"}, None),
    (
        400,
        {
            "code": 400,
            "message": "the request exceeds the available context size, try increasing it",
            "type": "exceed_context_size_error",
            "n_ctx": 4096,
        },
        4096,
    ),
    (
        400,
        {
            "message": "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length "
            "is 4096 tokens and your request has 300 input tokens.",
            "type": "BadRequestError",
            "param": "max_completion_tokens",
            "code": 400,
        },
        4096,
    ),
    (413, {"message": "Payload Too Large"}, None),
]


@pytest.mark.parametrize(("status", "detail", "context"), OVERFLOWS)
def test_an_overflow_is_known_by_its_code_or_words(status: int, detail: dict[str, Any], context: int | None) -> None:
    assert overflows(status, code_of(detail), detail["message"])
    assert context_of(detail["message"], detail) == context


@pytest.mark.parametrize("message", ["Unsupported parameter: 'service_tier'", "extra inputs are not permitted"])
def test_a_refused_feature_is_no_overflow(message: str) -> None:
    assert not overflows(400, "unsupported_parameter", message)


@pytest.mark.parametrize(("status", "detail", "context"), OVERFLOWS)
def test_an_overflow_halves_the_block_and_drops_no_feature(
    store: Store, status: int, detail: dict[str, Any], context: int | None
) -> None:
    papers = a_slate(store, 48)

    def fault(call: int, body: dict[str, Any]) -> Rejected | None:
        small = sum(str(message).count("[p") for message in body["messages"]) <= 15
        error = Rejected(status, detail["message"], code_of(detail), detail.get("param", ""), context=context)
        return None if small else error

    run = a_run(store, FakeModel(liked(papers), fault=fault))
    scores = run.score(a_reader(store), papers)
    assert (scores.status, set(relevance_of(scores).values())) == (Status.OK, {9})
    assert run.warnings == []


def test_an_odd_reply_harms_no_other_reader_and_is_paid_for_as_estimated(store: Store) -> None:
    papers = a_slate(store, 40)
    readers = [a_reader(store, f"reader{n}") for n in range(11)]

    class Odd(FakeModel):
        def __call__(self, body: dict[str, Any]) -> Posted:
            posted = super().__call__(body)
            if "as reader3 sees" in str(body):
                assert isinstance(posted.body, dict)
                posted.body["usage"] = {"prompt_tokens": 12.5, "completion_tokens": ["7"]}
            return posted

    results = a_run(store, Odd(liked(papers[:3]))).score_all(readers, papers)
    assert {s.status for s in results} == {Status.OK}
    assert total(store, "estimated") == 2  # the block and the comments of one reader
    assert total(store, "picodollars", "accounts") == total(store, "picodollars")


def test_what_a_small_model_leaves_out_is_asked_in_smaller_blocks(store: Store) -> None:
    papers = a_slate(store, 48)

    class Small(FakeModel):
        def _fill(self, text: str, schema: dict[str, Any], wrong: str) -> dict[str, Any]:
            (name, entries), *_ = super()._fill(text, schema, wrong).items()
            return {name: entries if len(entries) < 8 else entries[:4]}

    scores = a_run(store, Small(liked(papers))).score(a_reader(store), papers)
    assert (scores.status, scores.not_scored) == (Status.OK, ())


def test_what_an_endpoint_refuses_and_holds_is_kept_for_a_while(store: Store) -> None:
    store.endpoints.learn("http://a", "m", {"schema"}, 4096, NOON)
    assert store.endpoints.learned("http://a", "m", NOON) == Learned(frozenset({"schema"}), 4096)
    assert store.endpoints.learned("http://b", "m", NOON) == Learned()
    assert store.endpoints.learned("http://a", "m", NOON + FORGOTTEN_AFTER * 2) == Learned()


def test_a_short_key_garbles_no_message() -> None:
    assert without("x", "the context is exceeded") == "the context is exceeded"
    assert without("sk-secret-key", "no such key: sk-secret-key") == "no such key: ***"


ODDITIES: dict[str, dict[str, Any]] = {
    "usage as text": {"usage": "many"},
    "usage as a list": {"usage": [12, 5]},
    "negative usage": {"usage": {"prompt_tokens": -5, "completion_tokens": 5}},
    "details as a list": {"usage": {"prompt_tokens": 300, "completion_tokens": 5, "prompt_tokens_details": [1]}},
    "message as text": {"choices": [{"message": "No scores today.", "finish_reason": "stop"}]},
    "content as parts": {"choices": [{"message": {"content": [{"type": "text", "text": "{}"}]}}]},
    "no choices": {"choices": []},
    "an error inside": {"error": {"message": "overloaded", "code": 503}},
    "a message that is a number": {"choices": [{"message": 7}]},
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_each_oddity_leaves_the_ten_other_readers_unharmed(store: Store, oddity: str) -> None:
    papers = a_slate(store, 20)
    readers = [a_reader(store, f"reader{n}") for n in range(11)]

    class Odd(FakeModel):
        def __call__(self, body: dict[str, Any]) -> Posted:
            posted = super().__call__(body)
            if "as reader3 sees" in str(body):
                assert isinstance(posted.body, dict)
                posted.body.update(ODDITIES[oddity])
            return posted

    results = a_run(store, Odd(liked(papers[:3])), attempts=2).score_all(readers, papers)
    others = [scores for number, scores in enumerate(results) if number != 3]
    assert {(scores.status, scores.scorer) for scores in others} == {(Status.OK, "openai")}
    assert results[3].status in (Status.OK, Status.SCORING_FAULT)
    assert total(store, "picodollars", "accounts") == total(store, "picodollars")
    assert total(store, "picodollars", "reservations") == 0
