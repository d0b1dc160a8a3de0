"""Earlier topics files of readers who changed theirs by the web: whoever changed too much goes back."""

from sqlite_utils import Database

_CHANGES = (
    """
    CREATE TABLE former_files (
        id INTEGER PRIMARY KEY,
        subscriber_id INTEGER NOT NULL REFERENCES subscribers (id), file TEXT NOT NULL, at TEXT NOT NULL
    )
    """,
    "CREATE INDEX former_files_of ON former_files (subscriber_id, id)",
)


def m017_former_files(db: Database) -> None:
    for statement in _CHANGES:
        db.conn.execute(statement)
