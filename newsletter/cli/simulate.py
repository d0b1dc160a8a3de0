"""`newsletter simulate`: days of the whole service in minutes, against a mailbox that only counts."""

import json
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.operations.simulate import Rehearsed, rehearse
from newsletter.settings import load
from newsletter.store import Store


def simulate(  # noqa: PLR0917 - options of a command
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="So many days.")] = 30,
    subscribers: Annotated[int, typer.Option("--subscribers", min=1, help="So many invented subscribers.")] = 1000,
    papers: Annotated[int, typer.Option("--papers", min=1, help="Papers of a usual mailing.")] = 500,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")] = datetime(
        2026, 10, 19, tzinfo=UTC
    ),
    calm: Annotated[bool, typer.Option("--calm", help="Nothing goes wrong.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Other papers, readers and hours.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rehearse: the whole service on invented papers and readers in fast time, and what it took. Mails nobody.

    Unless --calm, a mailing is late, one is cut until noon, a day is empty, and the mail server is away for six hours.
    Papers are ranked by similarity; what a model would cost is said by `newsletter costs` once it was used.

    Examples:

        newsletter simulate --days 30 --subscribers 1000

        newsletter simulate --days 5 --subscribers 50 --calm
    """
    with tempfile.TemporaryDirectory(prefix="newsletter-simulate-") as folder:
        home = Path(folder)
        (home / app.SETTINGS_FILE).touch()
        (home / "var").mkdir()
        settings = load({}, home / app.SETTINGS_FILE, app.sections())
        with Store.open(home / "var" / "newsletter.db") as store:
            found = rehearse(
                home,
                store,
                app.templates(settings),
                lambda: app.local_scorer(store),
                subscribers,
                days,
                first.date(),
                papers,
                troubles=not calm,
                seed=seed,
            )
    if as_json:
        show.as_json(json.loads(json.dumps(asdict(found), default=str)))
        return
    _print(found)


def _print(found: Rehearsed) -> None:
    show.say(f"{found.days} days, {found.readers} subscribers: {found.mailings} mailings, {found.runs} runs")
    show.say(f"editions   {found.editions}")
    show.say(
        f"mails      {found.mails}, {found.bytes / 1e6:.1f} MB; {found.bytes / max(found.mails, 1) / 1e3:.0f} kB each, "
        f"the largest {found.largest / 1e3:.0f} kB"
    )
    show.say(f"duration   {found.seconds:.1f} s in all, the slowest run {found.slowest_run:.1f} s")
    show.say(f"database   {found.database / 1e6:.1f} MB")
    for incident in found.incidents:
        over = f"over {incident.closed_at:%m-%d %H:%M}" if incident.closed_at else "not over"
        show.say(f"incident   {incident.opened_at:%m-%d %H:%M} {incident.concern}: {incident.said}; {over}")
