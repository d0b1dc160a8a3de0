"""Papers of an edition that are nearly the same are told together; one paper beyond the thresholds may be tried."""

from sqlite_utils import Database


def m021_companions(db: Database) -> None:
    db.conn.execute("ALTER TABLE edition_papers ADD COLUMN companion TEXT NOT NULL DEFAULT ''")
    db.conn.execute("ALTER TABLE edition_papers ADD COLUMN explored INTEGER NOT NULL DEFAULT 0")
