"""`newsletter status`: today at a glance, and what is wrong."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.models.days import Incident
from newsletter.models.sends import DayStatus
from newsletter.money import exact_usd, shown_usd
from newsletter.operations.status import late, today
from newsletter.operations.usual import accept as take_for_usual
from newsletter.sources import origins


def status(
    accept: Annotated[
        bool, typer.Option("--accept", help="Take the day as it is for usual: ends what is wrong by comparison alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show today at a glance: the mailing, editions, mails, money, and what is wrong.

    Examples:

        newsletter status

        newsletter status --accept
    """
    settings = app.home_settings()
    with app.open_store(settings) as store:
        now = app.now()
        ended = take_for_usual(store, now) if accept else []
        day, incidents = today(store, now), store.incidents.open()
    problems = late(day, now, origins()["arxiv"].calendar)
    if as_json:
        show.as_json(_plain(day) | {"late": problems, "incidents": [asdict(incident) for incident in incidents]})
        return
    for incident in ended:
        show.say(f"taken for usual: {incident.said}")
    for name, value in _lines(day):
        show.say(f"{name:12} {value}")
    for problem in problems:
        show.warning(problem)
    for incident in incidents:
        show.warning(_since(incident))
    if not problems and not incidents:
        show.say("all is well")


def _lines(day: DayStatus) -> list[tuple[str, str]]:
    ago = f", announced {_age(day.mailing_age)} ago" if day.mailing_age is not None else ""
    return [
        ("mailing", f"{day.mailing}: {day.mailing_status}{ago}" if day.mailing else "none yet"),
        ("editions", _counts(day.editions)),
        ("mails", _counts(day.sends)),
        ("spent", f"USD {shown_usd(day.spent_today)} today, {shown_usd(day.spent_this_month)} this month"),
        ("last run", f"{_age(day.run_age)} ago" if day.run_age is not None else "none came to its end yet"),
        ("last backup", f"{_age(day.backup_age)} ago" if day.backup_age is not None else "none yet"),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _age(seconds: float) -> str:
    return show.duration(timedelta(seconds=seconds))


def _since(incident: Incident) -> str:
    return f"since {incident.opened_at:%Y-%m-%d %H:%M} UTC: {incident.said}"


def _plain(day: DayStatus) -> dict[str, object]:
    money = {"spent_today": exact_usd(day.spent_today), "spent_this_month": exact_usd(day.spent_this_month)}
    return asdict(day) | money
