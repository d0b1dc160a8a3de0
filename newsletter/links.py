"""Signed URLs: short tokens that say for what and for whom, and open nothing else. Decides; calls nothing.

A token is base64url(key id · id · MAC): one byte that picks the key, the number's bytes without leading zeros, and the
first 16 bytes of HMAC-SHA256 over purpose and number. It carries no address and never expires; rotation adds a key in
front of the list, and old keys verify for as long as they are listed.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MAC_BYTES = 16
_LETTERS = string.ascii_lowercase + string.digits


def opaque_id() -> str:
    """A new id of a send or a notice: 10 letters and digits (51 bits), as its Message-ID has it."""
    return "".join(secrets.choice(_LETTERS) for _ in range(10))


class Purpose(StrEnum):
    """What a token opens; a token of one purpose is worthless for another."""

    UNSUBSCRIBE = "u"
    CONFIRM = "confirm"
    PREFERENCES = "preferences"
    FEEDBACK = "f"
    EDITION = "e"
    FEED = "feed"


# What the web answers for tokens of emails: whoever adds such a page adds its purpose, and mails link to it.
PAGES = frozenset({Purpose.UNSUBSCRIBE, Purpose.EDITION, Purpose.FEEDBACK, Purpose.PREFERENCES})


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with the first key, verifies with all."""

    base_url: str
    keys: Sequence[bytes] = field(repr=False)

    @property
    def is_public(self) -> bool:
        """True where links lead to this service from elsewhere, not from this machine only."""
        return self.base_url.startswith("https://")

    def url(self, purpose: Purpose, number: int) -> str:
        """The address `<base_url>/<purpose>/<token>`."""
        return f"{self.base_url.rstrip('/')}/{purpose}/{self.token(purpose, number)}"

    def token(self, purpose: Purpose, number: int) -> str:
        """A token for one purpose and one non-negative number (a subscriber's or an edition's id)."""
        body = number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")
        key = self.keys[0]
        raw = _key_id(key) + body + _mac(key, purpose, body)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def read(self, purpose: Purpose, token: str) -> int | None:
        """The number in a token, or None when it is not one of ours for this purpose."""
        if len(token) > 64 or not token.isascii():
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        key_id, body, mac = raw[:1], raw[1:-MAC_BYTES], raw[-MAC_BYTES:]
        for key in self.keys:
            if body and _key_id(key) == key_id and hmac.compare_digest(mac, _mac(key, purpose, body)):
                return int.from_bytes(body, "big")
        return None


def keys_of(secret: str) -> tuple[bytes, ...]:
    """The keys of NEWSLETTER_SECRET, a comma list; the first signs, all verify."""
    return tuple(part.strip().encode() for part in secret.split(",") if part.strip())


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id" + key).digest()[:1]


def _mac(key: bytes, purpose: Purpose, body: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b"\0" + body, "sha256")[:MAC_BYTES]
