"""Incidents: what is or was wrong; at most one of a concern is open, so that its operator hears of it once."""

from datetime import datetime

from newsletter.models.days import Concern, Incident, Judged
from newsletter.store.database import Database, Row


class Incidents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def turn(self, judged: Judged, now: datetime) -> tuple[list[Incident], list[Incident]]:
        """Opens what is new of the findings, closes what was open and is well again: (opened, closed)."""
        found = {finding.concern: finding for finding in judged.findings}
        with self._database.writing() as db:
            rows = list(db.query("SELECT * FROM incidents WHERE closed_at IS NULL"))
            known = {Concern(row["kind"]): row for row in rows}
            for concern, finding in found.items():
                if concern in known:
                    db.conn.execute(
                        "UPDATE incidents SET seen_at = ?, detail = ? WHERE id = ?",
                        [now.isoformat(), finding.said, known[concern]["id"]],
                    )
                else:
                    db.conn.execute(
                        "INSERT INTO incidents (kind, detail, opened_at, seen_at) VALUES (?, ?, ?, ?)",
                        [concern, finding.said, now.isoformat(), now.isoformat()],
                    )
            over = [row for concern, row in known.items() if concern in judged.well]
            for row in over:
                db.conn.execute("UPDATE incidents SET closed_at = ? WHERE id = ?", [now.isoformat(), row["id"]])
        opened = [Incident(c, f.said, now) for c, f in found.items() if c not in known]
        return opened, [_incident({**row, "closed_at": now.isoformat()}) for row in over]

    def open(self) -> list[Incident]:
        """Those that are not over, oldest first."""
        rows = self._database.rows("SELECT * FROM incidents WHERE closed_at IS NULL ORDER BY opened_at, id")
        return [_incident(row) for row in rows]

    def all(self, limit: int = 100) -> list[Incident]:
        """The newest ones, newest first."""
        rows = self._database.rows("SELECT * FROM incidents ORDER BY id DESC LIMIT ?", [limit])
        return [_incident(row) for row in rows]


def _incident(row: Row) -> Incident:
    return Incident(
        concern=Concern(row["kind"]),
        said=row["detail"],
        opened_at=datetime.fromisoformat(row["opened_at"]),
        closed_at=datetime.fromisoformat(row["closed_at"]) if row["closed_at"] else None,
    )
