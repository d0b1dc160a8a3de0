"""Decides whether a home mails only its own operator: somebody who wants their own mail, and nothing else."""

from datetime import datetime
from pathlib import Path

from newsletter.errors import TopicsError
from newsletter.models.subscribers import Subscriber
from newsletter.store import Store
from newsletter.topics.body import parse

SOURCE = "just me: the sender is the reader"


def is_just_me(folder: Path, sender: str) -> bool:
    """True where the one topics file of `folder` has the sender's own address. A second file ends it, good or bad.

    Raises TopicsError where the one file cannot be read.
    """
    files = list(folder.glob("*.md"))
    if len(files) != 1:
        return False
    try:
        address = parse(files[0].read_bytes(), files[0].name).wishes.email
    except OSError as error:
        raise TopicsError(f"{files[0].name}: cannot be read: {error.strerror}") from error
    return bool(address) and address.casefold() == sender.casefold()


def vouch(subscriber: Subscriber, sender: str, store: Store, now: datetime) -> None:
    """Puts on record, once, that the operator agreed to their own mail; for anybody else it does nothing."""
    address = subscriber.wishes.email
    own = address.casefold() == sender.casefold()
    if own and not store.subscribers.has_consent(subscriber.id, address):
        store.subscribers.consent(subscriber.id, address, SOURCE, now)
