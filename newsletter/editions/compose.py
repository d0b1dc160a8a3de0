"""Decides what each subscriber gets today and freezes it: due ─▶ candidates ─▶ score ─▶ select ─▶ comment ─▶ edition.

One subscriber's trouble stays theirs: whatever a stage raises, the others get their editions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from threading import Event

from newsletter.editions.candidates import candidates
from newsletter.editions.companions import of_pool
from newsletter.editions.due import Due, due
from newsletter.editions.hours import not_before
from newsletter.editions.selection import Selection, select
from newsletter.errors import Stopped
from newsletter.links import opaque_id
from newsletter.models.editions import Cadence, Candidates, Edition, Kind, Month
from newsletter.models.papers import Announcement, MailingDay, MailingStatus, Origin, Taxonomy
from newsletter.models.scores import Commented, Fault, Pool, Reading, Scored, Scorer, Scores, Status, Trouble
from newsletter.models.subscribers import Problem, Subscriber, SubscriberStatus
from newsletter.money import shown_usd
from newsletter.store import Store
from newsletter.store.editions import Frozen
from newsletter.threads import in_threads

MISSED_FOR = timedelta(days=90)  # how far a reader's missed mailings are looked for
GIVEN_BACK = timedelta(days=14)  # how long a mailing whose digest was not sent is offered again
Entries = Callable[[], Iterable[Subscriber | Problem]]  # called once to plan, once to compose: nobody is kept in memory


@dataclass(frozen=True, slots=True)
class Composing:
    """What composing takes.

    `to_people`: editions go to people, so who may not be mailed gets none. `at_once`: they wait for no reader's hour.
    `with_marks`: their mails have links to mark papers.
    """

    store: Store
    scorer: Scorer
    origins: Mapping[str, Origin]
    taxonomy: Taxonomy
    to_people: bool = False
    at_once: bool = False
    with_marks: bool = False
    workers: int = 2
    stop: Event = field(default_factory=Event)
    tell: Callable[[int], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Composed:
    """What composing came to for one subscriber: an edition of so many papers, or the reason why there is none."""

    slug: str
    status: Status | None = None
    papers: int = 0
    candidates: int = 0
    reason: str = ""
    failed: bool = False
    barred: bool = False  # for want of consent, or by a suppression
    fault: Fault | None = None  # of the scorer: what the edition says of it
    waited: timedelta | None = None  # from the announcement to the edition


def compose(
    entries: Entries, desk: Composing, now: datetime, sent_through: date | None = None, only: date | None = None
) -> tuple[Composed, ...]:
    """An edition, frozen with its send, for each subscriber to whom one is due.

    With `only`, that one mailing is considered, as if its day were today. Mailings through
    `sent_through` count as sent although no edition of them is on record.
    """
    morning = _Morning(desk, now, sent_through, only)
    desk.scorer.plan(item.reading for item in morning.gathered(entries) if isinstance(item, _Gathered))

    def each(item: _Gathered | Composed) -> Composed:
        return item if isinstance(item, Composed) else _composed(item, desk, now)

    waiting = (item for item in morning.gathered(entries) if not desk.stop.is_set())
    return in_threads(each, waiting, desk.workers, desk.tell)


def welcome(subscriber: Subscriber, desk: Composing, now: datetime) -> Composed | None:
    """A new subscriber's first edition, of the newest mailing, at once; None where no mailing is stored yet.

    The next digest begins after it.
    """
    return _Morning(replace(desk, at_once=True), now, None, None).welcome(subscriber)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A subscriber to whom an edition is due, with its candidates."""

    subscriber: Subscriber
    due: Due
    chosen: Candidates
    status: Status
    pool: Pool
    announced_at: datetime
    kind: Kind = Kind.DIGEST

    @property
    def reading(self) -> Reading:
        return Reading(self.subscriber, self.due.date, self.chosen.papers, self.pool)


_Late = tuple[tuple[date, ...], datetime]  # the mailings of the last edition, and when it was frozen


