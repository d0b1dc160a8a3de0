"""The connection: one SQLite file in WAL mode, one connection per thread, writes in BEGIN IMMEDIATE."""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlite_utils

from newsletter.errors import StoreError
from newsletter.store.journal import Entry, Journal
from newsletter.store.migrations import migrations

T = TypeVar("T")
Row = dict[str, Any]
Values = Sequence[Any] | dict[str, Any]
File = tuple[int, int]  # device and inode: which file it is, whatever its name

JOURNAL_READ = "journal_read"  # the name of a fact: up to which position the journal's lines are in this database
_IN_MEMORY = Path(":memory:")
_REPLACED = "another file took its place, as when a backup is restored"
_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space and run again; what was saved before is safe",
    sqlite3.SQLITE_READONLY: "it is read-only: make the file and its folder writable and run again",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: does the folder exist, and is it writable?",
    sqlite3.SQLITE_NOTADB: "it is not a database: move it away or restore a backup",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore a backup",
    sqlite3.SQLITE_BUSY: "it stayed locked for 10 s: is another program holding it?",
    sqlite3.SQLITE_IOERR: "the disk reports an error: is it full, or a quota used up? what was saved before is safe",
}


class Database:
    """Reads and writes rows; every error becomes one sentence (StoreError).

    A connection outlives the name of its file: after a restore it would go on writing into the one that was deleted.
    So each use checks that the file at the path is still the one that was opened. One that `follows` opens the new
    file, for others it is an error.
    """

    def __init__(self, path: Path, *, follows: bool = False) -> None:
        self.path = path
        self.journal = None if path == _IN_MEMORY else Journal(path)
        self.generation = 0  # how many files there were at the path
        self._follows = follows
        self._file: File | None = None
        self._local = threading.local()
        self._opened: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._opening = threading.RLock()
        self._writing = threading.Lock()
        self._leading = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        try:
            with self._said_plainly():
                self._open_here()
        except StoreError:
            self.close()
            raise

    @property
    def utils(self) -> sqlite_utils.Database:
        """This thread's connection to the file at the path, opened on first use. Raises StoreError."""
        found: sqlite_utils.Database | None = getattr(self._local, "database", None)
        if found is not None and (found.conn.in_transaction or self._local.file == _file(self.path)):
            return found
        if found is not None:
            self._forget(found.conn)
        with self._said_plainly():
            return self._open_here()

    @contextmanager
    def writing(self, *, lazily: bool = False) -> Iterator[sqlite_utils.Database]:
        """One transaction: all of it is kept, or nothing. Never hold it across I/O.

        `lazily` leaves flushing to the next transaction that is not: a crash of the process loses nothing by it, a
        power failure perhaps the last of them, though never their order. Raises StoreError where the file was replaced
        meanwhile, too: whatever was written into the old one is not in the new one.
        """
        with self._said_plainly(), self._writing:  # a queue of our threads is fairer than SQLite's waiting
            utils = self.utils
            self._local.entries = []
            if lazily:
                utils.conn.execute("PRAGMA synchronous=NORMAL")
            utils.conn.execute("BEGIN IMMEDIATE")
            try:
                yield utils
                self._keep_entries(utils)
                utils.conn.execute("COMMIT")
            except BaseException:
                if utils.conn.in_transaction:
                    utils.conn.execute("ROLLBACK")
                raise
            finally:
                if lazily:
                    utils.conn.execute("PRAGMA synchronous=FULL")
            if self._local.file != _file(self.path):
                raise StoreError(f"{self.path}: {_REPLACED} at this very moment; try again")

    def together(self, work: Callable[[sqlite_utils.Database], T], *, lazily: bool = False) -> T:
        """The result of work that was committed, in one transaction with that of threads that came meanwhile.

        Whoever comes while a transaction is being flushed waits for the next, which takes all that wait: several
        threads pay for one flush. Work that raises undoes itself alone. Raises as `writing`.
        """
        mine = _Waiting(work, lazily)
        self._queue.append(mine)
        with self._leading:
            if not mine.done.done():
                group = [self._queue.popleft() for _ in range(len(self._queue))]
                try:
                    self._commit(group)
                except BaseException as error:
                    for each in group:
                        if not each.done.done():
                            each.done.set_exception(error)
                    raise
        return cast("T", mine.done.result())

    def _commit(self, group: "Sequence[_Waiting]") -> None:
        with self.writing(lazily=all(each.lazily for each in group)) as db:
            results = [_undone_alone(db, each.work, len(group)) for each in group]
        for each, (result, error) in zip(group, results, strict=True):
            if error:
                each.done.set_exception(error)
            else:
                each.done.set_result(result)

    def journalled(self, entry: Entry) -> None:
        """Keeps a line in the journal of opt-outs before the transaction under way is committed."""
        self._local.entries.append(entry)

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """All rows of a query."""
        with self._said_plainly():
            return list(rows_of(self.utils.conn.execute(sql, values)))

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """The first row of a query, or None."""
        with self._said_plainly():
            return next(rows_of(self.utils.conn.execute(sql, values)), None)

    def truncate_log(self, patience: float = 10.0) -> bool:
        """Moves all that the write-ahead log holds into the file and empties it.

        False where somebody who reads an older state did not end within `patience` seconds: then both still hold it.
        """
        with self._said_plainly(), self._writing:
            conn = self.utils.conn
            conn.execute(f"PRAGMA busy_timeout={int(patience * 1000)}")
            try:
                return not conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                conn.execute("PRAGMA busy_timeout=10000")

    def close(self) -> None:
        for _, connection in self._opened:
            connection.close()
        self._opened.clear()

    def _keep_entries(self, utils: sqlite_utils.Database) -> None:
        """Journals what the transaction did; the position moves on only where no line before it is unread."""
        if not (self.journal and self._local.entries):
            return
        before, after = self.journal.append(self._local.entries)
        utils.conn.execute(
            "INSERT INTO facts (name, value) SELECT :name, :after WHERE :before = 0 "
            "OR EXISTS (SELECT 1 FROM facts WHERE name = :name AND value = :before) "
            "ON CONFLICT DO UPDATE SET value = excluded.value",
            {"name": JOURNAL_READ, "before": str(before) if before else 0, "after": str(after)},
        )

    def _open_here(self) -> sqlite_utils.Database:
        """Opens the file at the path for this thread, and brings the schema of one that is new to us up to date."""
        with self._opening:
            self._close_those_of_ended_threads()
            connection, file = self._connect()
            utils = self._local.database = sqlite_utils.Database(connection)
            self._local.file = file
            if file != self._file:
                self._file = file
                self.generation += 1
                migrate(utils)
            return utils

    def _connect(self) -> tuple[sqlite3.Connection, File]:
        known, found = self._file, _file(self.path)
        if known and found is None:
            raise StoreError(f"{self.path}: it is gone; where a backup is being restored, try again in a moment")
        if known and found != known and not self._follows:
            raise StoreError(f"{self.path}: {_REPLACED}: start again")
        # A file that was there is never made anew: that would start an empty one in the middle of a restore.
        name = f"{self.path.absolute().as_uri()}?mode=rw" if known else str(self.path)
        connection = sqlite3.connect(name, uri=bool(known), timeout=10, isolation_level=None, check_same_thread=False)
        self._opened.append((threading.current_thread(), connection))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA busy_timeout=10000")
        opened = _file(self.path)
        if opened is None or (found and opened != found):
            raise StoreError(f"{self.path}: {_REPLACED} at this very moment; try again")
        return connection, opened

    def _close_those_of_ended_threads(self) -> None:
        """A process that runs for years has many threads, one after the other, and only so many open files."""
        ended = [(thread, connection) for thread, connection in self._opened if not thread.is_alive()]
        for one in ended:
            self._opened.remove(one)
            one[1].close()

    def _forget(self, connection: sqlite3.Connection) -> None:
        self._local.database = None
        with self._opening:
            self._opened = [(thread, opened) for thread, opened in self._opened if opened is not connection]
        connection.close()

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary result code of an extended one
            advice = _ADVICE.get(code, str(error))
            raise StoreError(f"{self.path}: {advice}") from error


