"""Editions: frozen with their send in one transaction; they keep ids and scores, not the papers' text."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from pydantic import TypeAdapter
from sqlite_utils import Database as Connection

from newsletter.models.editions import Edition, Kind
from newsletter.models.papers import Day, Paper
from newsletter.models.scores import Reason, Score, Scored
from newsletter.models.sends import RELEASED, Send, SendState
from newsletter.models.subscribers import Subscriber
from newsletter.store.database import Database, Row
from newsletter.store.papers import Papers, Shelf

COMPLETED_WITHIN = timedelta(days=14)  # papers that come later still are not looked for
_EDITION = TypeAdapter(Edition)
_REASON = TypeAdapter(Reason)
_RELEASED = ", ".join(f"'{state}'" for state in RELEASED)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is remembered of a subscriber's newest edition of papers: its date, when it was frozen, and the mailings of
    all such editions of those days in which a mailing may still be completed."""

    date: date
    mailings: tuple[Day, ...]
    frozen_at: datetime


class Editions:
    def __init__(self, database: Database, papers: Papers) -> None:
        self._database = database
        self._papers = papers

    def freeze(
        self, edition: Edition, subscriber: Subscriber, send_id: str, now: datetime, not_before: datetime | None = None
    ) -> Send | None:
        """Saves an edition and its send as `ready`; None where this edition exists already.

        The send goes out from `not_before` on, at once if left out.
        """
        with self._database.writing() as db:
            taken = db.execute(
                "SELECT 1 FROM editions WHERE subscriber_id = ? AND date = ? AND kind = ?",
                [subscriber.id, str(edition.date), edition.kind],
            ).fetchone()
            if taken:
                return None
            edition_id = db.conn.execute(
                """
                INSERT INTO editions (subscriber_id, date, kind, cadence, status, topics_key, facts, frozen_at)
                VALUES (?, ?, ?, ?, ?, (SELECT key FROM topics WHERE hash = ?), ?, ?)
                """,
                [
                    subscriber.id,
                    str(edition.date),
                    edition.kind,
                    edition.cadence,
                    edition.status,
                    subscriber.topics.hash,
                    _EDITION.dump_json(_without_text(edition)).decode(),
                    now.isoformat(),
                ],
            ).lastrowid
            assert edition_id is not None, "an INSERT gives a rowid"
            _insert_papers(db, edition, subscriber.id, edition_id)
            _insert_send(db, send_id, edition_id, subscriber, now, not_before or now)
        return Send(
            id=send_id,
            edition_id=edition_id,
            subscriber_id=subscriber.id,
            slug=subscriber.slug,
            date=edition.date,
            kind=edition.kind,
            state=SendState.READY,
            address=subscriber.wishes.email,
        )

    def load(self, edition_id: int, shelf: Shelf | None = None) -> Edition:
        """A frozen edition with its papers' text, of the shelf where one is given. Raises LookupError where unknown."""
        row = self._database.row("SELECT facts FROM editions WHERE id = ?", [edition_id])
        if row is None:
            raise LookupError(f"no edition {edition_id}")
        edition = _EDITION.validate_json(row["facts"])
        rows = self._database.rows(
            "SELECT * FROM edition_papers WHERE edition_id = ? ORDER BY section, position", [edition_id]
        )
        papers = (shelf or self._papers).by_keys(row["paper_key"] for row in rows)
        sections: dict[str, list[Scored]] = {"listed": [], "near_miss": [], "not_scored": [], "exploration": []}
        for row in rows:
            sections["exploration" if row["explored"] else row["section"]].append(
                _scored(row, papers[row["paper_key"]])
            )
        return replace(
            edition,
            papers=tuple(sections["listed"]),
            near_misses=tuple(sections["near_miss"]),
            exploration=next(iter(sections["exploration"]), None),
            not_scored=tuple(scored.paper for scored in sections["not_scored"]),
        )

    def topics(self, edition_id: int) -> str:
        """The topics by which an edition was made, as they were written; empty where they are unknown."""
        row = self._database.row(
            "SELECT body FROM editions JOIN topics ON topics.key = topics_key WHERE editions.id = ?", [edition_id]
        )
        return row["body"] if row else ""

    def newest(self, subscriber_id: int, until: date = date.max) -> Frozen | None:
        """The subscriber's newest digest or welcome edition, of those dated `until` or before."""
        row = self._database.row(
            """
            SELECT date, frozen_at, (
                SELECT json_group_array(DISTINCT value)
                FROM editions AS recent, json_each(recent.facts, '$.mailings')
                WHERE recent.subscriber_id = editions.subscriber_id AND recent.kind IN ('digest', 'welcome')
                    AND recent.date BETWEEN date(editions.date, ?) AND editions.date
            ) AS mailings
            FROM editions
            WHERE subscriber_id = ? AND kind IN ('digest', 'welcome') AND date <= ? ORDER BY date DESC LIMIT 1
            """,
            [f"-{COMPLETED_WITHIN.days} days", subscriber_id, str(until)],
        )
        if row is None:
            return None
        mailings = tuple(sorted(date.fromisoformat(day) for day in json.loads(row["mailings"])))
        return Frozen(date.fromisoformat(row["date"]), mailings, datetime.fromisoformat(row["frozen_at"]))

    def newest_date(self) -> date | None:
        """The date of the newest edition of anybody."""
        row = self._database.row("SELECT max(date) AS date FROM editions")
        return date.fromisoformat(row["date"]) if row and row["date"] else None

    def given_back(self, subscriber_id: int, since: date) -> set[date]:
        """The mailings, since a day, whose edition was never sent and that no other edition covered."""
        rows = self._database.rows(
            f"""
            SELECT value AS day, max(sends.state NOT IN ({_RELEASED})) AS covered
            FROM editions JOIN sends ON sends.edition_id = editions.id, json_each(editions.facts, '$.mailings')
            WHERE editions.subscriber_id = ? AND kind IN ('digest', 'welcome') AND value >= ?
            GROUP BY value HAVING NOT covered
            """,  # noqa: S608 - the states are constants of ours
            [subscriber_id, since.isoformat()],
        )
        return {date.fromisoformat(row["day"]) for row in rows}

    def told_of_nothing(self, subscriber_id: int) -> set[date]:
        """The mailings of which a subscriber was told that nothing came."""
        rows = self._database.rows(
            """
            SELECT value AS day FROM editions, json_each(editions.facts, '$.mailings')
            WHERE subscriber_id = ? AND kind = 'empty'
            """,
            [subscriber_id],
        )
        return {date.fromisoformat(row["day"]) for row in rows}

    def left_out(self, subscriber_id: int, among: Collection[date]) -> set[date]:
        """The mailings, of some of the last days, that no digest covered: a digest of one named day left them out.

        None from before the subscriber's first edition.
        """
        if not among:
            return set()
        rows = self._database.rows(
            """
            SELECT value AS day, edition.kind FROM editions AS edition, json_each(edition.facts,
                '$.mailings') WHERE subscriber_id = ? AND kind IN ('digest', 'welcome', 'empty')
            UNION SELECT value AS day, edition.kind FROM editions AS edition, json_each(edition.facts, '$.older')
                WHERE subscriber_id = ? AND kind = 'digest'
            """,
            [subscriber_id, subscriber_id],
        )
        known = [(date.fromisoformat(row["day"]), row["kind"]) for row in rows]
        if not known:
            return set()
        first = min(day for day, _ in known)
        last = max(among)
        covered = {day for day, kind in known if kind != Kind.EMPTY}
        return {day for day in among if max(first, last - COMPLETED_WITHIN) <= day} - covered

    def newest_id(self, slug: str) -> int | None:
        """The id of the subscriber's newest edition of any kind."""
        row = self._database.row(
            """
            SELECT editions.id FROM editions JOIN subscribers ON subscribers.id = subscriber_id
            WHERE slug = ? ORDER BY date DESC, frozen_at DESC LIMIT 1
            """,
            [slug],
        )
        return row["id"] if row else None

    def newest_ids(self, subscriber_id: int, count: int) -> list[int]:
        """The ids of a subscriber's newest editions, newest first."""
        rows = self._database.rows(
            "SELECT id FROM editions WHERE subscriber_id = ? ORDER BY date DESC, frozen_at DESC LIMIT ?",
            [subscriber_id, count],
        )
        return [row["id"] for row in rows]

    def exists(self, subscriber_id: int, day: date, kind: Kind = Kind.DIGEST) -> bool:
        return bool(
            self._database.row(
                "SELECT 1 FROM editions WHERE subscriber_id = ? AND date = ? AND kind = ?",
                [subscriber_id, str(day), kind],
            )
        )

    def appearances(self, subscriber_id: int, papers: Collection[int]) -> list[Row]:
        """Where papers stand in a subscriber's editions, newest first: edition, section, place, scores and the send."""
        return self._database.rows(
            """
            SELECT editions.date, editions.kind, section, position, relevance, novelty, edition_papers.topic, comment,
                companion, explored, reason, sends.id AS send, sends.state
            FROM edition_papers JOIN editions ON editions.id = edition_papers.edition_id
            JOIN sends ON sends.edition_id = editions.id
            WHERE edition_papers.subscriber_id = ? AND paper_key IN (SELECT value FROM json_each(?))
            ORDER BY editions.date DESC, editions.id DESC
            """,
            [subscriber_id, json.dumps(list(papers))],
        )

    def covering(self, subscriber_id: int, day: date) -> list[Row]:
        """A subscriber's editions of one mailing, oldest first: date, kind, status, scorer and the send."""
        return self._database.rows(
            """
            SELECT DISTINCT editions.date, editions.kind, editions.status, frozen_at, sends.id AS send, sends.state,
                json_extract(facts, '$.scorer') AS scorer
            FROM editions JOIN sends ON sends.edition_id = editions.id, json_each(editions.facts, '$.mailings')
            WHERE editions.subscriber_id = ? AND value = ? ORDER BY editions.id
            """,
            [subscriber_id, str(day)],
        )

    def sent_papers(self, subscriber_id: int, among: Collection[Paper]) -> set[int]:
        """The keys, among some papers, of versions that went or are going to this subscriber."""
        keys = [paper.key for paper in among if paper.key is not None]
        if not keys:
            return set()
        rows = self._database.rows(
            f"""
            SELECT paper_key FROM edition_papers JOIN sends ON sends.edition_id = edition_papers.edition_id
            WHERE edition_papers.subscriber_id = ? AND paper_key BETWEEN ? AND ? AND section = 'listed'
                AND sends.state NOT IN ({_RELEASED})
            """,  # noqa: S608 - the states are constants of ours
            [subscriber_id, min(keys), max(keys)],
        )
        return {row["paper_key"] for row in rows}


