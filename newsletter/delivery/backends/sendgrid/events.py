"""Verifies and reads what SendGrid reports by its signed event webhook."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from newsletter.delivery.replies import refuses_sender, without_addresses
from newsletter.errors import SettingsError
from newsletter.models.sends import Event, EventType, Forged

SIGNATURE, TIMESTAMP = (f"X-Twilio-Email-Event-Webhook-{name}" for name in ("Signature", "Timestamp"))
FRESH = timedelta(hours=25)  # SendGrid repeats a request for 24 h, each time with a new signature
CLOCKS_DIFFER = timedelta(minutes=10)


class EventWebhook:
    """Verifies and reads the signed event webhook.

    https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
    """

    def __init__(self, public_key: str) -> None:
        try:
            self._key = cast("EllipticCurvePublicKey", load_der_public_key(base64.b64decode(public_key)))
        except (ValueError, binascii.Error) as error:
            raise SettingsError(f"sendgrid.webhook_public_key: is not a public key in base64: {error}") from None

    def events(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Event]:
        self._verify(headers, body, now)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return []
        items = found if isinstance(found, list) else [found]
        return [event for item in items if (event := _event(item))]

    def admit(self, headers: Mapping[str, str], now: datetime) -> None:
        try:
            decode_dss_signature(_signature(headers))
            at = datetime.fromtimestamp(int(headers.get(TIMESTAMP, "")), UTC)
        except (ValueError, OverflowError, OSError):
            raise Forged("the request has no signature of SendGrid's form") from None
        if not now - FRESH <= at <= now + CLOCKS_DIFFER:
            raise Forged("the request is too old")

    def _verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        self.admit(headers, now)
        try:
            self._key.verify(_signature(headers), headers[TIMESTAMP].encode() + body, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            raise Forged("the signature is not SendGrid's") from None


def _signature(headers: Mapping[str, str]) -> bytes:
    return base64.b64decode(headers.get(SIGNATURE, ""), validate=True)


def _event(item: Any) -> Event | None:
    """One event in our words; None for what is none."""
    try:
        return Event(
            backend="sendgrid",
            id=_text(item["sg_event_id"]),
            type=_type(str(item["event"]), item),
            address=_text(item["email"]),
            at=datetime.fromtimestamp(int(item["timestamp"]), UTC),
            send_id=_text(item.get("send_id") or ""),
            detail=without_addresses(_text(item.get("reason") or item.get("response") or ""))[:300],
            raw=json.dumps(item),  # in ASCII: what is no text elsewhere, such as half a surrogate pair, stays escaped
            signed=True,
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError, AttributeError, RecursionError):
        return None


def _text(value: object) -> str:
    """Text that a database can keep: half a surrogate pair, which JSON may carry, is none."""
    return str(value).encode("utf-8", "replace").decode()


def _type(name: str, item: Mapping[str, Any]) -> EventType:
    match name:
        case "processed":
            return EventType.ACCEPTED
        case "delivered":
            return EventType.DELIVERED
        case "deferred":
            return EventType.OTHER  # SendGrid itself tries again for 72 h, then reports a bounce
        case "bounce" | "dropped" if refuses_sender(str(item.get("reason"))):
            return EventType.REFUSED
        case "bounce":  # type "blocked": refused this time, for the server's or the message's sake
            return EventType.SOFT_BOUNCE if item.get("type") == "blocked" else EventType.HARD_BOUNCE
        case "dropped":
            return EventType.HARD_BOUNCE if "Bounced Address" in str(item.get("reason")) else EventType.DROPPED
        case "spamreport":
            return EventType.COMPLAINT
        case "unsubscribe" | "group_unsubscribe":
            return EventType.UNSUBSCRIBE
    return EventType.OTHER
