"""Reads the folder of topics files: who wants what today. One bad file harms only its own subscriber."""

import math
import re
from collections.abc import Container, Iterator
from datetime import datetime
from pathlib import Path

from newsletter.errors import TopicsError
from newsletter.models.papers import Taxonomy
from newsletter.models.subscribers import Idle, Problem, Subscriber, SubscriberStatus, TopicsFile
from newsletter.store import Store
from newsletter.store.subscribers import FileStamp, Known
from newsletter.topics.body import parse

SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def roster(folder: Path, store: Store, taxonomy: Taxonomy, now: datetime) -> Iterator[Subscriber | Problem]:
    """Each topics file's subscriber, or what keeps it from having one; those known longest come first.

    An unchanged file (same time and size) is not read again. Of two files with one address the one known longer has
    it, and the other makes no subscriber. A subscriber whose file is gone is paused until it is back.
    """
    return (entry for entry in awake(folder, store, taxonomy, now, ()) if not isinstance(entry, Idle))


def awake(
    folder: Path, store: Store, taxonomy: Taxonomy, now: datetime, idle: Container[int]
) -> Iterator[Subscriber | Problem | Idle]:
    """The same, but of an active subscriber whose id is `idle` and whose file did not change, nothing is loaded."""
    paths = list(folder.glob("*.md"))
    for slug in store.subscribers.follow_files([path.stem for path in paths], now):
        if paused := store.subscribers.load(slug):
            yield paused
    known = {who.slug: who for who in store.subscribers.known()}
    owners: dict[str, str] = {}

    def seniority(path: Path) -> tuple[float, str]:
        return (known[path.stem].id if path.stem in known else math.inf, path.stem)

    for path in sorted(paths, key=seniority):
        try:
            seen, last = stamp(path), known.get(path.stem)
            unchanged = last is not None and last.stamp == seen
            if last and unchanged and _is_idle(last, idle) and owners.get(last.email.casefold()) is None:
                owners[last.email.casefold()] = path.stem
                yield Idle(path.stem)
                continue
            found = (store.subscribers.load(path.stem) if unchanged else None) or read(path, taxonomy)
            owner = owners.setdefault(found.wishes.email.casefold(), path.stem)
            if owner != path.stem:
                raise TopicsError(f"{path.name}: email: {owner}.md has the same address; one subscriber has one file")
            yield found if isinstance(found, Subscriber) else store.subscribers.save(path.stem, found, seen, now)
        except TopicsError as error:
            if path.stem in known:
                owners.setdefault(known[path.stem].email.casefold(), path.stem)
            yield Problem(path.stem, str(error))


def wished(folder: Path, store: Store, taxonomy: Taxonomy, now: datetime) -> set[str]:
    """The categories of all active subscribers, as they write them; a file that did not change is not read again."""
    for _ in awake(folder, store, taxonomy, now, {who.id for who in store.subscribers.known()}):
        pass
    return store.subscribers.wished()


def _is_idle(known: Known, idle: Container[int]) -> bool:
    return known.status is SubscriberStatus.ACTIVE and known.id in idle


def read(path: Path, taxonomy: Taxonomy) -> TopicsFile:
    """A file that can be a subscriber's: it has a slug for its name, an address and categories. Raises TopicsError."""
    if not SLUG.fullmatch(path.stem):
        raise TopicsError(f"{path.name}: a topics file is named with small letters, digits, dots and dashes")
    try:
        return complete(path.read_bytes(), path.name, taxonomy)
    except OSError as error:
        raise TopicsError(f"{path.name}: cannot be read: {error.strerror}") from error


def complete(content: bytes, name: str, taxonomy: Taxonomy) -> TopicsFile:
    """The topics file `name`, whose wishes have what no subscriber can be without. Raises TopicsError."""
    file = parse(content, name, taxonomy)
    for key in ("email", "categories"):
        if not getattr(file.wishes, key):
            raise TopicsError(f"{name}: {key}: is missing; add it to the front matter")
    return file


def stamp(path: Path) -> FileStamp:
    """By which a change of the file is seen. Taken before it is read: a change in between is read the next time."""
    try:
        status = path.stat()
    except OSError as error:
        raise TopicsError(f"{path.name}: cannot be read: {error.strerror}") from error
    return FileStamp(status.st_mtime_ns, status.st_size)
