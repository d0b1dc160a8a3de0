"""Suppressions: addresses that get nothing, whatever a file or an import says.

They are found by a keyed hash of the address, which is all that stays after an erasure. The key lies in the database,
so that a restored backup still knows everybody who left; who left since the backup was made stands in the journal.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database as Connection

from newsletter.store.database import JOURNAL_READ, Database
from newsletter.store.journal import Act, Entry

_KEY = "suppression_key"  # the name of the fact


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an address gets nothing; the address is empty after an erasure."""

    address: str
    reason: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the journal told a database: lines that were new to it, and lines of a key that it does not have."""

    new: int = 0
    unreadable: int = 0


class Suppressions:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[int, bytes] = {}  # by the generation of the database

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
        if cursor.rowcount == 1:
            self._journal(Act.SUPPRESSED, address, now, reason, source)
        return cursor.rowcount == 1

    def remove(self, address: str, now: datetime, source: str | None = None) -> bool:
        """Lifts a suppression, with `source` only one that came from there; False when there was none."""
        with self._database.writing() as db:
            return self.remove_within(db, address, now, source)

    def remove_within(self, db: Connection, address: str, now: datetime, source: str | None = None) -> bool:
        """As `remove`, within the transaction of another change."""
        cursor = db.conn.execute(
            "DELETE FROM suppressions WHERE address_hash = ? AND source = coalesce(?, source)",
            [self.hash(address), source],
        )
        if cursor.rowcount == 1:
            self._journal(Act.LIFTED, address, now, "", source or "")
        return cursor.rowcount == 1

    def adopt_key(self) -> None:
        """Makes the journal's key ours, where it has one and this database suppresses nobody yet."""
        key = self._database.journal.key if self._database.journal else ""
        if key and key != self._secret() and not self._database.row("SELECT 1 FROM suppressions"):
            with self._database.writing() as db:
                db.conn.execute("UPDATE facts SET value = ? WHERE name = ?", [key, _KEY])
            self._keys.clear()

    def replay(self) -> Replayed:
        """Takes over from the journal what this database does not know: it was restored, or is a new one.

        Raises StoreError where the journal cannot be read.
        """
        if self._database.journal is None:
            return Replayed()
        row = self._database.row("SELECT value FROM facts WHERE name = ?", [JOURNAL_READ])
        known = int(row["value"]) if row else 0
        entries, end = self._database.journal.read(known)
        if end == known:
            return Replayed()
        ours = [entry for entry in entries if entry.key == self._key_id]
        with self._database.writing() as db:
            emails = {
                self.hash(row["email"]): row["email"]
                for row in db.query("SELECT DISTINCT email FROM subscribers WHERE email != ''")
            }
            for entry in ours:
                _take_over(db, entry, emails.get(entry.hash))
            db.conn.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", [JOURNAL_READ, str(end)])
        return Replayed(len(ours), len(entries) - len(ours))

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

    def _journal(self, act: Act, address: str, now: datetime, reason: str, source: str) -> None:
        journal = self._database.journal
        if journal is None:
            return
        if not journal.key:
            journal.key = self._secret()
        self._database.journalled(Entry(now.isoformat(), act, self.hash(address), self._key_id, reason, source))

    def _secret(self) -> str:
        row = self._database.row("SELECT value FROM facts WHERE name = ?", [_KEY])
        assert row is not None, "made with the schema"
        return str(row["value"])

    @property
    def _key(self) -> bytes:
        generation = self._database.generation
        if generation not in self._keys:
            self._keys[generation] = hashlib.sha256(self._secret().encode()).digest()
        return self._keys[generation]

    @property
    def _key_id(self) -> str:
        return hashlib.sha256(b"key id" + self._key).hexdigest()[:8]


def _suppression(row: dict[str, str]) -> Suppression:
    return Suppression(row["address"] or "", row["reason"], row["source"], datetime.fromisoformat(row["at"]))


def _take_over(db: Connection, entry: Entry, email: str | None) -> None:
    """Does again what a line of the journal tells, to the suppressions and to the subscriber with this address."""
    if entry.act is Act.SUPPRESSED:
        db.conn.execute(
            "INSERT INTO suppressions (address_hash, address, reason, source, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            [entry.hash, email, entry.reason, entry.source, entry.at],
        )
        change = (
            "UPDATE subscribers SET status = 'unsubscribed', status_reason = :source, status_at = :at, "
            "paused_until = NULL WHERE email = :email AND status IN ('active', 'paused') AND :reason = 'unsubscribe'"
        )
    else:
        db.conn.execute(
            "DELETE FROM suppressions WHERE address_hash = ? AND (source = ? OR ? = '')",
            [entry.hash, entry.source, entry.source],
        )
        change = (
            "UPDATE subscribers SET status = 'active', status_reason = 'came back', status_at = :at "
            "WHERE email = :email AND status = 'unsubscribed' AND status_reason = :source"
        )
    if email:
        db.conn.execute(change, {"email": email, "source": entry.source, "at": entry.at, "reason": entry.reason})
