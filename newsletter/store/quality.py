"""What the model was asked and spared, day by day and reader by reader."""

import json
from datetime import date

from newsletter.models.quality import ReadDay
from newsletter.store.database import Database, Row


class Quality:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, subscriber_id: int, min_relevance: int, day: ReadDay) -> None:
        """Keeps a reader's day, in place of what was known of it."""
        with self._database.writing(lazily=True) as db:
            db.conn.execute(
                "INSERT OR REPLACE INTO read_days VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    subscriber_id,
                    str(day.date),
                    min_relevance,
                    day.read,
                    day.skipped,
                    day.sampled,
                    day.weight,
                    day.found,
                    day.found_sampled,
                    json.dumps(day.papers),
                    json.dumps(day.relevant),
                ],
            )

    def readers(self) -> list[int]:
        """The subscribers of whom days are kept, by their ids."""
        rows = self._database.rows("SELECT DISTINCT subscriber_id FROM read_days ORDER BY subscriber_id")
        return [row["subscriber_id"] for row in rows]

    def before(self, subscriber_id: int, min_relevance: int, day: date, most: int) -> list[ReadDay]:
        """A reader's last days before one, oldest first, as far as they were judged by the same threshold.

        What the reader had forgotten does not count.
        """
        rows = self._database.rows(
            """
            SELECT * FROM read_days WHERE subscriber_id = :id AND min_relevance = :least AND date < :day
                AND date > coalesce((SELECT until FROM forgotten WHERE subscriber_id = :id), '')
            ORDER BY date DESC LIMIT :most
            """,
            {"id": subscriber_id, "least": min_relevance, "day": str(day), "most": most},
        )
        return [_read(row) for row in reversed(rows)]


def _read(row: Row) -> ReadDay:
    return ReadDay(
        date=date.fromisoformat(row["date"]),
        read=row["read"],
        skipped=row["skipped"],
        sampled=row["sampled"],
        weight=row["weight"],
        found=row["found"],
        found_sampled=row["found_sampled"],
        papers=tuple(json.loads(row["papers"])),
        relevant=tuple(json.loads(row["relevant"])),
    )
