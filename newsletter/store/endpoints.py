"""Endpoints: what one and its model were found to refuse and to hold, so that no run has to find it out again."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from newsletter.models.papers import Clock
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


class Endpoint:
    """What one run knows of an endpoint and a model; safe to use from several threads."""

    def __init__(self, endpoints: Endpoints, url: str, model: str, clock: Clock) -> None:
        self._endpoints, self._url, self._model, self._clock = endpoints, url, model, clock
        self._lock = threading.Lock()
        self.known = endpoints.learned(url, model, clock())

    def learn(self, refused: frozenset[str] | None = None, context_tokens: int | None = None) -> None:
        """Keeps what was found out, beside what was known of the other."""
        with self._lock:
            if refused is not None:
                self.known = replace(self.known, refused=refused)
            if context_tokens is not None:
                self.known = replace(self.known, context_tokens=context_tokens)
            known = self.known
            self._endpoints.learn(self._url, self._model, known.refused, known.context_tokens, self._clock())
