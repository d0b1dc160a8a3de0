"""Reads the folder of topics files: who wants what today. One bad file harms only its own subscriber."""

import math
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from newsletter.errors import TopicsError
from newsletter.models.papers import Taxonomy
from newsletter.models.subscribers import Problem, Subscriber
from newsletter.store import Store
from newsletter.store.subscribers import FileStamp, Known
from newsletter.topics.body import parse

SLUG = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


def roster(folder: Path, store: Store, taxonomy: Taxonomy, now: datetime) -> Iterator[Subscriber | Problem]:
    """Each topics file's subscriber, or what keeps it from having one; those known longest come first.

    An unchanged file (same time and size) is not read again. Of two files with one address the one known longer has
    it. A subscriber whose file is gone is paused until it is back.
    """
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
            subscriber = read(path, store, taxonomy, known.get(path.stem), now)
            owner = owners.setdefault(subscriber.wishes.email.casefold(), subscriber.slug)
            if owner != subscriber.slug:
                raise TopicsError(f"{path.name}: email: {owner}.md has the same address; one subscriber has one file")
            yield subscriber
        except TopicsError as error:
            if path.stem in known:
                owners.setdefault(known[path.stem].email.casefold(), path.stem)
            yield Problem(path.stem, str(error))


def read(path: Path, store: Store, taxonomy: Taxonomy, known: Known | None, now: datetime) -> Subscriber:
    """The subscriber of one file, read again only when it changed. Raises TopicsError."""
    if not SLUG.match(path.stem):
        raise TopicsError(f"{path.name}: a topics file is named with small letters, digits, dots and dashes")
    try:
        status = path.stat()
        stamp = FileStamp(status.st_mtime_ns, status.st_size)
        if known and known.stamp == stamp:
            subscriber = store.subscribers.load(path.stem)
            if subscriber:
                return subscriber
        file = parse(path.read_bytes(), path.name, taxonomy)
    except OSError as error:
        raise TopicsError(f"{path.name}: cannot be read: {error.strerror}") from error
    for key in ("email", "categories"):
        if not getattr(file.wishes, key):
            raise TopicsError(f"{path.name}: {key}: is missing; add it to the front matter")
    return store.subscribers.save(path.stem, file, stamp, now)
