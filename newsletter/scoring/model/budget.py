"""Decides what may be spent: the worst case of a call is reserved before it, and settled after it.

Caps hold for the run, for the service's calendar month (UTC) and for each subscriber's month. What is reserved counts
as spent, so that calls under way at the same time cannot overshoot together; a call for which only those leave no room
waits until they are settled. A day's allowance is softer: it paces a month's budget by what calls are expected to cost.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from newsletter.models.scores import Cap
from newsletter.models.subscribers import WEEKDAYS, Deliver
from newsletter.store.charges import Charges


@dataclass(frozen=True, slots=True)
class Caps:
    """Picodollars."""

    run: int
    month: int


@dataclass(frozen=True, slots=True)
class Purse:
    """A subscriber whose money is spent, and what of it is kept back for later calls (picodollars).

    `kept` is their worst case; `kept_today`, what they are expected to cost, is kept of the day's allowance. With
    `the_first`, the first of several calls is made although something should be kept.
    """

    who: int
    kept: int = 0
    kept_today: int = 0
    the_first: bool = False


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


@dataclass
class _Sums:
    """Picodollars: of all, and by subscriber; `run` is this run's part."""

    run: int = 0
    month: int = 0
    by_subscriber: Counter[int] = field(default_factory=Counter)

    def move(self, amounts: Mapping[int, int], sign: int) -> None:
        for who, amount in amounts.items():
            self.by_subscriber[who] += sign * amount
            self.run += sign * amount
            self.month += sign * amount


_NOTHING = _Sums()


class Budget:
    """The money of one run; safe to use from several threads."""

    def __init__(self, charges: Charges, run_id: int, caps: Caps, now: datetime) -> None:
        self._charges = charges
        self.run_id = run_id
        self._caps = caps
        self._changed = threading.Condition()
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        before = Counter(charges.spent_since(month))
        self._paid = _Sums(month=charges.service_spent_since(month), by_subscriber=before)
        self._reserved = _Sums()
        self._personal: dict[int, int] = {}
        self._until: dict[int, int] = {}  # what a subscriber's month may have cost by the end of this day

    def cap(self, subscriber_id: int, picodollars: int, editions_left: int, day: date) -> None:
        """Sets a subscriber's own cap for the month, and with it their allowance for the edition of a day.

        The allowance is what was left before that edition's first call, over the editions left in the month.
        """
        spent = self._paid.by_subscriber[subscriber_id]
        today = self._charges.account(subscriber_id, day).picodollars if spent else 0
        before = max(0, spent - today)
        with self._changed:
            self._personal[subscriber_id] = picodollars
            self._until[subscriber_id] = before + max(0, picodollars - before) // max(1, editions_left)

    def left_today(self, subscriber_id: int) -> int | None:
        """What is left of a subscriber's allowance for the day; None where there is none."""
        with self._changed:
            until = self._until.get(subscriber_id)
            return None if until is None else until - self._paid.by_subscriber[subscriber_id]

    def room(self, subscriber_id: int) -> int:
        """What a subscriber's next call may cost at most."""
        with self._changed:
            return self._room(subscriber_id, self._reserved)

    def unable(self, amounts: Mapping[int, int]) -> set[int]:
        """Those whose own month leaves no room for their amount, whatever becomes of the calls under way."""
        with self._changed:
            return {who for who, amount in amounts.items() if self._own_room(who, _NOTHING) < amount}

    def reserve(
        self, amounts: Mapping[int, int], now: datetime, stage: str = "", model: str = "", purse: Purse | None = None
    ) -> Reservation:
        """Sets money aside for a call, when need be after the settling of calls that are under way.

        Raises OutOfMoney, with nothing set aside, where any cap would be passed.
        """
        with self._changed:
            while self._passed(amounts, purse, self._reserved):
                if cap := self._passed(amounts, purse, _NOTHING):
                    raise OutOfMoney(cap)
                self._changed.wait()
            self._reserved.move(amounts, 1)
        try:
            return Reservation(amounts, tuple(self._charges.reserve(self.run_id, amounts, now, stage, model)))
        except BaseException:
            self._settle(amounts, {})
            raise

    def settled(self, reservation: Reservation, paid: Mapping[int, int]) -> None:
        """Replaces what was set aside by what was paid; the store's rows went with the charge."""
        self._settle(reservation.amounts, paid)

    def release(self, reservation: Reservation) -> None:
        """Gives back what was set aside for a call that cost nothing."""
        self._charges.release(reservation.rows)
        self._settle(reservation.amounts, {})

    def lost(self, reservation: Reservation) -> None:
        """Records a call under this reservation that got no answer."""
        self._charges.lose(reservation.rows)

    def _settle(self, amounts: Mapping[int, int], paid: Mapping[int, int]) -> None:
        with self._changed:
            self._reserved.move(amounts, -1)
            self._paid.move(paid, 1)
            self._changed.notify_all()

    def _passed(self, amounts: Mapping[int, int], purse: Purse | None, reserved: _Sums) -> Cap | None:
        """The cap that these amounts would pass, with the calls under way counted as `reserved`."""
        total = sum(amounts.values())
        if self._paid.run + reserved.run + total > self._caps.run:
            return Cap.RUN
        if self._paid.month + reserved.month + total > self._caps.month:
            return Cap.SERVICE_MONTH
        if any(self._own_room(who, reserved) < amount for who, amount in amounts.items()):
            return Cap.OWN_MONTH
        if purse and purse.kept and self._room(purse.who, reserved) < purse.kept:
            return Cap.COMMENTS
        return None

    def _room(self, subscriber_id: int, reserved: _Sums) -> int:
        run = self._caps.run - self._paid.run - reserved.run
        month = self._caps.month - self._paid.month - reserved.month
        return min(run, month, self._own_room(subscriber_id, reserved))

    def _own_room(self, subscriber_id: int, reserved: _Sums) -> int:
        cap = self._personal.get(subscriber_id)
        if cap is None:
            return self._caps.month
        return cap - self._paid.by_subscriber[subscriber_id] - reserved.by_subscriber[subscriber_id]


def editions_left(deliver: Deliver, today: date) -> int:
    """How many editions the rest of a calendar month may bring to a reader, today's included; at least one."""
    days = (today + timedelta(days=n) for n in range(31))
    return max(1, sum(day.month == today.month and WEEKDAYS[day.weekday()] in deliver.days for day in days))