class _Morning:
    """The mailings that may be due this morning; their announcements are loaded once for all subscribers."""

    def __init__(self, desk: Composing, now: datetime, sent_through: date | None, only: date | None) -> None:
        self._desk, self._store, self._now = desk, desk.store, now
        self._sent_through = sent_through
        self._only = only
        mailings = self._store.mailings.days(since=only or (now - MISSED_FOR).date())
        waited_for = set() if only else {day.date for day in mailings if not self._is_settled(day, now)}
        self._days = [day for day in mailings if (day.date == only if only else day.date not in waited_for)]
        self._without_papers = {day.date for day in mailings} - {day.date for day in mailings if day.has_papers}
        self._punctual: set[_Late] = set()
        self._loaded: dict[tuple[tuple[date, ...], tuple[int | None, ...]], tuple[list[Announcement], Pool]] = {}

    def gathered(self, entries: Entries) -> Iterator["_Gathered | Composed"]:
        """What is due to each subscriber, or why nothing is."""
        for entry in entries():
            if isinstance(entry, Problem):
                yield Composed(entry.slug, reason=entry.message, failed=True)
                continue
            try:
                yield self._gather(entry)
            except Exception as error:  # noqa: BLE001 - one subscriber must not harm the others
                yield Composed(entry.slug, reason=_said(entry.slug, error), failed=True)

    def welcome(self, subscriber: Subscriber) -> Composed | None:
        """The first edition of somebody who joined."""
        newest = max((day.date for day in self._days if day.has_papers), default=None)
        if newest is None:
            return None
        announcements, pool = self._announced((newest,), None)
        chosen = candidates(subscriber.wishes, announcements, set(), self._desk.taxonomy)
        first = Due((newest,), Cadence.DAILY)
        item = _Gathered(
            subscriber, first, chosen, self._status((newest,)), pool, self._announced_at(newest), Kind.WELCOME
        )
        self._desk.scorer.plan([item.reading])
        return _composed(item, self._desk, self._now)

    def _gather(self, subscriber: Subscriber) -> "_Gathered | Composed":
        slug, wishes, store = subscriber.slug, subscriber.wishes, self._store
        if subscriber.status is not SubscriberStatus.ACTIVE:
            return Composed(slug, reason=f"is {subscriber.status}")
        if self._desk.to_people and (barred := store.subscribers.barred(subscriber)):
            return Composed(slug, reason=barred, barred=True)  # nothing is bought for whom nothing may be sent
        newest = store.editions.newest(subscriber.id, until=self._only or date.max)
        next_due = due(wishes.deliver, *self._open_days(subscriber, newest))
        if next_due is None:
            return Composed(slug, reason="has nothing due")
        if store.editions.exists(subscriber.id, next_due.date):
            return Composed(slug, reason="has this edition already")
        late = (newest.mailings, newest.frozen_at) if newest else None
        announcements, pool = self._announced(next_due.mailings, late)
        sent = store.editions.sent_papers(subscriber.id, pool.papers)
        chosen = candidates(wishes, announcements, sent, self._desk.taxonomy)
        status, announced_at = self._status(next_due.mailings), self._announced_at(next_due.date)
        kind = Kind.DIGEST if pool.papers or status is Status.OK else Kind.EMPTY
        return _Gathered(subscriber, next_due, chosen, status, pool, announced_at, kind)

    def _announced(self, days: tuple[date, ...], late: _Late | None) -> tuple[list[Announcement], Pool]:
        """The papers of `days`, after those of the last edition's mailings that arrived after it was frozen."""
        mailings = self._store.mailings
        found = mailings.announcements(late[0], added_after=late[1]) if late and late not in self._punctual else []
        if late and not found:
            self._punctual.add(late)
        key = days, tuple(announcement.paper.key for announcement in found)
        if key not in self._loaded:
            announcements = [*found, *mailings.announcements(days)]
            self._loaded[key] = announcements, Pool(tuple(announcement.paper for announcement in announcements))
        return self._loaded[key]

    def _open_days(self, subscriber: Subscriber, newest: Frozen | None) -> tuple[Sequence[MailingDay], date | None]:
        """The days that this subscriber's next edition may cover, and the day after which they begin.

        Mailings whose digest failed, expired or was skipped are open again.
        """
        last = max((day for day in (newest.date if newest else None, self._sent_through) if day), default=None)
        told = self._store.editions.told_of_nothing(subscriber.id)
        if last is None and not told:
            return self._days, None
        last = last or min(told) - timedelta(days=1)
        back = self._store.editions.given_back(subscriber.id, last - GIVEN_BACK)
        back |= self._store.editions.left_out(subscriber.id, {d.date for d in self._days if d.date <= last})
        back = {day for day in back if not self._sent_through or day > self._sent_through}
        empty = told & self._without_papers
        days = [day for day in self._days if day.date not in empty and (day.date > last or day.date in back)]
        return days, min((day.date for day in days), default=last) - timedelta(days=1)

    def _status(self, days: tuple[date, ...]) -> Status:
        found = {day.status for day in self._days if day.date in days and not day.early}
        if MailingStatus.PARTIAL in found:
            return Status.ARXIV_FAULT
        return Status.HOLIDAY if found == {MailingStatus.EMPTY} else Status.OK

    def _is_settled(self, day: MailingDay, now: datetime) -> bool:
        origin = self._desk.origins.get(day.source)
        return origin is None or origin.calendar.settled(day, now)

    def _announced_at(self, day: date) -> datetime:
        """When the last of the day's sources announced."""
        origins = [self._desk.origins[d.source] for d in self._days if d.date == day and d.source in self._desk.origins]
        return max(origin.calendar.announced_at(day) for origin in origins or self._desk.origins.values())


