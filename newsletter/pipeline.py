"""The day, in order. Calls each stage and saves what it returns; decides nothing.

mailing ─▶ gather: for each subscriber due: candidates; all of them together are the scorers' plan
        ─▶ compose: for each subscriber due: score ─▶ pick ─▶ edition, frozen with its send
        ─▶ dispatch: for each send that is ready: render ─▶ message, frozen ─▶ submit ─▶ receipt
"""

import secrets
import string
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar, cast

from newsletter import message
from newsletter.candidates import candidates
from newsletter.due import Due, due, settled
from newsletter.links import Purpose, Signer
from newsletter.models import (
    Announcement,
    Backend,
    Candidates,
    Clock,
    Edition,
    Links,
    MailingDay,
    MailingStatus,
    Outcome,
    Outgoing,
    Plan,
    Progress,
    Reading,
    Receipt,
    Scorer,
    ScorerFor,
    Send,
    Status,
    Subscriber,
    SubscriberStatus,
)
from newsletter.pick import pick
from newsletter.render import Templates, render
from newsletter.roster import Problem
from newsletter.settings import Mail
from newsletter.store import Store

RETRY_AFTER = timedelta(minutes=10)
LOOK_BACK = timedelta(days=90)  # how far a reader's missed mailings are looked for
_LETTERS = string.ascii_lowercase + string.digits
Roster = Callable[[], Iterable[Subscriber | Problem]]  # called once to plan, once to compose: nobody is kept in memory
S = TypeVar("S")
T = TypeVar("T")
_END = object()


def _quiet(stage: str, done: int) -> None:
    """No progress is shown."""


def _unplanned(readings: Iterable[Reading]) -> None:
    """The scorers need no plan."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the day works with; made by the command line, replaced by fakes in tests."""

    store: Store
    scorer_for: ScorerFor
    templates: Templates
    backend: Backend
    signer: Signer
    mail: Mail
    clock: Clock
    workers: int = 2
    progress: Progress = _quiet
    plan: Plan = _unplanned


@dataclass(frozen=True, slots=True)
class Composed:
    """What composing came to for one subscriber: an edition of so many papers, or the reason why there is none."""

    slug: str
    status: Status | None = None
    papers: int = 0
    candidates: int = 0
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What became of one send."""

    slug: str
    date: date
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Report:
    """The day, a line per subscriber and per send."""

    composed: tuple[Composed, ...]
    dispatched: tuple[Dispatched, ...]

    @property
    def failed(self) -> bool:
        """True when a subscriber or a send needs a person's attention."""
        return any(c.failed for c in self.composed) or any(
            d.receipt.outcome is not Outcome.ACCEPTED for d in self.dispatched
        )


def run(roster: Roster, services: Services, only: date | None = None, send: bool = True) -> Report:
    """Composes what is due, then sends what is ready. With `only`, that one mailing, as if its day were today."""
    composed = compose(roster, services, only)
    return Report(composed, dispatch(services) if send else ())


def compose(roster: Roster, services: Services, only: date | None) -> tuple[Composed, ...]:
    """An edition, frozen with its send, for each subscriber to whom one is due."""
    now = services.clock()
    mailings = services.store.mailings.days(since=only or (now - LOOK_BACK).date())
    days = [day for day in mailings if (day.date == only if only else settled(day, now))]
    announced = _Announced(services, days)
    today = only or date.max

    def gathered() -> Iterator[_Gathered | Composed]:
        return (_gather(entry, services, announced, today) for entry in roster())

    services.plan(item.reading for item in gathered() if isinstance(item, _Gathered))

    def each(item: _Gathered | Composed) -> Composed:
        return item if isinstance(item, Composed) else _compose(item, services, now)

    return _in_lanes(each, gathered(), services, "compose")


def dispatch(services: Services) -> tuple[Dispatched, ...]:
    """Sends what is ready, each claimed first; what a dead run left behind is settled before."""
    owner = secrets.token_hex(8)
    services.store.sends.recover(services.clock())
    stopped = threading.Event()

    def claimed() -> Iterable[Send]:
        while not stopped.is_set() and (send := services.store.sends.claim(owner, services.clock())):
            yield send

    def each(send: Send) -> Dispatched | None:
        dispatched = _dispatch(send, owner, services)
        if dispatched and dispatched.receipt.outcome is Outcome.STOP:
            stopped.set()
        return dispatched

    return tuple(done for done in _in_lanes(each, iter(claimed()), services, "send") if done)


def _in_lanes(work: Callable[[S], T], items: Iterator[S], services: Services, stage: str) -> tuple[T, ...]:
    """Each item's result, in no order, from `services.workers` threads that take one item at a time."""
    taking, results = threading.Lock(), list[T]()

    def lane() -> None:
        while True:
            with taking:
                item = next(items, _END)
            if item is _END:
                return
            results.append(work(cast("S", item)))
            services.progress(stage, len(results))

    with ThreadPoolExecutor(services.workers) as pool:
        for done in [pool.submit(lane) for _ in range(services.workers)]:
            done.result()
    return tuple(results)


# Compose


