"""Decides who is the operator: a signed cookie for some hours, a token of it for each form, few guesses.

Calls nothing; the time and the random part come as arguments. The key is made of the operator's token, so that a new
token ends all sessions.
"""

import hashlib
import hmac
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LIFETIME = timedelta(hours=8)
WINDOW = timedelta(minutes=15)
WRONG_PER_NETWORK = 10
WRONG_IN_ALL = 100


@dataclass(frozen=True, slots=True)
class Sessions:
    """Signs and reads the cookie of who knows the token."""

    token: str = field(repr=False)

    def knows(self, guess: str) -> bool:
        """True for the operator's token; the comparison takes as long for every guess."""
        return bool(self.token) and hmac.compare_digest(_digest(guess), _digest(self.token))

    def open(self, now: datetime, nonce: str) -> str:
        """The value of a new cookie."""
        body = f"{int((now + LIFETIME).timestamp())}.{nonce}"
        return f"{body}.{self._mac('session', body)}"

    def is_open(self, cookie: str, now: datetime) -> bool:
        """True for a cookie of ours whose time is not over."""
        body, _, mac = cookie.rpartition(".")
        if not (self.token and body and hmac.compare_digest(mac.encode(), self._mac("session", body).encode())):
            return False
        return now.timestamp() < int(body.partition(".")[0])

    def form_token(self, cookie: str) -> str:
        """What a form of this session must carry."""
        return self._mac("form", cookie)

    def is_form_token(self, cookie: str, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.form_token(cookie).encode())

    def _mac(self, purpose: str, body: str) -> str:
        return hmac.digest(_digest(self.token), f"{purpose}\0{body}".encode(), "sha256").hex()


class Guesses:
    """Counts wrong tokens, of a network and in all; beyond a number nobody may guess for a while."""

    def __init__(self) -> None:
        self._wrong: deque[tuple[datetime, str]] = deque(maxlen=WRONG_IN_ALL)
        self._lock = threading.Lock()

    def may_guess(self, network: str, now: datetime) -> bool:
        with self._lock:
            while self._wrong and now - self._wrong[0][0] > WINDOW:
                self._wrong.popleft()
            counts = Counter(each for _, each in self._wrong)
        return counts[network] < WRONG_PER_NETWORK and counts.total() < WRONG_IN_ALL

    def was_wrong(self, network: str, now: datetime) -> None:
        with self._lock:
            self._wrong.append((now, network))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
