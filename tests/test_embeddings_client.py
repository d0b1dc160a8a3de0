"""The door to an embeddings endpoint: a row for each text, or one clear fault; every token is on an account."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from newsletter.models.subscribers import TopicsFile, Wishes
from newsletter.money import picodollars
from newsletter.scoring.model.budget import Budget, Caps, OutOfMoney
from newsletter.scoring.model.client import Posted, Rejected, Tries, Unanswered
from newsletter.scoring.model.embeddings import Embedder
from newsletter.scoring.model.prices import prices_of
from newsletter.store import Store
from newsletter.store.subscribers import FileStamp
from newsletter.topics.body import read_body
from tests.builders import NOON, WEDNESDAY

MODEL = "text-embedding-3-small"
TEXTS = ["moss on stones", "lichen on bark"]
Answer = Callable[[dict[str, Any]], Any]


def well(body: dict[str, Any]) -> Any:
    """Each text's length and its number of blanks, the last text first; ten tokens a text."""
    rows = [
        {"index": n, "embedding": [float(len(text)), float(text.count(" "))]} for n, text in enumerate(body["input"])
    ]
    return {"data": rows[::-1], "usage": {"prompt_tokens": 10 * len(rows)}}


def an_embedder(store: Store, *answers: Answer | Rejected, usd: str = "1") -> Embedder:
    """Answers each request by the next of `answers`; the last one holds."""
    left = list(answers)

    def post(body: dict[str, Any]) -> Posted:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Rejected):
            raise answer
        return Posted(answer(body), "req-1")

    run_id = store.charges.start_run("run", NOON)
    return Embedder(
        store=store,
        model=MODEL,
        post=post,
        tries=Tries(MODEL, 2, warn=lambda _: None, sleep=lambda _: None, rng=random.Random(0)),
        prices=prices_of(MODEL, {}),
        budget=Budget(store.charges, run_id, Caps(picodollars(Decimal(usd)), picodollars(Decimal(usd))), NOON),
        clock=lambda: NOON,
    )


def readers(store: Store) -> list[int]:
    topics = read_body("1. Moss\n   - Relevant: moss\n")
    return [
        store.subscribers.save(slug, TopicsFile(Wishes(email=f"{slug}@example.org"), topics), FileStamp(0, 0), NOON).id
        for slug in ("ada", "bo", "cy")
    ]


def nothing_kept(_vectors: object) -> Callable[[object], None]:
    return lambda _db: None


def test_vectors_come_in_the_order_of_the_texts_whatever_the_order_of_the_answer(store: Store) -> None:
    got = an_embedder(store, well).embed(TEXTS, readers(store), WEDNESDAY, nothing_kept)
    assert got.vectors.tolist() == [[14.0, 2.0], [14.0, 2.0]]
    assert got.tokens == 20


def test_the_call_is_split_over_its_payers_to_the_last_token(store: Store) -> None:
    an_embedder(store, well).embed(TEXTS, readers(store), WEDNESDAY, nothing_kept)
    (row,) = store.charges.grouped("stage")
    assert (row["stage"], row["calls"], row["prompt_tokens"]) == ("vectors", 1, 20)
    by_reader = store.charges.grouped("subscriber")
    assert sorted(row["prompt_tokens"] for row in by_reader) == [6, 7, 7]
    assert sum(row["picodollars"] for row in by_reader) == row["picodollars"] == 20 * 20_000


def test_vectors_are_saved_with_their_charge_or_neither_is(store: Store) -> None:
    def broken(_vectors: object) -> Callable[[object], None]:
        def keep(_db: object) -> None:
            raise OSError("no space left")

        return keep

    with pytest.raises(OSError, match="no space"):
        an_embedder(store, well).embed(TEXTS, readers(store), WEDNESDAY, broken)
    assert store.charges.grouped("stage") == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda body: {"data": well(body)["data"][:1]},
        lambda body: {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]},
        lambda body: {"data": [{"index": n, "embedding": [float("nan")]} for n in range(2)]},
        lambda body: {"data": "none"},
        lambda body: [],
        lambda body: {"error": {"message": "down"}},
        Rejected(429, "slow down", retry_after=1.0),
    ],
)
def test_an_answer_that_lacks_a_vector_is_asked_for_again_and_then_given_up(store: Store, wrong: Any) -> None:
    payers = readers(store)
    assert len(an_embedder(store, wrong, well).embed(TEXTS, payers, WEDNESDAY, nothing_kept).vectors) == 2
    with pytest.raises(Unanswered):
        an_embedder(store, wrong).embed(TEXTS, payers, WEDNESDAY, nothing_kept)
    row = store.database.row("SELECT count(*) AS open FROM reservations")
    assert row == {"open": 0}


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -3}, {"prompt_tokens": 10**9}, "many"])
def test_impossible_usage_is_estimated_from_the_characters(store: Store, usage: Any) -> None:
    an_embedder(store, lambda body: {**well(body), "usage": usage}).embed(
        TEXTS, readers(store), WEDNESDAY, nothing_kept
    )
    row = store.database.row("SELECT prompt_tokens, estimated FROM charges")
    assert row == {"prompt_tokens": 8, "estimated": 1}


def test_without_money_nothing_is_asked(store: Store) -> None:
    with pytest.raises(OutOfMoney):
        an_embedder(store, well, usd="0").embed(TEXTS, readers(store), WEDNESDAY, nothing_kept)
