"""What comes back: SendGrid's webhook and returned mail, in any order, often, late and forged."""

import base64
import itertools
import json
import mailbox
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.delivery import bounces
from newsletter.delivery.backends.sendgrid.events import EventWebhook
from newsletter.delivery.dispatch import dispatch
from newsletter.delivery.message import Envelope, build
from newsletter.errors import SettingsError
from newsletter.links import Signer
from newsletter.models.editions import Email
from newsletter.models.sends import Event, EventType, Forged, Outcome, Outgoing, Receipt, Send, SendState
from newsletter.models.subscribers import SubscriberStatus
from newsletter.rendering.templates import load_templates
from newsletter.sources import origins
from newsletter.store import Store
from newsletter.store.events import Intake
from newsletter.web.services import Rooms
from tests.builders import NOON
from tests.commands import Command
from tests.delivery import FakeBackend, a_desk, a_send
from tests.web import ask

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
TEMPLATES = load_templates(None, origins())


def sent(store: Store, slug: str = "ada", outcome: Outcome = Outcome.ACCEPTED) -> Send:
    send = a_send(store, slug)
    dispatch(a_desk(store, FakeBackend(otherwise=Receipt(outcome))))
    return send


def state(store: Store, send: Send) -> SendState:
    record = store.sends.record(send.id)
    assert record
    return record.send.state


_numbers = itertools.count()


def an_event(send: Send, kind: EventType, **fields: Any) -> Event:
    event = Event("sendgrid", f"event-{next(_numbers)}", kind, send.address, NOON + timedelta(minutes=1), send.id)
    return replace(event, **fields)


# The webhook


def report(send: Send | None = None, **fields: Any) -> dict[str, Any]:
    """One event as SendGrid posts it."""
    event = {
        "sg_event_id": f"sg-{next(_numbers)}", "event": "delivered", "email": "ada@example.org",
        "timestamp": int(NOON.timestamp()), "sg_message_id": "m", "send_id": send.id if send else "",
    }  # fmt: skip
    return event | fields


def post(
    store: Store,
    body: bytes,
    at: datetime = NOON,
    signed: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> int:
    """The status that SendGrid gets for a request signed over `signed` (its body, if left out)."""
    timestamp = str(int(at.timestamp()))
    signature = KEY.sign(timestamp.encode() + (body if signed is None else signed), ec.ECDSA(SHA256()))
    given = {
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": timestamp,
    } | dict(headers or {})
    rooms = Rooms(store, Signer("", [b"k"]), TEMPLATES, lambda: NOON, {"sendgrid": EventWebhook(PUBLIC)})
    return ask(rooms, "POST", "/webhooks/sendgrid", body, given).status


def test_a_signed_report_changes_its_send(store: Store) -> None:
    send = sent(store)
    assert post(store, json.dumps([report(send)]).encode()) == 204
    assert state(store, send) is SendState.DELIVERED


@pytest.mark.parametrize(
    "headers",
    [
        {"x-twilio-email-event-webhook-signature": "bm90IGEgc2lnbmF0dXJl"},
        {"x-twilio-email-event-webhook-signature": "%%%"},
        {"x-twilio-email-event-webhook-signature": ""},
        {"x-twilio-email-event-webhook-timestamp": "1"},
        {"x-twilio-email-event-webhook-timestamp": "soon"},
        {"x-twilio-email-event-webhook-timestamp": "9" * 400},
    ],
)
def test_a_forged_report_is_refused(store: Store, headers: dict[str, str]) -> None:
    send = sent(store)
    assert post(store, json.dumps([report(send)]).encode(), headers=headers) == 403
    assert state(store, send) is SendState.ACCEPTED


def test_a_changed_body_is_refused(store: Store) -> None:
    assert post(store, b"[]", signed=b"[ ]") == 403


@pytest.mark.parametrize(
    ("age", "answer"),
    [(timedelta(hours=24), 204), (timedelta(hours=26), 403), (timedelta(minutes=-5), 204), (timedelta(hours=-1), 403)],
)
def test_an_old_request_is_refused_but_a_days_retries_are_not(store: Store, age: timedelta, answer: int) -> None:
    assert post(store, b"[]", at=NOON - age) == answer


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b"3", b'[null, 1, "x", {}]', b"\xff"])
def test_a_signed_body_that_is_no_report_harms_nothing(store: Store, body: bytes) -> None:
    assert post(store, body) == 204
    assert list(store.events.unmatched()) == []


