"""`newsletter run`: the day for everybody to whom an edition is due."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app, pipeline
from newsletter.cli import fetch as fetching
from newsletter.cli import show
from newsletter.delivery import restore_guard
from newsletter.editions import compose
from newsletter.editions.due import MERGED_SPAN
from newsletter.editions.morning import Entry
from newsletter.errors import InputError, NewsletterError, NotReady
from newsletter.models.editions import Composed
from newsletter.models.sends import Outcome
from newsletter.models.subscribers import Subscriber
from newsletter.operations import watch
from newsletter.rendering.language import words
from newsletter.rendering.reasons import worded_fault
from newsletter.settings import Settings
from newsletter.sources import mailing_file as listing_file
from newsletter.store import Store
from newsletter.store.sends import Early
from newsletter.subscribers.just_me import vouch
from newsletter.subscribers.roster import awake


def run(
    *,
    day: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Take this mailing instead of the newest.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this subscriber (repeatable).")] = None,
    listing: Annotated[
        Path | None, typer.Option("--listing", help="Take the mailing in this file (JSON Lines).")
    ] = None,
    confirm_restore: Annotated[
        bool, typer.Option("--confirm-restore", help="The database was restored: send only what is new from now on.")
    ] = False,
    at_once: Annotated[
        bool, typer.Option("--now", help="Send at once, whatever the hour that a reader asked for.")
    ] = False,
    no_send: Annotated[bool, typer.Option("--no-send", help="Freeze the editions, but send nothing yet.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Fetch what is missing, compose what is due, send what is due at this hour. Running it again sends nothing twice.

    An edition waits for its reader's hour (`deliver.at`), unless --now or --listing is given: run it every half hour.

    Without network it goes on with the mailings that are stored. Exits 75 when nothing was due because the day's
    mailing is not ready: try again later.

    Examples:

        newsletter run

        newsletter run --listing mailing.jsonl.gz --only ada

        newsletter run --no-send && newsletter preview ada --open
    """
    settings = app.home_settings()
    asked = Asked(day.date() if day else None, frozenset(only or ()), listing, confirm_restore, at_once, not no_send)
    say = show.warn if as_json else show.say
    with app.open_store(settings) as store, stopped_by_signals() as stop:
        report, ready = once(settings, store, stop, asked, say)
    if as_json:
        show.as_json(_plain(report))
    else:
        told(report, sent=not no_send)
    if stop.is_set():
        raise NotReady("stopped by a signal; what was under way is finished, the rest goes out with the next run")
    if report.failed or nobody_agreed(report):
        raise typer.Exit(1)
    if not ready and not any(composed.status for composed in report.composed):
        raise typer.Exit(fetching.NOT_READY)


def nobody_agreed(report: pipeline.Report) -> bool:
    """True when there are subscribers and not one may be mailed: something was forgotten."""
    return any(composed.barred for composed in report.composed) and all(
        composed.barred or composed.failed for composed in report.composed
    )


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


def told(report: pipeline.Report, *, sent: bool = True) -> None:
    """Says what a run came to."""
    for composed in sorted(report.composed, key=lambda c: c.slug):
        _print_composed(composed)
    for done in sorted(report.dispatched, key=lambda d: d.slug):
        if done.receipt.outcome is Outcome.ACCEPTED:
            show.say(f"{done.slug}: sent, {done.receipt.detail}")
        else:
            show.warn(f"newsletter: {done.slug}: {done.receipt.outcome}: {done.receipt.detail}")
    if report.alert:
        show.warn(f"newsletter: worth a look: {report.alert}")
    if report.halted:
        show.warn(f"newsletter: {report.halted}")
    if not report.composed:
        show.say("there are no subscribers yet: add one with `newsletter subscribers add FILE`")
    elif nobody_agreed(report):
        show.warning(
            "nobody is mailed: each reader's consent must be on record; when they agreed, record it with "
            "`newsletter subscribers add subscribers/NAME.md`"
        )
    elif report.early.next:
        show.say(_waiting(report.early, app.now()))
    elif not report.dispatched and not report.halted:
        show.say("sent nothing: no send is ready" if sent else "sent nothing, as asked")


def _print_composed(composed: Composed) -> None:
    if composed.failed or composed.fault:
        show.warn(f"newsletter: {composed.reason or f'{composed.slug}: {_said(composed)}'}")
    elif composed.reason:
        show.say(f"{composed.slug}: {composed.reason}")
    else:
        late = _late(composed.waited)
        show.say(f"{composed.slug}: {composed.papers} of {composed.candidates} papers ({composed.status}){late}")


def _said(composed: Composed) -> str:
    """Why there is no edition, else what the edition itself says of a fault."""
    return composed.reason or (worded_fault(composed.fault, words("en")) if composed.fault else "")


def _waiting(early: Early, now: datetime) -> str:
    """How many sends wait for their hour, and the first of these hours by the clock of this machine."""
    assert early.next is not None, "something waits"
    at = early.next.astimezone()
    day = "" if at.date() == now.astimezone().date() else f" on {at:%Y-%m-%d}"
    wait = "waits for its" if early.count == 1 else "wait for their"
    return f"{early.count} {wait} hour, the next at {at:%H:%M %Z}{day}"


def _late(waited: timedelta | None) -> str:
    """How long after the announcement the edition was made; nothing for an old mailing in a file."""
    if waited is None or not timedelta(0) <= waited < timedelta(days=2):
        return ""
    return f", {show.duration(waited)} after the announcement"


def _plain(report: pipeline.Report) -> dict[str, object]:
    return {
        "subscribers": [
            {
                "subscriber": c.slug,
                "status": c.status,
                "papers": c.papers,
                "candidates": c.candidates,
                "reason": _said(c),
                "fault": c.fault.code if c.fault else None,
                "failed": c.failed,
                "minutes_after_announcement": int(c.waited.total_seconds()) // 60 if c.waited else None,
            }
            for c in report.composed
        ],
        "halted": report.halted,
        "alert": report.alert,
        "waiting_for_their_hour": report.early.count,
        "next_hour": report.early.next,
        "sends": [
            {
                "send": d.send_id,
                "subscriber": d.slug,
                "date": d.date,
                "outcome": d.receipt.outcome,
                "detail": d.receipt.detail,
            }
            for d in report.dispatched
        ],
    }
