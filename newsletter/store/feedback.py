"""Feedback: what a subscriber said of a paper. `more` and `less` exclude each other; `saved` stands beside both."""

from collections.abc import Iterable
from datetime import date, datetime

from newsletter.models.subscribers import Mark, Marked
from newsletter.store.database import Database

_OPPOSITE = {Mark.MORE: Mark.LESS, Mark.LESS: Mark.MORE}


class Feedback:
    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, subscriber_id: int, paper_key: int, mark: Mark, now: datetime, via: str) -> None:
        """Keeps a mark; `via` says where it came from: web or command line."""
        with self._database.writing() as db:
            if opposite := _OPPOSITE.get(mark):
                db.conn.execute(
                    "DELETE FROM marks WHERE subscriber_id = ? AND paper_key = ? AND mark = ?",
                    [subscriber_id, paper_key, opposite],
                )
            db.conn.execute(
                "INSERT OR IGNORE INTO marks (subscriber_id, paper_key, mark, at, via) VALUES (?, ?, ?, ?, ?)",
                [subscriber_id, paper_key, mark, now.isoformat(), via],
            )

    def undo(self, subscriber_id: int, paper_key: int, mark: Mark) -> None:
        """Takes a mark back."""
        with self._database.writing() as db:
            db.conn.execute(
                "DELETE FROM marks WHERE subscriber_id = ? AND paper_key = ? AND mark = ?",
                [subscriber_id, paper_key, mark],
            )

    def forget(self, subscriber_id: int, today: date) -> int:
        """Drops a subscriber's marks, says how many, and lets no model's score until today teach any more."""
        with self._database.writing() as db:
            dropped = db.conn.execute("DELETE FROM marks WHERE subscriber_id = ?", [subscriber_id]).rowcount
            db.conn.execute(
                "INSERT INTO forgotten (subscriber_id, until) VALUES (?, ?) "
                "ON CONFLICT DO UPDATE SET until = excluded.until",
                [subscriber_id, str(today)],
            )
        return int(dropped)

    def forgotten_until(self, subscriber_id: int) -> date | None:
        """The last day whose scores teach nothing; None where the subscriber never asked for it."""
        row = self._database.row("SELECT until FROM forgotten WHERE subscriber_id = ?", [subscriber_id])
        return date.fromisoformat(row["until"]) if row else None

    def of(self, subscriber_id: int) -> Iterable[Marked]:
        """A subscriber's marks, oldest first."""
        rows = self._database.rows(
            "SELECT paper_key, mark, at FROM marks WHERE subscriber_id = ? ORDER BY at, paper_key", [subscriber_id]
        )
        return [Marked(row["paper_key"], Mark(row["mark"]), datetime.fromisoformat(row["at"])) for row in rows]