def _insert_papers(db: Connection, edition: Edition, subscriber_id: int, edition_id: int) -> None:
    db.conn.executemany(
        """
        INSERT INTO edition_papers (subscriber_id, paper_key, edition_id, section, position, relevance, novelty, local,
            topic, comment, evidence, summary, followed, mailing_date, top, reason, companion, explored)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [[subscriber_id, *row[:1], edition_id, *row[1:]] for row in _paper_rows(edition)],
    )


def _insert_send(  # noqa: PLR0917 - the columns
    db: Connection, send_id: str, edition_id: int, subscriber: Subscriber, now: datetime, not_before: datetime
) -> None:
    db.conn.execute(
        """
        INSERT INTO sends (id, edition_id, subscriber_id, address, state, created_at, changed_at, not_before)
        VALUES (:id, :edition, :subscriber, :address, 'ready', :now, :now, :not_before)
        """,
        {
            "id": send_id,
            "edition": edition_id,
            "subscriber": subscriber.id,
            "address": subscriber.wishes.email,
            "now": now.isoformat(),
            "not_before": not_before.isoformat(),
        },
    )


def _without_text(edition: Edition) -> Edition:
    return replace(edition, papers=(), near_misses=(), exploration=None, not_scored=(), prompt="")


def _paper_rows(edition: Edition) -> Iterable[list[object]]:
    tried = (edition.exploration,) if edition.exploration else ()
    for section, listed, explored in (
        ("listed", edition.papers, 0),
        ("near_miss", edition.near_misses, 0),
        ("near_miss", tried, 1),
    ):
        for position, item in enumerate(listed):
            score = item.score
            yield [
                item.paper.key,
                section,
                position,
                score.relevance,
                score.novelty,
                score.local,
                score.topic,
                score.comment,
                score.evidence,
                score.summary,
                json.dumps(item.followed),
                str(item.date) if item.date else None,
                item.top,
                _REASON.dump_json(item.reason).decode() if item.reason else None,
                item.companion,
                explored,
            ]
    for position, paper in enumerate(edition.not_scored):
        yield [paper.key, "not_scored", position, None, None, 0.0, "", "", "", "", "[]", None, None, None, "", 0]


def _scored(row: Row, paper: Paper) -> Scored:
    score = Score(
        relevance=row["relevance"] or 1,
        novelty=row["novelty"],
        topic=row["topic"],
        comment=row["comment"],
        evidence=row["evidence"],
        summary=row["summary"],
        local=row["local"],
    )
    return Scored(
        paper,
        score,
        followed=tuple(json.loads(row["followed"])) if row["followed"] != "[]" else (),
        date=date.fromisoformat(row["mailing_date"]) if row["mailing_date"] else None,
        top=row["top"],
        reason=_REASON.validate_json(row["reason"]) if row["reason"] else None,
        companion=row["companion"],
    )
