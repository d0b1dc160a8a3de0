"""Former files: what a topics file said before its reader changed it by the web."""

from dataclasses import dataclass
from datetime import datetime

from newsletter.store.database import Database

KEPT = 20  # of each reader, the newest


@dataclass(frozen=True, slots=True)
class FormerFile:
    """A topics file as it was until `at`."""

    id: int
    file: str
    at: datetime


class FormerFiles:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, subscriber_id: int, file: str, now: datetime) -> None:
        """Keeps a file that is about to be replaced; the newest KEPT stay."""
        with self._database.writing() as db:
            db.conn.execute(
                "INSERT INTO former_files (subscriber_id, file, at) VALUES (?, ?, ?)",
                [subscriber_id, file, now.isoformat()],
            )
            db.conn.execute(
                "DELETE FROM former_files WHERE subscriber_id = :id AND id NOT IN "
                "(SELECT id FROM former_files WHERE subscriber_id = :id ORDER BY id DESC LIMIT :kept)",
                {"id": subscriber_id, "kept": KEPT},
            )

    def of(self, subscriber_id: int) -> list[FormerFile]:
        """A subscriber's former files, newest first."""
        rows = self._database.rows(
            "SELECT id, file, at FROM former_files WHERE subscriber_id = ? ORDER BY id DESC", [subscriber_id]
        )
        return [FormerFile(row["id"], row["file"], datetime.fromisoformat(row["at"])) for row in rows]
