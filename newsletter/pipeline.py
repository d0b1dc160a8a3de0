"""The day, in order. Calls each stage and saves what it returns; decides nothing.

mailing ─▶ gather: for each subscriber due: candidates; all of them together are the scorers' plan
        ─▶ compose: for each subscriber due: score ─▶ pick ─▶ edition, frozen with its send
        ─▶ dispatch: for each send that is ready: render ─▶ message, frozen ─▶ submit ─▶ receipt (dispatch.py)
"""

import secrets
import string
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from newsletter.delivery import message, restore_guard
from newsletter.delivery.breakers import DEFAULTS, Breakers
from newsletter.delivery.dispatch import DEFAULT_DELIVERY, Delivery, Desk, Dispatch, Dispatched, Pace, dispatch
from newsletter.editions.candidates import candidates
from newsletter.editions.due import Due, announced_at, due, settled
from newsletter.editions.selection import pick
from newsletter.links import Purpose, Signer
from newsletter.models.editions import Candidates, Edition, Links
from newsletter.models.papers import Announcement, Clock, MailingDay, MailingStatus, Progress
from newsletter.models.scores import Plan, Reading, Scorer, ScorerFor, Status
from newsletter.models.sends import Backend, Outcome, Send
from newsletter.models.subscribers import Subscriber, SubscriberStatus
from newsletter.rendering.templates import Templates, render
from newsletter.settings import Mail
from newsletter.store import Store
from newsletter.store.editions import Frozen
from newsletter.subscribers.roster import Problem
from newsletter.threads import in_lanes

LOOK_BACK = timedelta(days=90)  # how far a reader's missed mailings are looked for
GIVEN_BACK = timedelta(days=14)  # how long a mailing whose digest was not sent is offered again
_LETTERS = string.ascii_lowercase + string.digits
Roster = Callable[[], Iterable[Subscriber | Problem]]  # called once to plan, once to compose: nobody is kept in memory


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
    lanes: int = 2
    pace: Pace = field(default_factory=Pace)
    delivery: Delivery = DEFAULT_DELIVERY
    breakers: Breakers = DEFAULTS
    stop: threading.Event = field(default_factory=threading.Event)
    mark: Path | None = None  # where the dispatch epoch is kept, for a backend that reaches people
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
    fault: str = ""  # of a scorer: what the edition says of it
    waited: timedelta | None = None  # from the announcement to the edition


@dataclass(frozen=True, slots=True)
class Report:
    """The day, a line per subscriber and per send; `halted` says why the rest was not sent."""

    composed: tuple[Composed, ...]
    dispatched: tuple[Dispatched, ...]
    halted: str = ""
    alert: str = ""

    @property
    def failed(self) -> bool:
        """True when a subscriber or a send needs a person's attention."""
        return (
            bool(self.halted)
            or any(c.failed or c.status is Status.SCORING_FAULT for c in self.composed)
            or any(d.receipt.outcome is not Outcome.ACCEPTED for d in self.dispatched)
        )


def run(roster: Roster, services: Services, only: date | None = None, send: bool = True) -> Report:
    """Composes what is due, then sends what is ready. With `only`, that one mailing, as if its day were today."""
    store, now = services.store, services.clock()
    store.sends.recover(now)  # the caller holds the run lock: what is under way is a dead run's
    store.subscribers.wake(now)
    composed = compose(roster, services, only)
    if not send or services.stop.is_set():
        return Report(composed, ())
    if services.mark:
        restore_guard.advance(store, services.mark, now.date())
    sent = send_ready(services)
    return Report(composed, sent.sends, sent.halted, sent.alert)


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

    waiting = (item for item in gathered() if not services.stop.is_set())
    return in_lanes(each, waiting, services.workers, lambda done: services.progress("compose", done))


def send_ready(services: Services) -> Dispatch:
    """Sends what is ready, each claimed first."""
    return dispatch(
        Desk(
            store=services.store,
            backend=services.backend,
            backend_name=services.mail.backend,
            write=lambda send: _message(send, services),
            sender=services.mail.sender,
            clock=services.clock,
            lanes=services.lanes,
            pace=services.pace,
            operator=services.mail.operator,
            delivery=services.delivery,
            breakers=services.breakers,
            stop=services.stop,
            tell=lambda done: services.progress("send", done),
        )
    )


# Compose


_Late = tuple[tuple[date, ...], datetime]  # the mailings of the last edition, and when it was frozen


class _Announced:
    """The announcements of the days that are due, with a scorer over them: loaded once for all subscribers."""

    def __init__(self, services: Services, days: Sequence[MailingDay]) -> None:
        self.days = days
        self._services = services
        self._punctual: set[_Late] = set()
        self._loaded: dict[tuple[tuple[date, ...], tuple[int | None, ...]], tuple[list[Announcement], Scorer]] = {}

    def of(self, days: tuple[date, ...], late: _Late | None) -> tuple[list[Announcement], Scorer]:
        """The papers of `days`, after those of the last edition's mailings that arrived after it was frozen."""
        mailings = self._services.store.mailings
        found = mailings.announcements(late[0], added_after=late[1]) if late and late not in self._punctual else []
        if late and not found:
            self._punctual.add(late)
        key = days, tuple(announcement.paper.key for announcement in found)
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
    if services.backend.reaches_people and (barred := store.subscribers.barred(entry)):
        return Composed(entry.slug, reason=barred)  # nothing is bought for whom nothing may be sent
    newest = store.editions.newest(entry.id, until=today)
    next_due = due(wishes.deliver, *_open_days(entry, newest, announced, services))
    if next_due is None:
        return Composed(entry.slug, reason="has nothing due")
    if store.editions.exists(entry.id, next_due.date):
        return Composed(entry.slug, reason="has this edition already")
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
    return Composed(
        subscriber.slug,
        edition.status,
        len(edition.papers),
        edition.totals.candidates,
        waited=now - announced_at(edition.date),
        fault=edition.fault,
    )


def _open_days(
    subscriber: Subscriber, newest: Frozen | None, announced: _Announced, services: Services
) -> tuple[Sequence[MailingDay], date | None]:
    """The days that this subscriber's next edition may cover, and the day after which they begin.

    Mailings whose digest failed, expired or was skipped are open again.
    """
    restored = restore_guard.covered(services.store)
    last = max((day for day in (newest.date if newest else None, restored) if day), default=None)
    if last is None:
        return announced.days, None
    back = services.store.editions.given_back(subscriber.id, last - GIVEN_BACK)
    return [day for day in announced.days if day.date > last or day.date in back], date.min


def _is_quiet(edition: Edition) -> bool:
    return not edition.papers and edition.status in (Status.NO_MATCH, Status.HOLIDAY)


def _send_id() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(10))


# Dispatch


def _message(send: Send, services: Services) -> bytes:
    """The message that carries a send's edition."""
    links = _links(send, services)
    email = render(services.store.editions.load(send.edition_id), links, services.templates)
    envelope = message.Envelope(
        send_id=send.id,
        sender=services.mail.sender,
        recipient=send.address,
        list_name=services.templates.mailer,
        unsubscribe_url=links.unsubscribe,
        unsubscribe_address=services.mail.address,
    )
    return message.build(email, envelope, services.clock())


def _links(send: Send, services: Services) -> Links:
    missed = services.store.sends.missed(send)
    return Links(
        unsubscribe=services.signer.url(Purpose.UNSUBSCRIBE, send.subscriber_id),
        web_copy=services.signer.url(Purpose.EDITION, send.edition_id),
        missed_web_copy=services.signer.url(Purpose.EDITION, missed) if missed else "",
    )
