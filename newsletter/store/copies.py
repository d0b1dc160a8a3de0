"""Copies of the database: made while others write, checked by opening, and put back under whoever has it open."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from newsletter.errors import StoreError


def copy(source: Path, target: Path) -> None:
    """Copies a database as it is at this moment into one file, whoever writes to it meanwhile. Raises StoreError.

    SQLite's backup API (https://www.sqlite.org/backup.html) in one step: a snapshot that holds up no writer.
    """
    said = _said_plainly(f"{source} cannot be copied to {target}")
    with said, closing(_readable(source)) as taken, closing(sqlite3.connect(target)) as made:
        taken.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")  # a copy is one file, without a log beside it


def put_back(source: Path, target: Path) -> None:
    """Replaces what is in the database at `target`; processes that have it open see the new content.

    Raises StoreError, with the old content kept, where that cannot be done.
    """
    said = _said_plainly(f"{target} cannot be replaced")
    with said, closing(_readable(source)) as taken, closing(sqlite3.connect(target, timeout=10)) as made:
        taken.backup(made)
        made.execute("PRAGMA journal_mode=WAL")


def check(path: Path, *, thoroughly: bool = True) -> dict[str, int]:
    """How many rows the tables of a database have that opens and is whole. Raises StoreError for any other.

    Thoroughly: each index is compared with its table, and each reference with what it names.
    """
    with _said_plainly(f"{path} is damaged"), closing(_readable(path)) as connection:
        wrong = connection.execute("PRAGMA integrity_check(3)" if thoroughly else "PRAGMA quick_check(3)").fetchall()
        if wrong != [("ok",)]:
            raise StoreError(f"{path} is damaged: {'; '.join(str(row[0]) for row in wrong)}")
        if thoroughly and (lost := connection.execute("PRAGMA foreign_key_check").fetchone()):
            raise StoreError(f"{path} is damaged: a row of {lost[0]} names one of {lost[2]} that is not there")
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not {"subscribers", "editions", "sends"} <= tables:
            raise StoreError(f"{path} is no database of a newsletter")
        names = ("subscribers", "editions", "sends", "charges", "papers")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608


def _readable(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise StoreError(f"{path} is not there")
    return sqlite3.connect(f"file:{path.resolve().as_posix()}?mode=ro", uri=True, timeout=10)


@contextmanager
def _said_plainly(sentence: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{sentence}: {error}") from error
