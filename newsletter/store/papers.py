"""Papers: one row per version; title and abstract are kept as first stored, the rest may be enriched later."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from newsletter.models.papers import Display, Paper
from newsletter.store.database import Database, Row
from newsletter.text.tex import displayed


class Papers:
    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, papers: Iterable[Paper]) -> list[Paper]:
        """Saves what is new, enriches what is known; returns the papers as stored, with key and display text."""
        papers = [self._prepared(paper) for paper in papers]
        with self._database.writing() as db:
            db.conn.executemany(
                """
                INSERT INTO papers (source, id, version, title, authors, abstract, shown_title, shown_authors,
                    shown_abstract, categories, primary_category, comment, doi, journal_ref, submitted_at)
                VALUES (:source, :id, :version, :title, :authors, :abstract, :shown_title, :shown_authors,
                    :shown_abstract, :categories, :primary_category, :comment, :doi, :journal_ref, :submitted_at)
                ON CONFLICT (source, id, version) DO UPDATE SET
                    authors = excluded.authors, shown_authors = excluded.shown_authors,
                    categories = excluded.categories, primary_category = excluded.primary_category,
                    comment = coalesce(nullif(excluded.comment, ''), comment),
                    doi = coalesce(nullif(excluded.doi, ''), doi),
                    journal_ref = coalesce(nullif(excluded.journal_ref, ''), journal_ref),
                    submitted_at = coalesce(excluded.submitted_at, submitted_at)
                """,
                [_row(paper) for paper in papers],
            )
        return [replace(paper, key=self._key(paper)) for paper in papers]

    def by_keys(self, keys: Iterable[int]) -> dict[int, Paper]:
        """The papers with these keys."""
        wanted = json.dumps(list(keys))
        rows = self._database.rows("SELECT * FROM papers WHERE key IN (SELECT value FROM json_each(?))", [wanted])
        return {row["key"]: paper(row) for row in rows}

    def versions(self, paper_id: str) -> list[Paper]:
        """The stored versions of a paper, oldest first."""
        return [
            paper(row) for row in self._database.rows("SELECT * FROM papers WHERE id = ? ORDER BY version", [paper_id])
        ]

    def _prepared(self, new: Paper) -> Paper:
        """The paper with its display text, which is derived only when its raw text was not seen before."""
        row = self._row(new)
        if row is None:
            return displayed(new)
        known = paper(row)
        if known.submitted_at and not new.submitted_at:  # a list knows less than the details that were had before
            new = replace(
                new, authors=known.authors, categories=known.categories, primary_category=known.primary_category
            )
        if known.authors == new.authors:
            return replace(new, title=known.title, abstract=known.abstract, display=known.display)
        return displayed(replace(new, title=known.title, abstract=known.abstract))

    def _key(self, paper: Paper) -> int:
        row = self._row(paper)
        assert row is not None, "saved a moment ago"
        return int(row["key"])

    def _row(self, paper: Paper) -> Row | None:
        return self._database.row(
            "SELECT * FROM papers WHERE source = ? AND id = ? AND version = ?",
            [paper.source, paper.id, paper.version],
        )


class Shelf:
    """The papers that one run has read, each from the database once. Threads may share it."""

    def __init__(self, papers: Papers) -> None:
        self._papers = papers
        self._known: dict[int, Paper] = {}

    def by_keys(self, keys: Iterable[int]) -> Mapping[int, Paper]:
        """Papers of which those with these keys are some."""
        if missing := [key for key in keys if key not in self._known]:
            for key, found in self._papers.by_keys(missing).items():
                self._known.setdefault(key, found)
        return self._known


def paper(row: Row) -> Paper:
    """A row of `papers` as a Paper; equal raw and shown text share one string."""
    authors = tuple(json.loads(row["authors"]))
    shown_authors = authors if row["shown_authors"] == row["authors"] else tuple(json.loads(row["shown_authors"]))
    title, abstract = row["title"], row["abstract"]
    return Paper(
        id=row["id"],
        title=title,
        authors=authors,
        abstract=abstract,
        categories=tuple(json.loads(row["categories"])),
        primary_category=row["primary_category"],
        comment=row["comment"],
        version=row["version"],
        source=row["source"],
        doi=row["doi"],
        journal_ref=row["journal_ref"],
        submitted_at=datetime.fromisoformat(row["submitted_at"]) if row["submitted_at"] else None,
        display=Display(
            title if row["shown_title"] == title else row["shown_title"],
            shown_authors,
            abstract if row["shown_abstract"] == abstract else row["shown_abstract"],
        ),
        key=row["key"],
    )


def _row(paper: Paper) -> Row:
    shown = paper.shown
    return {
        "source": paper.source,
        "id": paper.id,
        "version": paper.version,
        "title": paper.title,
        "authors": json.dumps(paper.authors),
        "abstract": paper.abstract,
        "shown_title": shown.title,
        "shown_authors": json.dumps(shown.authors),
        "shown_abstract": shown.abstract,
        "categories": json.dumps(paper.categories),
        "primary_category": paper.primary_category,
        "comment": paper.comment,
        "doi": paper.doi,
        "journal_ref": paper.journal_ref,
        "submitted_at": paper.submitted_at.isoformat() if paper.submitted_at else None,
    }
