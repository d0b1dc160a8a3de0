"""Decides what may be spent: the worst case of a call is reserved before it, and settled after it.

Caps hold for the run, for the service's calendar month (UTC) and for each subscriber's month. What is reserved counts
as spent, so that calls under way at the same time cannot overshoot together.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from newsletter.models.scores import Cap
from newsletter.store.charges import Charges


@dataclass(frozen=True, slots=True)
class Caps:
    """Picodollars."""

    run: int
    month: int


class OutOfMoney(Exception):
    """A cap leaves no room for this call."""

    def __init__(self, cap: Cap) -> None:
        super().__init__(cap)
        self.cap = cap


@dataclass(frozen=True, slots=True)
class Reservation:
    """The worst case of one call, by payer; `rows` are its rows in the store."""

    amounts: Mapping[int, int]
    rows: tuple[int, ...]


class Budget:
    """The money of one run; safe to use from several threads."""

    def __init__(self, charges: Charges, run_id: int, caps: Caps, now: datetime) -> None:
        self._charges = charges
        self.run_id = run_id
        self._caps = caps
        self._lock = threading.Lock()
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        self._spent = Counter(charges.spent_since(month))
        self._month = sum(self._spent.values())
        self._run = 0
        self._personal: dict[int, int] = {}

    def cap(self, subscriber_id: int, picodollars: int) -> None:
        """Sets a subscriber's own cap for the month."""
        self._personal[subscriber_id] = picodollars

    def room(self, subscriber_id: int) -> int:
        """What a subscriber's next call may cost at most."""
        with self._lock:
            return min(self._caps.run - self._run, self._caps.month - self._month, self._own_room(subscriber_id))

    def unable(self, amounts: Mapping[int, int]) -> set[int]:
        """Those whose own month leaves no room for their amount."""
        with self._lock:
            return {who for who, amount in amounts.items() if self._own_room(who) < amount}

    def reserve(self, amounts: Mapping[int, int], now: datetime, stage: str = "", model: str = "") -> Reservation:
        """Sets money aside for a call. Raises OutOfMoney, with nothing set aside, where any cap would be passed."""
        total = sum(amounts.values())
        with self._lock:
            if self._run + total > self._caps.run:
                raise OutOfMoney(Cap.RUN)
            if self._month + total > self._caps.month:
                raise OutOfMoney(Cap.SERVICE_MONTH)
            if any(self._own_room(who) < amount for who, amount in amounts.items()):
                raise OutOfMoney(Cap.OWN_MONTH)
            self._move(amounts, 1)
        try:
            return Reservation(amounts, tuple(self._charges.reserve(self.run_id, amounts, now, stage, model)))
        except BaseException:
            with self._lock:
                self._move(amounts, -1)
            raise

    def settled(self, reservation: Reservation, paid: Mapping[int, int]) -> None:
        """Replaces what was set aside by what was paid; the store's rows went with the charge."""
        with self._lock:
            self._move(reservation.amounts, -1)
            self._move(paid, 1)

    def release(self, reservation: Reservation) -> None:
        """Gives back what was set aside for a call that cost nothing."""
        self._charges.release(reservation.rows)
        self.settled(reservation, {})

    def lost(self, reservation: Reservation) -> None:
        """Records a call under this reservation that got no answer."""
        self._charges.lose(reservation.rows)

    def _own_room(self, subscriber_id: int) -> int:
        cap = self._personal.get(subscriber_id)
        return self._caps.month if cap is None else cap - self._spent[subscriber_id]

    def _move(self, amounts: Mapping[int, int], sign: int) -> None:
        for who, amount in amounts.items():
            self._spent[who] += sign * amount
            self._run += sign * amount
            self._month += sign * amount
