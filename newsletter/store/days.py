"""Days in numbers: what became of a mailing's editions and sends, and when the service last did what it does."""

from datetime import date, datetime

from newsletter.store.database import Database


class Days:
    def __init__(self, database: Database) -> None:
        self._database = database

    def editions(self, day: date) -> dict[str, int]:
        """How many editions of a mailing's date have each status."""
        rows = self._database.rows(
            "SELECT status, count(*) AS editions FROM editions WHERE date = ? GROUP BY status", [str(day)]
        )
        return {row["status"]: row["editions"] for row in rows}

    def sends(self, day: date) -> dict[str, int]:
        """How many sends of the editions of a mailing's date are in each state."""
        rows = self._database.rows(
            """
            SELECT state, count(*) AS sends FROM editions JOIN sends ON edition_id = editions.id
            WHERE date = ? GROUP BY state
            """,
            [str(day)],
        )
        return {row["state"]: row["sends"] for row in rows}

    def happened(self, name: str) -> datetime | None:
        """When something that is noted under a name happened last; None where it never did."""
        row = self._database.row("SELECT value FROM facts WHERE name = ?", [name])
        return datetime.fromisoformat(row["value"]) if row and row["value"] else None
