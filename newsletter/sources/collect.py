"""Calls the sources for the mailings that are missing, and saves each as soon as it is there.

The cursor is the last mailing up to which every one is complete or empty; whatever came after it is asked for again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from newsletter.errors import SourceError
from newsletter.models.papers import Clock, Mailing, MailingDay, MailingStatus, Progress
from newsletter.sources.contract import Source
from newsletter.store import Store

CATCH_UP = timedelta(days=90)  # older mailings are not asked for unless they are named


@dataclass(frozen=True, slots=True)
class Taken:
    """The result for one requested mailing: as stored, with the number of papers added; or the error."""

    date: date
    mailing: Mailing | None = None
    added: int = 0
    error: SourceError | None = None
    announced_at: datetime | None = None

    @property
    def ready(self) -> bool:
        """True when the mailing can be used as it is."""
        return self.mailing is not None and (self.mailing.early or self.mailing.status is not MailingStatus.PARTIAL)


def take(
    source: Source,
    days: Iterable[date],
    wishes: Collection[str],
    store: Store,
    *,
    bare: Collection[date] = (),
    clock: Clock,
    progress: Callable[[], Progress],
) -> Iterator[Taken]:
    """Fetches and saves the mailings of some days, oldest first; stops where the source no longer answers.

    Of the complete ones in `bare` only the papers' details are asked for. `progress` is called at the start of each
    mailing for something to tell its steps to.
    """
    categories = source.categories(tuple(sorted(wishes)))
    wanted = {*days} - {*bare}
    source.plan(wanted)
    for day in sorted({*wanted, *bare}):
        known = {a.paper.key for a in store.mailings.announcements([day], source=source.origin.name)}
        try:
            if day in bare:
                fetched = source.details(store.mailings.load(day, source.origin.name), progress())
            else:
                before = store.mailings.before(day, source.origin.name)
                fetched = source.fetch(day, categories, before, progress())
        except SourceError as error:
            yield Taken(day, error=error, announced_at=source.origin.calendar.announced_at(day))
            return
        saved = store.mailings.save(fetched, clock())
        added = sum(a.paper.key not in known for a in saved.announcements)
        yield Taken(day, saved, added, announced_at=source.origin.calendar.announced_at(day))


def missing(
    source: Source,
    fetched: Sequence[MailingDay],
    wishes: Collection[str],
    now: datetime,
    *,
    since: date | None = None,
    catch_up: timedelta = CATCH_UP,
) -> list[date]:
    """Returns the mailings to request: since a day, or since the first fetched one, those that are not complete.

    At the very beginning that is the newest alone: nobody waits for what was announced before they subscribed.
    Without `since`, what lies further back than `catch_up` is left out.
    """
    newest = source.newest(now)
    categories = set(source.categories(tuple(sorted(wishes))))
    known = {mailing.date: mailing for mailing in fetched}
    first = since or max(fetched[0].date if fetched else newest, newest - catch_up)
    days = source.days(first, newest)
    calendar = source.origin.calendar

    def is_done(day: date) -> bool:
        had = known.get(day)
        if had is None or (day == newest and not categories <= set(had.covered)):
            return False  # or somebody new wants categories that nobody wanted when it was fetched
        return calendar.is_final(had, newest, now)

    return [day for day in days if not is_done(day)]


def bare(fetched: Sequence[MailingDay]) -> list[date]:
    """Returns the newest mailing if it is complete but for details of its papers, which may be available by now."""
    return [m.date for m in fetched[-1:] if m.status is MailingStatus.COMPLETE and m.bare]
