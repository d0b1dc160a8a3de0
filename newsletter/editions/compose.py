"""Decides what each subscriber gets today and freezes it: due ─▶ candidates ─▶ score ─▶ select ─▶ comment ─▶ edition.

Readers who need no model are composed many at a time, in pieces that any process may compute; the store is touched here
alone. One subscriber's trouble stays theirs: whatever a stage raises, the others get their editions.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from threading import Event
from typing import Any

from newsletter.editions.hours import not_before
from newsletter.editions.morning import Assignment, Entries, Gathered, Mailings, Morning, said
from newsletter.editions.pieces import Day, Made, chosen_for, kept, make, told
from newsletter.editions.selection import Selection
from newsletter.errors import Stopped
from newsletter.links import opaque_id
from newsletter.models.editions import Composed, Month
from newsletter.models.papers import Origin, Taxonomy
from newsletter.models.scores import Commented, Fault, Scorer, Scores, Trouble
from newsletter.models.subscribers import Subscriber
from newsletter.money import shown_usd
from newsletter.store import Store
from newsletter.store.editions import Ready
from newsletter.threads import Piece, SerialExecutor, Shared, compute, in_threads

READERS_A_PIECE = 100  # a piece takes half a second


@dataclass(frozen=True, slots=True)
class Composing:
    """What composing takes.

    `to_people`: editions go to people, so who may not be mailed gets none. `at_once`: they wait for no reader's hour.
    `with_marks`: their mails have links to mark papers. `executor` computes the pieces of readers who need no model.
    """

    store: Store
    scorer: Scorer
    origins: Mapping[str, Origin]
    taxonomy: Taxonomy
    to_people: bool = False
    at_once: bool = False
    with_marks: bool = False
    workers: int = 2
    executor: Executor = field(default_factory=SerialExecutor)
    stop: Event = field(default_factory=Event)
    tell: Callable[[int], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class _Batch:
    """Readers of the same mailings who are composed by one computation."""

    day: Shared[Day]
    readers: tuple[tuple[Assignment, Any], ...]


def compose(
    entries: Entries, desk: Composing, now: datetime, sent_through: date | None = None, only: date | None = None
) -> tuple[Composed, ...]:
    """An edition, frozen with its send, for each subscriber to whom one is due.

    With `only`, that one mailing is considered, as if its day were today. Mailings through
    `sent_through` count as sent although no edition of them is on record.
    """
    morning = _morning(desk, now, sent_through, only)
    desk.scorer.plan(item.reading for item in morning.gathered(entries) if isinstance(item, Gathered))
    done: list[Composed] = []

    def each(item: _Batch | Gathered | Composed) -> None:
        done.extend(_done(item, desk, now))
        desk.tell(len(done))

    waiting = (item for item in morning.gathered(entries) if not desk.stop.is_set())
    in_threads(each, _batches(waiting, desk.scorer), desk.workers, lambda _: None)
    return tuple(done)


def welcome(subscriber: Subscriber, desk: Composing, now: datetime) -> Composed | None:
    """A new subscriber's first edition, of the newest mailing, at once; None where no mailing is stored yet.

    The next digest begins after it.
    """
    first = _morning(desk, now).welcome(subscriber)
    if first is None:
        return None
    desk.scorer.plan([first.reading])
    return _composed(first, replace(desk, at_once=True), now)


def up_to_date(desk: Composing, now: datetime, only: date | None = None) -> set[int]:
    """The ids of readers to whom nothing can be due, by a query or two: their topics need not be read."""
    return _morning(desk, now, only=only).up_to_date()


def _morning(desk: Composing, now: datetime, sent_through: date | None = None, only: date | None = None) -> Morning:
    return Morning(
        desk.store,
        desk.origins,
        desk.taxonomy,
        now,
        sent_through=sent_through,
        only=only,
        to_people=desk.to_people,
        with_marks=desk.with_marks,
    )


def _batches(items: Iterable[Gathered | Composed], scorer: Scorer) -> Iterator[_Batch | Gathered | Composed]:
    """The same, those together who are composed by one computation."""
    days: dict[Mailings, Shared[Day]] = {}
    waiting: dict[Mailings, list[tuple[Assignment, Any]]] = defaultdict(list)
    for item in items:
        if isinstance(item, Composed):
            yield item
            continue
        assignment, mailings = item.assignment, item.mailings
        try:
            scoring = scorer.computable(assignment.subscriber, assignment.due.date, mailings.pool)
        except Exception:  # noqa: BLE001 - it is raised again where one reader alone is composed
            scoring = None
        if scoring is None:
            yield item
            continue
        if mailings not in days:
            days[mailings] = Shared(Day(mailings, replace(scoring, own=None)))
        waiting[mailings].append((assignment, scoring.own))
        if len(waiting[mailings]) == READERS_A_PIECE:
            yield _Batch(days[mailings], tuple(waiting.pop(mailings)))
    for mailings, readers in waiting.items():
        yield _Batch(days[mailings], tuple(readers))


def _done(item: _Batch | Gathered | Composed, desk: Composing, now: datetime) -> Sequence[Composed]:
    if isinstance(item, Composed):
        return (item,)
    if isinstance(item, Gathered):
        return (_composed(item, desk, now),)
    assignments = tuple(assignment for assignment, _ in item.readers)
    nameless = tuple(map(_without_address, assignments))
    made = compute(Piece(make, (item.day, nameless, tuple(own for _, own in item.readers))), desk.executor)
    mailings = item.day.value.mailings
    whole = [
        (assignment, _failed(assignment, mailings) if isinstance(found, str) else found)
        for assignment, found in zip(assignments, made, strict=True)
    ]
    frozen = _frozen(whole, desk, now)
    return [
        replace(composed, reason=found, failed=True) if isinstance(found, str) else composed
        for composed, found in zip(frozen, made, strict=True)
    ]


def _without_address(assignment: Assignment) -> Assignment:
    """The same: no address leaves this process where an edition is computed elsewhere."""
    reader = assignment.subscriber
    return replace(assignment, subscriber=replace(reader, wishes=replace(reader.wishes, email="")))


def _composed(item: Gathered, desk: Composing, now: datetime) -> Composed:
    assignment = item.assignment
    try:
        return _frozen([(assignment, _made(item, desk, now))], desk, now)[0]
    except Stopped:
        return Composed(assignment.subscriber.slug, reason="waits for the next run, because this one was stopped")
    except Exception as error:  # noqa: BLE001 - one subscriber must not harm the others
        done = _frozen([(assignment, _failed(assignment, item.mailings))], desk, now)[0]
        return replace(done, reason=said(assignment.subscriber.slug, error), failed=True)


def _made(item: Gathered, desk: Composing, now: datetime) -> Made:
    """The edition of one reader, by whatever the scorer asks."""
    assignment, mailings = item.assignment, item.mailings
    chosen = assignment.candidates(mailings)
    reading = assignment.reading(mailings, chosen)
    scores = desk.scorer.score(reading)
    selected = chosen_for(assignment, mailings, chosen, scores)
    commented = desk.scorer.comment(reading, () if scores.fault else selected.papers)
    edition = told(assignment, chosen, scores, selected, commented)
    if edition.usage.total_tokens:
        edition = replace(edition, month=_month(assignment.subscriber, desk.store, now))
    return kept(edition, assignment)


def _failed(assignment: Assignment, mailings: Mailings) -> Made:
    """The edition that says that scoring failed."""
    chosen = assignment.candidates(mailings)
    scores = Scores((), "local", not_scored=chosen.papers, fault=Fault(Trouble.SCORER_FAILED))
    return kept(told(assignment, chosen, scores, Selection((), ()), Commented(())), assignment)


def _month(subscriber: Subscriber, store: Store, now: datetime) -> Month:
    """This calendar month's account (UTC), as the budget counts it."""
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Month(shown_usd(store.charges.paid(subscriber.id, start)), f"{subscriber.wishes.budget_usd_per_month:.2f}")


def _frozen(made: Sequence[tuple[Assignment, Made]], desk: Composing, now: datetime) -> list[Composed]:
    """What came of each, the editions frozen with their sends in one transaction."""
    ready = [
        Ready(found.record, assignment.subscriber, opaque_id(), _hour(assignment, desk, now))
        for assignment, found in made
        if found.record
    ]
    sends = iter(desk.store.editions.freeze_all(ready, now))
    done = []
    for assignment, found in made:
        slug = assignment.subscriber.slug
        if found.record is None:
            done.append(Composed(slug, reason="wants no mail on an empty day"))
        elif next(sends) is None:
            done.append(Composed(slug, reason="has this edition already"))
        else:
            waited = now - assignment.announced_at
            done.append(Composed(slug, found.status, found.papers, found.candidates, waited=waited, fault=found.fault))
    return done


def _hour(assignment: Assignment, desk: Composing, now: datetime) -> datetime:
    return now if desk.at_once else not_before(assignment.subscriber.wishes.deliver, assignment.announced_at) or now
