"""The connection: one SQLite file in WAL mode, one connection per thread, writes in BEGIN IMMEDIATE."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlite_utils

from newsletter.errors import StoreError
from newsletter.store.migrations import migrations

Row = dict[str, Any]
Values = Sequence[Any] | dict[str, Any]

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
    """Reads and writes rows; every error becomes one sentence (StoreError)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        try:
            with self._said_plainly():
                migrate(self.utils)
        except StoreError:
            self.close()
            raise

    @property
    def utils(self) -> sqlite_utils.Database:
        """This thread's connection, opened on first use."""
        found: sqlite_utils.Database | None = getattr(self._local, "database", None)
        if found is None:
            found = self._local.database = sqlite_utils.Database(self._connect())
        return found

    @contextmanager
    def writing(self, *, lazily: bool = False) -> Iterator[sqlite_utils.Database]:
        """One transaction: all of it is kept, or nothing. Never hold it across I/O.

        `lazily` leaves flushing to the next transaction that is not: a crash of the process loses nothing by it, a
        power failure perhaps the last of them, though never their order.
        """
        with self._said_plainly(), self._writing:  # a queue of our threads is fairer than SQLite's waiting
            utils = self.utils
            if lazily:
                utils.conn.execute("PRAGMA synchronous=NORMAL")
            utils.conn.execute("BEGIN IMMEDIATE")
            try:
                yield utils
                utils.conn.execute("COMMIT")
            except BaseException:
                if utils.conn.in_transaction:
                    utils.conn.execute("ROLLBACK")
                raise
            finally:
                if lazily:
                    utils.conn.execute("PRAGMA synchronous=FULL")

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """All rows of a query."""
        with self._said_plainly():
            return list(self.utils.query(sql, values))

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """The first row of a query, or None."""
        with self._said_plainly():
            return next(iter(self.utils.query(sql, values)), None)

    def close(self) -> None:
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _connect(self) -> sqlite3.Connection:
        with self._said_plainly():
            connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
            with self._opening:
                self._opened.append(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA busy_timeout=10000")
            return connection

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
