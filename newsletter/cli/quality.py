"""`newsletter quality`: what the model was not shown, and how much of it would have mattered."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.operations.quality import Quality
from newsletter.operations.quality import quality as measured
from newsletter.scoring.model.client import OpenAISettings

HEADS = ("subscriber", "next day", "mailings", "papers", "read", "skipped", "drawn", "relevant", "missed", "95 %")


def quality(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what the model did not read, because earlier days say that it holds nothing, and how much of it mattered.

    Of the last twenty mailings, for each reader and in total: the papers that were skipped, those drawn from them by
    lot and read nevertheless, and from these the share of the relevant papers that was missed, with its interval. A
    reader's next day is read "learning" (whole, until there is evidence), "sparing", "stopped" (whole, since more than
    5 % seems to have been missed) or "whole" (openai.skips is off).

    Examples:

        newsletter quality

        newsletter quality --json
    """
    settings = app.home_settings()
    with app.open_store(settings) as store:
        readers, total = measured(store, skips=settings.of(OpenAISettings).skips)
    if as_json:
        rows = [{"subscriber": row.subscriber, "next_day": row.manner.value, **_plain(row.quality)} for row in readers]
        show.as_json({"subscribers": rows, "total": _plain(total)})
    elif not readers:
        show.say("no model has read a day yet")
    else:
        lines = [(row.subscriber, row.manner.value, *_cells(row.quality)) for row in readers]
        show.table("what the model was not shown", HEADS, [*lines, ("all", "", *_cells(total))])


def _cells(of: Quality) -> tuple[str, ...]:
    counts = (of.days, of.candidates, of.read, of.skipped, of.sampled, of.relevant)
    interval = "–" if of.missed.low is None else f"{_share(of.missed.low)} to {_share(of.missed.high)}"
    return (*(f"{count:,}" for count in counts), _share(of.missed.share), interval)


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _plain(of: Quality) -> dict[str, Any]:
    return asdict(of) | {"missed": {name: _rounded(value) for name, value in asdict(of.missed).items()}}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
