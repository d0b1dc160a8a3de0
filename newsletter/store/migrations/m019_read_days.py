"""What the model was asked of a reader's candidates on a day, and what it was spared: see models.quality.ReadDay.

`min_relevance` is the threshold by which papers counted as relevant; `relevant` and `papers` are lists of numbers.
"""

from sqlite_utils import Database

_TABLE = """
CREATE TABLE read_days (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id), date TEXT NOT NULL, min_relevance INTEGER NOT NULL,
    read INTEGER NOT NULL, skipped INTEGER NOT NULL, sampled INTEGER NOT NULL, weight REAL NOT NULL,
    found INTEGER NOT NULL, found_sampled INTEGER NOT NULL, papers TEXT NOT NULL, relevant TEXT NOT NULL,
    PRIMARY KEY (subscriber_id, date)
) WITHOUT ROWID
"""


def m019_read_days(db: Database) -> None:
    db.conn.execute(_TABLE)
