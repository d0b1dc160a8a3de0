"""`newsletter schedule`: one process that runs the day by itself, and serves the web beside it where that is wanted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated

import typer
from filelock import FileLock, Timeout

from newsletter import app, log
from newsletter.cli import running, serve, show
from newsletter.cli.told import told
from newsletter.errors import Busy, NewsletterError
from newsletter.operations import backup as copying
from newsletter.operations.schedule import Standing, follow, standing
from newsletter.operations.status import today
from newsletter.settings import Backup, Settings
from newsletter.sources import origins
from newsletter.sources.arxiv import Options as ArxivOptions
from newsletter.store import Store

BACKUP_EVERY = timedelta(hours=23)  # so that it stays in the same part of the day


def schedule(
    web: Annotated[bool, typer.Option("--web", help="Serve the web as well.")] = False,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")] = 8000,
) -> None:
    """Run the day by itself until stopped: fetch at arXiv's hours, mail at the readers', back up once a day.

    What was missed while it was down is caught up at its start. Beside it, `newsletter run` and a timer do no harm.
    On SIGTERM it finishes what is in flight.

    Examples:

        newsletter schedule

        newsletter schedule --web --host 0.0.0.0
    """
    settings = app.home_settings()
    log.to_stderr()
    calendar = origins()["arxiv"].calendar
    with _alone(settings), app.open_store(settings, follows=True) as store, running.stopped_by_signals() as stop:

        def tell(wake: datetime) -> None:
            show.say(f"next at {wake:%Y-%m-%d %H:%M} UTC")

        with _web(settings, store, host, port) if web else _nothing():
            follow(lambda: _day(store, stop), stop.wait, app.now, calendar, tell)
    show.say("stopped; what was under way is finished")


def _day(store: Store, stop: threading.Event) -> Standing:
    """One run with the settings as they are now; its trouble is said, and the next one comes."""
    failed = early = False
    try:
        settings = app.home_settings()
        early = settings.of(ArxivOptions).early
        with app.open_store(settings) as own:  # a run ends where its database is replaced; the next has the new one
            report, _ = running.once(settings, own, stop)
            told(report)
            failed = report.failed
            if not stop.is_set():
                _back_up(settings, own)
    except Busy as busy:
        show.warning(str(busy))
    except (NewsletterError, OSError) as error:
        show.warning(str(error))
        failed = True
    return standing(store, app.now(), failed=failed, early=early)


def _back_up(settings: Settings, store: Store) -> None:
    chosen, now = settings.of(Backup), app.now()
    age = today(store, now).backup_age
    if not chosen.to or (age is not None and age < BACKUP_EVERY.total_seconds()):
        return
    assert settings.home is not None, "a schedule has a home"
    made = copying.backup(settings.home, store, settings.home / chosen.to, now, timedelta(days=chosen.keep_days))
    show.say(f"backup: {made.folder}, {made.manifest.bytes / 1e6:.1f} MB, opened and found whole")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    lock = FileLock(app.state(settings) / "schedule.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Busy("a schedule is under way in this home already; it needs no second one") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _web(settings: Settings, store: Store, host: str, port: int) -> Iterator[None]:
    """The web in a thread of its own; ends with what it has in hand."""
    with serve.listening(settings, store, host, port) as served:
        thread = threading.Thread(target=served.run, name="web")
        thread.start()
        show.say(f"serving {settings.web.base_url} on http://{host}:{port}")
        try:
            yield
        finally:
            served.stop()
            thread.join()


@contextmanager
def _nothing() -> Iterator[None]:
    yield
