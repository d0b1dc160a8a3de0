"""One run of the day in this home, under its lock and watched: for `newsletter run`, `schedule` and `demo`."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from newsletter import app, pipeline
from newsletter.cli import fetch as fetching
from newsletter.cli import show
from newsletter.delivery import restore_guard
from newsletter.editions import compose
from newsletter.editions.due import MERGED_SPAN
from newsletter.editions.morning import Entry
from newsletter.errors import InputError, NewsletterError
from newsletter.models.subscribers import Subscriber
from newsletter.operations import watch
from newsletter.settings import Settings
from newsletter.sources import mailing_file as listing_file
from newsletter.store import Store
from newsletter.subscribers.just_me import vouch
from newsletter.subscribers.roster import awake


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is asked for; the default is a whole day."""

    day: date | None = None
    only: frozenset[str] = frozenset()
    listing: Path | None = None
    confirm_restore: bool = False
    at_once: bool = False
    send: bool = True

    @property
    def whole(self) -> bool:
        """True for a day of all subscribers, by which the service may be judged."""
        return not (self.day or self.only) and self.send


WHOLE = Asked()


def once(
    settings: Settings,
    store: Store,
    stop: threading.Event,
    asked: Asked = WHOLE,
    say: Callable[[str], None] = show.say,
) -> tuple[pipeline.Report, bool]:
    """One run under the run lock: its report, and whether the mailings it fetched were ready. Raises Busy.

    What the operator must be told goes out at once, also where the run failed.
    """
    try:
        return _once(settings, store, stop, asked, say)
    finally:
        if settings.mail.operator_address and not stop.is_set():
            with suppress(NewsletterError):  # the run has said why nothing can be sent
                app.send_waiting(settings, store, stop)


def _once(
    settings: Settings, store: Store, stop: threading.Event, asked: Asked, say: Callable[[str], None]
) -> tuple[pipeline.Report, bool]:
    with app.run_lock(settings), _watched(settings, store, whole=asked.whole) as ended:
        if app.reaches_people(settings):
            for doubt in restore_guard.check(store, app.mark(settings), app.now(), confirmed=asked.confirm_restore):
                show.warning(doubt)
        ready = asked.listing is not None or _fetched(settings, store, asked.day, say)
        chosen = _mailing_day(asked.day, asked.listing, store)
        if asked.at_once:
            store.sends.lift_hours(asked.only, app.now())
        lifted = asked.at_once or asked.listing is not None
        report = run_day(settings, store, chosen, set(asked.only), send=asked.send, at_once=lifted, stop=stop)
        ended.report = report
    return report, ready


@contextmanager
def _watched(settings: Settings, store: Store, *, whole: bool) -> Iterator[watch.Ended]:
    """The operator is told what is wrong with the day; what could not be told is said here."""
    watching = watch.connect(settings, store, app.state(settings), app.now)
    try:
        with watch.watched(watching, whole=whole) as ended:
            yield ended
    finally:
        for trouble in watching.troubles:
            show.warning(trouble)


def _fetched(settings: Settings, store: Store, day: date | None, say: Callable[[str], None]) -> bool:
    """Fetches what is missing; True when all of it is there. A fault is said, and the run goes on."""
    if day in {mailing.date for mailing in store.mailings.days()} or not (wanted := fetching.wishes(settings, store)):
        return True
    taken = list(fetching.take(settings, store, wanted, day=day, catch_up=MERGED_SPAN))
    fetching.report(taken, say)
    return all(item.ready for item in taken)


def run_day(
    settings: Settings,
    store: Store,
    only_day: date | None,
    slugs: set[str],
    *,
    send: bool = True,
    at_once: bool = False,
    stop: threading.Event | None = None,
) -> pipeline.Report:
    """Composes and dispatches with the clients that the settings ask for."""
    assert settings.home is not None, "a run has a home"
    folder = settings.home / "subscribers"
    count = len(list(folder.glob("*.md")))
    if missing := sorted(slug for slug in slugs if not (folder / f"{slug}.md").is_file()):
        raise InputError(f"--only {missing[0]}: there is no {folder / missing[0]}.md")

    def entries() -> Iterator[Entry]:
        idle = compose.up_to_date(services.composing, app.now(), only_day)
        for entry in awake(folder, store, app.taxonomy(), app.now(), idle):
            if count == 1 and isinstance(entry, Subscriber) and app.just_me(settings):
                vouch(entry, settings.mail.address, store, app.now())
            if not slugs or entry.slug in slugs:
                yield entry

    with (
        show.progress({"compose": len(slugs) or count, "send": len(slugs) or count}) as progress,
        app.services(settings, store, progress, show.warning, stop, at_once=at_once) as services,
    ):
        return pipeline.run(entries, services, only_day, sending=send)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Set by SIGTERM and the first SIGINT: claim nothing more, finish what is in flight. A second SIGINT interrupts."""
    stop = threading.Event()

    def handle(number: int, _frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _mailing_day(day: date | None, listing: Path | None, store: Store) -> date | None:
    if listing is None:
        if day and day not in {mailing.date for mailing in store.mailings.days()}:
            raise InputError(f"--date {day}: no mailing of that day is stored; fetch it first")
        return day
    read = listing_file.read(listing, app.now().date())
    for problem in read.problems:
        show.warn(f"newsletter: {problem}")
    store.mailings.save(read.mailing, app.now())
    return read.mailing.date
