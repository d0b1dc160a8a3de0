"""`newsletter costs`: what the model used and cost, by subscriber, day, stage or model."""

import csv
import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.money import exact_usd, shown_usd
from newsletter.operations.forecast import MAILINGS_A_MONTH, Forecast, forecast
from newsletter.store.database import Row

HEADS = ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "usd", "estimated_calls", "lost_calls")
UNUSUAL = ("estimated_calls", "lost_calls")
BARS_AT_MOST = 30
WIDEST = 40  # blocks of the longest bar


class By(StrEnum):
    SUBSCRIBER = "subscriber"
    DAY = "day"
    STAGE = "stage"
    MODEL = "model"


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def costs(
    by: Annotated[By, typer.Option("--by", help="One row per what.")] = By.DAY,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="From this day on (UTC).")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="A table with a plot, CSV or JSON.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Show tokens and money. A subscriber's row holds their own calls and their shares of shared ones.

    The rows by subscriber sum to the rows by day exactly; a shared call counts once in the row of each who shares it.
    The tokens are those that the endpoint reported: of estimated calls only the money is counted, of lost calls, whose
    answer never came, neither.

    Examples:

        newsletter costs --by subscriber

        newsletter costs --by stage --since 2026-11-01 --format csv > costs.csv
    """
    with app.open_store(app.home_settings()) as store:
        rows = store.charges.grouped(by.value, since.date() if since else None)
    if as_json or format_ is Format.JSON:
        show.as_json(plain(rows, by))
    elif format_ is Format.CSV:
        writer = csv.DictWriter(sys.stdout, [by.value, *HEADS])
        writer.writeheader()
        writer.writerows(plain(rows, by))
    elif not rows:
        show.say("no model was called yet")
    else:
        print_table(rows, by)
        ahead = forecast([(row["day"], row["picodollars"]) for row in rows], app.now().date()) if by is By.DAY else None
        if show.console.is_terminal:
            _plot(rows, by, ahead)
        if ahead:
            show.say(_told(ahead))


def _told(ahead: Forecast) -> str:
    pace = f"the last {ahead.days} days" if ahead.days > 1 else "the last day"
    return (
        f"USD {shown_usd(ahead.so_far)} so far this month; at the pace of {pace} with costs "
        f"(USD {shown_usd(ahead.a_day)} a day) {shown_usd(ahead.this_month)} at its end, "
        f"{shown_usd(ahead.a_month)} in a month of {MAILINGS_A_MONTH} mailings"
    )


def print_table(rows: Sequence[Row], by: By) -> None:
    """The rows with what they sum to; on a terminal without a column of what never happened."""
    never = {head for head in UNUSUAL if show.console.is_terminal and not any(row[head] for row in rows)}
    heads = [head for head in HEADS if head not in never]
    table = [[row[by.value], *(_usd(row) if head == "usd" else f"{row[head]:,}" for head in heads)] for row in rows]
    total = sum(row["picodollars"] for row in rows)
    show.table(f"USD {shown_usd(total)} in all", (by.value, *(head.replace("_", " ") for head in heads)), table)


def plain(rows: Sequence[Row], by: By = By.SUBSCRIBER) -> list[Row]:
    """The rows for a machine: exact amounts as text."""
    return [
        {
            by.value: row[by.value],
            **{head: exact_usd(row["picodollars"]) if head == "usd" else row[head] for head in HEADS},
        }
        for row in rows
    ]


def _usd(row: Row) -> str:
    return shown_usd(row["picodollars"])


def _plot(rows: Sequence[Row], by: By, ahead: Forecast | None) -> None:
    """Bars of dollars: the last thirty days and, lighter, those to come this month; or the first thirty rows."""
    chosen = rows[-BARS_AT_MOST:] if by is By.DAY else rows[:BARS_AT_MOST]
    bars = [(str(row[by.value]), row["picodollars"], "█") for row in chosen]
    bars += [(str(day), ahead.a_day, "░") for day in ahead.to_come] if ahead else []
    widest, label = max(value for _, value, _ in bars) or 1, max(len(name) for name, _, _ in bars)
    for name, value, block in bars:
        show.say(f"{name:>{label}} {block * round(WIDEST * value / widest)} {shown_usd(value)}")
