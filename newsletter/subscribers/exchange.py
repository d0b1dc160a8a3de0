"""Moves subscribers between homes: everything on record of one as JSON, and back. Nobody is resurrected."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from newsletter.errors import InputError
from newsletter.models.subscribers import SubscriberStatus
from newsletter.subscribers.membership import LEFT, Membership, find


def export(slug: str, members: Membership) -> dict[str, Any]:
    """All that is on record of a subscriber, with the topics file. Raises InputError where there is none."""
    record = members.store.privacy.record(find(members.store, slug).id)
    file = members.folder / f"{slug}.md"
    text = file.read_bytes().decode("utf-8", "replace") if file.is_file() else ""
    return record | {"file": text, "wishes": json.loads(record["wishes"])}


def take(record: Mapping[str, Any], members: Membership, now: datetime) -> str:
    """Takes in an exported subscriber with status and consents; says what became of them.

    Who left stays away: their address is suppressed. Raises InputError or TopicsError for a record that is refused,
    and ValueError, KeyError, TypeError or AttributeError for one that no export wrote.
    """
    slug, text, store = str(record["slug"]), str(record["file"]), members.store
    status = SubscriberStatus(record["status"])
    consents = [(str(each["address"]), f"import: {each['source']}") for each in _confirmed(record)]
    if status in LEFT:
        if record["email"]:
            store.suppressions.add(str(record["email"]), "unsubscribe", "import", now)
        return f"{slug}: left before; the address is suppressed"
    if (members.folder / f"{slug}.md").exists() or store.subscribers.load(slug):
        raise InputError(f"{slug} is a subscriber here already")
    subscriber = members.enter(slug, text, now)
    for address, source in consents:
        store.subscribers.consent(subscriber.id, address, source, now)
    if status is not SubscriberStatus.ACTIVE:
        store.subscribers.set_status(slug, status, f"{status} before the import", now)
    return f"{slug}: imported, {status}"


def _confirmed(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in record.get("consents", []) if each["confirmed_at"]]