def test_of_a_thousand_reports_with_one_broken_the_rest_count(store: Store) -> None:
    send = sent(store)
    batch = [report(send, event="processed", timestamp=int(NOON.timestamp()) + n) for n in range(998)]
    batch.insert(500, {"event": "delivered", "timestamp": "yesterday"})
    assert post(store, json.dumps([*batch, report(send)]).encode()) == 204
    assert state(store, send) is SendState.DELIVERED
    assert len(list(store.events.of(send.id))) == 999


def test_a_report_repeated_46_times_counts_once(store: Store) -> None:
    send, again = sent(store), report(event="bounce", type="bounce")
    again["send_id"] = send.id
    for _ in range(23):
        post(store, json.dumps([again, again]).encode())
    assert len(list(store.events.of(send.id))) == 1


def test_the_same_report_under_another_id_counts_once(store: Store) -> None:
    send = sent(store)
    first = an_event(send, EventType.DELIVERED)
    assert store.events.record([first, replace(first, id="other")], NOON) == Intake(new=1, known=1)


def test_an_unknown_backend_has_no_webhook(store: Store) -> None:
    rooms = Rooms(store, Signer("", [b"k"]), TEMPLATES, lambda: NOON)
    assert ask(rooms, "POST", "/webhooks/sendgrid").status == 404


def test_a_public_key_that_is_none_is_named() -> None:
    with pytest.raises(SettingsError, match=r"sendgrid\.webhook_public_key"):
        EventWebhook("AAAA")


@given(st.binary(max_size=200), st.text(max_size=60), st.text(max_size=30))
def test_no_bytes_pass_for_signed_ones(body: bytes, signature: str, timestamp: str) -> None:
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": signature,
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }
    with pytest.raises(Forged):
        EventWebhook(PUBLIC).events(headers, body, NOON)


@pytest.mark.parametrize(
    ("fields", "expected", "suppressed"),
    [
        ({"event": "processed"}, SendState.ACCEPTED, False),
        ({"event": "deferred"}, SendState.ACCEPTED, False),
        ({"event": "delivered"}, SendState.DELIVERED, False),
        ({"event": "bounce", "type": "bounce", "reason": "550 5.1.1"}, SendState.BOUNCED, True),
        ({"event": "bounce", "type": "blocked", "reason": "554 spam"}, SendState.BOUNCED, False),
        ({"event": "bounce", "type": "bounce", "reason": "550 5.7.26 unauthenticated"}, SendState.FAILED, False),
        ({"event": "bounce", "type": "blocked", "reason": "550 5.7.515 denied"}, SendState.FAILED, False),
        ({"event": "dropped", "reason": "Bounced Address"}, SendState.BOUNCED, True),
        ({"event": "dropped", "reason": "Spam Content"}, SendState.FAILED, False),
        ({"event": "spamreport"}, SendState.COMPLAINED, True),
        ({"event": "unsubscribe"}, SendState.ACCEPTED, True),
        ({"event": "open"}, SendState.ACCEPTED, False),
        ({"event": "something new"}, SendState.ACCEPTED, False),
    ],
)
def test_each_report_has_its_effect(
    store: Store, fields: dict[str, str], expected: SendState, suppressed: bool
) -> None:
    send = sent(store)
    post(store, json.dumps([report(send, **fields)]).encode())
    assert state(store, send) is expected
    assert bool(store.suppressions.find("ADA@example.org")) is suppressed


# Order


