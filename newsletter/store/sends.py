"""Sends: each change of state is one conditional UPDATE, so that of two claimants one loses."""

import zlib
from datetime import date, datetime, timedelta

from newsletter.models import Kind, Outcome, Receipt, Send, SendState
from newsletter.store.database import Database, Row

LEASE = timedelta(minutes=10)
_AFTER = {
    Outcome.ACCEPTED: SendState.ACCEPTED,
    Outcome.RETRY: SendState.RETRY_AT,
    Outcome.STOP: SendState.RETRY_AT,
    Outcome.FAILED: SendState.FAILED,
    Outcome.AMBIGUOUS: SendState.AMBIGUOUS,
}


class Sends:
    def __init__(self, database: Database) -> None:
        self._database = database

    def recover(self, now: datetime) -> None:
        """Settles what a dead run left: claims whose lease ended are ready again, submissions are ambiguous."""
        with self._database.writing() as db:
            db.conn.execute(
                "UPDATE sends SET state = 'ready', owner = '', changed_at = :now "
                "WHERE state = 'claimed' AND lease_until <= :now",
                {"now": now.isoformat()},
            )
            db.conn.execute(
                "UPDATE sends SET state = 'ambiguous', changed_at = :now, "
                "detail = 'the run ended while the message was being handed over' "
                "WHERE state = 'submitting' AND lease_until <= :now",
                {"now": now.isoformat()},
            )

    def claim(self, owner: str, now: datetime) -> Send | None:
        """The next send that is ready or whose time to try again has come, now ours; None when there is none."""
        with self._database.writing() as db:
            rows = list(
                db.query(
                    """
                    UPDATE sends SET state = 'claimed', owner = :owner, lease_until = :until, changed_at = :now
                    WHERE id = (SELECT id FROM sends WHERE state = 'ready' OR (state = 'retry_at' AND retry_at <= :now)
                        ORDER BY state, created_at, edition_id LIMIT 1)
                    RETURNING *, (SELECT slug FROM subscribers WHERE subscribers.id = subscriber_id) AS slug,
                        (SELECT date FROM editions WHERE editions.id = edition_id) AS date,
                        (SELECT kind FROM editions WHERE editions.id = edition_id) AS kind
                    """,
                    {"owner": owner, "until": (now + LEASE).isoformat(), "now": now.isoformat()},
                )
            )
        return _send(rows[0]) if rows else None

    def submitting(self, send: Send, owner: str, message: bytes, now: datetime) -> bool:
        """Freezes the message and commits that it is about to go out; False when the claim is no longer ours."""
        with self._database.writing() as db:
            cursor = db.conn.execute(
                """
                UPDATE sends SET state = 'submitting', message = coalesce(message, ?), attempts = attempts + 1,
                    changed_at = ?, lease_until = ?
                WHERE id = ? AND state = 'claimed' AND owner = ?
                """,
                [zlib.compress(message), now.isoformat(), (now + LEASE).isoformat(), send.id, owner],
            )
            if cursor.rowcount != 1:
                return False
            db.conn.execute(
                "INSERT INTO attempts (send_id, backend, started_at) VALUES (?, '', ?)", [send.id, now.isoformat()]
            )
        return True

    def settle(self, send: Send, backend: str, receipt: Receipt, retry_at: datetime | None, now: datetime) -> None:
        """Records what became of a submission."""
        with self._database.writing() as db:
            db.conn.execute(
                """
                UPDATE sends SET state = ?, detail = ?, backend = ?, provider_id = ?, retry_at = ?, owner = '',
                    changed_at = ?
                WHERE id = ? AND state = 'submitting'
                """,
                [
                    _AFTER[receipt.outcome],
                    receipt.detail,
                    backend,
                    receipt.provider_id,
                    retry_at.isoformat() if retry_at else None,
                    now.isoformat(),
                    send.id,
                ],
            )
            db.conn.execute(
                """
                UPDATE attempts SET finished_at = ?, outcome = ?, detail = ?, backend = ?
                WHERE id = (SELECT max(id) FROM attempts WHERE send_id = ?)
                """,
                [now.isoformat(), receipt.outcome, receipt.detail, backend, send.id],
            )

    def skip(self, send: Send, owner: str, reason: str, now: datetime) -> None:
        """Gives up a claimed send that must not go out."""
        with self._database.writing() as db:
            db.conn.execute(
                "UPDATE sends SET state = 'skipped', detail = ?, owner = '', changed_at = ? "
                "WHERE id = ? AND state = 'claimed' AND owner = ?",
                [reason, now.isoformat(), send.id, owner],
            )

    def message(self, send_id: str) -> bytes | None:
        """The frozen .eml of a send, or None before its first attempt and after its retention."""
        row = self._database.row("SELECT message FROM sends WHERE id = ?", [send_id])
        return zlib.decompress(row["message"]) if row and row["message"] else None

    def counts(self) -> dict[SendState, int]:
        """How many sends are in each state."""
        rows = self._database.rows("SELECT state, count(*) AS sends FROM sends GROUP BY state")
        return {SendState(row["state"]): row["sends"] for row in rows}


def _send(row: Row) -> Send:
    return Send(
        id=row["id"],
        edition_id=row["edition_id"],
        subscriber_id=row["subscriber_id"],
        slug=row["slug"],
        date=date.fromisoformat(row["date"]),
        kind=Kind(row["kind"]),
        state=SendState(row["state"]),
        address=row["address"],
        attempts=row["attempts"],
    )
