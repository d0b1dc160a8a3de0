"""Pausing, coming back, removing and erasing subscribers: the same rules for the command line and the web."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.errors import InputError
from newsletter.models.subscribers import Subscriber, SubscriberStatus
from newsletter.store import Store


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

    def pause(self, slug: str, until: datetime | None, by: str, now: datetime) -> None:
        """Sends nothing for a while. Raises InputError for one who gets no mail anyway."""
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

    def erase(self, slug: str, now: datetime) -> None:
        """Erases all personal data; only a hash of the address stays, so that it is never mailed again."""
        self.store.privacy.erase(find(self.store, slug).id, now)
        copies = (self.state / "outbox").glob(f"*/{slug}.*")
        for path in (self.folder / f"{slug}.md", self.state / "removed" / f"{slug}.md", *copies):
            path.unlink(missing_ok=True)
