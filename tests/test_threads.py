"""Work in pieces: every result once, few under way, whatever the executor."""

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from newsletter.threads import Piece, in_threads, run_pieces


def squared(number: int) -> int:
    return number * number


def broken() -> int:
    raise ZeroDivisionError("of ours")


@pytest.fixture(params=["threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: Executor = (
        ThreadPoolExecutor(2)
        if request.param == "threads"
        else ProcessPoolExecutor(2, mp_context=get_context("forkserver"))
    )
    with made:
        yield made


def test_each_piece_has_one_result(executor: Executor) -> None:
    pieces = (Piece(squared, (number,)) for number in range(20))
    assert sorted(run_pieces(pieces, executor, ahead=3)) == [number * number for number in range(20)]


def test_no_pieces_no_results(executor: Executor) -> None:
    assert list(run_pieces([], executor, ahead=3)) == []


def test_what_a_piece_raises_is_raised(executor: Executor) -> None:
    with pytest.raises(ZeroDivisionError, match="of ours"):
        list(run_pieces([Piece(broken)], executor, ahead=3))


def test_pieces_are_taken_as_others_are_done() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[Piece[int]]:
        for number in range(100):
            taken.append(number)
            yield Piece(squared, (number,))

    with ThreadPoolExecutor(2) as pool:
        results = run_pieces(pieces(), pool, ahead=4)
        next(results)
        assert len(taken) <= 8


def test_items_are_taken_one_at_a_time_by_free_threads() -> None:
    told: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            return -number

    assert sorted(in_threads(work, iter(range(10)), 3, told.append)) == list(range(-9, 1))
    assert max(told) == 10
