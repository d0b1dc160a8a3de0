"""The SMTP backend against a real server: what arrives, and which outcome each fault has."""

import base64
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
import pytest
from aiosmtpd.smtp import AuthResult
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import rsa

from newsletter.delivery.backends.smtp import Options
from newsletter.delivery.backends.smtp.client import Smtp
from newsletter.delivery.message import SIGNED, Envelope, build
from newsletter.errors import SettingsError
from newsletter.models.editions import Email
from newsletter.models.sends import Outcome, Receipt
from tests.builders import NOON
from tests.delivery import OUTGOING, Sink, a_sink


@pytest.fixture(params=[False, True], ids=["one by one", "pipelining"])
def sink(request: pytest.FixtureRequest) -> Iterator[tuple[Sink, int]]:
    with a_sink(pipelining=request.param) as made:
        yield made


def smtp(port: int, password: str = "", **options: Any) -> Smtp:
    given = {"url": f"smtp://127.0.0.1:{port}", "timeout_seconds": 5}
    return Smtp(Options.model_validate(given | options), password)


def submitted(port: int, password: str = "", **options: Any) -> Receipt:
    """What one message comes to on a connection of its own."""
    with closing(smtp(port, password, **options)) as backend:
        return backend.submit(OUTGOING)


def test_the_message_arrives_to_the_byte(sink: tuple[Sink, int]) -> None:
    server, port = sink
    receipt = submitted(port)
    assert (receipt.outcome, receipt.provider_id) == (Outcome.ACCEPTED, "Q1")
    assert "queued as Q1" in receipt.detail
    assert server.envelopes[0].content == OUTGOING.eml
    assert (server.envelopes[0].mail_from, server.envelopes[0].rcpt_tos) == ("news@example.org", ["ada@example.org"])


@pytest.mark.parametrize(
    ("sender", "bounces", "path"),
    [
        ("News <news@müller.example>", "", "news@xn--mller-kva.example"),
        ("news@example.org", "bounces@müller.example", "bounces+send000001@xn--mller-kva.example"),
    ],
)
def test_an_internationalised_domain_stands_encoded_in_the_envelope(
    sink: tuple[Sink, int], sender: str, bounces: str, path: str
) -> None:
    server, port = sink
    with closing(smtp(port, bounce_address=bounces)) as backend:
        receipt = backend.submit(replace(OUTGOING, sender=sender, recipient="ada@bücher.example"))
    assert receipt.outcome is Outcome.ACCEPTED
    assert (server.envelopes[0].mail_from, server.envelopes[0].rcpt_tos) == (path, ["ada@xn--bcher-kva.example"])


def test_a_sender_that_no_envelope_carries_stops_everything_and_blames_no_reader(sink: tuple[Sink, int]) -> None:
    server, port = sink
    with closing(smtp(port)) as backend:
        receipt = backend.submit(replace(OUTGOING, sender="néws@example.org"))
    assert (receipt.outcome, receipt.bad_address) == (Outcome.STOP, False)
    assert server.envelopes == []


@pytest.mark.parametrize("reply", [b"OK queued", b"200 fine", b"251 somewhere", b"354 more", b""])
def test_an_answer_to_the_message_that_is_no_reply_is_ambiguous(reply: bytes) -> None:
    assert _answered(b"354 go", reply).outcome is Outcome.AMBIGUOUS


def test_a_250_to_the_data_command_is_no_acceptance() -> None:
    assert _answered(b"250 ok").outcome is Outcome.RETRY


