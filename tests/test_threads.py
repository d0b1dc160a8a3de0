"""Work in pieces: every result once, few under way, whatever the executor."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from newsletter.threads import Piece, executor, in_threads, run_pieces


def squared(number: int) -> int:
    return number * number


def broken() -> int:
    raise ZeroDivisionError("of ours")


def squared_by(number: int, parent: int) -> int:
    """The square; a worker that gets a 7 is killed over it."""
    if number == 7 and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.fixture(params=["serial", "threads", "processes"])
def pool(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with executor(request.param, 2) as made:
        yield made


def test_each_piece_has_one_result(pool: Executor) -> None:
    pieces = (Piece(squared, (number,)) for number in range(20))
    assert sorted(run_pieces(pieces, pool, ahead=3)) == [number * number for number in range(20)]


def test_no_pieces_no_results(pool: Executor) -> None:
    assert list(run_pieces([], pool, ahead=3)) == []


def test_what_a_piece_raises_is_raised(pool: Executor) -> None:
    with pytest.raises(ZeroDivisionError, match="of ours"):
        list(run_pieces([Piece(broken)], pool, ahead=3))


def test_pieces_of_a_worker_that_was_killed_are_computed_here() -> None:
    with executor("processes", 2) as pool:
        pieces = (Piece(squared_by, (number, os.getpid())) for number in range(20))
        assert sorted(run_pieces(pieces, pool, ahead=3)) == [number * number for number in range(20)]


COORDINATOR = """
import os, signal, time
from newsletter.threads import executor

if __name__ == "__main__":
    with executor("processes", 2) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_a_parent_that_was_killed() -> None:
    """They hold its standard output, which ends with the last of them, within the time that it is waited for."""
    with subprocess.Popen([sys.executable, "-c", COORDINATOR], stdout=subprocess.PIPE, text=True) as coordinator:
        worker, _ = coordinator.communicate(timeout=30)
    assert coordinator.returncode == -signal.SIGKILL
    assert int(worker) != coordinator.pid


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
