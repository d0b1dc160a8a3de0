"""Vectors: what an embeddings model made of a text, float16, once for all readers. A model is a space of its own."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Literal

import sqlite_utils

from newsletter.store.charges import Keep
from newsletter.store.database import Database

VectorKind = Literal["paper", "topics"]


class Vectors:
    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, model: str, texts: Iterable[str]) -> dict[str, bytes]:
        """The vectors that are stored of some texts."""
        hashed = {_hash(text): text for text in texts}
        rows = self._database.rows(
            """
            SELECT text_hash, vector FROM vectors WHERE model = ?
                AND text_hash IN (SELECT value FROM json_each(?))
            """,
            [model, json.dumps(list(hashed))],
        )
        return {hashed[row["text_hash"]]: bytes(row["vector"]) for row in rows}

    @staticmethod
    def keep(model: str, kind: VectorKind, vectors: Mapping[str, bytes]) -> Keep:
        """What saves the vectors of some texts within the transaction of the charge that paid for them."""

        def within(db: sqlite_utils.Database) -> None:
            db.conn.executemany(
                "INSERT INTO vectors (model, text_hash, kind, vector) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [[model, _hash(text), kind, vector] for text, vector in vectors.items()],
            )

        return within


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
