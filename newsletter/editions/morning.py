"""Gathers what is due this morning: for each subscriber the mailings of the next edition, or why there is none.

Reads the store; what all readers have in common is loaded once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from newsletter.editions.candidates import Offered, of_offered, offered
from newsletter.editions.due import Due, due
from newsletter.models.editions import Cadence, Candidates, Composed, Kind
from newsletter.models.papers import Announcement, MailingDay, MailingStatus, Origin, Taxonomy
from newsletter.models.scores import Pool, Reading, Status
from newsletter.models.subscribers import Idle, Mark, Problem, Subscriber, SubscriberStatus, Wishes
from newsletter.store import Store
from newsletter.store.editions import Frozen

MISSED_FOR = timedelta(days=90)  # how far a reader's missed mailings are looked for
GIVEN_BACK = timedelta(days=14)  # how long a mailing whose digest was not sent is offered again
Entry = Subscriber | Problem | Idle
Entries = Callable[[], Iterable[Entry]]  # called once to plan, once to compose: nobody is kept in memory
KEPT_AT_MOST = 200  # choices of categories, of which a piece meets as many as readers
_NOTHING_DUE = "has nothing due"


@dataclass(frozen=True, slots=True, eq=False)
class Mailings:
    """The announcements of some mailings, the same for all readers to whom just these are due."""

    announcements: tuple[Announcement, ...]
    pool: Pool
    taxonomy: Taxonomy
    _offered: dict[tuple[object, ...], Offered] = field(default_factory=dict, repr=False)

    def candidates(self, wishes: Wishes, sent: frozenset[int]) -> Candidates:
        """The papers that one reader may be shown; what readers of the same categories have in common is kept."""
        key = wishes.categories, wishes.announce
        if key not in self._offered:
            if len(self._offered) >= KEPT_AT_MOST:
                self._offered.clear()
            self._offered[key] = offered(wishes, self.announcements, self.taxonomy)
        return of_offered(wishes, self._offered[key], sent)


@dataclass(frozen=True, slots=True)
class Assignment:
    """An edition to make: for whom, of what, and what is known of the mailings.

    `sent` are the keys of the papers that went to the reader already, `liked` the ids and titles of those that the
    reader marked so. `can_answer`: there are links, or there were marks, by which the reader may answer a paper to try.
    """

    subscriber: Subscriber
    due: Due
    sent: frozenset[int]
    status: Status
    announced_at: datetime
    kind: Kind = Kind.DIGEST
    liked: tuple[tuple[str, str], ...] = ()
    can_answer: bool = False

    def candidates(self, of: Mailings) -> Candidates:
        """The papers that may be shown."""
        return of.candidates(self.subscriber.wishes, self.sent)

    def reading(self, of: Mailings, chosen: Candidates) -> Reading:
        """What a scorer is asked."""
        return Reading(self.subscriber, self.due.date, chosen.papers, of.pool)


@dataclass(frozen=True, slots=True)
class Gathered:
    """An edition to make, with its mailings."""

    assignment: Assignment
    mailings: Mailings

    @property
    def reading(self) -> Reading:
        """What a scorer is asked."""
        return self.assignment.reading(self.mailings, self.assignment.candidates(self.mailings))


_Late = tuple[tuple[date, ...], datetime]  # the mailings of the last edition, and when it was frozen


class Morning:
    """The mailings that may be due this morning.

    With `only`, that one mailing is considered, as if its day were today. Mailings through `sent_through` count as sent
    although no edition of them is on record. `to_people`: editions go to people, so who may not be mailed gets none;
    `with_marks`: their mails have links to mark papers.
    """

    def __init__(
        self,
        store: Store,
        origins: Mapping[str, Origin],
        taxonomy: Taxonomy,
        now: datetime,
        *,
        sent_through: date | None = None,
        only: date | None = None,
        to_people: bool = False,
        with_marks: bool = False,
    ) -> None:
        self._store, self._origins, self._taxonomy = store, origins, taxonomy
        self._sent_through, self._only = sent_through, only
        self._to_people, self._with_marks = to_people, with_marks
        mailings = store.mailings.days(since=only or (now - MISSED_FOR).date())
        waited_for = set() if only else {day.date for day in mailings if not self._is_settled(day, now)}
        self._days = [day for day in mailings if (day.date == only if only else day.date not in waited_for)]
        self._without_papers = {day.date for day in mailings} - {day.date for day in mailings if day.has_papers}
        self._punctual: set[_Late] = set()
        self._loaded: dict[tuple[tuple[date, ...], tuple[int | None, ...]], Mailings] = {}

    def gathered(self, entries: Entries) -> Iterator[Gathered | Composed]:
        """What is due to each subscriber, or why nothing is."""
        for entry in entries():
            if isinstance(entry, Problem):
                yield Composed(entry.slug, reason=entry.message, failed=True)
            elif isinstance(entry, Idle):
                yield Composed(entry.slug, reason=_NOTHING_DUE)
            else:
                try:
                    yield self._gather(entry)
                except Exception as error:  # noqa: BLE001 - one subscriber must not harm the others
                    yield Composed(entry.slug, reason=said(entry.slug, error), failed=True)

    def welcome(self, subscriber: Subscriber) -> Gathered | None:
        """The first edition of somebody who joined; None where no mailing is stored."""
        newest = max((day.date for day in self._days if day.has_papers), default=None)
        if newest is None:
            return None
        first = Due((newest,), Cadence.DAILY)
        assignment = self._assignment(subscriber, first, frozenset(), Kind.WELCOME)
        return Gathered(assignment, self._announced((newest,), None))

    def up_to_date(self) -> set[int]:
        """The ids of readers to whom nothing can be due: all that was announced lately is in editions of theirs."""
        last = max((day.date for day in self._days), default=None)
        if last is None:
            return set()
        recent = {day.date for day in self._days if day.date >= last - GIVEN_BACK}
        return self._store.editions.up_to_date(recent, recent & self._without_papers)

    def _gather(self, subscriber: Subscriber) -> Gathered | Composed:
        slug, store = subscriber.slug, self._store
        if subscriber.status is not SubscriberStatus.ACTIVE:
            return Composed(slug, reason=f"is {subscriber.status}")
        if self._to_people and (barred := store.subscribers.barred(subscriber)):
            return Composed(slug, reason=barred, barred=True)  # nothing is bought for whom nothing may be sent
        newest = store.editions.newest(subscriber.id, until=self._only or date.max)
        next_due = due(subscriber.wishes.deliver, *self._open_days(subscriber, newest))
        if next_due is None:
            return Composed(slug, reason=_NOTHING_DUE)
        if store.editions.exists(subscriber.id, next_due.date):
            return Composed(slug, reason="has this edition already")
        mailings = self._announced(next_due.mailings, (newest.mailings, newest.frozen_at) if newest else None)
        sent = frozenset(store.editions.sent_papers(subscriber.id, mailings.pool.papers))
        has_news = mailings.pool.papers or self._status(next_due.mailings) is Status.OK
        kind = Kind.DIGEST if has_news else Kind.EMPTY
        return Gathered(self._assignment(subscriber, next_due, sent, kind), mailings)

    def _assignment(self, subscriber: Subscriber, told: Due, sent: frozenset[int], kind: Kind) -> Assignment:
        marks = self._store.feedback.of(subscriber.id)
        liked = self._store.papers.by_keys([marked.paper_key for marked in marks if marked.mark is not Mark.LESS])
        return Assignment(
            subscriber=subscriber,
            due=told,
            sent=sent,
            status=self._status(told.mailings),
            announced_at=self._announced_at(told.date),
            kind=kind,
            liked=tuple({paper.id: paper.shown.title for paper in liked.values()}.items()),
            can_answer=self._with_marks or bool(marks),
        )

    def _announced(self, days: tuple[date, ...], late: _Late | None) -> Mailings:
        """The papers of `days`, after those of the last edition's mailings that arrived after it was frozen."""
        mailings = self._store.mailings
        found = mailings.announcements(late[0], added_after=late[1]) if late and late not in self._punctual else []
        if late and not found:
            self._punctual.add(late)
        key = days, tuple(announcement.paper.key for announcement in found)
        if key not in self._loaded:
            announcements = (*found, *mailings.announcements(days))
            pool = Pool(tuple(announcement.paper for announcement in announcements))
            self._loaded[key] = Mailings(announcements, pool, self._taxonomy)
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
        origin = self._origins.get(day.source)
        return origin is None or origin.calendar.settled(day, now)

    def _announced_at(self, day: date) -> datetime:
        """When the last of the day's sources announced."""
        origins = [self._origins[d.source] for d in self._days if d.date == day and d.source in self._origins]
        return max(origin.calendar.announced_at(day) for origin in origins or self._origins.values())


def said(slug: str, error: Exception) -> str:
    """An error that an edition met, as one line."""
    return f"{slug}: composing failed: {type(error).__name__}: {error}"