def _answered(*after_rcpt: bytes) -> Receipt:
    """What a message comes to, by the answers to DATA and to the message."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=[server, after_rcpt])
        thread.start()
        receipt = submitted(server.getsockname()[1])
        thread.join()
    return receipt


def _answer(server: socket.socket, after_rcpt: tuple[bytes, ...]) -> None:
    connection, _ = server.accept()
    with connection, connection.makefile("rwb", buffering=0) as stream:
        stream.write(b"220 hello\r\n")
        for answer in (b"250 hi", b"250 ok", b"250 ok", after_rcpt[0]):
            stream.readline()
            stream.write(answer + b"\r\n")
        if len(after_rcpt) > 1:
            while stream.readline() not in (b".\r\n", b""):
                pass
            stream.write(after_rcpt[1] + b"\r\n")
        while stream.read(65536):
            pass


def test_the_return_path_names_the_send(sink: tuple[Sink, int]) -> None:
    server, port = sink
    submitted(port, bounce_address="bounces@example.org")
    assert server.envelopes[0].mail_from == "bounces+send000001@example.org"


@pytest.mark.parametrize(
    "eml", [b".\r\n..\r\n.a\r\n\r\n.\r\n", b"A: b\r\n\r\n.\r\n.QUIT\r\nc.\r\n", b"A: b\r\n\r\nc\r\n."]
)
def test_a_line_of_a_dot_does_not_end_the_message(sink: tuple[Sink, int], eml: bytes) -> None:
    server, port = sink
    with closing(smtp(port)) as backend:
        backend.submit(replace(OUTGOING, eml=eml))
        backend.submit(OUTGOING)
    assert [each.content for each in server.envelopes] == [eml.removesuffix(b"\r\n") + b"\r\n", OUTGOING.eml]


@pytest.mark.parametrize("address", ["ada@example.org>\r\nRCPT TO:<eve@example.org", "ada@exam ple.org", "a\n@b.org"])
def test_no_address_adds_a_command(sink: tuple[Sink, int], address: str) -> None:
    server, port = sink
    with closing(smtp(port)) as backend:
        receipt = backend.submit(replace(OUTGOING, recipient=address))
    assert receipt.outcome is Outcome.FAILED
    assert server.envelopes == []


def test_a_connection_serves_many_messages(sink: tuple[Sink, int]) -> None:
    server, port = sink
    backend = smtp(port)
    for _ in range(5):
        backend.submit(OUTGOING)
    backend.close()
    assert (len(server.envelopes), server.connections) == (5, 1)


@pytest.mark.parametrize(
    ("stage", "answer", "outcome"),
    [
        ("MAIL", "451 4.3.0 later", Outcome.RETRY),
        ("MAIL", "550 5.7.1 not from you", Outcome.STOP),
        ("RCPT", "450 4.2.0 greylisted", Outcome.RETRY),
        ("RCPT", "550 5.1.1 no such user", Outcome.FAILED),
        ("RCPT", "552 5.2.2 mailbox full", Outcome.FAILED),
        ("DATA", "452 4.3.1 no space", Outcome.RETRY),
        ("DATA", "550 5.7.515 not authenticated", Outcome.RETRY),
        ("DATA", "554 5.7.1 spam", Outcome.FAILED),
    ],
)
def test_each_reply_has_its_outcome(sink: tuple[Sink, int], stage: str, answer: str, outcome: Outcome) -> None:
    server, port = sink
    server.say[stage] = answer
    receipt = submitted(port)
    assert (receipt.outcome, receipt.detail) == (outcome, answer)


@pytest.mark.parametrize(
    ("stage", "answer", "is_the_sender"),
    [
        ("DATA", "550-5.7.26 Your email has been blocked\r\n550 5.7.26 because it is unauthenticated", True),
        ("DATA", "550 5.7.25 no PTR record", True),
        ("DATA", "550 5.7.29 no TLS", True),
        ("DATA", "550 5.7.515 Access denied", True),
        ("RCPT", "421 4.7.0 unusual rate of unsolicited mail", True),
        ("RCPT", "421 4.7.1 [TS03] deferred due to complaints", True),
        ("RCPT", "451 4.7.650 this address sends too much", True),
        ("RCPT", "450 4.7.1 greylisted, come back later", False),
        ("RCPT", "450 4.2.0 busy", False),
        ("RCPT", "450 4.2.0 seen from 4.7.26.9", False),
        ("RCPT", "421 4.3.2 shutting down", False),
    ],
)
def test_a_refusal_of_the_sender_is_told_from_one_of_the_reader(
    sink: tuple[Sink, int], stage: str, answer: str, is_the_sender: bool
) -> None:
    server, port = sink
    server.say[stage] = answer
    receipt = submitted(port)
    assert (receipt.outcome, receipt.bad_address) == (Outcome.RETRY, False)
    assert receipt.sender_refused is is_the_sender


@pytest.mark.parametrize(
    ("answer", "nobody_there"),
    [
        ("550 5.1.1 no such user", True),
        ("550 no such user", True),
        ("550 5.7.1 we do not like you", False),
        ("552 5.2.2 mailbox full", False),
    ],
)
def test_only_a_missing_mailbox_is_a_bad_address(sink: tuple[Sink, int], answer: str, nobody_there: bool) -> None:
    server, port = sink
    server.say["RCPT"] = answer
    assert submitted(port).bad_address is nobody_there


def test_a_refusal_leaves_the_connection_usable(sink: tuple[Sink, int]) -> None:
    server, port = sink
    with closing(smtp(port)) as backend:
        server.say["RCPT"] = "550 5.1.1 no such user"
        backend.submit(OUTGOING)
        del server.say["RCPT"]
        assert backend.submit(OUTGOING).outcome is Outcome.ACCEPTED
    assert server.connections == 1


def test_a_connection_lost_after_the_message_is_ambiguous(sink: tuple[Sink, int]) -> None:
    server, port = sink
    server.drop_after_data = True
    assert submitted(port).outcome is Outcome.AMBIGUOUS


def test_a_connection_closed_while_idle_is_opened_again() -> None:
    with a_sink() as (_, port), closing(smtp(port)) as backend:
        assert backend.submit(OUTGOING).outcome is Outcome.ACCEPTED
        connection = backend._idle.get()
        assert connection.sock
        connection.sock.shutdown(socket.SHUT_RDWR)
        backend._idle.put(connection)
        assert backend.submit(OUTGOING).outcome is Outcome.ACCEPTED


def test_a_server_that_ends_the_connection_is_tried_on_a_fresh_one_once(sink: tuple[Sink, int]) -> None:
    server, port = sink
    with closing(smtp(port)) as backend:
        assert backend.submit(OUTGOING).outcome is Outcome.ACCEPTED
        server.say["MAIL"] = "421 4.7.0 enough for today"
        receipt = backend.submit(OUTGOING)
        assert (receipt.outcome, receipt.detail) == (
            Outcome.RETRY,
            "the connection ended: 4.7.0 enough for today",
        )
        assert server.connections == 2
        del server.say["MAIL"]
        assert backend.submit(OUTGOING).outcome is Outcome.ACCEPTED


def test_nobody_listening_means_certainly_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert submitted(free.getsockname()[1]).outcome is Outcome.RETRY


def test_a_server_that_says_nothing_means_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        receipt = submitted(silent.getsockname()[1], timeout_seconds=0.2)
    assert receipt.outcome is Outcome.RETRY


def test_silence_after_the_message_is_ambiguous() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_take_and_say_nothing, args=[server])
        thread.start()
        receipt = submitted(server.getsockname()[1], timeout_seconds=0.3)
        thread.join()
    assert receipt.outcome is Outcome.AMBIGUOUS


def _take_and_say_nothing(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, connection.makefile("rwb", buffering=0) as stream:
        stream.write(b"220 hello\r\n")
        for answer in (b"250 hi", b"250 ok", b"250 ok", b"354 go"):
            stream.readline()
            stream.write(answer + b"\r\n")
        while stream.read(65536):
            pass


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")
def test_wrong_credentials_stop_everything() -> None:
    with a_sink(
        auth_require_tls=False, authenticator=lambda *_: AuthResult(success=False, handled=False), auth_required=True
    ) as (_, port):
        receipt = submitted(port, "wrong", url=f"smtp://ada@127.0.0.1:{port}")
    assert receipt.outcome is Outcome.STOP
    assert "535" in receipt.detail


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not installed")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_starttls_is_used_and_the_certificate_checked(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with a_sink(tls_context=context, require_starttls=True) as (server, port):
        trusting = submitted(port, encryption="starttls", ca_file=str(certificate / "cert.pem"))
        assert trusting.outcome is Outcome.ACCEPTED
        assert submitted(port, encryption="starttls").outcome is Outcome.STOP
        assert len(server.envelopes) == 1


def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for(sink: tuple[Sink, int]) -> None:
    server, port = sink
    assert submitted(port, encryption="starttls").outcome is Outcome.STOP
    assert server.envelopes == []


def test_a_dkim_signature_covers_the_one_click_headers(sink: tuple[Sink, int], tmp_path: Path) -> None:
    server, port = sink
    private, public = dkim_keys()
    (tmp_path / "key.pem").write_bytes(private)
    options = {"dkim_key_file": str(tmp_path / "key.pem"), "dkim_selector": "news", "dkim_domain": "example.org"}
    assert submitted(port, **options).outcome is Outcome.ACCEPTED
    received = server.envelopes[0].content
    assert isinstance(received, bytes)
    assert received.endswith(OUTGOING.eml)
    signature = b"".join(received.split(b"\r\nFrom:")[0].split()).lower()
    assert b"list-unsubscribe:list-unsubscribe-post" in signature
    record = b"v=DKIM1; k=rsa; p=" + public
    assert dkim.verify(received, dnsfunc=lambda name, timeout=5: record)


def test_a_dkim_signature_covers_every_header_that_should_be_signed(sink: tuple[Sink, int], tmp_path: Path) -> None:
    server, port = sink
    private, _ = dkim_keys()
    (tmp_path / "key.pem").write_bytes(private)
    options = {"dkim_key_file": str(tmp_path / "key.pem"), "dkim_selector": "news", "dkim_domain": "example.org"}
    envelope = Envelope(
        "send000001", "news@example.org", "ada@example.org", "News", "https://news.example.org/u/T", "news@example.org",
        reply_to="ada@example.org",
    )  # fmt: skip
    eml = build(Email("Moss", "<p>Moss</p>", "Moss"), envelope, NOON)
    with closing(smtp(port, **options)) as backend:
        backend.submit(replace(OUTGOING, eml=eml))
    received = server.envelopes[0].content
    assert isinstance(received, bytes)
    covered = b"".join(received.split(b"\r\nFrom:")[0].split()).lower().partition(b";h=")[2].partition(b";")[0]
    assert sorted(covered.decode().split(":")) == sorted(name.lower() for name in SIGNED)


def dkim_keys() -> tuple[bytes, bytes]:
    """A private key in PEM form, and its public key as DNS holds it."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    return private, base64.b64encode(public)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "mail.example.org"}, "smtp.url"),
        ({"dkim_key_file": "key.pem"}, "smtp.dkim_selector"),
        ({"dkim_key_file": "/missing", "dkim_selector": "s", "dkim_domain": "d"}, "/missing"),
        ({"ca_file": "/missing"}, "smtp.ca_file"),
        ({"bounce_address": "bóunces@example.org"}, "smtp.bounce_address"),
    ],
)
def test_a_setting_that_cannot_work_is_named(options: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Smtp(Options.model_validate(options))
