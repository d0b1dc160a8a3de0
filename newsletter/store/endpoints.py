"""Endpoints: what one and its model were found to refuse and to hold, so that no run has to find it out again."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.store.database import Database

FORGOTTEN_AFTER = timedelta(days=30)  # servers are upgraded


@dataclass(frozen=True, slots=True)
class Learned:
    """The features that are refused, by our names, and the tokens of context, where it was said."""

    refused: frozenset[str] = frozenset()
    context_tokens: int | None = None


class Endpoints:
    def __init__(self, database: Database) -> None:
        self._database = database

    def learned(self, url: str, model: str, now: datetime) -> Learned:
        """What is known of a model at an endpoint."""
        row = self._database.row(
            "SELECT refused, context_tokens FROM endpoints WHERE url = ? AND model = ? AND learned_at >= ?",
            [url, model, (now - FORGOTTEN_AFTER).isoformat()],
        )
        return Learned(frozenset(json.loads(row["refused"])), row["context_tokens"]) if row else Learned()

    def learn(self, url: str, model: str, refused: Iterable[str], context_tokens: int | None, now: datetime) -> None:
        """Keeps what was found out, in place of what was known."""
        with self._database.writing() as db:
            db.conn.execute(
                "INSERT INTO endpoints VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET refused = excluded.refused, "
                "context_tokens = excluded.context_tokens, learned_at = excluded.learned_at",
                [url, model, json.dumps(sorted(refused)), context_tokens, now.isoformat()],
            )
