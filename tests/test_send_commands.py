"""sends, explain, resolve, replay, resume: the operator's view of what went out."""

from pathlib import Path

import pytest

from newsletter.delivery.breakers import OPEN
from newsletter.delivery.dispatch import dispatch
from newsletter.models.sends import Outcome, Receipt, Send, SendState
from newsletter.store import Store
from tests.commands import Command
from tests.delivery import FakeBackend, a_desk, a_send


@pytest.fixture
def ambiguous(home: Path) -> Send:
    (home / "var").mkdir()
    with Store.open(home / "var" / "newsletter.db") as store:
        send = a_send(store)
        dispatch(a_desk(store, FakeBackend(otherwise=Receipt(Outcome.AMBIGUOUS, "the line went dead"))))
    return send


def test_the_list_points_to_what_needs_a_person(newsletter: Command, ambiguous: Send) -> None:
    done = newsletter("sends")
    assert done.code == 0
    assert f"{ambiguous.id}\t2026-11-18\tada\tambiguous\t1\tthe line went dead" in done.out
    assert "1 of unknown outcome: newsletter sends --state ambiguous" in done.err


def test_a_send_is_explained_with_what_to_do(newsletter: Command, ambiguous: Send) -> None:
    told = newsletter("explain", ambiguous.id).out
    assert "handed to fake" in told
    assert "ambiguous: the line went dead" in told
    assert f"newsletter resolve {ambiguous.id} --resend" in told


def test_a_person_resolves_it_once(home: Path, newsletter: Command, ambiguous: Send) -> None:
    assert newsletter("resolve", ambiguous.id).code == 2
    assert newsletter("resolve", ambiguous.id, "--sent", "--resend").code == 2
    assert newsletter("resolve", ambiguous.id, "--resend").code == 0
    done = newsletter("resolve", ambiguous.id, "--resend")
    assert (done.code, "is ready, not ambiguous" in done.err) == (2, True)
    with Store.open(home / "var" / "newsletter.db") as store:
        assert store.sends.counts() == {SendState.READY: 1}


def test_a_replay_is_the_very_message(home: Path, newsletter: Command, ambiguous: Send) -> None:
    with Store.open(home / "var" / "newsletter.db") as store:
        sent = store.sends.message(ambiguous.id)
    assert sent
    assert newsletter("replay", ambiguous.id).out.encode() == sent


def test_a_message_that_was_never_written_cannot_be_replayed(home: Path, newsletter: Command, ambiguous: Send) -> None:
    with Store.open(home / "var" / "newsletter.db") as store:
        send = a_send(store, "bo")
    done = newsletter("replay", send.id)
    assert (done.code, "it was never handed over" in done.err) == (2, True)


@pytest.mark.parametrize("command", [["explain"], ["replay"], ["resolve", "--sent"]])
def test_an_unknown_send_is_one_sentence(newsletter: Command, command: list[str]) -> None:
    done = newsletter(command[0], "nosuchsend", *command[1:])
    assert (done.code, done.err) == (2, "newsletter: there is no send nosuchsend: see `newsletter sends`\n")


def test_resume_shows_why_sending_was_paused(home: Path, newsletter: Command, ambiguous: Send) -> None:
    with Store.open(home / "var" / "newsletter.db") as store:
        store.facts.set(OPEN, "sending is paused: 401 the key is wrong; when that is settled, run `newsletter resume`")
    assert "401 the key is wrong" in newsletter("sends").err
    assert newsletter("resume").out.startswith("resumed: sending is paused: 401 the key is wrong;")
    assert newsletter("resume").out == "sending was not paused\n"
