"""Blocks: the papers that are shown to the model together, cut once for each mailing and the same for everybody."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from newsletter.store.database import Database


@dataclass(frozen=True, slots=True)
class Block:
    """Papers by key, in the order of the prompt; `nonce` is what its fences carry."""

    key: int
    nonce: str
    papers: tuple[int, ...]


class Blocks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, papers: Iterable[int]) -> list[Block]:
        """The blocks of all mailings that announced any of these papers."""
        rows = self._database.rows(
            """
            SELECT key, nonce, papers FROM blocks WHERE mailing_key IN (
                SELECT mailing_key FROM announcements WHERE paper_key IN (SELECT value FROM json_each(?)))
            ORDER BY key
            """,
            [json.dumps(list(papers))],
        )
        return [Block(row["key"], row["nonce"], tuple(json.loads(row["papers"]))) for row in rows]

    def add(self, blocks: Sequence[tuple[str, Sequence[int]]]) -> list[Block]:
        """Saves new blocks (nonce, papers), each with the newest mailing that announced its papers."""
        with self._database.writing() as db:
            added = []
            for nonce, papers in blocks:
                row = db.execute(
                    """
                    SELECT mailings.key FROM mailings JOIN announcements ON mailing_key = mailings.key
                    WHERE paper_key IN (SELECT value FROM json_each(?)) ORDER BY date DESC LIMIT 1
                    """,
                    [json.dumps(list(papers))],
                ).fetchone()
                key = db.conn.execute(
                    """
                    INSERT INTO blocks (mailing_key, position, papers, nonce)
                    SELECT :mailing, coalesce(max(position) + 1, 0), :papers, :nonce
                    FROM blocks WHERE mailing_key = :mailing
                    """,
                    {"mailing": row[0], "papers": json.dumps(list(papers)), "nonce": nonce},
                ).lastrowid
                assert key is not None, "an INSERT gives a rowid"
                added.append(Block(key, nonce, tuple(papers)))
        return added
