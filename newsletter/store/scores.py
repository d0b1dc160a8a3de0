"""Bought scores: by paper, topics and recipe, saved in one transaction with the charge of the call they are from."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from newsletter.models.subscribers import Topics
from newsletter.store.charges import Charge, Charges
from newsletter.store.database import Database


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a score depends on beside paper and topics."""

    model: str
    effort: str
    prompt_version: str
    schema_version: str


@dataclass(frozen=True, slots=True)
class Relevance:
    """`readings` counts how often the model read the paper: 0 in a call that is not trusted, 2 when it is final."""

    value: int
    readings: int = 1
    topic: int = 0


@dataclass(frozen=True, slots=True)
class Comment:
    """What is said of a paper; `evidence` is empty where the words are a template's."""

    topic: int
    comment: str
    evidence: str
    summary: str


@dataclass(frozen=True, slots=True)
class Bought:
    """The scores of one call, by the papers' keys."""

    relevances: Mapping[int, Relevance] = field(default_factory=dict)
    novelties: Mapping[int, int] = field(default_factory=dict)
    comments: Mapping[int, Comment] = field(default_factory=dict)
    language: str = ""

    def __len__(self) -> int:
        return len(self.relevances.keys() | self.novelties.keys() | self.comments.keys())


class ScoreShelf:
    def __init__(self, database: Database, charges: Charges) -> None:
        self._database = database
        self._charges = charges

    def recipe_key(self, recipe: Recipe) -> int:
        """The recipe's key, made on first use."""
        values = [recipe.model, recipe.effort, recipe.prompt_version, recipe.schema_version]
        with self._database.writing() as db:
            db.conn.execute(
                "INSERT INTO recipes (model, effort, prompt_version, schema_version) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                values,
            )
            row = db.execute(
                "SELECT key FROM recipes WHERE model = ? AND effort = ? AND prompt_version = ? AND schema_version = ?",
                values,
            ).fetchone()
        return int(row[0])

    def topics_key(self, topics: Topics) -> int:
        """The key of these topics, made on first use."""
        row = self._database.row("SELECT key FROM topics WHERE hash = ?", [topics.hash])
        if row is None:
            with self._database.writing() as db:
                db.conn.execute(
                    "INSERT INTO topics (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING", [topics.hash, topics.body]
                )
            return self.topics_key(topics)
        return int(row["key"])

    def relevances(self, topics: int, recipe: int, papers: Iterable[int]) -> dict[int, Relevance]:
        rows = self._database.rows(
            """
            SELECT paper_key, relevance, readings, topic FROM scores WHERE topics_key = ? AND recipe_key = ?
                AND paper_key IN (SELECT value FROM json_each(?))
            """,
            [topics, recipe, json.dumps(list(papers))],
        )
        return {row["paper_key"]: Relevance(row["relevance"], row["readings"], row["topic"]) for row in rows}

    def given_before(self, subscriber: int, topics: Topics, days: Iterable[date]) -> dict[int, tuple[date, int]]:
        """The day and the relevance of each paper of some days that a model scored for a subscriber.

        Topics count in all the versions that editions of the subscriber were made by; the newest reading wins.
        """
        rows = self._database.rows(
            """
            SELECT scores.paper_key, mailings.date, scores.relevance
            FROM mailings JOIN announcements ON announcements.mailing_key = mailings.key
            JOIN scores ON scores.paper_key = announcements.paper_key
            WHERE mailings.date IN (SELECT value FROM json_each(?)) AND scores.readings > 0 AND scores.topics_key IN (
                SELECT key FROM topics WHERE hash = ?
                UNION SELECT topics_key FROM editions WHERE subscriber_id = ?)
            ORDER BY mailings.date, scores.topics_key, scores.recipe_key
            """,
            [json.dumps([str(day) for day in days]), topics.hash, subscriber],
        )
        return {row["paper_key"]: (date.fromisoformat(row["date"]), row["relevance"]) for row in rows}

    def novelties(self, recipe: int, papers: Iterable[int]) -> dict[int, int]:
        rows = self._database.rows(
            """
            SELECT paper_key, novelty FROM novelties WHERE recipe_key = ?
                AND paper_key IN (SELECT value FROM json_each(?))
            """,
            [recipe, json.dumps(list(papers))],
        )
        return {row["paper_key"]: row["novelty"] for row in rows}

    def comments(self, topics: int, recipe: int, language: str, papers: Iterable[int]) -> dict[int, Comment]:
        rows = self._database.rows(
            """
            SELECT comments.*, scores.topic FROM comments JOIN scores USING (topics_key, recipe_key, paper_key)
            WHERE topics_key = ? AND recipe_key = ? AND language = ?
                AND paper_key IN (SELECT value FROM json_each(?))
            """,
            [topics, recipe, language, json.dumps(list(papers))],
        )
        return {
            row["paper_key"]: Comment(row["topic"], row["comment"], row["evidence"], row["summary"]) for row in rows
        }

    def save(
        self, charge: Charge, reservations: Sequence[int], bought: Bought, recipe: int, topics: int | None
    ) -> None:
        """Saves a call's charge and what it bought, all or nothing."""
        with self._database.writing() as db:
            charge_id = self._charges.insert(db, charge, reservations)
            self._insert(db.conn, charge_id, bought, recipe, topics)

    def keep(self, bought: Bought, recipe: int, topics: int) -> None:
        """Saves what no call had to be made for."""
        with self._database.writing() as db:
            self._insert(db.conn, None, bought, recipe, topics)

    @staticmethod
    def _insert(
        connection: sqlite3.Connection, charge_id: int | None, bought: Bought, recipe: int, topics: int | None
    ) -> None:
        run = connection.executemany
        run(
            "INSERT INTO novelties VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [[recipe, paper, novelty, charge_id] for paper, novelty in bought.novelties.items()],
        )
        run(
            """
            INSERT INTO scores (topics_key, recipe_key, paper_key, relevance, charge_id, readings)
            VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET relevance = excluded.relevance,
                readings = excluded.readings, charge_id = excluded.charge_id
            """,
            [[topics, recipe, paper, r.value, charge_id, r.readings] for paper, r in bought.relevances.items()],
        )
        run(
            "INSERT INTO comments VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                [topics, recipe, paper, bought.language, said.comment, said.evidence, said.summary, charge_id]
                for paper, said in bought.comments.items()
            ],
        )
        run(
            "UPDATE scores SET topic = ? WHERE topics_key = ? AND recipe_key = ? AND paper_key = ?",
            [[said.topic, topics, recipe, paper] for paper, said in bought.comments.items()],
        )
