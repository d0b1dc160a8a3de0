"""The message: headers and bytes, as a mailbox provider reads them."""

import binascii
import email
import re
import smtplib
import socket
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import dkim
import pytest
from aiosmtpd.controller import Controller
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.delivery import message
from newsletter.models.editions import Attachment, Email
from tests.builders import NOON

LONG_URL = "https://news.example.org/u/" + "k3yT0ken" * 20
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def an_envelope(**fields: Any) -> message.Envelope:
    known = {
        "send_id": "a1b2c3d4e5",
        "sender": "Moss News <moss@news.example.org>",
        "recipient": "ada@example.org",
        "list_name": "Moss News",
        "unsubscribe_url": LONG_URL,
        "unsubscribe_address": "moss@news.example.org",
    }
    return message.Envelope(**(known | fields))


def an_email(subject: str = "Moss grows", text: str = "Moss.\n", html: str = "<p>Moss.</p>") -> Email:
    return Email(subject, html, text)


def built(mail: Email | None = None, **envelope: Any) -> bytes:
    return message.build(mail or an_email(), an_envelope(**envelope), NOON)


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=default)


def header_lines(raw: bytes) -> list[bytes]:
    return raw.partition(b"\r\n\r\n")[0].split(b"\r\n")


def names(raw: bytes) -> list[str]:
    return [line.partition(b":")[0].decode() for line in header_lines(raw) if not line.startswith(b" ")]


def test_the_one_click_uri_is_neither_folded_nor_encoded_however_long() -> None:
    lines = header_lines(built())
    leave = f"List-Unsubscribe: <{LONG_URL}>, <mailto:moss@news.example.org?subject=unsubscribe%20a1b2c3d4e5>"
    assert leave.encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines


def test_without_a_route_to_unsubscribe_no_one_click_is_promised() -> None:
    assert "List-Unsubscribe-Post" not in names(built(unsubscribe_url=""))


def test_the_text_comes_first_and_both_parts_arrive_whole() -> None:
    mail = an_email(text="Moss — 苔\n.\nFrom here on  \n", html="<p>" + "Moos ä " * 400 + "</p>")
    parts = [cast("EmailMessage", part) for part in parsed(built(mail)).iter_parts()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part.get_content().replace("\r\n", "\n") for part in parts] == [mail.text, mail.html]


def test_a_retry_carries_the_same_bytes() -> None:
    assert built() == built()
    assert b"Message-ID: <a1b2c3d4e5@news.example.org>" in header_lines(built())


@pytest.mark.parametrize(
    "subject",
    [
        "Moss",
        "苔" * 77,
        "Мох и камень " * 6,
        "नमस्ते " * 12,
        "=?utf-8?q?not_an_encoded_word?=",
        "a" * 77,
        "é" + " x" * 38,
    ],
)
def test_a_subject_of_any_script_is_read_as_it_was_written(subject: str) -> None:
    raw = built(an_email(subject))
    assert parsed(raw)["Subject"] == subject.strip()
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^ ]+\?=", raw.partition(b"\r\n\r\n")[0]))
    assert all(len(line) <= 78 for line in header_lines(raw) if not line.startswith(b"List-Unsubscribe:"))


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x00"])
def test_no_field_can_add_a_header(end: str) -> None:
    inject = f"Moss{end}Bcc: eve@example.org"
    raw = built(an_email(inject), list_name=inject, sender=f"{inject} <moss@news.example.org>")
    assert "Bcc" not in names(raw)
    assert parsed(raw)["Subject"] == "Moss Bcc: eve@example.org"


@pytest.mark.parametrize(
    "field",
    [
        {"recipient": "ada@example.org\r\nBcc: eve@example.org"},
        {"recipient": "no address"},
        {"unsubscribe_url": "https://news.example.org/u/\r\nBcc: eve@example.org"},
        {"unsubscribe_url": "https://news.example.org/ü"},
        {"list_id": "a b"},
    ],
)
def test_what_no_header_can_carry_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"header|email address"):
        built(**field)


