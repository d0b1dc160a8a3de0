"""`newsletter subscribers pause|resume|remove|erase`: who gets mail for now, again, or no more."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.errors import NewsletterError
from newsletter.subscribers.membership import find

BY = "by the operator"
Slug = Annotated[str, typer.Argument(help="A subscriber.")]


def pause(
    slug: Slug,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Resume by itself on this day.")
    ] = None,
) -> None:
    """Send a subscriber nothing for a while; afterwards one edition catches up.

    Examples:

        newsletter subscribers pause ada --until 2026-12-01
    """
    end = until.replace(tzinfo=UTC) if until else None
    with app.members() as members:
        members.pause(slug, end, BY, app.now())
    show.say(f"{slug}: paused{f' until {until:%Y-%m-%d}' if until else ''}")


def resume(slug: Slug) -> None:
    """Let a paused subscriber get mail again. Nobody who left is brought back by it.

    Examples:

        newsletter subscribers resume ada
    """
    with app.members() as members:
        members.resume(slug, BY, app.now())
    show.say(f"{slug}: active")


def remove(slug: Slug) -> None:
    """Stop mailing a subscriber and put their topics file away, in var/removed. What was sent stays on record.

    Examples:

        newsletter subscribers remove ada
    """
    with app.members() as members:
        members.remove(slug, BY, app.now())
    show.say(f"{slug}: removed")


def erase(
    slug: Slug, yes: Annotated[bool, typer.Option("--yes", help="Do not ask; there is no way back.")] = False
) -> None:
    """Erase all personal data of a subscriber. Only a hash of the address stays, so that it is never mailed again.

    Examples:

        newsletter subscribers export ada > ada.jsonl

        newsletter subscribers erase ada --yes
    """
    with app.members() as members:
        find(members.store, slug)
        if not yes:
            typer.confirm(f"Erase {slug} for good?", abort=True)
        is_complete = members.erase(slug, app.now())
    show.say(f"{slug}: erased here; backups keep their copy until they expire")
    if not is_complete:
        raise NewsletterError(
            "the database's file still holds what was erased, for another program reads it: stop `newsletter serve` "
            "and any backup, and run any command, such as `newsletter status`"
        )
