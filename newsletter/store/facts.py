"""Facts: what is known once, by name."""

from newsletter.store.database import Database


class Facts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> str:
        """The fact, or an empty string."""
        row = self._database.row("SELECT value FROM facts WHERE name = ?", [name])
        return str(row["value"]) if row else ""

    def set(self, name: str, value: str, *, lazily: bool = False) -> None:
        """Keeps a fact; an empty one is forgotten. `lazily`: see Database.writing."""
        with self._database.writing(lazily=lazily) as db:
            if value:
                db.conn.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", [name, value])
            else:
                db.conn.execute("DELETE FROM facts WHERE name = ?", [name])
