"""Whatever is killed when: never two of one send at the server, and nothing lost."""

import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from newsletter.models.sends import SendState
from newsletter.store import Store
from tests import killed
from tests.builders import NOON
from tests.delivery import Sink, a_sink, some_sends

LANES = 3
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.killed"])


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    with a_sink() as made:
        yield made


class Lab:
    """Some ready sends in a home, and the server that they go to."""

    def __init__(self, home: Path, sink: Sink, port: int, sends: int) -> None:
        self.home, self.sink, self.port = home, sink, port
        with self.store() as store:
            self.sends = some_sends(store, sends)

    def store(self) -> AbstractContextManager[Store]:
        return Store.open(self.home / "newsletter.db")

    def run(
        self,
        point: str = "",
        count: int = 0,
        meanwhile: Callable[[int], None] = lambda _: None,
        *,
        confirmed: bool = False,
    ) -> int:
        """One run to its end or its death; its exit code."""
        arguments = [self.home, self.port, LANES, point, count]
        process = PROCESSES.Process(target=killed.run, args=arguments, kwargs={"confirmed": confirmed})
        process.start()
        assert process.pid
        meanwhile(process.pid)
        process.join()
        assert process.exitcode is not None
        return process.exitcode

    def check(self) -> None:
        """Never two, nothing lost, and the database never claims more than the server knows."""
        arrived = self.sink.deliveries()
        assert all(count == 1 for count in arrived.values()), "one send arrived twice"
        with self.store() as store:
            states = {record.send.address: record.send.state for record in store.sends.records(limit=10_000)}
        assert len(states) == len(self.sends)
        for address, state in states.items():
            if state is SendState.ACCEPTED:
                assert address in arrived, "counted as sent, but never arrived"
            if state in (SendState.READY, SendState.RETRY_AT, SendState.CLAIMED, SendState.FAILED):
                assert address not in arrived, "arrived, but would be sent again"

    def finish(self) -> None:
        """A run that nobody kills, then a person who looks into the server's log and resolves what is ambiguous."""
        assert self.run() == 0
        self.check()
        with self.store() as store:
            counts = store.sends.counts()
            assert set(counts) <= {SendState.ACCEPTED, SendState.AMBIGUOUS}
            assert sum(counts.values()) == len(self.sends)
            arrived = self.sink.deliveries()
            for record in list(store.sends.records(SendState.AMBIGUOUS, limit=10_000)):
                store.sends.resolve(record.send.id, record.send.address in arrived, NOON)
        assert self.run() == 0
        self.check()
        assert len(self.sink.deliveries()) == len(self.sends), "everybody has it, once"


@pytest.mark.parametrize("point", killed.POINTS)
def test_a_kill_at_each_transition_neither_loses_nor_repeats(
    tmp_path: Path, sink: tuple[Sink, int], point: str
) -> None:
    lab = Lab(tmp_path, *sink, sends=12)
    for count in (1, 3):
        assert lab.run(point, count) == -signal.SIGKILL
        lab.check()
    lab.finish()


def kills(lab: Lab, seed: int) -> None:
    """Several runs, each killed by the server at a random stage of a random message."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        stage, number = chance.choice(["EHLO", "MAIL", "RCPT", "DATA", "accepted"]), chance.randint(1, 6)

        def meanwhile(pid: int, stage: str = stage, number: int = number) -> None:
            lab.sink.at = stage, number, lambda: os.kill(pid, signal.SIGKILL)

        lab.run(meanwhile=meanwhile)
        lab.sink.at = "", 0, lambda: None
        lab.check()
    lab.finish()


@pytest.mark.parametrize("seed", range(10))
def test_kills_at_random_neither_lose_nor_repeat(tmp_path: Path, sink: tuple[Sink, int], seed: int) -> None:
    kills(Lab(tmp_path, *sink, sends=12), seed)


def restored(lab: Lab, seed: int) -> None:
    """A run, killed or not; a database of before it or of its midst put back; and confirmations that are killed."""
    chance = random.Random(seed)
    backup = lab.home / "backup"

    def back_up() -> None:
        with closing(sqlite3.connect(lab.home / "newsletter.db")) as here, closing(sqlite3.connect(backup)) as there:
            here.backup(there)

    def meanwhile(pid: int) -> None:
        lab.sink.at = "accepted", chance.randint(1, len(lab.sends)), back_up

    back_up()
    lab.run(chance.choice(["", *killed.POINTS]), chance.randint(1, len(lab.sends)), meanwhile)
    for path in lab.home.glob("newsletter.db*"):
        path.unlink()
    shutil.copy(backup, lab.home / "newsletter.db")
    for _ in range(chance.randint(0, 3)):
        lab.run(chance.choice([*killed.GUARD, *killed.POINTS]), 1, confirmed=True)
    assert lab.run(confirmed=True) == 0
    assert lab.run() == 0, "a confirmation that is done is not asked for again"
    assert all(count == 1 for count in lab.sink.deliveries().values()), "one send arrived twice"


@pytest.mark.parametrize("seed", range(8))
def test_a_restore_whose_confirmation_is_killed_repeats_nothing(
    tmp_path: Path, sink: tuple[Sink, int], seed: int
) -> None:
    restored(Lab(tmp_path, *sink, sends=8), seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2000, 2100))
def test_a_hundred_restores_repeat_nothing(tmp_path: Path, sink: tuple[Sink, int], seed: int) -> None:
    restored(Lab(tmp_path, *sink, sends=20), seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_three_hundred_kills_neither_lose_nor_repeat(tmp_path: Path, sink: tuple[Sink, int], seed: int) -> None:
    kills(Lab(tmp_path, *sink, sends=40), seed)
