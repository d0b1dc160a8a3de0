"""Vectors of texts by an embeddings model; and from when on a reader's past teaches the ranking."""

from sqlite_utils import Database

_CHANGES = """
CREATE TABLE vectors (
    model TEXT NOT NULL, text_hash TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('paper', 'topics')),
    vector BLOB NOT NULL,
    PRIMARY KEY (model, text_hash)
) WITHOUT ROWID;
CREATE TABLE forgotten (
    subscriber_id INTEGER PRIMARY KEY REFERENCES subscribers (id), until TEXT NOT NULL
);
"""


def m018_vectors(db: Database) -> None:
    for statement in _CHANGES.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
