"""Notices: mail that is no edition. Web and commands write rows; who holds the run lock sends them.

They have the states of sends. Suppression applies to them, consent does not.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from newsletter.models.sends import Notice, NoticeKind, SendState
from newsletter.store.database import Database


class Notices:
    def __init__(self, database: Database) -> None:
        self._database = database

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
            db.conn.execute(
                """
                INSERT INTO notices (id, kind, subscriber_id, address, facts, state, created_at, changed_at)
                VALUES (?, ?, ?, ?, ?, 'ready', ?, ?)
                """,
                [notice_id, kind, subscriber_id, address, json.dumps(facts or {}), now.isoformat(), now.isoformat()],
            )

    def waiting(self) -> list[Notice]:
        """The notices that are ready to go, oldest first."""
        rows = self._database.rows("SELECT * FROM notices WHERE state = 'ready' ORDER BY created_at, id")
        return [
            Notice(
                id=row["id"],
                kind=NoticeKind(row["kind"]),
                address=row["address"],
                state=SendState(row["state"]),
                subscriber_id=row["subscriber_id"],
                facts=json.loads(row["facts"]),
            )
            for row in rows
        ]
