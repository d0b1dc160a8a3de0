"""What became of a day's mails is counted in an index: the rows beside it hold whole messages."""

from sqlite_utils import Database


def m022_day_at_a_glance(db: Database) -> None:
    db.conn.execute("CREATE INDEX sends_stand ON sends (edition_id, state)")
