"""Decides whether the database is older than the mail that went out, as after restoring a backup; keeps one file.

Each run that may mail people, and each message about to go to one, adds one to the epoch, in the database and in
a file that backups must leave out. A database behind its file was restored, also from a backup taken during a run: what
it still wants to send may have been sent. Two restores cannot be told from a day like any other, and are warned of: the
whole home with its mark, and a backup from before the first mail without one.
"""

import hashlib
import json
import threading
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from newsletter.errors import NewsletterError
from newsletter.files import SECOND, write_atomically
from newsletter.store import Store

RENAMED_WITHIN = 60 * 10**9  # ns between the last write of a file and the renaming that puts it into place
NEW = timedelta(days=1)  # so young is a home that never mailed anybody, rather than a backup from before that
EPOCH = "epoch"  # the names of the facts kept: how many runs there were,
COVERED = "restored_through"  # and through which day mailings were sent before the database was restored


class Restored(NewsletterError):
    """The database is older than the mail that went out."""


@dataclass(frozen=True, slots=True)
class DispatchMark:
    """What the file says: the epoch, and the day of the newest edition then; `is_copy`: it is not the file written.

    A copy has another time of modification than the one that its epoch gives, or keeps that one and has a later time
    of change, which no program can set.
    """

    epoch: int
    through: date
    is_copy: bool = False


def doubtful(mark: DispatchMark | None, since: datetime | None, now: datetime) -> str:
    """What a person should know although nothing looks restored, or an empty string; `since` there are subscribers."""
    if mark is None and since and now - since >= NEW:
        return (
            "no mail has gone out from this database yet: if it was restored from a backup, stop now, for what went "
            "out before goes out again"
        )
    if mark and mark.is_copy:
        return (
            "the dispatch mark is a copy: if this home was moved here, all is well; if all of it was restored from a "
            "backup, stop now, for what went out since goes out again (an epoch_file outside the home prevents that)"
        )
    return ""


def restored(epoch: int, mark: DispatchMark | None) -> str:
    """Why the database looks restored, or an empty string."""
    if mark is None:
        return "its dispatch mark is missing, as after moving or restoring it" if epoch else ""
    if epoch < mark.epoch:
        return f"it knows the mail up to mark {epoch}, but {mark.epoch} was reached, the last for {mark.through}"
    return ""


def read(path: Path) -> DispatchMark | None:
    """The mark, or None where there is none. Raises Restored for a file that is not one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        epoch, times = int(found["epoch"]), path.stat()
        is_changed = times.st_ctime_ns - times.st_mtime_ns > RENAMED_WITHIN
        is_copy = is_changed or times.st_mtime_ns % SECOND != _fraction(epoch)
        return DispatchMark(epoch, date.fromisoformat(found["through"]), is_copy)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Restored(f"{path}: cannot be read as a dispatch mark ({error}); remove it and confirm") from error


def write(path: Path, mark: DispatchMark, *, durable: bool = True) -> None:
    """Keeps the mark; one that is not durable survives the process, though perhaps not a power failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"epoch": mark.epoch, "through": str(mark.through)}
    write_atomically(path, json.dumps(content).encode(), durable=durable, nanoseconds=_fraction(mark.epoch))


def _fraction(epoch: int) -> int:
    """The nanoseconds of the file's time that go with an epoch: the same in every process, and never a round number."""
    return int.from_bytes(hashlib.sha256(b"mark %d" % epoch).digest()[:8], "big") % (SECOND - 1) | 1


def check(store: Store, path: Path, now: datetime, *, confirmed: bool) -> tuple[str, ...]:
    """What a person should know before mail goes out. Raises Restored for a database older than the mail that did.

    Once a person confirms, what waits in it is ambiguous and the mailings through the mark's day count as sent: a
    missing digest beats two. Who left since the backup was made has left, confirmed or not.
    """
    replayed = store.suppressions.replay()
    unread = (
        f"{replayed.unreadable} lines of {store.database.journal.path} were written with another database's key: "
        "whoever left then is not known here"
        if replayed.unreadable and store.database.journal
        else ""
    )
    mark, epoch = read(path), _epoch(store)
    reason = restored(epoch, mark)
    if not reason:
        if mark and path.resolve().parent != store.database.path.resolve().parent:
            mark = replace(mark, is_copy=False)  # kept apart from the database, on purpose: it is not restored with it
        return tuple(filter(None, (unread, doubtful(mark, store.subscribers.since(), now))))
    if not confirmed:
        raise Restored(
            f"{store.database.path} looks like a restored backup: {reason}; nothing is sent until you run "
            "`newsletter run --confirm-restore`, after which it mails nothing older than that again"
        )
    through = mark.through if mark else now.date()
    epoch = mark.epoch if mark else epoch
    store.sends.doubt(
        now,
        "the database was restored; this may have been sent before",
        facts={COVERED: str(through), EPOCH: str(epoch)},
    )
    write(path, DispatchMark(epoch, through))
    return (unread,) if unread else ()


def advance(store: Store, path: Path, today: date) -> None:
    """Adds one to the epoch, first in the database: a run killed between the two leaves nothing to confirm."""
    _add_one(store, path, store.editions.newest_date() or today, durable=True)


class Following:
    """Adds one to the epoch before each message of a run; the file is never ahead of the database. Thread-safe."""

    def __init__(self, store: Store, path: Path, today: date) -> None:
        self._store, self._path = store, path
        self._through = store.editions.newest_date() or today
        self._epoch = _epoch(store)
        self._turns = threading.Lock()

    def __call__(self) -> None:
        """Adds one. Flushed by the next commit that is: killed, the process loses nothing.

        Raises Restored where an older database took the place of the one that this run began with.
        """
        with self._turns:
            if _epoch(self._store) < self._epoch:
                raise Restored(f"{self._store.database.path} was replaced by an older one while mail was going out")
            self._epoch = _add_one(self._store, self._path, self._through, durable=False)


def _epoch(store: Store) -> int:
    return int(store.facts.get(EPOCH) or 0)


def _add_one(store: Store, path: Path, through: date, *, durable: bool) -> int:
    epoch = _epoch(store) + 1
    store.facts.set(EPOCH, str(epoch), lazily=not durable)
    write(path, DispatchMark(epoch, through), durable=durable)
    return epoch


def covered(store: Store) -> date | None:
    """Through which day mailings count as sent although no edition of them is on record."""
    value = store.facts.get(COVERED)
    return date.fromisoformat(value) if value else None
