"""`newsletter simulate`: days of the whole service in minutes, against a mailbox that only counts."""

import os
import resource
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app, threads
from newsletter.cli import show
from newsletter.models.subscribers import Subscriber
from newsletter.money import exact_usd, shown_usd
from newsletter.operations.outside import Arxiv, Mailbox, Moving
from newsletter.operations.simulate import SENDER, Rehearsal, Rehearsed, World, rehearse
from newsletter.scoring.model.pace import DayCost
from newsletter.settings import load
from newsletter.store import Store
from newsletter.subscribers.roster import roster

SETTINGS = f"""
[mail]
from = "{SENDER}"
[web]
base_url = "https://news.example.org"
"""
MANY = 200  # readers from which on editions are computed and messages written by a process for each core


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
    Papers are ranked on this machine, which costs nothing; beside it stands what a day with the model is expected to
    cost. No mail is kept but in the database, as a service keeps it for 30 days.

    Examples:

        newsletter simulate --days 30 --subscribers 1000

        newsletter simulate --days 5 --subscribers 50 --calm
    """
    workers = os.cpu_count() or 1
    kind: threads.ExecutorKind = "processes" if subscribers >= MANY and workers > 1 else "serial"
    asked = Rehearsal(days, subscribers, papers, first.date(), troubles=not calm, seed=seed)
    with tempfile.TemporaryDirectory(prefix="newsletter-simulate-") as folder:
        home = Path(folder)
        (home / app.SETTINGS_FILE).write_text(SETTINGS, encoding="utf-8")
        (home / "var").mkdir()
        settings = load({}, home / app.SETTINGS_FILE, app.sections())
        with (
            Store.open(home / "var" / "newsletter.db") as store,
            show.progress({"days": days}) as progress,
            threads.executor(kind, workers, app.COMPUTES) as executor,
        ):
            clock = Moving(asked.begins)
            write, begin = app.writing(settings, store, executor)
            world = World(
                home,
                store,
                clock,
                Arxiv(clock),
                Mailbox(),
                write,
                lambda: nullcontext(app.local_scorer(store)),
                workers=workers + 1,
                executor=executor,
                begin=begin,
                tell=lambda done: progress("days", done),
            )
            found = rehearse(asked, world)
            cost = _with_model(home, store, clock())
    if as_json:
        a_day = exact_usd(cost.picodollars) if cost else None
        figures = {"days": days, "readers": subscribers, "memory": memory(), "model_usd_a_day": a_day}
        figures |= asdict(found)
        show.as_json(figures)
        return
    _print(asked, found, cost)


def _with_model(home: Path, store: Store, now: datetime) -> DayCost | None:
    """What these readers' day with the model is expected to cost; no model is asked."""
    settings = load({"OPENAI_API_KEY": "none"}, home / app.SETTINGS_FILE, app.sections())
    entries = roster(home / "subscribers", store, app.taxonomy(), now)
    return app.day_cost(settings, store, (entry for entry in entries if isinstance(entry, Subscriber)))


def memory() -> int:
    """The most bytes that this process, and the largest of those that it started, had at a time."""
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return sum(resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _print(asked: Rehearsal, found: Rehearsed, cost: DayCost | None) -> None:
    show.say(f"{asked.days} days, {asked.readers} subscribers: {found.mailings} mailings, {found.runs} runs")
    show.say(f"editions   {found.editions}")
    show.say(
        f"mails      {found.mails}, {found.bytes / 1e6:.1f} MB; {found.bytes / max(found.mails, 1) / 1e3:.0f} kB each, "
        f"the largest {found.largest / 1e3:.0f} kB"
    )
    model = f"; with {cost.model} about USD {shown_usd(cost.picodollars)} a day" if cost else ""
    show.say(f"cost       nothing: ranked on this machine{model}")
    show.say(f"duration   {found.seconds:.1f} s in all, the slowest run {found.slowest_run:.1f} s")
    show.say(f"memory     {memory() / 1e6:.0f} MB at most")
    show.say(f"database   {found.database / 1e6:.1f} MB")
    for incident in found.incidents:
        over = f"over {incident.closed_at:%m-%d %H:%M}" if incident.closed_at else "not over"
        show.say(f"incident   {incident.opened_at:%m-%d %H:%M} {incident.concern}: {incident.said}; {over}")