def _composed(item: _Gathered, desk: Composing, now: datetime) -> Composed:
    try:
        return _compose(item, desk, now)
    except Stopped:
        return Composed(item.subscriber.slug, reason="waits for the next run, because this one was stopped")
    except Exception as error:  # noqa: BLE001 - one subscriber must not harm the others
        scores = Scores((), "local", not_scored=item.chosen.papers, fault=Fault(Trouble.SCORER_FAILED))
        told = edition(item.subscriber, item.due, item.chosen, scores, Selection((), ()), Commented(()), item.status)
        told = replace(told, kind=item.kind)
        done = _frozen(told, item, desk, now)
        return replace(done, reason=_said(item.subscriber.slug, error), failed=True)


def _compose(item: _Gathered, desk: Composing, now: datetime) -> Composed:
    subscriber, reading = item.subscriber, item.reading
    scores = desk.scorer.score(reading)
    selected = select(subscriber.wishes, item.chosen, scores, of_pool(item.pool), _exploring(item, desk))
    commented = desk.scorer.comment(reading, () if scores.fault else selected.papers)
    told = edition(subscriber, item.due, item.chosen, scores, selected, commented, item.status)
    if told.usage.total_tokens:
        told = replace(told, month=_month(subscriber, desk.store, now))
    told = replace(told, kind=item.kind, liked=_liked(told.papers, desk.store))
    if item.kind is not Kind.WELCOME and subscriber.wishes.deliver.empty == "silent" and _is_quiet(told):
        return Composed(subscriber.slug, reason="wants no mail on an empty day")
    return _frozen(told, item, desk, now)


def _liked(papers: Iterable[Scored], store: Store) -> tuple[tuple[str, str], ...]:
    """The liked papers that reasons name, with their titles."""
    ids = dict.fromkeys(paper for item in papers if item.reason for paper in item.reason.liked)
    return tuple((paper, found[-1].shown.title) for paper in ids if (found := store.papers.versions(paper)))


def _exploring(item: _Gathered, desk: Composing) -> str:
    """What draws the paper to try, where the reader can answer and the day is as it should be."""
    can_answer = desk.with_marks or bool(desk.store.feedback.of(item.subscriber.id))
    return f"{item.subscriber.slug} {item.due.date}" if can_answer and item.status is Status.OK else ""


def edition(  # noqa: PLR0917 - one value of each stage, in the order of the day
    subscriber: Subscriber,
    due: Due,
    candidates: Candidates,
    scores: Scores,
    selected: Selection,
    commented: Commented,
    mailings: Status,
) -> Edition:
    """One subscriber's edition. `mailings` says what is known of them: ok, holiday, arXiv fault."""
    wishes = subscriber.wishes
    return Edition(
        subscriber=subscriber.slug,
        date=due.date,
        scorer=scores.scorer,
        model=scores.model,
        totals=replace(candidates.totals, relevant=len(selected.papers)),
        papers=commented.papers or selected.papers,
        near_misses=selected.near_misses,
        exploration=selected.exploration,
        not_scored=scores.not_scored,
        usage=commented.usage,
        cost=commented.cost,
        prompt=scores.prompt,
        cadence=due.cadence,
        status=_status(scores, mailings, selected),
        mailings=due.mailings,
        older=due.older,
        fault=scores.fault,
        economies=(*scores.economies, *commented.economies),
        categories=wishes.categories,
        topics=tuple(topic.name for topic in subscriber.topics.topics),
        length=wishes.length,
        attach=wishes.attach,
        language=wishes.language,
        min_relevance=wishes.min_relevance,
        min_novelty=wishes.min_novelty,
    )


def _status(scores: Scores, mailings: Status, selected: Selection) -> Status:
    """The scorer's own trouble outranks what is known of the mailings."""
    if scores.status is not Status.OK:
        return scores.status
    if mailings is not Status.OK:
        return mailings
    return Status.OK if selected.papers else Status.NO_MATCH


def _month(subscriber: Subscriber, store: Store, now: datetime) -> Month:
    """This calendar month's account (UTC), as the budget counts it."""
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Month(shown_usd(store.charges.paid(subscriber.id, start)), f"{subscriber.wishes.budget_usd_per_month:.2f}")


def _frozen(told: Edition, item: _Gathered, desk: Composing, now: datetime) -> Composed:
    slug, deliver = item.subscriber.slug, item.subscriber.wishes.deliver
    hour = None if desk.at_once else not_before(deliver, item.announced_at)
    if desk.store.editions.freeze(told, item.subscriber, opaque_id(), now, hour) is None:
        return Composed(slug, reason="has this edition already")
    return Composed(
        slug,
        told.status,
        len(told.papers),
        told.totals.candidates,
        waited=now - item.announced_at,
        fault=told.fault,
    )


def _is_quiet(told: Edition) -> bool:
    return not told.papers and told.status in (Status.NO_MATCH, Status.HOLIDAY)


def _said(slug: str, error: Exception) -> str:
    return f"{slug}: composing failed: {type(error).__name__}: {error}"
