"""Notices: mail that is no edition. Web and commands write rows; who holds the run lock sends them.

They have the states of sends, each change one conditional UPDATE. Suppression applies to them, consent does not. What
their text is made of goes once the message is frozen, and the message once it was accepted: both may hold a token.
"""

import json
import zlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database as Connection

from newsletter.models.sends import Mail, Notice, NoticeKind, Receipt, SendState
from newsletter.store.database import Database, Row
from newsletter.store.sends import COMPRESSION, Terms
from newsletter.store.suppressions import Suppressions

# How old a notice may grow before it is not worth sending: a link in it is as old.
LIFETIME = {
    NoticeKind.CONFIRM: timedelta(hours=48),
    NoticeKind.PREFERENCES: timedelta(minutes=30),
    NoticeKind.ALERT: timedelta(hours=48),
    NoticeKind.TEST: timedelta(hours=1),
}
_WAITING = (
    "kind IN (SELECT value FROM json_each(:kinds)) AND (state = 'ready' OR (state = 'retry_at' AND retry_at <= :now))"
)


class Notices:
    def __init__(self, database: Database, suppressions: Suppressions) -> None:
        self._database = database
        self._suppressions = suppressions

    def add(
        self,
        notice_id: str,
        kind: NoticeKind,
        address: str,
        now: datetime,
        *,
        subscriber_id: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes a notice that is ready to go; `facts` is what its text needs, as JSON."""
        with self._database.writing() as db:
            self.add_within(db, notice_id, kind, address, now, subscriber_id=subscriber_id, facts=facts)

    def add_within(
        self,
        db: Connection,
        notice_id: str,
        kind: NoticeKind,
        address: str,
        now: datetime,
        *,
        subscriber_id: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """As `add`, within the transaction of another change."""
        db.conn.execute(
            """
            INSERT INTO notices (id, kind, subscriber_id, address, facts, state, created_at, changed_at)
            VALUES (?, ?, ?, ?, ?, 'ready', ?, ?)
            """,
            [notice_id, kind, subscriber_id, address, json.dumps(facts or {}), now.isoformat(), now.isoformat()],
        )

    def waiting(self, now: datetime, kinds: Collection[NoticeKind] = tuple(NoticeKind)) -> list[Notice]:
        """The notices that may go out now, oldest first."""
        rows = self._database.rows(
            f"SELECT * FROM notices WHERE {_WAITING} ORDER BY created_at, id",  # noqa: S608 - a constant of ours
            {"kinds": json.dumps(list(kinds)), "now": now.isoformat()},
        )
        return [_notice(row) for row in rows]

    def claim(self, owner: str, now: datetime, kinds: Collection[NoticeKind] = tuple(NoticeKind)) -> Notice | None:
        """The next notice that may go out, now ours; None when there is none. Old and suppressed ones end here."""
        for notice in self.waiting(now, kinds):
            with self._database.writing(lazily=True) as db:
                if not self._objection(db, notice, now) and _changed(
                    db,
                    "UPDATE notices SET state = 'claimed', owner = :owner, changed_at = :now "
                    "WHERE id = :id AND state IN ('ready', 'retry_at')",
                    {"id": notice.id, "owner": owner, "now": now.isoformat()},
                ):
                    return notice
        return None

    def submitting(self, mail: Mail, owner: str, message: bytes, now: datetime, terms: Terms) -> bool:  # noqa: ARG002
        """Freezes the message and commits that it is about to go out; False when the claim is no longer ours."""
        with self._database.writing() as db:
            return _changed(
                db,
                """
                UPDATE notices SET state = 'submitting', message = coalesce(message, :message), facts = '{}',
                    attempts = attempts + 1, changed_at = :now WHERE id = :id AND state = 'claimed' AND owner = :owner
                """,
                {
                    "id": mail.id,
                    "owner": owner,
                    "message": zlib.compress(message, COMPRESSION),
                    "now": now.isoformat(),
                },
            )

    def settle(
        self,
        mail: Mail,
        owner: str,
        backend: str,
        receipt: Receipt,
        *,
        state: SendState,
        retry_at: datetime | None,
        now: datetime,
    ) -> None:
        """Records what became of a submission; a wait that the backend asked for was no attempt."""
        counted = state is not SendState.READY and receipt.retry_after is None and not receipt.sender_refused
        with self._database.writing(lazily=True) as db:
            db.conn.execute(
                """
                UPDATE notices SET state = :state, provider_id = :provider_id, detail = :detail, backend = :backend,
                    retry_at = :retry_at, owner = '', changed_at = :now, attempts = attempts - :uncounted,
                    message = CASE WHEN :state IN ('ready', 'retry_at') THEN message END
                WHERE id = :id AND owner = :owner AND state = 'submitting'
                """,
                {
                    "id": mail.id,
                    "owner": owner,
                    "state": state,
                    "provider_id": receipt.provider_id,
                    "detail": receipt.detail,
                    "backend": backend,
                    "retry_at": retry_at.isoformat() if retry_at else None,
                    "now": now.isoformat(),
                    "uncounted": 0 if counted else 1,
                },
            )

    def put_back(
        self,
        mail: Mail,
        owner: str,
        now: datetime,
        reason: str = "",
        retry_at: datetime | None = None,
        *,
        counted: bool = True,
    ) -> None:
        """Gives up a claim: ready again, or later; later counts as an attempt where something of ours went wrong."""
        with self._database.writing() as db:
            db.conn.execute(
                """
                UPDATE notices SET state = :state, retry_at = :retry_at, detail = :reason, owner = '',
                    attempts = attempts + :failed, changed_at = :now
                WHERE id = :id AND state = 'claimed' AND owner = :owner
                """,
                {
                    "id": mail.id,
                    "owner": owner,
                    "state": SendState.RETRY_AT if retry_at else SendState.READY,
                    "retry_at": retry_at.isoformat() if retry_at else None,
                    "reason": reason,
                    "failed": 1 if retry_at and counted else 0,
                    "now": now.isoformat(),
                },
            )

    def fail(self, mail: Mail, owner: str, reason: str, now: datetime) -> None:
        """Gives up a claimed notice for good."""
        with self._database.writing() as db:
            _end(db, mail.id, SendState.FAILED, reason, now, owner)

    def recover(self, now: datetime) -> None:
        """Settles what a dead run left. Only for the holder of the run lock, who knows that nobody else is alive."""
        with self._database.writing() as db:
            db.conn.execute(
                "UPDATE notices SET state = CASE state WHEN 'claimed' THEN 'ready' ELSE 'ambiguous' END, owner = '', "
                "changed_at = ? WHERE state IN ('claimed', 'submitting')",
                [now.isoformat()],
            )

    def message(self, notice_id: str) -> bytes | None:
        """The frozen message of a notice that is tried again, else None."""
        row = self._database.row("SELECT message FROM notices WHERE id = ?", [notice_id])
        return zlib.decompress(row["message"]) if row and row["message"] else None

    def count(self, kind: NoticeKind, address: str, since: datetime) -> int:
        """How many notices of a kind there were for an address since a moment."""
        row = self._database.row(
            "SELECT count(*) AS n FROM notices WHERE kind = ? AND address = ? COLLATE NOCASE AND created_at >= ?",
            [kind, address, since.isoformat()],
        )
        return int(row["n"]) if row else 0

    def state(self, notice_id: str) -> SendState | None:
        """How a notice stands; None for an unknown id."""
        row = self._database.row("SELECT state FROM notices WHERE id = ?", [notice_id])
        return SendState(row["state"]) if row else None

    def _objection(self, db: Connection, notice: Notice, now: datetime) -> bool:
        """True when a notice must not go out; it is over then."""
        if now - notice.created_at > LIFETIME[notice.kind]:
            _end(db, notice.id, SendState.EXPIRED, "it grew too old to be mailed", now)
        elif self._suppressions.find(notice.address):
            _end(db, notice.id, SendState.SKIPPED, "the address is suppressed", now)
        else:
            return False
        return True


def _end(db: Connection, notice_id: str, state: SendState, reason: str, now: datetime, owner: str = "") -> None:  # noqa: PLR0917
    db.conn.execute(
        "UPDATE notices SET state = ?, detail = ?, owner = '', facts = '{}', message = NULL, changed_at = ? "
        "WHERE id = ? AND owner = ?",
        [state, reason, now.isoformat(), notice_id, owner],
    )


def _changed(db: Connection, sql: str, values: Mapping[str, object]) -> bool:
    return bool(db.conn.execute(sql, values).rowcount == 1)


def _notice(row: Row) -> Notice:
    return Notice(
        id=row["id"],
        kind=NoticeKind(row["kind"]),
        address=row["address"],
        state=SendState(row["state"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        subscriber_id=row["subscriber_id"],
        facts=json.loads(row["facts"]),
        attempts=row["attempts"],
    )
