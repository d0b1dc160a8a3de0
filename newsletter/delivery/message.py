"""Decides the message that carries an email: headers and bytes, the same for every backend. Calls nothing.

The bytes are put together here rather than by `EmailMessage`: its quoted-printable encoder is pure Python and takes
most of the time of an email, and its folding would break the one-click header.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.base64mime import header_encode
from email.header import Header
from email.utils import format_datetime, formataddr
from functools import lru_cache

from newsletter.models.editions import Attachment, Email

LONGEST_WORD = 60  # of a header that is folded at its spaces
WORD_OCTETS = 39  # of text in one encoded word
# What a DKIM signature must cover; RFC 8058 §4 asks for the two of the one-click.
SIGNED = (
    *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"),
    *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"),
)
_ENDS = re.compile(r"\r\n?|\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f<>\u2028\u2029]")  # in an address or a URI of a header


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who gets the message from whom; `send_id` makes the Message-ID, the same on every attempt.

    `list_name` is shown; the list's own identity is `list_id`, which must stay the same for ever (RFC 2919). Empty
    fields leave their header out; replies go to `reply_to`, else to the sender.
    """

    send_id: str
    sender: str
    recipient: str
    list_name: str
    unsubscribe_url: str = ""
    unsubscribe_address: str = ""
    list_id: str = ""
    reply_to: str = ""
    help_url: str = ""
    archive_url: str = ""
    feedback_id: str = ""


def message_id(send_id: str, sender: str) -> str:
    """The Message-ID of a send, with angle brackets."""
    return f"<{send_id}@{domain(sender)}>"


def domain(sender: str) -> str:
    """The domain of `Name <local@domain>` or `local@domain`, in ASCII."""
    return ascii_address(_split(sender)[1]).rpartition("@")[2] or "localhost"


def build(email: Email, envelope: Envelope, date: datetime) -> bytes:
    """The RFC 5322 message: text, HTML, what is attached; CRLF line ends, no line longer than 998 octets.

    Raises ValueError for an address or a URI that no header can carry.
    """
    boundary = f"=_{envelope.send_id}"  # quoted-printable text never contains "=_" (RFC 2045 §6.7)
    found = _headers(email, envelope, date)
    parts = (
        f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
        + quoted_printable(content)
        for subtype, content in (("plain", email.text), ("html", email.html))
    )
    kind, body = f'multipart/alternative; boundary="{boundary}"', _closed(parts, boundary)
    if email.attachment:
        kind, body = _with_attachment(kind, body, email.attachment, f"=_m{envelope.send_id}")
    head = "\r\n".join(f"{name}: {value}" for name, value in (*found, ("Content-Type", kind)) if value)
    return head.encode("ascii") + b"\r\n\r\n" + body


def _closed(parts: Iterable[bytes], boundary: str) -> bytes:
    return b"\r\n".join(parts) + f"\r\n--{boundary}--\r\n".encode()


