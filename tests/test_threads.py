"""Work in pieces: every result once, few under way, whatever the executor."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from newsletter.threads import Piece, Shared, compute, executor, in_threads


def squared(number: int) -> int:
    return number * number


def broken() -> int:
    raise ZeroDivisionError("of ours")


def squared_by(number: int, parent: int) -> int:
    """The square; a worker that gets a 7 is killed over it."""
    if number == 7 and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.fixture(params=["serial", "processes"])
def pool(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with executor(request.param, 2) as made:
        yield made


def test_a_piece_is_computed(pool: Executor) -> None:
    assert [compute(Piece(squared, (number,)), pool) for number in range(5)] == [0, 1, 4, 9, 16]


def test_what_a_piece_raises_is_raised(pool: Executor) -> None:
    with pytest.raises(ZeroDivisionError, match="of ours"):
        compute(Piece(broken), pool)


def identity_of(value: list[int]) -> tuple[int, int]:
    return os.getpid(), id(value)


def test_what_is_shared_is_read_once_by_each_worker(pool: Executor) -> None:
    shared = Shared(list(range(1000)))
    seen = {compute(Piece(identity_of, (shared,)), pool) for _ in range(20)}
    assert len(seen) == len({worker for worker, _ in seen}) <= 2


def test_a_piece_of_a_worker_that_was_killed_is_computed_here() -> None:
    with executor("processes", 2) as pool:
        pieces = [Piece(squared_by, (number, os.getpid())) for number in range(20)]
        assert [compute(piece, pool) for piece in pieces] == [number * number for number in range(20)]


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


def test_items_are_taken_one_at_a_time_by_free_threads() -> None:
    told: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            return -number

    assert sorted(in_threads(work, iter(range(10)), 3, told.append)) == list(range(-9, 1))
    assert max(told) == 10
