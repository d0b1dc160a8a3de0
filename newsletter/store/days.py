"""Days in numbers: what became of a mailing's editions and sends, and when the service last did what it does."""

from datetime import date, datetime, timedelta

from pydantic import TypeAdapter

from newsletter.models.days import Figures
from newsletter.models.papers import MailingStatus
from newsletter.store.database import Database, Row

OVERDUE_AFTER = timedelta(hours=2)  # a mail that could have gone out for so long
_TAKEN = "'accepted', 'delivered', 'bounced', 'complained'"
_FIGURES = TypeAdapter(Figures)


class Days:
    def __init__(self, database: Database) -> None:
        self._database = database

    def editions(self, day: date) -> dict[str, int]:
        """How many editions of a mailing's date have each status."""
        rows = self._database.rows(
            "SELECT status, count(*) AS editions FROM editions WHERE date = ? GROUP BY status", [str(day)]
        )
        return {row["status"]: row["editions"] for row in rows}

    def sends(self, day: date) -> dict[str, int]:
        """How many sends of the editions of a mailing's date are in each state."""
        rows = self._database.rows(
            """
            SELECT state, count(*) AS sends
            FROM editions JOIN sends INDEXED BY sends_stand ON edition_id = editions.id
            WHERE date = ? GROUP BY state
            """,  # the unique index beside it leads to rows that hold whole messages
            [str(day)],
        )
        return {row["state"]: row["sends"] for row in rows}

    def happened(self, name: str) -> datetime | None:
        """When something that is noted under a name happened last; None where it never did."""
        row = self._database.row("SELECT value FROM facts WHERE name = ?", [name])
        return datetime.fromisoformat(row["value"]) if row and row["value"] else None

    def figures(self, day: date, now: datetime) -> Figures:
        """What one mailing's day came to so far. Raises LookupError where there is no mailing of that date."""
        mailing = self._database.row("SELECT status FROM mailings WHERE date = ? ORDER BY source", [str(day)])
        if mailing is None:
            raise LookupError(f"no mailing of {day}")
        values = {"day": str(day), "overdue": (now - OVERDUE_AFTER).isoformat()}
        papers = self._database.rows(
            """
            SELECT value AS category, count(*) AS papers
            FROM mailings JOIN announcements ON mailing_key = mailings.key, json_each(announcements.categories)
            WHERE date = :day AND announcements.type IN ('new', 'cross') GROUP BY value
            """,
            values,
        )
        editions = self._one(
            """
            SELECT count(*) AS editions, coalesce(sum(json_extract(facts, '$.totals.candidates')), 0) AS candidates,
                coalesce(sum(json_extract(facts, '$.totals.relevant')), 0) AS selected,
                coalesce(sum(coalesce(json_extract(facts, '$.fault.code'), 'unread') <> 'unread'), 0) AS faults
            FROM editions WHERE date = :day AND kind = 'digest'
            """,
            values,
        )
        unscored = self._one(
            """
            SELECT count(*) AS papers FROM editions JOIN edition_papers ON edition_id = editions.id
            WHERE date = :day AND kind = 'digest' AND section = 'not_scored'
            """,
            values,
        )
        tokens = self._one(
            """
            SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) AS tokens FROM charges
            WHERE at >= date(:day, '-2 days') AND mailing_date = :day
            """,
            values,
        )
        sends = self._one(
            f"""
            SELECT coalesce(sum(state IN ({_TAKEN})), 0) AS mailed,
                coalesce(sum(state IN ('failed', 'expired')), 0) AS lost,
                coalesce(sum(state IN ('ready', 'claimed', 'retry_at')
                    AND max(created_at, coalesce(not_before, ''), coalesce(ready_at, '')) <= :overdue), 0) AS overdue,
                (SELECT count(*) FROM sends WHERE state = 'ambiguous') AS unknown
            FROM editions JOIN sends ON edition_id = editions.id WHERE date = :day
            """,  # noqa: S608 - the states are constants of ours
            values,
        )
        return Figures(
            date=day,
            status=MailingStatus(mailing["status"]),
            papers={row["category"]: row["papers"] for row in papers},
            scored=editions["candidates"] - unscored["papers"],
            **editions,
            **tokens,
            **sends,
        )

    def keep(self, figures: Figures, now: datetime) -> None:
        """Keeps a day's figures, in place of those of the same day."""
        with self._database.writing() as db:
            db.conn.execute(
                "INSERT OR REPLACE INTO day_figures (date, figures, at) VALUES (?, ?, ?)",
                [str(figures.date), _FIGURES.dump_json(figures).decode(), now.isoformat()],
            )

    def history(self, since: date) -> list[Figures]:
        """The figures that were kept of the days from one on, oldest first."""
        rows = self._database.rows("SELECT figures FROM day_figures WHERE date >= ? ORDER BY date", [str(since)])
        return [_FIGURES.validate_json(row["figures"]) for row in rows]

    def _one(self, sql: str, values: dict[str, str]) -> Row:
        row = self._database.row(sql, values)
        assert row is not None, "an aggregate has one row"
        return row
