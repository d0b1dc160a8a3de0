"""Who asked to join by the web: kept until confirmed or expired; the caps are counted from these rows."""

from sqlite_utils import Database

_CHANGES = (
    """
    CREATE TABLE applications (
        id INTEGER PRIMARY KEY,
        token_hash TEXT UNIQUE,
        address_hash TEXT NOT NULL, network TEXT NOT NULL,
        slug TEXT NOT NULL DEFAULT '', file TEXT NOT NULL DEFAULT '',
        wording TEXT NOT NULL, asked_at TEXT NOT NULL, expires_at TEXT NOT NULL, used_at TEXT
    )
    """,
    "CREATE INDEX applications_at ON applications (asked_at)",
)


def m014_applications(db: Database) -> None:
    for statement in _CHANGES:
        db.conn.execute(statement)
