"""Calls the backend for each send and notice that is ready, from several lanes: claim ─▶ write ─▶ submit ─▶ settle.

`submitting` is committed before the network is touched, so that a process killed at any moment leaves each send
either certainly unsent or ambiguous, never silently sent. The caller holds the run lock.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from email.utils import parseaddr
from typing import ClassVar, Protocol

from pydantic import Field

from newsletter.delivery.breakers import DEFAULTS, OPEN, RESUMED_AT, Breakers, Recent, judge, since
from newsletter.delivery.holds import AFTER_A_REPLY, AFTER_A_REPORT, Holds
from newsletter.delivery.replies import without_addresses
from newsletter.delivery.waits import Waits, bounded
from newsletter.models.editions import Kind
from newsletter.models.papers import Clock
from newsletter.models.sends import Backend, Mail, Notice, NoticeKind, Outcome, Outgoing, Receipt, Send, SendState
from newsletter.settings import Section
from newsletter.store import Store
from newsletter.store.sends import Terms
from newsletter.threads import in_threads

PAUSE_AT_MOST = timedelta(hours=4)
TO_OPERATOR = (NoticeKind.ALERT, NoticeKind.TEST)
JUDGED_EVERY = 100  # sends, beside the start
CLAIMED_AT_ONCE = 16  # in one transaction; what a stop or a kill finds of them was not sent
BEGUN_AT_MOST = 4 * CLAIMED_AT_ONCE  # messages that are being written before a lane asks for them


class Delivery(Section):
    """Settings of attempts. A pause doubles with each failed attempt; a wait that a backend asks for is no attempt."""

    section: ClassVar[str] = "delivery"
    attempts: int = Field(8, ge=1)
    first_pause_minutes: float = Field(10, gt=0)
    expire_hours: float = Field(48, gt=0)
    patience_seconds: float = Field(90, ge=0)
    canary: bool = True
    keep_message_days: int = Field(30, ge=1)
    epoch_file: str = ""


DEFAULT_DELIVERY = Delivery.model_validate({})  # what holds where nothing is set


class Pace:
    """Rate limiter of all lanes: at most `per_second` submissions, and none while `hold` lasts."""

    def __init__(
        self,
        per_second: float = 0,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._monotonic, self._wait = monotonic, wait
        self._turns = threading.Lock()
        self._next = 0.0

    def turn(self) -> None:
        """Blocks until the calling thread may submit."""
        with self._turns:
            now = self._monotonic()
            turn = max(self._next, now)
            self._next = turn + self._gap
        if turn > now:
            self._wait(turn - now)

    def hold(self, seconds: float) -> None:
        """Lets no thread submit for `seconds` from now on."""
        with self._turns:
            self._next = max(self._next, self._monotonic() + seconds)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a dispatch depends on. `write` makes a message; it is asked once, then the message is frozen.

    `begin` is told which messages will be asked for soon, where they can be written elsewhere meanwhile.
    """

    store: Store
    backend: Backend
    backend_name: str
    write: Callable[[Send | Notice], bytes]
    sender: str
    clock: Clock
    lanes: int = 2
    pace: Pace = field(default_factory=Pace)
    operator: str = ""
    delivery: Delivery = DEFAULT_DELIVERY
    breakers: Breakers = DEFAULTS
    stop: threading.Event = field(default_factory=threading.Event)
    tell: Callable[[int], None] = lambda _: None
    provider_of: Callable[[str], str] = lambda address: address.rpartition("@")[2].lower()
    begin: Callable[[Sequence[Send]], None] | None = None
    about_to_send: Callable[[], None] = lambda: None  # called once `submitting` is committed, before the network


