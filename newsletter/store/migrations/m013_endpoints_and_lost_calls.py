"""What an endpoint refuses or can hold; calls whose tokens are a guess, and calls whose answer never came."""

from sqlite_utils import Database

_CHANGES = """
CREATE TABLE endpoints (
    url TEXT NOT NULL, model TEXT NOT NULL, refused TEXT NOT NULL DEFAULT '[]', context_tokens INTEGER,
    learned_at TEXT NOT NULL,
    PRIMARY KEY (url, model)
) WITHOUT ROWID;
ALTER TABLE charges ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reservations ADD COLUMN call TEXT NOT NULL DEFAULT '';
ALTER TABLE reservations ADD COLUMN stage TEXT NOT NULL DEFAULT '';
ALTER TABLE reservations ADD COLUMN model TEXT NOT NULL DEFAULT '';
CREATE TABLE lost_calls (
    call TEXT NOT NULL, subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    run_id INTEGER REFERENCES runs (id), at TEXT NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL,
    picodollars INTEGER NOT NULL,
    why TEXT NOT NULL CHECK (why IN ('no_answer', 'killed')),
    PRIMARY KEY (call, subscriber_id)
) WITHOUT ROWID;
CREATE INDEX lost_calls_at ON lost_calls (at);
"""


def m013_endpoints_and_lost_calls(db: Database) -> None:
    for statement in _CHANGES.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
