"""Mail that is no edition: written as rows by web and commands, sent by whoever holds the run lock."""

import email
from datetime import timedelta
from email.policy import SMTP
from pathlib import Path

import pytest

from newsletter import app, pipeline
from newsletter.delivery.breakers import OPEN
from newsletter.delivery.dispatch import Desk
from newsletter.links import Signer
from newsletter.models.editions import Kind
from newsletter.models.sends import Notice, NoticeKind, Outcome, Receipt, SendState
from newsletter.rendering.notices import render_notice
from newsletter.store import Store
from newsletter.store.notices import LIFETIME
from tests.builders import NOON
from tests.days import SENDER, TEMPLATES
from tests.delivery import FakeBackend, Ticking, a_desk, a_send, dispatched

URL = "https://news.example.org/confirm/TOKEN"
FACTS = {NoticeKind.ALERT: {"subject": "Nothing went out", "lines": ["No run since Tuesday."]}, NoticeKind.TEST: {}}


def a_notice(store: Store, kind: NoticeKind = NoticeKind.CONFIRM, address: str = "ada@example.org") -> str:
    store.notices.add(f"{kind}00001", kind, address, NOON, facts=FACTS.get(kind, {"url": URL}))
    return f"{kind}00001"


def a_writing_desk(store: Store, backend: FakeBackend, **fields: object) -> Desk:
    signer = Signer("https://news.example.org", [b"key"])
    return a_desk(store, backend, write=pipeline.writer(store, TEMPLATES, signer, SENDER, lambda: NOON), **fields)


def everything(store: Store) -> str:
    return "\n".join(store.database.utils.conn.iterdump())


def test_a_notice_goes_out_once_and_leaves_no_token_behind(store: Store) -> None:
    notice, backend = a_notice(store), FakeBackend()
    for _ in range(2):
        pipeline.send_ready(a_writing_desk(store, backend), None)
    (taken,) = backend.taken
    assert (taken.recipient, taken.date, store.notices.state(notice)) == ("ada@example.org", None, SendState.ACCEPTED)
    message = email.message_from_bytes(taken.eml, policy=SMTP)
    assert (message["To"], message["Subject"]) == ("ada@example.org", "Please confirm: Preprint Post")
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part
        assert URL in part.get_content()
    assert "List-Unsubscribe" not in message
    assert "TOKEN" not in everything(store)


def test_a_notice_that_was_refused_for_now_is_the_same_message_again(store: Store) -> None:
    notice, clock = a_notice(store), Ticking()
    backend = FakeBackend(otherwise=Receipt(Outcome.RETRY, "451 later"))
    pipeline.send_ready(a_writing_desk(store, backend, clock=clock), None)
    assert store.notices.state(notice) is SendState.RETRY_AT
    clock.pass_(hours=1)
    pipeline.send_ready(a_writing_desk(store, backend, clock=clock), None)
    first, second = backend.taken
    assert first.eml == second.eml


def test_a_suppressed_address_gets_no_notice(store: Store) -> None:
    notice = a_notice(store)
    store.suppressions.add("ada@example.org", "complaint", "sendgrid", NOON)
    assert dispatched(store, Ticking()) == []
    assert store.notices.state(notice) is SendState.SKIPPED


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_a_notice_older_than_what_it_says_is_not_sent(store: Store, kind: NoticeKind) -> None:
    notice = a_notice(store, kind)
    assert dispatched(store, Ticking(NOON + LIFETIME[kind] + timedelta(seconds=1))) == []
    assert store.notices.state(notice) is SendState.EXPIRED


def test_a_run_that_died_while_handing_over_leaves_a_notice_ambiguous(store: Store) -> None:
    class Killed(BaseException):
        pass

    def die(_: object) -> None:
        raise Killed

    notice = a_notice(store)
    with pytest.raises(Killed):
        pipeline.send_ready(a_writing_desk(store, FakeBackend(before=die)), None)
    assert store.notices.state(notice) is SendState.SUBMITTING
    assert dispatched(store, Ticking()) == []
    assert store.notices.state(notice) is SendState.AMBIGUOUS


def test_alerts_go_out_while_sending_is_paused_and_questions_wait(store: Store) -> None:
    alert, question = a_notice(store, NoticeKind.ALERT), a_notice(store)
    store.facts.set(OPEN, "sending is paused: too many bounces")
    assert dispatched(store, Ticking()) == ["alert-alert00001"]
    assert store.notices.state(alert) is SendState.ACCEPTED
    assert store.notices.state(question) is SendState.READY


def test_a_notice_that_cannot_be_written_harms_nobody(store: Store) -> None:
    store.notices.add("broken0001", NoticeKind.CONFIRM, "ada@example.org", NOON, facts={})
    a_send(store, "bo")
    backend = FakeBackend()
    done = pipeline.send_ready(
        a_desk(store, backend, write=lambda mail: b"bo" if not isinstance(mail, Notice) else _unwritten()), None
    )
    assert [outgoing.slug for outgoing in backend.taken] == ["bo"]
    assert store.notices.state("broken0001") is SendState.RETRY_AT
    assert len(done.sends) == 2


def _unwritten() -> bytes:
    raise KeyError("url")


# Between the runs


def test_only_notices_and_welcome_editions_go_out_between_runs(store: Store) -> None:
    a_send(store, "ada")
    a_send(store, "bo", kind=Kind.WELCOME)
    a_notice(store, address="cy@example.org")
    assert store.sends.has_welcome(NOON)
    assert dispatched(store, Ticking(), kind=Kind.WELCOME) == ["bo", "confirm-confirm00001"]
    assert not store.sends.has_welcome(NOON)


def test_what_waits_is_sent_at_once_or_left_to_the_run_that_has_the_lock(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_HOME", str(home))
    settings = app.home_settings()
    with app.open_store(settings) as store:
        assert app.send_waiting(settings, store) is None
        store.notices.add("waiting001", NoticeKind.TEST, "ada@example.org", app.now())
        with app.run_lock(settings):
            assert app.send_waiting(settings, store) is None
        sent = app.send_waiting(settings, store)
        assert sent
        assert [done.receipt.outcome for done in sent.sends] == [Outcome.ACCEPTED]
    assert (home / "var" / "outbox" / "service" / "test-waiting001.eml").is_file()


def test_notices_speak_the_readers_language() -> None:
    notice = Notice(
        "n", NoticeKind.CONFIRM, "ada@example.org", SendState.READY, NOON, facts={"url": URL, "language": "de"}
    )
    told = render_notice(notice, TEMPLATES)
    assert '<html lang="de"' in told.html
    assert "Bitte bestätigen" in told.subject