@pytest.mark.parametrize("order", list(itertools.permutations(["processed", "delivered", "bounce", "spamreport"])))
def test_the_order_of_reports_does_not_matter(store: Store, order: tuple[str, ...]) -> None:
    send = sent(store)
    for name in order:
        post(store, json.dumps([report(send, event=name, type="bounce")]).encode())
    assert state(store, send) is SendState.COMPLAINED


def test_a_report_that_is_faster_than_our_own_commit_stays(store: Store) -> None:
    send = a_send(store)

    def delivered_meanwhile(outgoing: Outgoing) -> None:
        store.events.record([an_event(send, EventType.DELIVERED)], NOON)

    dispatch(
        a_desk(store, FakeBackend(otherwise=Receipt(Outcome.ACCEPTED, provider_id="p1"), before=delivered_meanwhile))
    )
    record = store.sends.record(send.id)
    assert record
    assert (record.send.state, record.provider_id) == (SendState.DELIVERED, "p1")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EventType.ACCEPTED, SendState.ACCEPTED),
        (EventType.DELIVERED, SendState.DELIVERED),
        (EventType.HARD_BOUNCE, SendState.BOUNCED),
        (EventType.DROPPED, SendState.FAILED),
    ],
)
def test_a_report_resolves_what_was_ambiguous(store: Store, kind: EventType, expected: SendState) -> None:
    send = sent(store, outcome=Outcome.AMBIGUOUS)
    store.events.record([an_event(send, kind)], NOON)
    assert state(store, send) is expected


def test_a_message_reported_delivered_is_not_tried_again(store: Store) -> None:
    send = sent(store, outcome=Outcome.RETRY)
    store.events.record([an_event(send, EventType.DELIVERED)], NOON)
    dispatch(a_desk(store, backend := FakeBackend(), clock=lambda: NOON + timedelta(hours=1)))
    assert backend.taken == []


def test_a_late_bounce_without_a_send_is_matched_by_its_address(store: Store) -> None:
    send = sent(store)
    store.events.record(
        [an_event(send, EventType.HARD_BOUNCE, send_id="", address="ADA@example.org", signed=True)], NOON
    )
    assert state(store, send) is SendState.BOUNCED


@pytest.mark.parametrize("kind", [EventType.COMPLAINT, EventType.UNSUBSCRIBE, EventType.HARD_BOUNCE])
@pytest.mark.parametrize("named", ["", "nosuchsend"])
def test_a_report_of_no_send_of_ours_is_kept_and_acts_on_nothing(store: Store, kind: EventType, named: str) -> None:
    stranger = Event("sendgrid", "1", kind, "eve@example.org", NOON, named)
    assert store.events.record([stranger], NOON) == Intake(new=1, unmatched=1)
    assert [event.address for event in store.events.unmatched()] == ["eve@example.org"]
    assert store.suppressions.find("eve@example.org") is None


@pytest.mark.parametrize("kind", [EventType.COMPLAINT, EventType.UNSUBSCRIBE, EventType.HARD_BOUNCE])
def test_forged_mail_that_names_a_readers_address_does_not_end_their_mail(store: Store, kind: EventType) -> None:
    send = sent(store)
    store.events.record([an_event(send, kind, backend="smtp", send_id="", address=send.address)], NOON)
    assert store.suppressions.find(send.address) is None
    assert state(store, send) is SendState.ACCEPTED


def test_forged_soft_bounces_of_six_days_do_not_end_a_readers_mail(store: Store) -> None:
    send = sent(store)
    forged = [replace(soft(send, day), backend="smtp", send_id="") for day in range(6)]
    store.events.record([*forged, soft(send, 0)], NOON)
    assert store.suppressions.find(send.address) is None


def soft(send: Send, day: int, hour: int = 0) -> Event:
    return an_event(send, EventType.SOFT_BOUNCE, at=NOON + timedelta(days=day, hours=hour))


def test_soft_bounces_suppress_by_their_days(store: Store) -> None:
    send = sent(store)
    store.events.record([soft(send, day, hour) for day in range(5) for hour in range(3)], NOON)
    assert store.suppressions.find(send.address) is None
    store.events.record([soft(send, 5)], NOON)
    found = store.suppressions.find(send.address)
    assert found
    assert found.reason == "soft bounces"


