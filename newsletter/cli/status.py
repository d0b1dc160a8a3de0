"""`newsletter subscribers pause|resume|remove|erase`: who gets mail for now, again, or no more."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.errors import InputError
from newsletter.models.subscribers import Subscriber, SubscriberStatus
from newsletter.settings import Settings
from newsletter.store import Store

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
    with app.open_store(app.home_settings()) as store:
        if find(store, slug).status not in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
            raise InputError(f"{slug} is {find(store, slug).status}: there is nothing to pause")
        end = until.replace(tzinfo=UTC) if until else None
        store.subscribers.set_status(slug, SubscriberStatus.PAUSED, "by the operator", app.now(), until=end)
    show.say(f"{slug}: paused{f' until {until:%Y-%m-%d}' if until else ''}")


def resume(slug: Slug) -> None:
    """Let a paused subscriber get mail again. Nobody who left is brought back by it.

    Examples:

        newsletter subscribers resume ada
    """
    with app.open_store(app.home_settings()) as store:
        subscriber = find(store, slug)
        if subscriber.status is SubscriberStatus.UNSUBSCRIBED:
            raise InputError(f"{slug} left: only they can come back, by the link in their last email or a new consent")
        if found := store.suppressions.find(subscriber.wishes.email):
            raise InputError(f"the address of {slug} is suppressed ({found.reason}): see `newsletter suppressions`")
        store.subscribers.set_status(slug, SubscriberStatus.ACTIVE, "by the operator", app.now())
    show.say(f"{slug}: active")


def remove(slug: Slug) -> None:
    """Stop mailing a subscriber and put their topics file away, in var/removed. What was sent stays on record.

    Examples:

        newsletter subscribers remove ada
    """
    settings = app.home_settings()
    with app.open_store(settings) as store:
        find(store, slug)
        store.subscribers.set_status(slug, SubscriberStatus.REMOVED, "by the operator", app.now())
    file = _file(settings, slug)
    if file.is_file():
        kept = app.state(settings) / "removed"
        kept.mkdir(exist_ok=True)
        file.replace(kept / file.name)
    show.say(f"{slug}: removed")


def erase(
    slug: Slug, yes: Annotated[bool, typer.Option("--yes", help="Do not ask; there is no way back.")] = False
) -> None:
    """Erase all personal data of a subscriber. Only a hash of the address stays, so that it is never mailed again.

    Examples:

        newsletter subscribers export ada > ada.jsonl

        newsletter subscribers erase ada --yes
    """
    settings = app.home_settings()
    with app.open_store(settings) as store:
        subscriber = find(store, slug)
        if not yes:
            typer.confirm(f"Erase {slug} for good?", abort=True)
        store.privacy.erase(subscriber.id, app.now())
    state = app.state(settings)
    for path in (_file(settings, slug), state / "removed" / f"{slug}.md", *(state / "outbox").glob(f"*/{slug}.*")):
        path.unlink(missing_ok=True)
    show.say(f"{slug}: erased here; backups keep their copy until they expire")


def find(store: Store, slug: str) -> Subscriber:
    """The subscriber on record. Raises InputError where there is none."""
    found = store.subscribers.load(slug)
    if found is None:
        raise InputError(f"there is no subscriber {slug}: see `newsletter subscribers list`")
    return found


def _file(settings: Settings, slug: str) -> Path:
    assert settings.home is not None, "subscribers live in a home"
    return settings.home / "subscribers" / f"{slug}.md"
