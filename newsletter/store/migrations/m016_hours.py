"""Each send has the moment from which on it may go out; claims find the next one by it."""

from sqlite_utils import Database

_CHANGES = (
    "UPDATE sends SET not_before = created_at WHERE not_before IS NULL",
    "DROP INDEX sends_next",
    "CREATE INDEX sends_next ON sends (state, not_before, created_at, edition_id)",
)


def m016_hours(db: Database) -> None:
    for statement in _CHANGES:
        db.conn.execute(statement)
