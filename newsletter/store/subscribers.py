"""Subscribers: identity, status and consent live here; wishes only in the topics file, of which we keep a reading."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from newsletter.models.subscribers import Subscriber, SubscriberStatus, TopicsFile, Wishes
from newsletter.store.database import Database, Row
from newsletter.store.suppressions import Suppressions
from newsletter.topics.body import read_body

UNDONE_WITHIN = timedelta(days=7)  # how long the reader's own link may undo its unsubscribe
_WISHES = TypeAdapter(Wishes)
_FILE_GONE = "the topics file is gone"
_UNDOABLE = (
    "SELECT email FROM subscribers WHERE id = :id AND status = 'unsubscribed' AND status_reason = :source "
    "AND status_at >= :since"
)


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells whether a topics file changed: modification time in ns, size in bytes."""

    time: int
    size: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of a slug, without reading its topics."""

    id: int
    slug: str
    email: str
    status: SubscriberStatus
    stamp: FileStamp | None


class Subscribers:
    def __init__(self, database: Database, suppressions: Suppressions) -> None:
        self._database = database
        self._suppressions = suppressions

    def known(self) -> Iterator[Known]:
        """Everyone on record, by slug."""
        for row in self._database.rows("SELECT * FROM subscribers ORDER BY slug"):
            stamp = FileStamp(row["file_time"], row["file_size"]) if row["file_time"] is not None else None
            yield Known(row["id"], row["slug"], row["email"], SubscriberStatus(row["status"]), stamp)

    def since(self) -> datetime | None:
        """When the first of them came on record; None where there are none."""
        row = self._database.row("SELECT min(created_at) AS at FROM subscribers")
        return datetime.fromisoformat(row["at"]) if row and row["at"] else None

    def owner(self, address: str) -> str | None:
        """The slug of the subscriber with this address, whatever the case of its letters; None where nobody has it."""
        rows = self._database.rows("SELECT slug, email FROM subscribers ORDER BY id")
        return next((row["slug"] for row in rows if row["email"].casefold() == address.casefold()), None)

    def load(self, slug: str) -> Subscriber | None:
        """The subscriber with the last good reading of their file, or None."""
        row = self._database.row(
            """
            SELECT subscribers.*, topics.body FROM subscribers LEFT JOIN topics ON topics.key = topics_key
            WHERE slug = ?
            """,
            [slug],
        )
        return _subscriber(row) if row else None

    def by_id(self, subscriber_id: int) -> Subscriber | None:
        """As `load`, by the store's integer."""
        row = self._database.row("SELECT slug FROM subscribers WHERE id = ?", [subscriber_id])
        return self.load(row["slug"]) if row else None

    def save(self, slug: str, file: TopicsFile, stamp: FileStamp, now: datetime) -> Subscriber:
        """Records a reading of a topics file; a new slug becomes an active subscriber without consent.

        Not flushed: what a power failure takes of it is read from the file again.
        """
        with self._database.writing(lazily=True) as db:
            db.conn.execute(
                "INSERT INTO topics (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [file.topics.hash, file.topics.body],
            )
            saved = db.conn.execute(
                """
                INSERT INTO subscribers (slug, email, status, status_at, created_at, topics_key, wishes, file_time,
                    file_size)
                VALUES (:slug, :email, 'active', :now, :now, (SELECT key FROM topics WHERE hash = :hash), :wishes,
                    :time, :size)
                ON CONFLICT (slug) DO UPDATE SET email = excluded.email, topics_key = excluded.topics_key,
                    wishes = excluded.wishes, file_time = excluded.file_time, file_size = excluded.file_size
                RETURNING id, status, paused_until, (SELECT body FROM topics WHERE key = topics_key)
                """,
                {
                    "slug": slug,
                    "email": file.wishes.email,
                    "now": now.isoformat(),
                    "hash": file.topics.hash,
                    "wishes": _WISHES.dump_json(file.wishes).decode(),
                    "time": stamp.time,
                    "size": stamp.size,
                },
            ).fetchone()
        id_, status, paused_until, body = saved
        return Subscriber(
            id=id_,
            slug=slug,
            wishes=file.wishes,
            topics=file.topics if body == file.topics.body else read_body(body),  # kept of a file that read the same
            status=SubscriberStatus(status),
            paused_until=_moment(paused_until),
        )

    def follow_files(self, slugs: Collection[str], now: datetime) -> list[str]:
        """Pauses the active subscribers who have no topics file any more, resumes those whose file is back.

        `slugs` are all that have a file. Returns the slugs that are paused for want of one.
        """
        values = {"slugs": json.dumps(list(slugs)), "gone": _FILE_GONE, "now": now.isoformat()}
        with self._database.writing() as db:
            db.conn.execute(
                """
                UPDATE subscribers SET status = 'active', status_reason = 'the topics file is back', status_at = :now
                WHERE status = 'paused' AND status_reason = :gone AND slug IN (SELECT value FROM json_each(:slugs))
                """,
                values,
            )
            db.conn.execute(
                """
                UPDATE subscribers SET status = 'paused', status_reason = :gone, status_at = :now
                WHERE status = 'active' AND slug NOT IN (SELECT value FROM json_each(:slugs))
                """,
                values,
            )
            rows = db.query(
                "SELECT slug FROM subscribers WHERE status = 'paused' AND status_reason = :gone ORDER BY slug", values
            )
            return [row["slug"] for row in rows]

    def barred(self, subscriber: Subscriber) -> str:
        """Why nobody may mail this subscriber's address, to be read after their name; empty when one may."""
        address = subscriber.wishes.email
        if found := self._suppressions.find(address):
            return f"gets no mail: its address is suppressed ({found.reason})"
        row = self._database.row(
            "SELECT 1 FROM consents WHERE subscriber_id = ? AND address = ? AND confirmed_at IS NOT NULL",
            [subscriber.id, address],
        )
        if row is None:
            return (
                "gets no mail: no consent of its address is on record; "
                f"if they agreed, run `newsletter subscribers add subscribers/{subscriber.slug}.md`"
            )
        return ""

    def set_status(
        self, slug: str, status: SubscriberStatus, reason: str, now: datetime, *, until: datetime | None = None
    ) -> bool:
        """Changes a subscriber's status, a pause perhaps `until` a time; False for an unknown slug."""
        with self._database.writing() as db:
            cursor = db.conn.execute(
                "UPDATE subscribers SET status = ?, status_reason = ?, status_at = ?, paused_until = ? WHERE slug = ?",
                [status, reason, now.isoformat(), until.isoformat() if until else None, slug],
            )
        return cursor.rowcount == 1

    def leave(self, subscriber_id: int, source: str, now: datetime) -> bool:
        """Unsubscribes, and suppresses the address; True also a second time, False for nobody of ours."""
        with self._database.writing() as db:
            row = next(db.query("SELECT email, status FROM subscribers WHERE id = ?", [subscriber_id]), None)
            if row is None:
                return False
            if row["status"] in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
                db.conn.execute(
                    "UPDATE subscribers SET status = 'unsubscribed', status_reason = ?, status_at = ?, "
                    "paused_until = NULL WHERE id = ?",
                    [source, now.isoformat(), subscriber_id],
                )
                self._suppressions.add_within(db, row["email"], "unsubscribe", source, now)
        return True

    def come_back(self, subscriber_id: int, source: str, now: datetime) -> bool:
        """Undoes a recent `leave` of the same source; False when there is none to undo."""
        with self._database.writing() as db:
            row = next(db.query(_UNDOABLE, _leaving(subscriber_id, source, now)), None)
            if row is None:
                return False
            self._suppressions.remove_within(db, row["email"], now, source)
            db.conn.execute(
                "UPDATE subscribers SET status = 'active', status_reason = 'came back', status_at = ? WHERE id = ?",
                [now.isoformat(), subscriber_id],
            )
        return True

    def may_come_back(self, subscriber_id: int, source: str, now: datetime) -> bool:
        """True where `come_back` would undo a `leave` of this source."""
        return self._database.row(_UNDOABLE, _leaving(subscriber_id, source, now)) is not None

    def wished(self) -> set[str]:
        """The categories of all active subscribers, as they write them."""
        rows = self._database.rows(
            "SELECT DISTINCT category.value FROM subscribers, json_each(wishes, '$.categories') AS category "
            "WHERE status = 'active'"
        )
        return {row["value"] for row in rows}

    def status(self, subscriber_id: int) -> SubscriberStatus | None:
        """The status of a subscriber; None for an unknown id."""
        row = self._database.row("SELECT status FROM subscribers WHERE id = ?", [subscriber_id])
        return SubscriberStatus(row["status"]) if row else None

    def wake(self, now: datetime) -> None:
        """Ends the pauses whose time is over."""
        with self._database.writing() as db:
            db.conn.execute(
                "UPDATE subscribers SET status = 'active', status_reason = 'the pause ended', status_at = :now, "
                "paused_until = NULL WHERE status = 'paused' AND paused_until <= :now",
                {"now": now.isoformat()},
            )

    def consent(
        self,
        subscriber_id: int,
        address: str,
        source: str,
        now: datetime,
        *,
        asked_at: datetime | None = None,
        ip: str = "",
    ) -> None:
        """Records that the owner of `address` agreed; `source` says how we know.

        Who asked for it by a form did so at `asked_at`, from the network `ip`.
        """
        with self._database.writing() as db:
            db.table("consents").insert(
                {
                    "subscriber_id": subscriber_id,
                    "address": address,
                    "at": (asked_at or now).isoformat(),
                    "source": source,
                    "ip": ip,
                    "confirmed_at": now.isoformat(),
                }
            )

    def has_consent(self, subscriber_id: int, address: str) -> bool:
        """True when a confirmed consent for this very address is on record."""
        row = self._database.row(
            "SELECT 1 FROM consents WHERE subscriber_id = ? AND address = ? AND confirmed_at IS NOT NULL",
            [subscriber_id, address],
        )
        return row is not None


def _leaving(subscriber_id: int, source: str, now: datetime) -> dict[str, object]:
    return {"id": subscriber_id, "source": source, "since": (now - UNDONE_WITHIN).isoformat()}


def _subscriber(row: Row) -> Subscriber:
    return Subscriber(
        id=row["id"],
        slug=row["slug"],
        wishes=_WISHES.validate_json(row["wishes"]),
        topics=read_body(row["body"] or ""),
        status=SubscriberStatus(row["status"]),
        paused_until=_moment(row["paused_until"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