def test_refusals_of_the_sender_never_count_against_the_reader(store: Store) -> None:
    send = sent(store)
    store.events.record([an_event(send, EventType.REFUSED, at=NOON + timedelta(days=day)) for day in range(9)], NOON)
    assert store.suppressions.find(send.address) is None


def test_a_delivery_forgives_soft_bounces(store: Store) -> None:
    send = sent(store)
    store.events.record([soft(send, day) for day in range(5)], NOON)
    store.events.record([an_event(send, EventType.DELIVERED, at=NOON + timedelta(days=4, hours=5))], NOON)
    store.events.record([soft(send, 5)], NOON)
    assert store.suppressions.find(send.address) is None


# Returned mail


def returned(
    send_id: str = "ada1800000", status: str = "5.1.1", action: str = "failed", to: str | None = None, dsn: bool = True
) -> bytes:
    message = EmailMessage()
    message["From"] = "MAILER-DAEMON@mx.example.org (Mail Delivery System)"
    message["To"] = to if to is not None else f"bounces+{send_id}@example.org"
    message["Date"] = "Wed, 18 Nov 2026 12:00:05 +0000"
    message["Subject"] = "Undelivered Mail Returned to Sender"
    message.set_content(f"I am sorry to say that it came back: {status}")
    if not dsn:
        return message.as_bytes()
    text = message.as_bytes().split(b"\n\n", 1)[0].replace(b"Content-Type: text/plain", b"X-Was: text/plain")
    text = b"\n".join(line for line in text.split(b"\n") if not line.lower().startswith((b"content-", b"mime-")))
    return text + (
        b"\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        b"--b\nContent-Type: text/plain\n\nsorry\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n"
        + f"Final-Recipient: rfc822; ada@example.org\nAction: {action}\nStatus: {status}\n".encode()
        + b"Diagnostic-Code: smtp; 550 no such user\n\n"
        + f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{send_id}@example.org>\n\n--b--\n".encode()
    )


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (returned(status="5.1.1"), EventType.HARD_BOUNCE),
        (returned(status="5.2.2"), EventType.SOFT_BOUNCE),
        (returned(status="5.7.1"), EventType.SOFT_BOUNCE),
        (returned(status="5.7.26"), EventType.REFUSED),
        (returned(status="5.7.515"), EventType.REFUSED),
        (returned(status="4.7.28"), EventType.REFUSED),
        (returned(status="4.7.1"), EventType.SOFT_BOUNCE),
        (returned(dsn=False, status="550-5.7.26 unauthenticated"), EventType.REFUSED),
        (returned(status="4.4.7"), EventType.SOFT_BOUNCE),
        (returned(status="4.4.1", action="delayed"), EventType.OTHER),
        (returned(status="2.0.0", action="delivered"), EventType.DELIVERED),
        (returned(dsn=False), EventType.HARD_BOUNCE),
        (returned(dsn=False, status="it is full"), EventType.SOFT_BOUNCE),
    ],
)
def test_each_returned_message_has_its_kind(raw: bytes, kind: EventType) -> None:
    (event,) = bounces.events(raw, NOON)
    assert (event.type, event.send_id) == (kind, "ada1800000")


def test_the_send_is_found_in_the_returned_message_too() -> None:
    (event,) = bounces.events(returned(to="news@example.org"), NOON)
    assert event.send_id == "ada1800000"


def test_a_vacation_notice_is_no_bounce() -> None:
    notice = (
        b"From: Ada <ada@example.org>\nTo: bounces+ada1800000@example.org\nSubject: Out of office\n\nBack on 5.1.1.\n"
    )
    assert list(bounces.events(notice, NOON)) == []


def asks_to_leave(subject: str, headers: str = "", author: str = "ada@example.org") -> bytes:
    return f"From: Ada <{author}>\nTo: news@example.org\nSubject: {subject}\n{headers}\n".encode()


