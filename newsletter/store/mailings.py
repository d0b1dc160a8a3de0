"""Mailings: what was announced on which day, in which categories, and when we learned of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime

from newsletter.models.papers import Announcement, AnnounceType, Mailing, MailingDay, MailingStatus, Paper
from newsletter.store.database import Database, Row
from newsletter.store.papers import Papers, paper

_HAS_PAPERS = "EXISTS (SELECT 1 FROM announcements WHERE mailing_key = mailings.key)"


class Mailings:
    def __init__(self, database: Database, papers: Papers) -> None:
        self._database = database
        self._papers = papers

    def save(self, mailing: Mailing, now: datetime) -> Mailing:
        """Saves a mailing, or adds to it what was missing; returns it with the papers' keys.

        A paper announced before keeps the time at which it was added: later ones are new to editions already frozen.
        It keeps its version too: a mailing announces one version of a paper, and a source read later may show another.
        """
        had = {a.paper.id: a.paper for a in self.announcements([mailing.date], source=mailing.source)}
        announcements = [_as_stored(announcement, had) for announcement in mailing.announcements]
        stored = self._papers.save(announcement.paper for announcement in announcements)
        with self._database.writing() as db:
            db.conn.execute(
                """
                INSERT INTO mailings (source, date, status, note, fetched_at, mark, covered, early)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (source, date) DO UPDATE SET note = excluded.note,
                    fetched_at = CASE
                        WHEN mailings.status = 'empty' AND excluded.status = 'partial' THEN mailings.fetched_at
                        ELSE excluded.fetched_at END,
                    status = CASE
                        WHEN mailings.status = 'complete' OR (mailings.status = 'empty' AND NOT ?) THEN mailings.status
                        ELSE excluded.status END,
                    mark = coalesce(nullif(excluded.mark, ''), mark), early = excluded.early,
                    covered = (SELECT json_group_array(DISTINCT value) FROM (
                        SELECT value FROM json_each(mailings.covered)
                        UNION SELECT value FROM json_each(excluded.covered)))
                """,
                [
                    mailing.source,
                    mailing.date.isoformat(),
                    mailing.status,
                    mailing.note,
                    now.isoformat(),
                    mailing.mark,
                    json.dumps(mailing.covered),
                    mailing.early,
                    bool(mailing.announcements),
                ],
            )
            key = next(
                db.query("SELECT key FROM mailings WHERE source = ? AND date = ?", [mailing.source, str(mailing.date)])
            )["key"]
            db.conn.executemany(
                """
                INSERT INTO announcements (mailing_key, paper_key, type, categories, added_at) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (mailing_key, paper_key) DO UPDATE SET
                    type = excluded.type, categories = excluded.categories
                """,
                [
                    [key, saved.key, announcement.type, json.dumps(announcement.categories), now.isoformat()]
                    for saved, announcement in zip(stored, announcements, strict=True)
                ],
            )
        return self.load(mailing.date, mailing.source)

    def load(self, day: date, source: str = "arxiv") -> Mailing:
        """The mailing of one day with its papers. Raises LookupError where there is none."""
        row = self._database.row("SELECT * FROM mailings WHERE source = ? AND date = ?", [source, str(day)])
        if row is None:
            raise LookupError(f"no mailing of {day}")
        return Mailing(
            date=day,
            status=MailingStatus(row["status"]),
            announcements=tuple(self.announcements([day], source=source)),
            source=source,
            fetched_at=datetime.fromisoformat(row["fetched_at"]),
            note=row["note"],
            mark=row["mark"],
            covered=tuple(json.loads(row["covered"])),
            early=bool(row["early"]),
        )

    def before(self, day: date, source: str) -> Mailing | None:
        """The newest mailing before a day that was fetched from a source, not read from a file."""
        row = self._database.row(
            """
            SELECT date FROM mailings WHERE source = ? AND date < ? AND covered <> '[]' AND NOT early
            ORDER BY date DESC LIMIT 1
            """,
            [source, str(day)],
        )
        return self.load(date.fromisoformat(row["date"]), source) if row else None

    def announcements(
        self, days: Iterable[date], added_after: datetime | None = None, source: str = ""
    ) -> list[Announcement]:
        """All announcements of some days, oldest first; those learned of after a time, or of one source alone."""
        rows = self._database.rows(
            """
            SELECT papers.*, announcements.type, announcements.categories AS announced_in, announcements.added_at,
                mailings.date AS mailing_date
            FROM mailings JOIN announcements ON announcements.mailing_key = mailings.key
            JOIN papers ON papers.key = announcements.paper_key
            WHERE mailings.date IN (SELECT value FROM json_each(?)) AND announcements.added_at > ?
                AND (? = '' OR mailings.source = ?)
            ORDER BY mailings.date, papers.key
            """,
            [json.dumps([str(day) for day in days]), added_after.isoformat() if added_after else "", source, source],
        )
        return [_announcement(row) for row in rows]

    def of_papers(self, keys: Iterable[int]) -> list[Announcement]:
        """All announcements of some papers, oldest first."""
        rows = self._database.rows(
            """
            SELECT papers.*, announcements.type, announcements.categories AS announced_in, announcements.added_at,
                mailings.date AS mailing_date
            FROM announcements JOIN mailings ON announcements.mailing_key = mailings.key
            JOIN papers ON papers.key = announcements.paper_key
            WHERE papers.key IN (SELECT value FROM json_each(?)) ORDER BY mailings.date
            """,
            [json.dumps(list(keys))],
        )
        return [_announcement(row) for row in rows]

    def fetched(self, source: str) -> list[MailingDay]:
        """The mailings that were fetched from a source, oldest first, with the categories they cover."""
        rows = self._database.rows(
            """
            SELECT *, EXISTS (
                SELECT 1 FROM announcements JOIN papers ON papers.key = paper_key
                WHERE mailing_key = mailings.key AND submitted_at IS NULL
            ) AS bare
            FROM mailings WHERE source = ? AND covered <> '[]' ORDER BY date
            """,
            [source],
        )
        return [
            MailingDay(
                date=date.fromisoformat(row["date"]),
                status=MailingStatus(row["status"]),
                early=bool(row["early"]),
                covered=tuple(json.loads(row["covered"])),
                bare=bool(row["bare"]),
                source=source,
                fetched_at=datetime.fromisoformat(row["fetched_at"]),
            )
            for row in rows
        ]

    def days(self, since: date | None = None) -> list[MailingDay]:
        """The mailings there are, oldest first; a day on which several sources announced has one of each."""
        rows = self._database.rows(
            f"""
            SELECT source, date, status, early, fetched_at, {_HAS_PAPERS} AS has_papers
            FROM mailings WHERE date >= ? ORDER BY date, source
            """,  # noqa: S608 - a constant of ours
            [str(since or "")],
        )
        return [
            MailingDay(
                date.fromisoformat(row["date"]),
                MailingStatus(row["status"]),
                early=bool(row["early"]),
                source=row["source"],
                has_papers=bool(row["has_papers"]),
                fetched_at=datetime.fromisoformat(row["fetched_at"]),
            )
            for row in rows
        ]


def _as_stored(announcement: Announcement, had: Mapping[str, Paper]) -> Announcement:
    """The announcement with the version of its paper that the mailing has already."""
    known = had.get(announcement.paper.id)
    if known is None or known.version == announcement.paper.version:
        return announcement
    return replace(announcement, paper=known)


def _announcement(row: Row) -> Announcement:
    return Announcement(
        paper=paper(row),
        type=AnnounceType(row["type"]),
        categories=tuple(json.loads(row["announced_in"])),
        added_at=datetime.fromisoformat(row["added_at"]),
        date=date.fromisoformat(row["mailing_date"]),
    )
