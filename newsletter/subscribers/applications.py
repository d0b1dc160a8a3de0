"""Joining by oneself: somebody asks with a topics file, their address is asked back, they confirm (double opt-in).

Whatever an address is to us, whoever asks gets one answer, so that nobody learns who reads what.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from newsletter.errors import InputError
from newsletter.links import opaque_id
from newsletter.models.subscribers import Subscriber, TopicsFile
from newsletter.store.applications import Application
from newsletter.subscribers.membership import Membership
from newsletter.subscribers.roster import complete
from newsletter.topics.body import parse
from newsletter.topics.front_matter import with_front_matter

WORDING = "2026-11"  # of what the form and the confirmation mail say; consents name it
EXPIRES = timedelta(hours=48)
DAY = timedelta(days=1)
CLOSED, OPEN = "closed", "open"


@dataclass(frozen=True, slots=True)
class Caps:
    """How many confirmations may be asked for in a day."""

    address: int = 1
    network: int = 20
    total: int = 2000


CAPS = Caps()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form brings: the topics file as text, what its front matter is to say, and from where it came.

    A file that asks for more than `most_usd` a month of the operator's money gets so much.
    """

    topics: str
    wishes: dict[str, Any]
    network: str
    language: str
    most_usd: float = 1.0


class TooMany(InputError):
    """More was asked than this service answers in a day."""


def read(asked: Asked, members: Membership) -> tuple[str, str]:
    """The topics file with the wishes of the form, and its address. Raises TopicsError where it can be none."""
    text = with_front_matter(asked.topics, asked.wishes, "topics.md")
    wishes = complete(text.encode(), "topics.md", members.taxonomy).wishes
    if wishes.budget_usd_per_month > asked.most_usd:
        text = with_front_matter(text, {"budget_usd_per_month": asked.most_usd}, "topics.md")
    return text, wishes.email


def understood(asked: Asked, members: Membership) -> TopicsFile:
    """What the file says, finished or not: an address and categories may come later. Raises TopicsError."""
    return parse(with_front_matter(asked.topics, asked.wishes, "topics.md").encode(), "topics.md", members.taxonomy)


def ask(
    asked: Asked, members: Membership, *, policy: str, token: str, url: str, now: datetime, caps: Caps = CAPS
) -> None:
    """Asks the address whether its owner wants the newsletter, where that may be asked; says nothing of it.

    `policy` is open, closed or the "@domain" of who may join; `token` is new and random, `url` its page. Raises
    TopicsError for the file, InputError where the policy forbids the address, TooMany beyond the caps of the network
    and of all.
    """
    text, address = read(asked, members)
    if not allowed(address, policy):
        raise InputError(f"only addresses of {policy} may subscribe here")
    store = members.store
    counts = store.applications.counts(address, asked.network, now - DAY)
    if counts.network >= caps.network or counts.total >= caps.total:
        raise TooMany("too many asked today; try again tomorrow")
    application = Application(
        token_hash=hashed(token),
        slug=f"reader-{hashed(token)[:10]}",
        address=address,
        file=text,
        network=asked.network,
        wording=WORDING,
        asked_at=now,
        expires_at=now + EXPIRES,
    )
    if counts.address >= caps.address or store.subscribers.owner(address) or store.suppressions.find(address):
        store.applications.ignore(application)
    else:
        store.applications.ask(application, opaque_id(), asked.language, url)


def confirm(token: str, members: Membership, now: datetime) -> Subscriber | None:
    """Takes in who asked; None where the token is unknown, expired or used.

    Killed in between, the same token finishes it: the file and the record are written before the token is used.
    """
    pending = members.store.applications.find(hashed(token), now)
    if pending is None or pending.is_used:
        return None
    source = f"web form, wording of {pending.wording}"
    subscriber = members.add(pending.slug, pending.file, source, now, asked_at=pending.asked_at, ip=pending.network)
    members.store.applications.use(hashed(token), now)
    return subscriber


def allowed(address: str, policy: str) -> bool:
    """True where a policy lets an address join: open, or its own domain."""
    if policy == OPEN:
        return True
    return policy.startswith("@") and address.casefold().endswith(policy.casefold())


def hashed(token: str) -> str:
    """The SHA-256 of a token, in hex: the database never holds a token that opens something."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