@pytest.mark.parametrize(
    ("subject", "headers"),
    [
        ("unsubscribe ada1800000", ""),
        ("Unsubscribe  ADA1800000", ""),
        ("unsubscribe", "In-Reply-To: <ada1800000@example.org>\n"),
    ],
)
def test_a_mail_that_asks_to_leave_ends_the_mail_of_the_send_that_it_names(
    store: Store, subject: str, headers: str
) -> None:
    sent(store)
    store.events.record(list(bounces.events(asks_to_leave(subject, headers, "ada@elsewhere.example"), NOON)), NOON)
    found = store.suppressions.find("ada@example.org")
    assert found
    assert found.reason == "unsubscribe"
    subscriber = store.subscribers.load("ada")
    assert subscriber
    assert subscriber.status is SubscriberStatus.UNSUBSCRIBED


@pytest.mark.parametrize("subject", ["unsubscribe", "unsubscribe nosuchsend"])
def test_a_mail_that_asks_to_leave_and_names_no_send_is_shown_to_a_person(
    home: Path, newsletter: Command, subject: str
) -> None:
    """Anybody can write any author: it may be somebody else who wants Ada's mail to end."""
    (home / "var").mkdir()
    with Store.open(home / "var" / "newsletter.db") as store:
        sent(store)
    (home / "returned.eml").write_bytes(b"From x\n" + asks_to_leave(subject))
    assert "1 of them of no send of ours" in newsletter("bounces", "--mbox", home / "returned.eml").out
    with Store.open(home / "var" / "newsletter.db") as store:
        assert store.suppressions.find("ada@example.org") is None
    shown = newsletter("bounces")
    assert shown.code == 0
    assert "unsubscribe" in shown.out
    assert "ada@example.org" in shown.out


def test_the_mailto_of_each_mail_names_its_send(store: Store) -> None:
    envelope = Envelope("ada1800000", "news@example.org", "ada@example.org", "News", "", "news@example.org")
    raw = BytesParser(policy=SMTP).parsebytes(build(Email("s", "text", "<p>text</p>"), envelope, NOON))
    subject = str(raw["List-Unsubscribe"]).removesuffix(">").partition("?subject=")[2]
    (event,) = bounces.events(asks_to_leave(unquote(subject)), NOON)
    assert (event.type, event.send_id) == (EventType.UNSUBSCRIBE, "ada1800000")


def test_a_complaint_by_mail_is_a_complaint() -> None:
    raw = (
        b"From: fbl@mailbox.example\nTo: bounces@example.org\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        b"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: <ada@example.org>\n\n"
        b"--b\nContent-Type: message/rfc822\n\nMessage-ID: <ada1800000@example.org>\nSubject: x\n\nhello\n--b--\n"
    )
    (event,) = bounces.events(raw, NOON)
    assert (event.type, event.send_id, event.address) == (EventType.COMPLAINT, "ada1800000", "ada@example.org")


@given(st.binary(max_size=400))
def test_no_mail_breaks_the_reader_of_bounces(raw: bytes) -> None:
    for event in bounces.events(raw, NOON):
        assert event.type in EventType


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_damaged_bounce_breaks_nothing(data: st.DataObject) -> None:
    raw = bytearray(returned())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    list(bounces.events(bytes(raw), NOON))


def test_a_mailbox_read_twice_counts_once(home: Path, newsletter: Command) -> None:
    (home / "var").mkdir()
    with Store.open(home / "var" / "newsletter.db") as store:
        send = sent(store)
    box = mailbox.mbox(home / "bounces")
    box.add(returned(send.id))
    box.add(b"From: eve@example.org\nSubject: hello\n\nHow are you?\n")
    box.close()
    assert "1 new reports" in newsletter("bounces", "--mbox", home / "bounces").out
    assert "1 known before" in newsletter("bounces", "--mbox", home / "bounces").out
    with Store.open(home / "var" / "newsletter.db") as store:
        assert state(store, send) is SendState.BOUNCED
        assert store.suppressions.find("ada@example.org")
