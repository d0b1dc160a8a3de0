"""`newsletter run`: the day for everybody to whom an edition is due."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import fetch as fetching
from newsletter.cli import running, show, told
from newsletter.errors import NotReady


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
    asked = running.Asked(
        day.date() if day else None, frozenset(only or ()), listing, confirm_restore, at_once, not no_send
    )
    say = show.warn if as_json else show.say
    with app.open_store(settings) as store, running.stopped_by_signals() as stop:
        report, ready = running.once(settings, store, stop, asked, say)
    if as_json:
        show.as_json(told.plain(report))
    else:
        told.told(report, sent=not no_send)
    if stop.is_set():
        raise NotReady("stopped by a signal; what was under way is finished, the rest goes out with the next run")
    if report.failed or told.nobody_agreed(report):
        raise typer.Exit(1)
    if not ready and not any(composed.status for composed in report.composed):
        raise typer.Exit(fetching.NOT_READY)