class _Waiting:
    """Work of one thread that waits for a transaction."""

    def __init__(self, work: Callable[[sqlite_utils.Database], Any], lazily: bool) -> None:
        self.work, self.lazily = work, lazily
        self.done: Future[Any] = Future()


def _undone_alone(
    db: sqlite_utils.Database, work: Callable[[sqlite_utils.Database], T], count: int
) -> tuple[T | None, Exception | None]:
    """The result of work among `count` of one transaction, or what it raised after all that it did was undone."""
    if count == 1:
        return work(db), None
    db.conn.execute("SAVEPOINT work")
    try:
        result, error = work(db), None
    except Exception as raised:  # noqa: BLE001 - it is raised where the work came from
        db.conn.execute("ROLLBACK TO work")
        result, error = None, raised
    db.conn.execute("RELEASE work")
    return result, error


def rows_of(cursor: sqlite3.Cursor) -> Iterator[Row]:
    """The rows by the names of their columns. The `query` of sqlite_utils takes a savepoint besides, at each send."""
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def _file(path: Path) -> File | None:
    """Which file a path names; None where there is none. A database in memory is always the same."""
    if path.name == _IN_MEMORY.name:
        return 0, 0
    try:
        found = os.stat(path)  # noqa: PTH116 - twice as fast as Path.stat, and every row passes here
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def migrate(utils: sqlite_utils.Database) -> None:
    """Brings the schema up to date. Raises StoreError for a database of a newer version."""
    with closing(sqlite_utils.Database(memory=True)) as empty:
        known = {migration.name for migration in migrations.pending(empty)}
    applied = {migration.name for migration in migrations.applied(utils)}
    if newer := sorted(applied - known):
        raise StoreError(
            f"the database was made by a newer newsletter (it has {newer[-1]}): upgrade this one, then run again"
        )
    if known - applied:
        migrations.apply(utils)
