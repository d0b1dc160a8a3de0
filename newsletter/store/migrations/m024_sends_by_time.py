"""What changed lately, and what has a message still, is read from indexes: the rows beside them hold whole messages."""

from sqlite_utils import Database

_CHANGES = (
    "DROP INDEX sends_changed",
    "CREATE INDEX sends_changed ON sends (changed_at, state)",
    "CREATE INDEX sends_kept ON sends (changed_at, state) WHERE message IS NOT NULL",
)


def m024_sends_by_time(db: Database) -> None:
    for statement in _CHANGES:
        db.conn.execute(statement)
