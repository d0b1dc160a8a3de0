"""`newsletter fetch`: gets a mailing and stores it; scores nothing, sends nothing."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import show, wiring
from newsletter.errors import InputError
from newsletter.sources import listing as listing_file


def fetch(
    listing: Annotated[
        Path | None, typer.Option("--listing", help="Take the mailing in this file (JSON Lines).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Store a mailing. Fetching it again adds only what was missing.

    Examples:

        newsletter fetch --listing mailing.jsonl.gz
    """
    settings = wiring.home_settings()
    if listing is None:
        raise InputError("name a mailing file: newsletter fetch --listing FILE")
    read = listing_file.read(listing, wiring.now().date())
    for problem in read.problems:
        show.warn(f"newsletter: {problem}")
    with wiring.open_store(settings) as store:
        mailing = store.mailings.save(read.mailing, wiring.now())
    if as_json:
        show.as_json({"date": mailing.date, "status": mailing.status, "papers": len(mailing.announcements)})
    else:
        show.say(f"mailing of {mailing.date}: {mailing.status}, {len(mailing.announcements)} papers")
