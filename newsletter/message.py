"""Decides the message that carries an email: headers and bytes, the same for every backend."""

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from newsletter.models import Email

# RFC 8058 needs the List-Unsubscribe URI on one line, unencoded; the limit of a line is 998 (RFC 5322 §2.1.1).
POLICY = SMTP.clone(max_line_length=998)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who gets the message from whom; `send_id` makes the Message-ID, the same on every attempt."""

    send_id: str
    sender: str
    recipient: str
    list_name: str
    unsubscribe_url: str
    unsubscribe_address: str


def message_id(send_id: str, sender: str) -> str:
    """The Message-ID of a send, with angle brackets."""
    return f"<{send_id}@{domain(sender)}>"


def domain(sender: str) -> str:
    """The domain of `Name <local@domain>` or `local@domain`."""
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def build(email: Email, envelope: Envelope, date: datetime) -> bytes:
    """The RFC 5322 message: text first, then HTML, CRLF line ends."""
    message = EmailMessage(policy=POLICY)
    message["From"] = envelope.sender
    message["To"] = envelope.recipient
    message["Subject"] = " ".join(email.subject.split())
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id(envelope.send_id, envelope.sender)
    message["List-Id"] = f"{envelope.list_name} <arxiv.{domain(envelope.sender)}>"  # RFC 2919
    message["List-Unsubscribe"] = (
        f"<{envelope.unsubscribe_url}>, <mailto:{envelope.unsubscribe_address}?subject=unsubscribe>"
    )
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058 §3.1
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    message.set_content(email.text, cte="quoted-printable")
    message.add_alternative(email.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()
