"""Looks at the day after each run, and tells the operator once of each incident, and once that it is over.

What cannot be kept because the database cannot be written is kept by an empty file beside it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter import log
from newsletter.delivery.breakers import OPEN
from newsletter.delivery.holds import held
from newsletter.delivery.replies import without_addresses
from newsletter.errors import InputError, NotReady, SettingsError, StoreError
from newsletter.models.days import Concern, Figures, Finding, Incident, Judged
from newsletter.models.papers import Calendar, Clock
from newsletter.operations.alerts import Alert, Channel, Heartbeat, channels, tell
from newsletter.operations.judge import Ruling, judge, verdict
from newsletter.operations.status import RUN_AT, RUN_WITHIN, mailing_late, today
from newsletter.operations.usual import ACCEPTED_AT
from newsletter.settings import Alerts, Settings
from newsletter.sources import origins
from newsletter.store import Store

if TYPE_CHECKING:
    from newsletter.pipeline import Report

REMEMBERED = timedelta(days=90)  # how far back "usual" looks
FIRST_LOOK = timedelta(days=30)  # how many days are counted up where none was before
NAMED = 5  # subscribers in a sentence
FULL = ".incident-store"


@dataclass
class Ended:
    """What a watched run came to; left empty where it says nothing of the day as a whole."""

    report: "Report | None" = None


@dataclass(frozen=True)
class Watch:
    """What watching takes. `troubles` collects what could not be told."""

    store: Store
    state: Path
    clock: Clock
    calendar: Calendar
    ways: dict[str, Channel] = field(default_factory=dict)
    heartbeat: Heartbeat = field(default_factory=lambda: Heartbeat(""))
    service: str = ""
    troubles: list[str] = field(default_factory=list)

    def ended(self, report: "Report | None", error: Exception | None = None) -> Alert:
        """Judges the day, keeps what was found, and tells what is new of it."""
        now = self.clock()
        try:
            opened, closed = self.store.incidents.turn(verdict(self._rulings(report, error, now)), now)
            if error is None:
                self.store.facts.set(RUN_AT, now.isoformat())
            closed += self._store_is_back(now)
            wrong = [incident.said for incident in self.store.incidents.open()]
        except StoreError as trouble:
            opened, closed = self._without_store(trouble, now), []
            wrong = [without_addresses(str(trouble))]
        alert = Alert(self.service, now, tuple(opened), tuple(closed))
        if opened or closed:
            log.event("incidents", opened=[i.concern for i in opened], over=[i.concern for i in closed])
            self.troubles.extend(tell(alert, self.ways))
        self.troubles.extend(filter(None, [self.heartbeat.ended(wrong)]))
        return alert

    def silent(self) -> None:
        """Tells the operator, once, where no run came to its end for more than a day; for a process beside the runs."""
        now = self.clock()
        ran = self.store.days.happened(RUN_AT)
        if ran is None or now - ran <= RUN_WITHIN:
            return
        hours = (now - ran).total_seconds() / 3600
        found = Finding(Concern.SILENCE, f"the last run came to its end {hours:.0f} hours ago")
        opened, _ = self.store.incidents.turn(Judged((found,)), now)
        if opened:
            self.troubles.extend(tell(Alert(self.service, now, tuple(opened)), self.ways))

    def _rulings(self, report: "Report | None", error: Exception | None, now: datetime) -> dict[Concern, Ruling]:
        rulings: dict[Concern, Ruling] = {Concern.RUN: error is None or without_addresses(str(error))}
        rulings[Concern.SILENCE] = error is None
        rulings[Concern.SENDING] = without_addresses(self.store.facts.get(OPEN)) or True
        rulings[Concern.PROVIDER] = without_addresses("; ".join(held(self.store.facts))) or True
        if report:
            rulings[Concern.READERS] = _readers(report)
        if self.store.mailings.fetched("arxiv"):
            rulings[Concern.MAILING] = mailing_late(today(self.store, now), now, self.calendar) or True
        return rulings | self._day(now)

    def _day(self, now: datetime) -> dict[Concern, Ruling]:
        """The rulings on the newest mailing of which there are editions, or that is whole."""
        days = [day for day in self.store.mailings.days(since=(now - FIRST_LOOK).date()) if not day.early]
        if not days:
            return {}
        history = self._history(now, [day.date for day in days[:-1]])
        figures = self.store.days.figures(days[-1].date, now)
        if not figures.editions and not self.calendar.settled(days[-1], now):
            return {}  # it is waited for
        rulings = judge(figures, history)
        wrong = tuple(concern for concern, ruling in rulings.items() if isinstance(ruling, str))
        self.store.days.keep(replace(figures, found=wrong), now)
        return rulings

    def _history(self, now: datetime, days: list[date]) -> list[Figures]:
        """The figures of the last days; those before the first watched run are counted up once."""
        store, first = self.store.days, (now - REMEMBERED).date()
        if not (history := store.history(first)):
            history = [store.figures(day, now) for day in sorted(set(days))]
            for figures in history:
                store.keep(figures, now)
        accepted = self.store.facts.get(ACCEPTED_AT)
        return [figures for figures in history if not accepted or str(figures.date) >= accepted[:10]]

    def _without_store(self, trouble: StoreError, now: datetime) -> list[Incident]:
        """The incident that the database cannot be written, the first time."""
        flag = self.state / FULL
        if flag.exists():
            return []
        flag.touch()
        return [Incident(Concern.RUN, without_addresses(str(trouble)), now)]

    def _store_is_back(self, now: datetime) -> list[Incident]:
        flag = self.state / FULL
        if not flag.exists():
            return []
        since = datetime.fromtimestamp(flag.stat().st_mtime, now.tzinfo)
        flag.unlink()
        return [Incident(Concern.RUN, "the database could not be written", since, now)]


def connect(settings: Settings, store: Store, state: Path, clock: Clock) -> Watch:
    """The watch with the ways to the operator that settings name."""
    return Watch(
        store=store,
        state=state,
        clock=clock,
        calendar=origins()["arxiv"].calendar,
        ways=channels(settings, store),
        heartbeat=Heartbeat(settings.of(Alerts).heartbeat),
        service=settings.web.base_url,
    )


@contextmanager
def watched(watch: Watch, *, whole: bool = True) -> Iterator[Ended]:
    """A run, from its first ping to what is told of it; one that is not of a `whole` day says nothing unless it fails.

    What it raises is raised; wrong usage is no incident.
    """
    if whole:
        watch.troubles.extend(filter(None, [watch.heartbeat.started()]))
    ended = Ended()
    try:
        yield ended
    except SettingsError as error:
        watch.ended(None, error)
        raise
    except (InputError, NotReady):
        raise
    except Exception as error:
        watch.ended(None, error)
        raise
    else:
        if whole and ended.report:
            watch.ended(ended.report)


def _readers(report: "Report") -> Ruling:
    failed = sorted(composed.slug for composed in report.composed if composed.failed)
    if not failed:
        return True
    names = ", ".join(failed[:NAMED]) + (f" and {len(failed) - NAMED} more" if len(failed) > NAMED else "")
    return f"{len(failed)} of {len(report.composed)} subscribers got no edition: {names}; see `newsletter run`"
