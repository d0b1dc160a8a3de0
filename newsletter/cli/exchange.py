"""`newsletter subscribers export|import`: everything on record of subscribers as JSON Lines, and back."""

import json
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.errors import InputError, TopicsError
from newsletter.subscribers import exchange


def export(
    slug: Annotated[str | None, typer.Argument(help="A subscriber; all of them if left out.")] = None,
) -> None:
    """Print all that is on record of one subscriber or of all, one JSON object a line.

    Examples:

        newsletter subscribers export ada

        newsletter subscribers export > subscribers.jsonl
    """
    with app.members() as members:
        slugs = [slug] if slug else [known.slug for known in members.store.subscribers.known()]
        for each in slugs:
            print(json.dumps(exchange.export(each, members), ensure_ascii=False))


def import_(
    file: Annotated[Path, typer.Argument(help="JSON Lines as `subscribers export` prints them.")],
) -> None:
    """Add subscribers from an export, with their status and consents. Nobody who left or is suppressed comes back.

    Examples:

        newsletter subscribers import subscribers.jsonl
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    records = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    failed = 0
    with app.members() as members:
        for number, line in records:
            try:
                show.say(exchange.take(json.loads(line), members, app.now()))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                show.warn(f"newsletter: {file}:{number}: is no exported subscriber: {error}")
                failed += 1
            except (InputError, TopicsError) as error:
                show.warn(f"newsletter: {file}:{number}: {error}")
                failed += 1
    if failed:
        rest = "the others were" if failed < len(records) else "none was"
        raise InputError(f"{file}: {failed} of {len(records)} subscribers were not imported; {rest}")
