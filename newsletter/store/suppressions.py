"""Suppressions: addresses that get nothing, whatever a file or an import says.

They are found by a keyed hash of the address, which is all that stays after an erasure. The key lies in the database,
so that a restored backup still knows everybody who left.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlite_utils import Database as Connection

from newsletter.store.database import Database


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an address gets nothing; the address is empty after an erasure."""

    address: str
    reason: str
    source: str
    at: datetime


class Suppressions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, address: str, reason: str, source: str, now: datetime) -> bool:
        """Suppresses an address; False when it was before. The first reason stays."""
        with self._database.writing() as db:
            return self.add_within(db, address, reason, source, now)

    def add_within(self, db: Connection, address: str, reason: str, source: str, now: datetime) -> bool:
        """As `add`, within the transaction of another change."""
        cursor = db.conn.execute(
            "INSERT INTO suppressions (address_hash, address, reason, source, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            [self.hash(address), address, reason, source, now.isoformat()],
        )
        return cursor.rowcount == 1

    def remove(self, address: str, source: str | None = None) -> bool:
        """Lifts a suppression, with `source` only one that came from there; False when there was none."""
        with self._database.writing() as db:
            return self.remove_within(db, address, source)

    def remove_within(self, db: Connection, address: str, source: str | None = None) -> bool:
        """As `remove`, within the transaction of another change."""
        cursor = db.conn.execute(
            "DELETE FROM suppressions WHERE address_hash = ? AND source = coalesce(?, source)",
            [self.hash(address), source],
        )
        return cursor.rowcount == 1

    def find(self, address: str) -> Suppression | None:
        """Why this address gets nothing, or None."""
        row = self._database.row("SELECT * FROM suppressions WHERE address_hash = ?", [self.hash(address)])
        return _suppression(row) if row else None

    def all(self) -> Iterator[Suppression]:
        """Every suppression, oldest first."""
        for row in self._database.rows("SELECT * FROM suppressions ORDER BY at, address_hash"):
            yield _suppression(row)

    def hash(self, address: str) -> str:
        """The keyed hash by which an address is found, whatever the case of its letters."""
        return hmac.digest(self._key, address.strip().casefold().encode(), "sha256").hex()

    @cached_property
    def _key(self) -> bytes:
        row = self._database.row("SELECT value FROM facts WHERE name = 'suppression_key'")
        assert row is not None, "made with the schema"
        return hashlib.sha256(row["value"].encode()).digest()


def _suppression(row: dict[str, str]) -> Suppression:
    return Suppression(row["address"] or "", row["reason"], row["source"], datetime.fromisoformat(row["at"]))
