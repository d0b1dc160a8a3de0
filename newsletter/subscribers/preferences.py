"""Changing one's own topics file, by a link that is good for half an hour. The file stays the only place of wishes.

Mails are forwarded, so the link in a mail opens a page that mails a fresh one: a token of the same purpose with a time
in its number. The address is not changed here: a new one has to consent.
"""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from newsletter.errors import InputError, TopicsError
from newsletter.links import Purpose, Signer, opaque_id
from newsletter.models.sends import NoticeKind
from newsletter.models.subscribers import Subscriber, SubscriberStatus, TopicsFile, Wishes
from newsletter.store import Store
from newsletter.subscribers.membership import LEFT, Membership
from newsletter.subscribers.roster import complete
from newsletter.topics.front_matter import FENCE, split, with_front_matter

LIFETIME = timedelta(minutes=30)
LETTERS_A_DAY = 5  # to one reader, whoever asks for them
_TIME_BITS = 40  # of the number in a fresh token: until when it is good, in seconds since 1970
_WISHES = TypeAdapter(Wishes)
_WRITING = threading.Lock()  # from the look at a file until it is replaced


@dataclass(frozen=True, slots=True)
class Current:
    """A reader's topics file as it stands; `mark` tells whether it was changed meanwhile."""

    subscriber: Subscriber
    text: str
    file: TopicsFile

    @property
    def mark(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def body(self) -> str:
        return split(self.text.replace("\r\n", "\n"), "")[1]

    @property
    def wishes(self) -> dict[str, Any]:
        """The wishes as the front matter writes them."""
        return shown(self.file.wishes)


class Changed(InputError):
    """The file was changed by somebody else meanwhile; nothing was written."""


def shown(wishes: Wishes) -> dict[str, Any]:
    """Wishes as the front matter writes them; hours without seconds."""
    plain: dict[str, Any] = _WISHES.dump_python(wishes, mode="json")
    return plain | {"deliver": plain["deliver"] | {"at": f"{wishes.deliver.at:%H:%M}"}}


def fresh_number(subscriber_id: int, now: datetime) -> int:
    """A subscriber and the end of a link's time in one number, for the token's MAC to cover both."""
    return (subscriber_id << _TIME_BITS) | int((now + LIFETIME).timestamp())


def reader_of(number: int, now: datetime) -> tuple[int, bool]:
    """The subscriber in a token's number, and whether it may open the preferences: fresh, and in time."""
    if number >> _TIME_BITS:
        return number >> _TIME_BITS, now.timestamp() < number & ((1 << _TIME_BITS) - 1)
    return number, False


def is_fresh_kind(number: int) -> bool:
    """True for the number of a token that has a time, be it over or not."""
    return bool(number >> _TIME_BITS)


def ask_by_address(address: str, store: Store, signer: Signer, now: datetime) -> None:
    """Mails a fresh link where the address is a reader's; says nothing of it."""
    slug = store.subscribers.owner(address)
    if slug and (subscriber := store.subscribers.load(slug)):
        ask(subscriber, store, signer, now)


def ask(subscriber: Subscriber, store: Store, signer: Signer, now: datetime) -> None:
    """Queues the mail with a fresh link, LETTERS_A_DAY at most; nobody who left gets one."""
    address = subscriber.wishes.email
    if subscriber.status in LEFT or not address:
        return
    if store.notices.count(NoticeKind.PREFERENCES, address, now - timedelta(days=1)) >= LETTERS_A_DAY:
        return
    url = signer.url(Purpose.PREFERENCES, fresh_number(subscriber.id, now))
    facts = {"url": url, "language": subscriber.wishes.language}
    store.notices.add(opaque_id(), NoticeKind.PREFERENCES, address, now, subscriber_id=subscriber.id, facts=facts)


def current(subscriber: Subscriber, members: Membership) -> Current:
    """The file as it is on the disk. Raises TopicsError where it is gone, or cannot be read as one."""
    path = members.folder / f"{subscriber.slug}.md"
    text = _read(path)
    return Current(subscriber, text, complete(text.encode(), path.name, members.taxonomy))


def proposed(now: Current, body: str, wishes: Mapping[str, Any], most_usd: float) -> str:
    """The file with another body and other wishes; what did not change stays as it is written, with its comments.

    No budget beyond `most_usd` is taken, unless the operator wrote one.
    """
    before = now.wishes
    values = {key: value for key, value in wishes.items() if key != "email" and value != before.get(key)}
    if values.get("budget_usd_per_month", 0) > max(most_usd, now.file.wishes.budget_usd_per_month):
        values["budget_usd_per_month"] = max(most_usd, now.file.wishes.budget_usd_per_month)
    front, _ = split(now.text.replace("\r\n", "\n"), now.subscriber.slug)
    return with_front_matter(f"{FENCE}\n{front}\n{FENCE}\n\n{body.strip()}\n", values, now.subscriber.slug)


def understood(now: Current, text: str, members: Membership) -> Subscriber:
    """The subscriber that a proposed file makes, before it is written. Raises TopicsError."""
    file = complete(text.encode(), "your topics", members.taxonomy)
    if file.wishes.email.casefold() != now.file.wishes.email.casefold():
        raise TopicsError("email: a new address has to agree to these mails: subscribe with it, then leave by the old")
    return replace(now.subscriber, wishes=file.wishes, topics=file.topics)


def save(seen: Current, text: str, members: Membership, at: datetime) -> None:
    """Replaces the file that was `seen`, and keeps what it said. Raises Changed where it is not that file any more."""
    understood(seen, text, members)
    path = members.folder / f"{seen.subscriber.slug}.md"
    with _WRITING:
        if _read(path) != seen.text:
            raise Changed("the file was changed meanwhile")
        if text == seen.text:
            return
        members.store.former_files.keep(seen.subscriber.id, seen.text, at)
        members.enter(seen.subscriber.slug, text, at)


def may_change(subscriber: Subscriber) -> bool:
    """True for readers, paused ones too."""
    return subscriber.status in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TopicsError(f"{path.name}: cannot be read: ask whoever runs this newsletter") from error