def _with_attachment(kind: str, body: bytes, attachment: Attachment, boundary: str) -> tuple[str, bytes]:
    """The content type and the body of the message with one page attached."""
    name = _one_line(attachment.name).replace('"', "").encode("ascii", "replace").decode()
    head = f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode()
    page = (
        f"--{boundary}\r\nContent-Type: text/markdown; charset=utf-8\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n'
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode() + quoted_printable(attachment.text)
    return f'multipart/mixed; boundary="{boundary}"', _closed((head + body, page), boundary)


def quoted_printable(text: str) -> bytes:
    """The text in UTF-8 and quoted-printable, with CRLF line ends, in lines of at most 76 octets."""
    lines = _ENDS.sub("\n", text) if "\r" in text else text
    return b"\r\n".join(map(_quoted_line, lines.split("\n")))


@lru_cache(maxsize=32_768)  # what frames a mail and what tells a paper are the same lines for all readers
def _quoted_line(line: str) -> bytes:
    """A line is encoded by itself, with its end: what stands before an end is encoded in its own way."""
    return binascii.b2a_qp(f"{line}\n".encode("utf-8", "replace"))[:-1].replace(b"\n", b"\r\n")


def _headers(email: Email, envelope: Envelope, date: datetime) -> list[tuple[str, str]]:
    sender = _mailbox(envelope.sender)
    leave = [f"<{_uri(envelope.unsubscribe_url)}>"] if envelope.unsubscribe_url else []
    if envelope.unsubscribe_address:
        subject = f"unsubscribe%20{_uri(envelope.send_id)}"  # bounces reads it: only a mail that names a send ends mail
        leave.append(f"<mailto:{_address(envelope.unsubscribe_address)}?subject={subject}>")
    list_id = envelope.list_id or f"arxiv.{domain(envelope.sender)}"
    return [
        ("From", sender),
        ("To", _mailbox(envelope.recipient)),
        ("Reply-To", _mailbox(envelope.reply_to) if envelope.reply_to else ""),
        ("Subject", _text("Subject", email.subject)),
        ("Date", format_datetime(date)),
        ("Message-ID", message_id(envelope.send_id, envelope.sender)),
        ("List-Id", f"{_phrase(envelope.list_name)} <{_uri(list_id)}>".lstrip()),
        # RFC 8058 §3.1: the URI stays on its line, unencoded; a folded or encoded one ends one-click.
        ("List-Unsubscribe", ", ".join(leave)),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click" if envelope.unsubscribe_url else ""),
        ("List-Help", f"<{_uri(envelope.help_url)}>" if envelope.help_url else ""),
        ("List-Archive", f"<{_uri(envelope.archive_url)}>" if envelope.archive_url else ""),
        ("Feedback-ID", _uri(envelope.feedback_id)),
        ("Auto-Submitted", "auto-generated"),  # RFC 3834
        ("MIME-Version", "1.0"),
    ]


def _text(name: str, value: str) -> str:
    """Unstructured text in one header: folded, in encoded words where it is no plain ASCII (RFC 2047 §2)."""
    line = _one_line(value)
    is_plain = (
        line.isascii()
        and "=?" not in line  # what looks like an encoded word would be decoded as one
        and max(map(len, line.split()), default=0) <= LONGEST_WORD
    )
    if is_plain and len(name) + 2 + len(line) <= 78:
        return line
    if is_plain:
        return Header(line, "us-ascii", maxlinelen=75, header_name=name).encode(linesep="\r\n")
    return "\r\n ".join(_encoded_words(line))


def _encoded_words(line: str) -> Iterator[str]:
    """Encoded words of whole characters, each short enough to stand behind `Subject: ` in 76 octets (RFC 2047 §2, §5).

    `Header` would do it too, in a third of the time that the whole message takes.
    """
    word = b""
    for character in line:
        octets = character.encode("utf-8", "replace")
        if len(word) + len(octets) > WORD_OCTETS:
            yield header_encode(word, "utf-8")
            word = b""
        word += octets
    yield header_encode(word, "utf-8")


def _phrase(text: str) -> str:
    """A display name: quoted, or encoded where it is not ASCII."""
    return formataddr((_one_line(text), "a@b"), "utf-8").removesuffix("<a@b>").rstrip() if text else ""


def _mailbox(value: str) -> str:
    """`Name <local@domain>` in ASCII on one line. Raises ValueError for what is no address."""
    name, address = _split(value)
    return formataddr((_one_line(name), _address(address)), "utf-8")


def _split(value: str) -> tuple[str, str]:
    """Name and address; the name may have commas and dots without quotes, as people write it."""
    if not value.rstrip().endswith(">"):
        return "", value.strip()
    name, _, address = value.rstrip().removesuffix(">").rpartition("<")
    return name.strip().strip('"'), address


def _one_line(text: str) -> str:
    """Without control characters and the line ends of any script."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _address(address: str) -> str:
    found = ascii_address(address)
    if "@" not in found or _FORBIDDEN.search(found) or not found.isascii():
        raise ValueError(f"{address!r} is no email address that a message can carry")
    return found


def ascii_address(address: str) -> str:
    """The address with its domain as DNS has it (RFC 5891). Raises UnicodeError where the domain can be none."""
    local, at, host = address.rpartition("@")
    return f"{local}{at}{host if host.isascii() else host.encode('idna').decode()}"


def _uri(value: str) -> str:
    if _FORBIDDEN.search(value) or not value.isascii():
        raise ValueError(f"{value!r} cannot stand in a header: spaces, line ends and angle brackets are not allowed")
    return value
