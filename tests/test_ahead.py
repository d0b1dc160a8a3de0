"""Messages that other processes write: the same bytes, in time, and nothing is lost where a process is."""

import re
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter import app
from newsletter.delivery.ahead import Ahead
from newsletter.delivery.dispatch import CLAIMED_AT_ONCE, dispatch
from newsletter.models.sends import Notice, Send, SendState
from newsletter.settings import load
from newsletter.store import Store
from newsletter.threads import executor
from tests.builders import a_topics_file
from tests.commands import Command, command
from tests.delivery import FakeBackend, a_desk, some_sends


class Elsewhere:
    """Writes in the place of other processes, all but those of some addresses."""

    def __init__(self, not_to: str = "", lost: bool = False) -> None:
        self.not_to, self.lost = not_to, lost
        self.begun: list[list[str]] = []

    def __call__(self, sends: Sequence[Send]) -> "Future[dict[str, bytes]]":
        self.begun.append([send.id for send in sends])
        done = Future[dict[str, bytes]]()
        if self.lost:
            done.set_exception(BrokenExecutor("killed"))
        else:
            done.set_result({send.id: b"elsewhere" for send in sends if send.address != self.not_to})
        return done


def here(_: Send | Notice) -> bytes:
    return b"here"


def sent(store: Store, elsewhere: Elsewhere, **fields: object) -> list[bytes]:
    """The messages that went out."""
    ahead, backend = Ahead(here, elsewhere), FakeBackend()
    dispatch(a_desk(store, backend, write=ahead, begin=ahead.begin, **fields))
    return [outgoing.eml for outgoing in backend.taken]


def test_a_message_that_was_written_elsewhere_is_sent(store: Store) -> None:
    some_sends(store, 5)
    assert sent(store, Elsewhere()) == [b"elsewhere"] * 5


def test_what_was_not_written_elsewhere_is_written_here(store: Store) -> None:
    sends = some_sends(store, 3)
    assert sorted(sent(store, Elsewhere(not_to=sends[1].address))) == [b"elsewhere", b"elsewhere", b"here"]


def test_what_a_lost_process_was_writing_is_written_here(store: Store) -> None:
    some_sends(store, 3)
    assert sent(store, Elsewhere(lost=True)) == [b"here"] * 3


def test_without_processes_all_is_written_here(store: Store) -> None:
    def gone(_: Sequence[Send]) -> "Future[dict[str, bytes]]":
        raise BrokenExecutor("killed")

    sends = some_sends(store, 2)
    ahead = Ahead(here, gone)
    ahead.begin(sends)
    assert [ahead(send) for send in sends] == [b"here", b"here"]


def test_a_message_that_was_frozen_before_is_not_written_again(store: Store) -> None:
    sends = some_sends(store, 2)
    elsewhere = Elsewhere()
    Ahead(here, elsewhere).begin([sends[0], replace(sends[1], attempts=1)])
    assert elsewhere.begun == [[sends[0].id]]


def test_each_is_begun_once_and_before_a_lane_asks_for_it(store: Store) -> None:
    sends = some_sends(store, 3 * CLAIMED_AT_ONCE)
    elsewhere = Elsewhere()
    begun_then: list[int] = []

    def taking(_: object) -> None:
        begun_then.append(sum(map(len, elsewhere.begun)))

    ahead = Ahead(here, elsewhere)
    dispatch(a_desk(store, FakeBackend(before=taking), write=ahead, begin=ahead.begin, lanes=1))
    assert begun_then[0] > CLAIMED_AT_ONCE
    assert sorted(id_ for group in elsewhere.begun for id_ in group) == sorted(send.id for send in sends)


def test_what_waits_at_a_stop_is_ready_again(store: Store) -> None:
    some_sends(store, 3 * CLAIMED_AT_ONCE)
    ahead = Ahead(here, Elsewhere())
    desk = a_desk(store, FakeBackend(), write=ahead, begin=ahead.begin, lanes=1)
    dispatch(replace(desk, backend=FakeBackend(before=lambda _: desk.stop.set())))
    assert store.sends.counts() == {SendState.ACCEPTED: 1, SendState.READY: 3 * CLAIMED_AT_ONCE - 1}


@pytest.fixture
def newsletter(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return command(home, capsys, monkeypatch)


def test_processes_write_what_this_one_writes(newsletter: Command, home: Path) -> None:
    for slug in ("ada", "bo", "cy"):
        (home / "subscribers" / f"{slug}.md").write_text(a_topics_file(slug), encoding="utf-8")
    listing = Path(__file__).parent.parent / "newsletter" / "demo" / "mailing.jsonl"
    assert newsletter("run", "--listing", listing, "--no-send").code == 0
    settings = load({}, home / "newsletter.toml", app.sections())
    with app.open_store(settings) as store, executor("processes", 1, ["newsletter.app"]) as pool:
        sends = [each.send for each in store.sends.records(SendState.READY)]
        with app.desk(settings, store, threading.Event(), lambda _: None, pool) as desk:
            assert desk.begin is not None
            desk.begin(sends)
            there = [desk.write(send) for send in sends]
        with app.desk(settings, store, threading.Event(), lambda _: None) as desk:
            assert desk.begin is None
            assert [undated(desk.write(send)) for send in sends] == [undated(eml) for eml in there]
    assert len(sends) == 3


def undated(eml: bytes) -> bytes:
    return re.sub(rb"\r\nDate: [^\r]*", b"", eml)
