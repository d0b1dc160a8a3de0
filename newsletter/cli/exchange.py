"""`newsletter subscribers export|import`: everything on record of subscribers as JSON Lines, and back."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.errors import InputError, TopicsError
from newsletter.files import write_atomically
from newsletter.models.subscribers import SubscriberStatus
from newsletter.settings import Settings
from newsletter.store import Store
from newsletter.subscribers.membership import find
from newsletter.subscribers.roster import SLUG, read
from newsletter.topics.body import parse

_LEFT = {SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.REMOVED}


def export(
    slug: Annotated[str | None, typer.Argument(help="A subscriber; all of them if left out.")] = None,
) -> None:
    """Print all that is on record of one subscriber or of all, one JSON object a line.

    Examples:

        newsletter subscribers export ada

        newsletter subscribers export > subscribers.jsonl
    """
    settings = app.home_settings()
    assert settings.home is not None, "subscribers live in a home"
    with app.open_store(settings) as store:
        ids = [find(store, slug).id] if slug else [known.id for known in store.subscribers.known()]
        for subscriber_id in ids:
            record = store.privacy.record(subscriber_id)
            file = settings.home / "subscribers" / f"{record['slug']}.md"
            text = file.read_bytes().decode("utf-8", "replace") if file.is_file() else ""
            print(json.dumps(record | {"file": text, "wishes": json.loads(record["wishes"])}, ensure_ascii=False))


def import_(
    file: Annotated[Path, typer.Argument(help="JSON Lines as `subscribers export` prints them.")],
) -> None:
    """Add subscribers from an export, with their status and consents. Nobody who left or is suppressed comes back.

    Examples:

        newsletter subscribers import subscribers.jsonl
    """
    settings = app.home_settings()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    failed = 0
    with app.open_store(settings) as store:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                show.say(_take(json.loads(line), settings, store))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                show.warn(f"newsletter: {file}:{number}: is no exported subscriber: {error}")
                failed += 1
            except (InputError, TopicsError) as error:
                show.warn(f"newsletter: {file}:{number}: {error}")
                failed += 1
    if failed:
        raise InputError(f"{file}: {failed} of {len(lines)} lines were not imported; the others were")


def _take(record: dict[str, Any], settings: Settings, store: Store) -> str:
    slug, text, now = str(record["slug"]), str(record["file"]), app.now()
    status = SubscriberStatus(record["status"])
    assert settings.home is not None, "subscribers live in a home"
    target = settings.home / "subscribers" / f"{slug}.md"
    if not SLUG.match(slug):
        raise InputError(f"{slug}: a slug has small letters, digits, dots and dashes")
    if status in _LEFT:
        if record["email"]:
            store.suppressions.add(str(record["email"]), "unsubscribe", "import", now)
        return f"{slug}: left before; the address is suppressed"
    if target.exists() or store.subscribers.load(slug):
        raise InputError(f"{slug} is a subscriber here already")
    email = parse(text.encode(), f"{slug}.md").wishes.email
    if found := store.suppressions.find(email):
        raise InputError(f"{slug}: the address is suppressed here ({found.reason})")
    target.parent.mkdir(exist_ok=True)
    write_atomically(target, text.encode())
    subscriber = read(target, store, app.taxonomy(), None, now)
    for consent in record.get("consents", []):
        if consent["confirmed_at"]:
            store.subscribers.consent(subscriber.id, str(consent["address"]), f"import: {consent['source']}", now)
    if status is SubscriberStatus.PAUSED:
        store.subscribers.set_status(slug, status, "paused before the import", now)
    return f"{slug}: imported, {status}"
