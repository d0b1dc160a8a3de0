"""Calls side by side: how many, how deep, and what ends them."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from newsletter.errors import Stopped
from newsletter.scoring.model.client import Posted, Rejected
from newsletter.scoring.model.gate import UNSAID, Gate, Limits, limits_of
from newsletter.store import Store
from tests.fake_model import TOPICS, FakeModel
from tests.test_model_reader import a_reader, a_run, a_slate, assert_accounts_equal_the_meter, liked


class Together(FakeModel):
    """Answers once so many calls wait at the same time, or once no more come; `most` is how many did."""

    def __init__(self, wanted: int, **fields: Any) -> None:
        super().__init__(**fields)
        self.most = self.waiting = 0
        self.wanted = wanted
        self.met = threading.Condition()

    def __call__(self, body: dict[str, Any]) -> Posted:
        with self.met:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            self.met.notify_all()
            self.met.wait_for(lambda: self.most >= self.wanted, timeout=5)
        try:
            return super().__call__(body)
        finally:
            with self.met:
                self.waiting -= 1


def test_the_blocks_of_one_reader_are_read_side_by_side(store: Store) -> None:
    papers = a_slate(store, 192)
    model = Together(4, scores=liked(papers[:3]))
    run = a_run(store, model)
    run.score(a_reader(store), papers)
    assert model.most == 4
    assert_accounts_equal_the_meter(run)


def test_no_more_calls_are_under_way_than_the_settings_say(store: Store) -> None:
    papers = a_slate(store, 192)
    model = Together(3)
    readers = [a_reader(store, f"reader{n}") for n in range(4)]
    a_run(store, model, concurrency=3).score_all(readers, papers, lanes=4)
    assert model.most == 3


def test_one_readers_day_is_three_calls_deep(store: Store) -> None:
    papers = a_slate(store, 192)
    depths: list[int] = []
    scores = {**liked(papers[:30]), **liked(papers[30:40], 7)}

    class Rounds(FakeModel):
        """Each call belongs to the round after all that ended before it began."""

        def __call__(self, body: dict[str, Any]) -> Posted:
            depth = max(depths, default=0) + 1
            posted = super().__call__(body)
            time.sleep(0.2)
            depths.append(depth)
            return posted

    a_run(store, Rounds(scores)).score(a_reader(store), papers)
    assert (len(depths), max(depths)) == (4 + 1 + 2, 3)  # blocks, the borderline again, comments


def test_shared_blocks_are_all_warmed_before_any_reader_is_read(store: Store) -> None:
    papers = a_slate(store, 192)
    run = a_run(store, FakeModel())
    run.score_all([a_reader(store, slug) for slug in ("ada", "bo")], papers)
    with_topics = [bool(TOPICS.search(text)) for text in run.model.texts()]
    assert with_topics == [False] * 4 + [True] * 8


def test_a_refusal_halves_the_width_once_a_burst_and_answers_widen_it_again() -> None:
    now = [0.0]
    gate = Gate(16, lambda: now[0])
    for _ in range(5):
        gate.refused()
    assert gate.width == 8
    now[0] = 2.0
    gate.refused()
    assert gate.width == 4
    for _ in range(200):
        gate.answered(UNSAID, 100)
    assert gate.width == 16


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("limits", [Limits(calls=0, calls_in=0.3), Limits(tokens=50, tokens_in=0.3)])
def test_what_an_endpoint_says_of_its_rate_holds_the_next_call_back(limits: Limits) -> None:
    gate, entered = Gate(2), threading.Event()

    def enter() -> None:
        with gate.place():
            entered.set()

    gate.answered(limits, tokens=100)
    started = time.monotonic()
    in_background(enter)
    assert entered.wait(5)
    assert time.monotonic() - started >= 0.25


def test_rate_headers_are_read() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m2.5s",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "20ms",
    }
    assert limits_of(headers) == Limits(0, 62.5, 149984, 0.02)
    assert limits_of({"x-ratelimit-remaining-requests": "many"}) == UNSAID


def test_a_signal_ends_after_the_calls_in_flight_and_keeps_what_they_bought(store: Store) -> None:
    papers, stop = a_slate(store, 192), threading.Event()

    def fault(call: int, body: dict[str, Any]) -> None:
        if call == 2:
            stop.set()

    run = a_run(store, FakeModel(liked(papers[:3]), fault=fault), stop=stop, concurrency=2)
    with pytest.raises(Stopped):
        run.score(a_reader(store), papers)
    assert 2 <= len(run.model.calls) <= 3
    assert_accounts_equal_the_meter(run)


def test_a_signal_ends_the_wait_for_another_try(store: Store) -> None:
    stop = threading.Event()

    def fault(call: int, body: dict[str, Any]) -> Rejected:
        stop.set()
        return Rejected(429, "slow down", retry_after=100.0)

    papers = a_slate(store, 20)
    run = a_run(store, FakeModel(fault=fault), stop=stop, sleep=None)
    with pytest.raises(Stopped):
        run.score(a_reader(store), papers)
    assert len(run.model.calls) == 1
