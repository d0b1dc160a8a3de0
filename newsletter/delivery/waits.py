"""Decides how long a wait that a backend asks for really is, and when it asked too often. Calls nothing.

A rate limit is no failed attempt, but an answer such as "try again at a time in the past" must neither make a loop of
requests nor hold a run for ever: each wait has a floor and a ceiling, and a run counts them.
"""

import math
import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from newsletter.models.sends import Outcome, Receipt

SHORTEST, LONGEST = 1.0, 4 * 3600.0  # seconds
UNNAMED = 60.0  # seconds, where the backend names no time that is one
OF_A_SEND = 5  # so often one send waits in one run; after that each further wait is a failed attempt
IN_A_ROW = 10  # so many waits of one run without a message taken between them end it


def bounded(seconds: float) -> float:
    """The wait that a backend asked for, in seconds, as a finite number between SHORTEST and LONGEST."""
    return min(max(seconds, SHORTEST), LONGEST) if math.isfinite(seconds) else UNNAMED


class Waits:
    """Counts the waits of one run; those that overlap count as one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Counter[str] = Counter()
        self._until: datetime | None = None
        self._in_a_row = 0

    def count(self, send_id: str, receipt: Receipt, now: datetime) -> Receipt:
        """The receipt with its wait bounded, and without one where this send has waited often enough."""
        with self._lock:
            if receipt.outcome is Outcome.ACCEPTED:
                self._in_a_row = 0
            if receipt.outcome is not Outcome.RETRY or receipt.retry_after is None:
                return receipt
            seconds = bounded(receipt.retry_after)
            if self._until is None or now >= self._until:
                self._in_a_row += 1
                self._until = now + timedelta(seconds=seconds)
            self._of[send_id] += 1
            return replace(receipt, retry_after=seconds if self._of[send_id] <= OF_A_SEND else None)

    @property
    def too_often(self) -> bool:
        """True once the backend asked IN_A_ROW times to wait and took nothing between them."""
        return self._in_a_row >= IN_A_ROW
