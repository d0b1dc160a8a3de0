"""Decides what a returned message says: bounces, complaints and requests to leave, as events. Calls nothing.

RFC 3464 (delivery status), RFC 3463 (its codes), RFC 5965 (complaints). The return path bounces+SEND@… names the send
even where a server returns nothing that can be read; codes then decide, and what has none counts as soft. A request
to leave names its send in the subject, as List-Unsubscribe has it, or by being a reply to it.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default
from email.utils import getaddresses, parsedate_to_datetime

from newsletter.delivery.replies import refuses_sender, without_addresses
from newsletter.models.sends import Event, EventType

_VERP = re.compile(r"^[^@]*\+([a-z0-9]{10})@", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"^Message-ID:\s*<([a-z0-9]{10})@", re.IGNORECASE | re.MULTILINE)
_LEAVES = re.compile(r"unsubscribe(?:\s+([a-z0-9]{10}))?", re.IGNORECASE)
_ANSWERED = re.compile(r"<([a-z0-9]{10})@", re.IGNORECASE)
_CODE = re.compile(r"(?<![\d.])([245])\.\d{1,3}\.\d{1,3}(?!\.?\d)")
# A full mailbox or a refused message says nothing about the address (RFC 3463 §3.3, §3.8).
_NOT_THE_ADDRESS = re.compile(r"\b5\.(?:2\.[0-9]|3\.\d+|4\.\d+|5\.\d+|6\.\d+|7\.\d+)\b")


def events(raw: bytes, received_at: datetime) -> Iterator[Event]:
    """Parses one returned message into events; none for a vacation notice or other mail."""
    message = BytesParser(EmailMessage, policy=default).parsebytes(raw)
    send_id = _send_id(message, raw)
    at = _date(message, received_at)
    if message.get_content_type() == "multipart/report" and message.get_param("report-type") == "feedback-report":
        yield _event(raw, EventType.COMPLAINT, _complainant(message), at, send_id=send_id, detail="complaint")
        return
    if leaves := _LEAVES.fullmatch(str(message.get("Subject", "")).strip()):
        named = (leaves[1] or _answered(message)).lower()
        yield _event(raw, EventType.UNSUBSCRIBE, _author(message), at, send_id=named, detail="asked by mail")
        return
    reports = [part for part in message.walk() if part.get_content_type() == "message/delivery-status"]
    for report in reports:
        for fields in _recipients(report):
            status, action = str(fields.get("Status", "")), str(fields.get("Action", "")).strip().lower()
            if found := _type(action, f"{status} {fields.get('Diagnostic-Code', '')}".strip()):
                address = str(fields.get("Final-Recipient", "")).partition(";")[2].strip()
                detail = f"{status} {fields.get('Diagnostic-Code', '')}".strip()
                yield _event(raw, found, address, at, send_id=send_id, detail=" ".join(detail.split())[:300])
    if not reports and send_id and _is_bounce(message):
        code = _CODE.search(_text(message))
        kind = _type("failed", code[0]) if code else None
        yield _event(
            raw, kind or EventType.SOFT_BOUNCE, "", at, send_id=send_id, detail=code[0] if code else "returned"
        )


def _type(action: str, status: str) -> EventType | None:
    """What an action means, together with a status and perhaps what the server said beside it."""
    if action == "delivered":
        return EventType.DELIVERED
    if action == "delayed":
        return EventType.OTHER
    if refuses_sender(status):
        return EventType.REFUSED
    if status.startswith("4"):
        return EventType.SOFT_BOUNCE
    if action == "failed":
        return EventType.SOFT_BOUNCE if _NOT_THE_ADDRESS.search(status) else EventType.HARD_BOUNCE
    return None


def _send_id(message: Message, raw: bytes) -> str:
    """The send, from the address that the bounce came to, else from the message that it returns."""
    fields = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
    for _, address in getaddresses([str(value) for name in fields for value in message.get_all(name, [])]):
        if found := _VERP.match(address):
            return found[1].lower()
    inside = raw.split(b"\n\n", 1)[-1] if b"\n\n" in raw else raw.split(b"\r\n\r\n", 1)[-1]
    found_inside = _MESSAGE_ID.search(inside.decode("ascii", "replace"))
    return found_inside[1].lower() if found_inside else ""


def _recipients(report: Message) -> Iterator[Message]:
    """The blocks of a delivery status, one per recipient; the first block is about the message."""
    payload = report.get_payload()
    blocks = payload if isinstance(payload, list) else []
    yield from (block for block in blocks if isinstance(block, Message) and "Final-Recipient" in block)


def _complainant(message: Message) -> str:
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            text = part.as_string()
            found = re.search(r"^Original-Rcpt-To:\s*<?([^>\s]+)", text, re.IGNORECASE | re.MULTILINE)
            if found:
                return found[1]
    return ""


def _answered(message: Message) -> str:
    """The send that a person's mail is a reply to."""
    found = _ANSWERED.search(f"{message.get('In-Reply-To', '')} {message.get('References', '')}")
    return found[1] if found else ""


def _author(message: Message) -> str:
    found = getaddresses([str(value) for value in message.get_all("From", [])])
    return found[0][1] if found else ""


def _is_bounce(message: Message) -> bool:
    """True for a server's own words; a vacation notice comes from a person."""
    sender = str(message.get("From", "")).lower()
    return "mailer-daemon" in sender or "postmaster" in sender


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    try:
        return str(body.get_content()) if body else ""
    except (LookupError, UnicodeError, KeyError):
        return ""


def _date(message: Message, received_at: datetime) -> datetime:
    """When it was returned, unless its clock is off by more than the mail can be under way."""
    try:
        at = parsedate_to_datetime(str(message["Date"]))
        return at if at.tzinfo and abs((received_at - at).days) <= 10 else received_at
    except (TypeError, ValueError, OverflowError):
        return received_at


def _event(raw: bytes, kind: EventType, address: str, at: datetime, *, send_id: str, detail: str) -> Event:
    identity = hashlib.sha256(raw + address.encode()).hexdigest()[:32]
    said = without_addresses(detail)
    return Event("smtp", identity, kind, address, at, send_id, said, json.dumps({"status": said}))