_Late = tuple[tuple[date, ...], datetime]  # the mailings of the last edition, and when it was frozen


class _Announced:
    """The announcements of the days that are due, with a scorer over them: loaded once for all subscribers."""

    def __init__(self, services: Services, days: Sequence[MailingDay]) -> None:
        self.days = days
        self._services = services
        self._punctual: set[_Late] = set()
        self._loaded: dict[tuple[tuple[date, ...], _Late | None], tuple[list[Announcement], Scorer]] = {}

    def of(self, days: tuple[date, ...], late: _Late | None) -> tuple[list[Announcement], Scorer]:
        """The papers of `days`, after those of the last edition's mailings that arrived after it was frozen."""
        mailings = self._services.store.mailings
        found = mailings.announcements(late[0], added_after=late[1]) if late and late not in self._punctual else []
        if late and not found:
            self._punctual.add(late)
        key = days, late if found else None
        if key not in self._loaded:
            announcements = [*found, *mailings.announcements(days)]
            self._loaded[key] = announcements, self._services.scorer_for(announcements)
        return self._loaded[key]

    def status(self, days: tuple[date, ...]) -> Status:
        found = {day.status for day in self.days if day.date in days and not day.early}
        if MailingStatus.PARTIAL in found:
            return Status.ARXIV_FAULT
        return Status.HOLIDAY if found == {MailingStatus.EMPTY} else Status.OK


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A subscriber to whom an edition is due, with its candidates and their scorer."""

    subscriber: Subscriber
    due: Due
    chosen: Candidates
    scorer: Scorer
    status: Status

    @property
    def reading(self) -> Reading:
        return Reading(self.subscriber, self.due.date, self.chosen.papers)


def _gather(
    entry: Subscriber | Problem, services: Services, announced: _Announced, today: date
) -> _Gathered | Composed:
    if isinstance(entry, Problem):
        return Composed(entry.slug, reason=entry.message, failed=True)
    store, wishes = services.store, entry.wishes
    if entry.status is not SubscriberStatus.ACTIVE:
        return Composed(entry.slug, reason=f"is {entry.status}")
    newest = store.editions.newest(entry.id, until=today)
    next_due = due(wishes.deliver, announced.days, newest.date if newest else None)
    if next_due is None:
        return Composed(entry.slug, reason="has nothing due")
    late = (newest.mailings, newest.frozen_at) if newest else None
    announcements, scorer = announced.of(next_due.mailings, late)
    sent = store.editions.sent_papers(entry.id, [announcement.paper for announcement in announcements])
    chosen = candidates(wishes, announcements, sent)
    return _Gathered(entry, next_due, chosen, scorer, announced.status(next_due.mailings))


def _compose(item: _Gathered, services: Services, now: datetime) -> Composed:
    subscriber = item.subscriber
    edition = pick(subscriber, item.due, item.chosen, item.scorer(subscriber, item.chosen.papers), item.status)
    if subscriber.wishes.deliver.empty == "silent" and _is_quiet(edition):
        return Composed(subscriber.slug, reason="wants no mail on an empty day")
    if services.store.editions.freeze(edition, subscriber, _send_id(), now) is None:
        return Composed(subscriber.slug, reason="has this edition already")
    return Composed(subscriber.slug, edition.status, len(edition.papers), edition.totals.candidates)


def _is_quiet(edition: Edition) -> bool:
    return not edition.papers and edition.status in (Status.NO_MATCH, Status.HOLIDAY)


def _send_id() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(10))


# Dispatch


def _dispatch(send: Send, owner: str, services: Services) -> Dispatched | None:
    store = services.store
    subscriber = store.subscribers.load(send.slug)
    if subscriber is None or subscriber.status is not SubscriberStatus.ACTIVE:
        store.sends.skip(send, owner, f"subscriber is {subscriber.status if subscriber else 'gone'}", services.clock())
        return None
    if services.backend.reaches_people and not store.subscribers.has_consent(subscriber.id, send.address):
        store.sends.skip(send, owner, f"no consent of {send.slug} on record for this address", services.clock())
        return None
    links = Links(unsubscribe=services.signer.url(Purpose.UNSUBSCRIBE, subscriber.id))
    email = render(store.editions.load(send.edition_id), links, services.templates)
    eml = store.sends.message(send.id) or message.build(
        email,
        message.Envelope(
            send_id=send.id,
            sender=services.mail.sender,
            recipient=send.address,
            list_name=services.templates.mailer,
            unsubscribe_url=links.unsubscribe,
            unsubscribe_address=services.mail.sender,
        ),
        services.clock(),
    )
    if not store.sends.submitting(send, owner, eml, services.clock()):
        return None
    receipt = services.backend.submit(Outgoing(send.id, send.slug, send.date, services.mail.sender, send.address, eml))
    now = services.clock()
    retries = receipt.outcome in (Outcome.RETRY, Outcome.STOP)
    pause = timedelta(seconds=receipt.retry_after) if receipt.retry_after else RETRY_AFTER
    store.sends.settle(send, services.mail.backend, receipt, now + pause if retries else None, now)
    return Dispatched(send.slug, send.date, receipt)