@dataclass(frozen=True, slots=True)
class Dispatched:
    """Result of one send, or of a notice, which has no date."""

    slug: str
    date: date | None
    receipt: Receipt
    send_id: str = ""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Result of a dispatch; `halted` is empty or says, in one sentence, why the rest stayed; `alert` warns."""

    sends: tuple[Dispatched, ...] = ()
    halted: str = ""
    alert: str = ""


def dispatch(desk: Desk, kind: Kind | None = None) -> Dispatch:
    """Sends what is ready, the operator's own copy first; waits for those that may be tried again in a moment.

    Notices go before editions, alerts and tests even while sending is paused. With `kind`, of the editions only those
    of a kind go out, and the operator's own copy is not waited for.
    """
    return _Dispatcher(desk, kind).run()


def after(receipt: Receipt, attempts: int, delivery: Delivery, now: datetime) -> tuple[SendState, datetime | None]:
    """The state that a receipt leads to, and when to try again. `attempts` counts this one."""
    match receipt.outcome:
        case Outcome.ACCEPTED:
            return SendState.ACCEPTED, None
        case Outcome.FAILED:
            return SendState.FAILED, None
        case Outcome.AMBIGUOUS:
            return SendState.AMBIGUOUS, None
        case Outcome.STOP:
            return SendState.READY, None
        case Outcome.RETRY:
            if receipt.sender_refused:
                return SendState.RETRY_AT, now + AFTER_A_REPLY
            if receipt.retry_after is not None:
                return SendState.RETRY_AT, now + timedelta(seconds=bounded(receipt.retry_after))
            if attempts >= delivery.attempts:
                return SendState.FAILED, None
            return SendState.RETRY_AT, now + pause(attempts, delivery)


def pause(attempts: int, delivery: Delivery) -> timedelta:
    """The pause after `attempts` failed attempts: doubled each time, at most PAUSE_AT_MOST."""
    doubled = timedelta(minutes=delivery.first_pause_minutes) * 2.0 ** min(attempts - 1, 20)
    return min(doubled, PAUSE_AT_MOST)


class _Queue(Protocol):
    """What sends and notices have in common: each change of state is one conditional UPDATE."""

    def message(self, id_: str, /) -> bytes | None: ...

    def submitting(self, mail: Mail, owner: str, message: bytes, now: datetime, terms: Terms) -> bool: ...

    def settle(
        self,
        mail: Mail,
        owner: str,
        backend: str,
        receipt: Receipt,
        *,
        state: SendState,
        retry_at: datetime | None,
        now: datetime,
    ) -> None: ...

    def put_back(
        self,
        mail: Mail,
        owner: str,
        now: datetime,
        reason: str = "",
        retry_at: datetime | None = None,
        *,
        counted: bool = True,
    ) -> None: ...

    def fail(self, mail: Mail, owner: str, reason: str, now: datetime) -> None: ...


class _Dispatcher:
    """One dispatch: its owner's mark on the claims, and why it halted."""

    def __init__(self, desk: Desk, kind: Kind | None = None) -> None:
        self.desk, self.kind = desk, kind
        self.sends, self.notices = desk.store.sends, desk.store.notices
        self.owner = secrets.token_hex(8)
        self.halted = self.alert = ""
        self.claimed = self.unknown = 0
        self.waits = Waits()
        self.holds = Holds(desk.store.facts, desk.provider_of)

    def run(self) -> Dispatch:
        now = self.desk.clock()
        self.sends.recover(now)
        self.notices.recover(now)
        self.sends.drop_messages(now - timedelta(days=self.desk.delivery.keep_message_days))
        done = list(self._to_operator())
        self._judge()
        self.holds.learn(self.desk.store.events.refused(now - AFTER_A_REPORT), now)
        done += self._canary()
        while not self._stopping():
            done += [each for each in in_threads(self._one, self._claims(), self.desk.lanes, self.desk.tell) if each]
            seconds = self._soon()
            if seconds is None or self._stopping():
                break
            self.desk.stop.wait(seconds)
        return Dispatch(tuple(done), self.halted, "; ".join(filter(None, (self.alert, *self.holds.told))))

    def _stopping(self) -> bool:
        return bool(self.halted) or self.desk.stop.is_set()

    def _to_operator(self) -> Iterator[Dispatched]:
        """Alerts and tests, which no breaker holds back: they may be about it."""
        while not self._stopping() and (notice := self.notices.claim(self.owner, self.desk.clock(), TO_OPERATOR)):
            if done := self._one(notice):
                yield done

    def _claims(self) -> Iterator[Send | Notice]:
        """What may go out, claimed in groups; those that a stop finds are handed on too, to be put back."""
        waiting: deque[Send | Notice] = deque()
        while not self._stopping():
            self._claim_more(waiting)
            if not waiting:
                return
            self.claimed += 1
            if self.claimed % JUDGED_EVERY == 0:
                self._judge()
            yield waiting.popleft()
        yield from waiting

    def _claim_more(self, waiting: "deque[Send | Notice]") -> None:
        """Claims a group when all went out, or where messages are begun before their turn, while few wait."""
        enough = BEGUN_AT_MOST if self.desk.begin else 1
        while len(waiting) < enough and (group := self._group()):
            waiting.extend(group)
            if self.desk.begin:
                self.desk.begin([mail for mail in group if isinstance(mail, Send)])

    def _group(self) -> Sequence[Send | Notice]:
        now = self.desk.clock()
        if notice := self.notices.claim(self.owner, now):
            return [notice]
        return self.sends.claim_some(CLAIMED_AT_ONCE, self.owner, now, self._terms())

    def _soon(self) -> float | None:
        """Seconds until a waiting send may be tried again; None when none may within our patience."""
        at = self.sends.next_try(self.desk.clock())
        if at is None:
            return None
        seconds = (at - self.desk.clock()).total_seconds()
        return max(seconds, 0.01) if seconds <= self.desk.delivery.patience_seconds else None

    def _canary(self) -> Iterator[Dispatched]:
        """The operator's own copy; unless it is accepted, nobody else gets anything.

        Where the operator's own provider refuses the sender, that says nothing of the message: the others get theirs.
        """
        address = parseaddr(self.desk.operator)[1]
        wanted = self.desk.delivery.canary and self.desk.backend.reaches_people and "@" in address and self.kind is None
        if (
            not wanted
            or self._stopping()
            or self.holds.until(address, self.desk.clock())
            or not self.sends.waiting(address, self.desk.clock())
        ):
            return
        outcome = None
        while send := self.sends.claim(self.owner, self.desk.clock(), self._terms(), address):
            done = self._one(send)
            if done is None:
                continue
            yield done
            outcome = done.receipt.outcome
            if done.receipt.sender_refused:
                return
            if outcome is not Outcome.ACCEPTED:
                said = f"your own copy was not accepted: {done.receipt.detail}"
                if outcome is Outcome.RETRY:
                    self._halt(f"{said}; the others get theirs once yours was")
                else:
                    self._break(said)
                return
        if outcome is None and self.sends.waiting(address, self.desk.clock()):
            self._halt("your own copy waits to be tried again; the others get theirs once it was accepted")

    def _terms(self) -> Terms:
        stale = self.desk.clock() - timedelta(hours=self.desk.delivery.expire_hours)
        return Terms(consent=self.desk.backend.reaches_people, stale_before=stale, kind=self.kind)

    def _queue(self, mail: Send | Notice) -> "_Queue":
        return self.notices if isinstance(mail, Notice) else self.sends

    def _one(self, mail: Send | Notice) -> Dispatched | None:
        desk, queue = self.desk, self._queue(mail)
        if self._stopping():
            queue.put_back(mail, self.owner, desk.clock())
            return None
        if until := self.holds.until(mail.address, desk.clock()):
            queue.put_back(
                mail, self.owner, desk.clock(), "its mailbox provider refuses this sender", until, counted=False
            )
            return None
        try:
            eml = queue.message(mail.id) or desk.write(mail)
        except Exception as error:  # noqa: BLE001 - one edition that cannot be written must not harm the others
            return self._unwritten(mail, f"its message cannot be written: {type(error).__name__}: {error}")
        desk.pace.turn()
        if self._stopping():
            queue.put_back(mail, self.owner, desk.clock())
            return None
        if not queue.submitting(mail, self.owner, eml, desk.clock(), self._terms()):
            queue.put_back(mail, self.owner, desk.clock())  # where its lease ended while it waited for its turn
            return None
        desk.about_to_send()
        try:
            receipt = desk.backend.submit(_outgoing(mail, desk.sender, eml))
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody knows whether the message went out
            receipt = Receipt(Outcome.AMBIGUOUS, f"{type(error).__name__}: {error}")
        now = desk.clock()
        receipt = self.waits.count(mail.id, replace(receipt, detail=without_addresses(receipt.detail)), now)
        state, retry_at = after(receipt, mail.attempts + 1, desk.delivery, now)
        queue.settle(mail, self.owner, desk.backend_name, receipt, state=state, retry_at=retry_at, now=now)
        self._learn(mail, receipt, now)
        return Dispatched(_slug(mail), _date(mail), receipt, mail.id)

    def _unwritten(self, mail: Send | Notice, reason: str) -> Dispatched:
        now, queue, attempts = self.desk.clock(), self._queue(mail), mail.attempts + 1
        reason = without_addresses(reason)
        if attempts >= self.desk.delivery.attempts:
            queue.fail(mail, self.owner, reason, now)
        else:
            queue.put_back(mail, self.owner, now, reason, now + pause(attempts, self.desk.delivery))
        return Dispatched(_slug(mail), _date(mail), Receipt(Outcome.RETRY, reason), mail.id)

    def _learn(self, mail: Mail, receipt: Receipt, now: datetime) -> None:
        """What one receipt says about the others."""
        if receipt.bad_address:
            self.desk.store.suppressions.add(mail.address, "hard bounce", self.desk.backend_name, now)
        if receipt.sender_refused:
            self.holds.refused(mail.address, receipt.detail, now)
        if receipt.outcome is Outcome.ACCEPTED:
            self.holds.taken(mail.address, now)
        if receipt.outcome is Outcome.STOP:
            self._break(receipt.detail)
        self.unknown = self.unknown + 1 if receipt.outcome is Outcome.AMBIGUOUS else 0
        if self.unknown >= self.desk.breakers.unknown_in_a_row:
            self._break(f"{self.unknown} messages in a row are of unknown outcome, the last one: {receipt.detail}")
        if receipt.outcome is Outcome.RETRY and receipt.retry_after is not None:
            if receipt.retry_after > self.desk.delivery.patience_seconds:
                self._halt(
                    f"{self.desk.backend_name} asks to wait {receipt.retry_after:.0f} s; the rest goes out later"
                )
            self.desk.pace.hold(receipt.retry_after)
        if self.waits.too_often:
            self._halt(
                f"{self.desk.backend_name} asks again and again to wait and takes nothing; the rest goes out later"
            )

    def _judge(self) -> None:
        facts, now = self.desk.store.facts, self.desk.clock()
        if not self.desk.backend.reaches_people:
            return
        if found := facts.get(OPEN):
            self._halt(found)
            return
        resumed_at = facts.get(RESUMED_AT)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        today = max(midnight, datetime.fromisoformat(resumed_at)) if resumed_at else midnight
        spent = sum(self.desk.store.charges.spent_since(today).values())
        verdict = judge(Recent(self._counted(since(now, resumed_at)), spent), self.desk.breakers)
        self.alert = verdict.alert
        if verdict.stop:
            self._break(verdict.stop)

    def _counted(self, from_then: datetime) -> Mapping[SendState, int]:
        """Recent sends by state, without those that came back because of the sender: for these a provider is held."""
        counts = self.sends.counts(from_then)
        returned = {report.send_id for report in self.desk.store.events.refused(from_then)}
        return counts | {SendState.FAILED: max(counts.get(SendState.FAILED, 0) - len(returned), 0)}

    def _break(self, reason: str) -> None:
        """Pauses all sending until a person says `newsletter resume`."""
        sentence = f"sending is paused: {reason}; when that is settled, run `newsletter resume`"
        if self.desk.backend.reaches_people:
            self.desk.store.facts.set(OPEN, sentence)
        self._halt(sentence)

    def _halt(self, reason: str) -> None:
        self.halted = self.halted or reason


def _outgoing(mail: Send | Notice, sender: str, eml: bytes) -> Outgoing:
    return Outgoing(mail.id, _slug(mail), _date(mail), sender, mail.address, eml)


def _slug(mail: Send | Notice) -> str:
    return f"{mail.kind}-{mail.id}" if isinstance(mail, Notice) else mail.slug


def _date(mail: Send | Notice) -> date | None:
    return None if isinstance(mail, Notice) else mail.date
