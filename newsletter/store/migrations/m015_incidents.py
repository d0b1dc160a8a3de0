"""What an operator is told: incidents, one open of a kind at most; and each day's figures, by which a day is judged."""

from sqlite_utils import Database

_CHANGES = """
CREATE TABLE incidents (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, detail TEXT NOT NULL,
    opened_at TEXT NOT NULL, seen_at TEXT NOT NULL, closed_at TEXT
);
CREATE UNIQUE INDEX incidents_open ON incidents (kind) WHERE closed_at IS NULL;
CREATE TABLE day_figures (date TEXT PRIMARY KEY, figures TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX editions_on ON editions (date, status);
"""


def m015_incidents(db: Database) -> None:
    for statement in _CHANGES.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
