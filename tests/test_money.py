"""Money: prices, shares that sum exactly, and caps that nothing passes."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import SettingsError
from newsletter.models.scores import Tokens
from newsletter.money import exact_usd, picodollars, shown_usd, split
from newsletter.scoring.model.budget import Budget, Caps, OutOfMoney
from newsletter.scoring.model.client import Rejected
from newsletter.scoring.model.prices import PriceOverride, prices_of
from newsletter.store import Store
from tests.builders import NOON, WEDNESDAY
from tests.fake_model import FakeModel
from tests.test_model_reader import a_reader, a_run, a_slate, liked, total

MILLION = 10**6


def test_an_unknown_model_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(SettingsError, match=r'no price is known for .my-own.*\[openai.prices."my-own"\]'):
        prices_of("my-own", {})


def test_the_operators_prices_win() -> None:
    own = PriceOverride(
        input=Decimal(1), output=Decimal(2), cached=Decimal("0.1"), cache_write=Decimal("1.25"), flex=Decimal(1)
    )
    price = prices_of("gpt-4o", {"gpt-4o": own}).standard
    tokens = Tokens(prompt=3 * MILLION, cached=MILLION, written=MILLION, completion=MILLION)
    assert exact_usd(price.prompt(tokens)) == "2.35"
    assert exact_usd(price.completion(tokens)) == "2.00"


def test_published_prices_know_the_cache_and_the_flex_tier() -> None:
    prices = prices_of("gpt-6-luna", {})
    tokens = Tokens(prompt=2000, cached=1000, completion=1000)
    standard, flex = (price.prompt(tokens) + price.completion(tokens) for price in (prices.standard, prices.of("flex")))
    assert exact_usd(standard) == "0.00061"  # $.10 fresh, $.01 cached, $.50 out per million
    assert flex * 2 == standard
    assert prices.version.startswith("genai-prices ")


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**6), min_size=1, max_size=50).filter(any))
def test_shares_sum_exactly_and_are_fair_to_the_picodollar(amount: int, weights: list[int]) -> None:
    parts = split(amount, weights)
    assert sum(parts) == amount
    assert all(
        abs(part - amount * w / sum(weights)) <= 1 + amount * 1e-12 for part, w in zip(parts, weights, strict=True)
    )


@given(st.integers(0, 10**18))
def test_dollars_are_written_without_loss(amount: int) -> None:
    assert picodollars(Decimal(exact_usd(amount))) == amount


def test_people_read_four_decimals() -> None:
    assert shown_usd(picodollars(0.00375)) == "0.0038"


@settings(max_examples=30, deadline=None)
@given(
    run=st.integers(0, 3000),
    month=st.integers(0, 3000),
    own=st.integers(0, 1500),
    calls=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 600), st.floats(0, 1)), max_size=25),
)
def test_reserved_and_paid_never_pass_a_cap(
    run: int, month: int, own: int, calls: list[tuple[int, int, float]]
) -> None:
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "db") as store:
        for slug in ("ada", "bo", "cy"):
            a_reader(store, slug)
        budget = Budget(store.charges, store.charges.start_run("test", NOON), Caps(run, month), NOON)
        budget.cap(1, own, 1, WEDNESDAY)
        paid = {1: 0, 2: 0, 3: 0}
        for who, worst, share in calls:
            try:
                reservation = budget.reserve({who: worst}, NOON)
            except OutOfMoney:
                continue
            budget.settled(reservation, {who: round(worst * share)})
            paid[who] += round(worst * share)
        assert sum(paid.values()) <= min(run, month)
        assert paid[1] <= own


@settings(max_examples=8, deadline=None)
@given(
    run=st.floats(0, 0.02),
    each=st.lists(st.floats(0, 0.012), min_size=1, max_size=4),
    lanes=st.integers(1, 4),
)
def test_no_cap_is_passed_by_a_whole_run(run: float, each: list[float], lanes: int) -> None:
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "db") as store:
        papers = a_slate(store, 60)
        readers = [a_reader(store, f"reader{n}", budget_usd_per_month=usd) for n, usd in enumerate(each)]
        a_run(store, FakeModel(liked(papers[:5])), max_usd_per_run=run).score_all(readers, papers, lanes)
        rows = {row["subscriber"]: row["picodollars"] for row in store.charges.grouped("subscriber")}
        assert sum(rows.values()) == total(store, "picodollars") <= picodollars(run)
        assert all(rows.get(f"reader{n}", 0) <= picodollars(usd) for n, usd in enumerate(each))


def test_what_a_dead_run_had_reserved_counts_as_spent(store: Store) -> None:
    ada = a_reader(store)
    run_id = store.charges.start_run("run", NOON)
    Budget(store.charges, run_id, Caps(100, 100), NOON).reserve({ada.id: 70}, NOON)
    later = Budget(store.charges, store.charges.start_run("run", NOON), Caps(100, 100), NOON)
    with pytest.raises(OutOfMoney, match="service_month"):
        later.reserve({ada.id: 40}, NOON)


def test_a_month_ends(store: Store) -> None:
    ada = a_reader(store)
    run_id = store.charges.start_run("run", NOON)
    Budget(store.charges, run_id, Caps(100, 100), NOON).reserve({ada.id: 70}, NOON)
    december = Budget(store.charges, run_id, Caps(100, 100), NOON.replace(month=12))
    assert december.room(ada.id) == 100


def test_what_a_killed_run_had_reserved_is_settled_as_lost_and_still_counts_against_the_caps(store: Store) -> None:
    ada, bo = a_reader(store), a_reader(store, "bo")
    run_id = store.charges.start_run("run", NOON)
    Budget(store.charges, run_id, Caps(100, 100), NOON).reserve({ada.id: 40, bo.id: 30}, NOON, "novelty", "m")
    assert store.charges.settle_dead_runs() == 1
    assert store.charges.settle_dead_runs() == 0
    assert store.charges.spent_since(NOON) == {ada.id: 40, bo.id: 30}
    (row,) = store.charges.grouped("stage")
    assert (row["stage"], row["lost_calls"], row["calls"], row["picodollars"]) == ("novelty", 1, 0, 0)
    assert [r["lost_calls"] for r in store.charges.grouped("subscriber")] == [1, 1]


@pytest.mark.parametrize("gone", [Rejected(0, "slow", timed_out=True, lost=True), Rejected(0, "reset", lost=True)])
def test_a_call_whose_answer_never_came_leaves_a_row_outside_the_totals(store: Store, gone: Rejected) -> None:
    papers = a_slate(store, 10)
    run = a_run(store, FakeModel(liked(papers), fault=lambda call, body: gone if call == 1 else None))
    run.score(a_reader(store), papers)
    (row,) = store.charges.grouped("model")
    assert (row["lost_calls"], row["estimated_calls"]) == (1, 0)
    assert row["prompt_tokens"] == run.model.meter["prompt"]