def test_names_may_have_commas_and_any_script() -> None:
    found = parsed(built(sender="Möss, Inc. <moss@müller.example>", list_name="Moss: daily"))
    assert found["From"].addresses[0].display_name == "Möss, Inc."
    assert found["From"].addresses[0].domain == "xn--mller-kva.example"
    assert found["List-Id"] == '"Moss: daily" <arxiv.xn--mller-kva.example>'


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_text_makes_a_valid_message(subject: str, text: str, html: str) -> None:
    raw = built(an_email(subject, text, html))
    found = parsed(raw)
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert found.defects == []
    assert found["To"] == "ada@example.org"
    plain, rich = (cast("EmailMessage", part) for part in found.iter_parts())
    assert plain.get_content() == re.sub(r"\r\n?|\n", "\r\n", text)
    assert rich.get_content() == re.sub(r"\r\n?|\n", "\r\n", html)


@given(ANY_TEXT)
@example("a \n \n.\n..\n=\t\n" + "x" * 76 + "\n" + "y" * 77 + "\n" + "z" * 75 + "é \n")
@example("")
def test_lines_are_encoded_as_they_are_within_a_text(text: str) -> None:
    whole = (re.sub(r"\r\n?", "\n", text) + "\n").encode("utf-8", "replace")
    assert message.quoted_printable(text) + b"\r\n" == binascii.b2a_qp(whole).replace(b"\n", b"\r\n")


def attached(name: str = "papers-2026-11-18.md", text: str = "# Papers\n") -> Email:
    return replace(an_email(), attachment=Attachment(name, text))


def test_an_attached_page_stands_beside_the_two_parts() -> None:
    found = parsed(built(attached(text="# Möss\n\nIn $\\alpha$ — 苔\n")))
    both, page = (cast("EmailMessage", part) for part in found.iter_parts())
    assert found.get_content_type() == "multipart/mixed"
    assert [part.get_content_type() for part in both.iter_parts()] == ["text/plain", "text/html"]
    assert (page.get_content_type(), page.get_content_disposition()) == ("text/markdown", "attachment")
    assert page.get_filename() == "papers-2026-11-18.md"
    assert page.get_content().replace("\r\n", "\n") == "# Möss\n\nIn $\\alpha$ — 苔\n"


@pytest.mark.parametrize("name", ['a"; x="b.md', "a\r\nBcc: eve@example.org", "ü\u2028.md"])
def test_no_name_of_an_attachment_adds_a_header(name: str) -> None:
    raw = built(attached(name))
    (page,) = parsed(raw).iter_attachments()
    assert page.keys() == ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]
    assert "Bcc" not in names(raw)


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT)
def test_any_page_can_be_attached(name: str, text: str) -> None:
    raw = built(attached(name, text))
    found = parsed(raw)
    assert found.defects == []
    assert all(len(line) <= 998 and line.isascii() for line in raw.split(b"\r\n"))
    (page,) = found.iter_attachments()
    assert page.get_content() == re.sub(r"\r\n?|\n", "\r\n", text)


def test_a_text_that_looks_like_a_boundary_ends_no_part() -> None:
    text = "--=_a1b2c3d4e5--\n--=_ma1b2c3d4e5--\nMoss\n"
    mail = replace(an_email(text=text), attachment=Attachment("p.md", text))
    body = parsed(built(mail)).get_body(("plain",))
    (page,) = parsed(built(mail)).iter_attachments()
    assert body
    assert [part.get_content().replace("\r\n", "\n") for part in (body, page)] == [text, text]


def test_a_real_server_receives_these_bytes() -> None:
    received: list[bytes] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            received.append(envelope.content)
            return "250 OK"

    raw = built(an_email(text=".\n..\nMoss\n"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("moss@news.example.org", ["ada@example.org"], raw)
    finally:
        controller.stop()
    assert received == [raw]
    assert f"List-Unsubscribe: <{LONG_URL}>, <mailto:".encode() in received[0]


@pytest.mark.parametrize("header", [b"List-Unsubscribe: ", b"List-Unsubscribe-Post: "])
def test_a_dkim_signature_covers_both_headers_of_the_one_click(header: bytes) -> None:
    raw, key, public = built(), *KEYS
    names = [name.lower().encode() for name in message.SIGNED]
    options = {"signature_algorithm": b"ed25519-sha256", "include_headers": names}
    signed = dkim.sign(raw, b"sel", b"news.example.org", key, **options) + raw

    def dns(name: bytes, timeout: int = 5) -> bytes:
        return b"v=DKIM1; k=ed25519; p=" + public

    assert dkim.verify(signed, dnsfunc=dns)
    assert not dkim.verify(signed.replace(header, header + b"x"), dnsfunc=dns)


# The example keys of RFC 8463 §A.2.
KEYS = (b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", b"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
