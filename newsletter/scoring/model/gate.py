"""Decides how many calls may be under way at once: as many as the endpoint bears, never more than the settings say.

A refusal for the rate (429) halves the number, each answer adds a little again: additive increase, multiplicative
decrease. What an endpoint says of its limits in the headers of an answer holds calls back before it has to refuse them.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

SAME_BURST = 1.0  # seconds: refusals so close together are one sign, not several
LONGEST_HOLD = 60.0  # seconds, whatever a header says
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is left of an endpoint's rate, and in how many seconds it is whole again; None where nothing was said."""

    calls: int | None = None
    calls_in: float = 0.0
    tokens: int | None = None
    tokens_in: float = 0.0


UNSAID = Limits()


def limits_of(headers: Mapping[str, str]) -> Limits:
    """The limits in an answer's headers (https://platform.openai.com/docs/guides/rate-limits, "in headers")."""
    return Limits(
        _number(headers.get("x-ratelimit-remaining-requests")),
        _seconds(headers.get("x-ratelimit-reset-requests")),
        _number(headers.get("x-ratelimit-remaining-tokens")),
        _seconds(headers.get("x-ratelimit-reset-tokens")),
    )


class Gate:
    """Lets calls in; safe to use from several threads."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._limit = float(most)
        self._clock = clock
        self._inside = 0
        self._halved_at = float("-inf")
        self._held_until = float("-inf")
        self._changed = threading.Condition()

    @property
    def width(self) -> int:
        """How many calls may be under way now."""
        return max(1, int(self._limit))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Waits for a place, and gives it back at the end."""
        with self._changed:
            while self._inside >= self.width or self._clock() < self._held_until:
                held = self._held_until - self._clock()
                self._changed.wait(held if held > 0 else None)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def refused(self) -> None:
        """The endpoint refused a call for its rate."""
        with self._changed:
            if self._clock() - self._halved_at >= SAME_BURST:
                self._limit, self._halved_at = max(1.0, self._limit / 2), self._clock()

    def answered(self, limits: Limits, tokens: int) -> None:
        """The endpoint answered a call of so many tokens, and said what is left of its limits."""
        with self._changed:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)
            hold = limits.calls_in if limits.calls == 0 else 0.0
            if limits.tokens is not None and limits.tokens < tokens:
                hold = max(hold, limits.tokens_in)
            self._held_until = max(self._held_until, self._clock() + min(hold, LONGEST_HOLD))
            self._changed.notify_all()


def _number(said: str | None) -> int | None:
    return int(said) if said and said.isascii() and said.isdecimal() and len(said) < 15 else None


def _seconds(said: str | None) -> float:
    """A time as "1m30.5s" or "20ms"; nothing for what is none."""
    return sum(float(number) * _TIMES[unit] for number, unit in _TIME.findall(said or ""))
