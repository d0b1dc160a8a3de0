"""`newsletter why`: why a paper is, or is not, in a subscriber's edition."""

from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.operations.why import why as reasons
from newsletter.subscribers.membership import find


def why(
    slug: Annotated[str, typer.Argument(help="A subscriber.")],
    paper: Annotated[str, typer.Argument(help="A paper's id, with or without its version, or its URL.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say why a paper is, or is not, in a subscriber's edition. What is not on record is worked out again, and says so.

    Examples:

        newsletter why ada 2611.00012
    """
    with app.open_store(app.home_settings()) as store:
        subscriber = find(store, slug)
        found = reasons(store, subscriber, paper, app.taxonomy(), app.local_scorer(store))
    if as_json:
        show.as_json(
            {
                "subscriber": slug,
                "paper": found.paper,
                "because": found.because,
                "said": found.said,
                "recomputed": found.recomputed,
            }
        )
        return
    for line in found.said:
        show.say(line)
