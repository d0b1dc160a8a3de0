"""Joining, pausing, coming back, removing and erasing: the same rules for the command line and the web."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.errors import InputError
from newsletter.files import write_atomically
from newsletter.models.papers import Taxonomy
from newsletter.models.subscribers import Subscriber, SubscriberStatus, TopicsFile
from newsletter.store import Store
from newsletter.subscribers.roster import SLUG, complete, stamp

LEFT = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.REMOVED})


def find(store: Store, slug: str) -> Subscriber:
    """The subscriber on record. Raises InputError where there is none."""
    found = store.subscribers.load(slug)
    if found is None:
        raise InputError(f"there is no subscriber {slug}: see `newsletter subscribers list`")
    return found


@dataclass(frozen=True, slots=True)
class Membership:
    """The subscribers of one home: their topics files lie in `folder`, what was put away in `state`."""

    folder: Path
    state: Path
    store: Store
    taxonomy: Taxonomy

    def add(
        self, slug: str, text: str, source: str, now: datetime, *, asked_at: datetime | None = None, ip: str = ""
    ) -> Subscriber:
        """Takes in somebody whose consent is known from `source`, or takes their new topics file.

        Who left before is active again. Raises InputError or TopicsError, and then nothing has changed.
        """
        subscriber = self.enter(slug, text, now)
        self.store.subscribers.consent(subscriber.id, subscriber.wishes.email, source, now, asked_at=asked_at, ip=ip)
        if subscriber.status in LEFT:
            self.store.subscribers.set_status(slug, SubscriberStatus.ACTIVE, "agreed again", now)
        return find(self.store, slug)

    def enter(self, slug: str, text: str, now: datetime) -> Subscriber:
        """Writes and records a topics file; consent is on record afterwards as it was before. Raises as `add`."""
        file = self.admissible(slug, text)
        target = self.folder / f"{slug}.md"
        self.folder.mkdir(exist_ok=True)
        write_atomically(target, text.encode())
        return self.store.subscribers.save(slug, file, stamp(target), now)

    def admissible(self, slug: str, text: str) -> TopicsFile:
        """The topics file, where its sender may be a subscriber of this name.

        Raises InputError for the name, a suppressed address or somebody else's, TopicsError for an error in the file.
        """
        if not SLUG.fullmatch(slug):
            raise InputError(f"{slug!r} cannot be a subscriber's name: use small letters, digits, dots and dashes")
        file = complete(text.encode(), f"{slug}.md", self.taxonomy)
        address = file.wishes.email
        if found := self.store.suppressions.find(address):
            raise InputError(
                f"{address} is suppressed ({found.reason}): if its owner asks for mail again, first run "
                f"`newsletter suppressions remove {address}`"
            )
        if (owner := self.store.subscribers.owner(address)) not in (None, slug):
            raise InputError(f"{address} is the address of {owner} already")
        return file

    def pause(self, slug: str, until: datetime | None, by: str, now: datetime) -> None:
        """Sends nothing for a while. Raises InputError for an end in the past and for one who gets no mail anyway."""
        if until and until <= now:
            raise InputError(f"{until:%Y-%m-%d} is over: a pause ends on a later day, or without one by `resume`")
        status = find(self.store, slug).status
        if status not in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
            raise InputError(f"{slug} is {status}: there is nothing to pause")
        self.store.subscribers.set_status(slug, SubscriberStatus.PAUSED, by, now, until=until)

    def resume(self, slug: str, by: str, now: datetime) -> None:
        """Ends a pause. Raises InputError for one who left or whose address is suppressed."""
        subscriber = find(self.store, slug)
        if subscriber.status is SubscriberStatus.UNSUBSCRIBED:
            raise InputError(f"{slug} left: only they can come back, by the link in their last email or a new consent")
        if found := self.store.suppressions.find(subscriber.wishes.email):
            raise InputError(f"the address of {slug} is suppressed ({found.reason}): see `newsletter suppressions`")
        self.store.subscribers.set_status(slug, SubscriberStatus.ACTIVE, by, now)

    def remove(self, slug: str, by: str, now: datetime) -> None:
        """Stops mail for good and puts the topics file away; what was sent stays on record."""
        find(self.store, slug)
        self.store.subscribers.set_status(slug, SubscriberStatus.REMOVED, by, now)
        file = self.folder / f"{slug}.md"
        if file.is_file():
            kept = self.state / "removed"
            kept.mkdir(exist_ok=True)
            file.replace(kept / file.name)

    def erase(self, slug: str, now: datetime) -> bool:
        """Erases all personal data; only a hash of the address stays, so that it is never mailed again.

        False where the database's file still holds what was erased, as `Privacy.erase` says.
        """
        is_complete = self.store.privacy.erase(find(self.store, slug).id, now)
        copies = (self.state / "outbox").glob(f"*/{slug}.*")
        for path in (self.folder / f"{slug}.md", self.state / "removed" / f"{slug}.md", *copies):
            path.unlink(missing_ok=True)
        return is_complete
