"""Events: what backends report of sends, kept once each and applied to the send, the address and the reader at once.

They come late, twice, out of order and even before our own commit, so the outcome does not depend on their order: a
send goes only forward along delivered ─▶ bounced ─▶ complained. A report that names no send of ours is kept for a
person to see and changes nothing: anybody can write a mail that says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database as Connection

from newsletter.models.sends import Event, EventType, SendState
from newsletter.store.database import Database, Row
from newsletter.store.suppressions import Suppressions

MATCHED_WITHIN = timedelta(days=14)  # a late bounce that names no send belongs to the newest one to its address
SOFT_SCORE, SUPPRESSED_AT = 0.5, 3.0  # a soft bounce counts once a day; these many in SCORED_WITHIN suppress
SCORED_WITHIN = timedelta(days=14)
_REASONS = {
    EventType.HARD_BOUNCE: "hard bounce",
    EventType.COMPLAINT: "complaint",
    EventType.UNSUBSCRIBE: "unsubscribe",
}
_STATES = {
    EventType.ACCEPTED: SendState.ACCEPTED,
    EventType.DELIVERED: SendState.DELIVERED,
    EventType.SOFT_BOUNCE: SendState.BOUNCED,
    EventType.HARD_BOUNCE: SendState.BOUNCED,
    EventType.DROPPED: SendState.FAILED,
    EventType.REFUSED: SendState.FAILED,
    EventType.COMPLAINT: SendState.COMPLAINED,
}
# A report never turns a state back: (the state it leads to, the states it may replace).
_UNSETTLED = ("ready", "claimed", "submitting", "retry_at", "ambiguous")
_REPLACES = {
    SendState.ACCEPTED: _UNSETTLED,
    SendState.FAILED: (*_UNSETTLED, "accepted"),
    SendState.DELIVERED: (*_UNSETTLED, "accepted", "failed"),
    SendState.BOUNCED: (*_UNSETTLED, "accepted", "failed", "delivered"),
    SendState.COMPLAINED: (*_UNSETTLED, "accepted", "failed", "delivered", "bounced"),
}


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a batch: events that were new, that were known before, and new ones that match no send."""

    new: int = 0
    known: int = 0
    unmatched: int = 0


class Events:
    def __init__(self, database: Database, suppressions: Suppressions) -> None:
        self._database = database
        self._suppressions = suppressions

    def record(self, events: Iterable[Event], now: datetime) -> Intake:
        """Keeps what is new and applies it, all in one transaction."""
        new = known = unmatched = 0
        with self._database.writing() as db:
            for event in events:
                send = _match(db, event)
                if not _keep(db, event, send, now):
                    known += 1
                    continue
                new += 1
                if send is None:
                    unmatched += 1
                else:
                    self._apply(db, event, send, now)
        return Intake(new, known, unmatched)

    def of(self, send_id: str) -> Iterator[Event]:
        """What was reported of a send, in the order of its time."""
        for row in self._database.rows("SELECT * FROM events WHERE send_id = ? ORDER BY at, id", [send_id]):
            yield _event(row)

    def refused(self, since: datetime) -> Iterator[Event]:
        """Reports of sends that came back because of the sender, by the time that they name, oldest first."""
        for row in self._database.rows(
            """
            SELECT events.backend, event_id, type, sends.address, at, send_id, events.detail, raw
            FROM sends JOIN events ON send_id = sends.id
            WHERE state = 'failed' AND changed_at >= :since AND sends.address != '' AND type = :type AND at >= :since
            ORDER BY at
            """,
            {"type": EventType.REFUSED, "since": since.isoformat()},
        ):
            yield _event(row)

    def unmatched(self, limit: int = 50) -> Iterator[Event]:
        """The newest reports that belong to no send of ours."""
        for row in self._database.rows("SELECT * FROM events WHERE send_id IS NULL ORDER BY id DESC LIMIT ?", [limit]):
            yield _event(row)

    def _apply(self, db: Connection, event: Event, send: Row, now: datetime) -> None:
        if state := _STATES.get(event.type):
            marks = ", ".join("?" * len(_REPLACES[state]))
            db.conn.execute(
                f"UPDATE sends SET state = ?, detail = ?, changed_at = ? WHERE id = ? AND state IN ({marks})",  # noqa: S608
                [state, event.detail or event.type, now.isoformat(), send["id"], *_REPLACES[state]],
            )
        address = send["address"]
        reason = _REASONS.get(event.type, "")
        if event.type is EventType.SOFT_BOUNCE and _soft_score(db, address, event.at) >= SUPPRESSED_AT:
            reason = "soft bounces"
        if reason:
            self._suppressions.add_within(db, address, reason, event.backend, now)
        if event.type is EventType.UNSUBSCRIBE:
            db.conn.execute(
                "UPDATE subscribers SET status = 'unsubscribed', status_reason = 'at the backend', status_at = ? "
                "WHERE id = ? AND status IN ('active', 'paused')",
                [now.isoformat(), send["subscriber_id"]],
            )


def _match(db: Connection, event: Event) -> Row | None:
    """The send that an event is about: by its id, else, for a signed bounce, the newest one to its address."""
    columns = "SELECT id, address, subscriber_id FROM sends"
    if event.send_id:
        return next(db.query(f"{columns} WHERE id = ?", [event.send_id]), None)
    if not event.signed or event.type not in (EventType.SOFT_BOUNCE, EventType.HARD_BOUNCE):
        return None
    return next(
        db.query(
            f"{columns} WHERE address = ? COLLATE NOCASE AND created_at BETWEEN ? AND ? AND attempts > 0 "
            "ORDER BY created_at DESC LIMIT 1",
            [event.address, (event.at - MATCHED_WITHIN).isoformat(), event.at.isoformat()],
        ),
        None,
    )


def _keep(db: Connection, event: Event, send: Row | None, now: datetime) -> bool:
    """False when it is known: the same id, or the same thing of the same send at the same time."""
    return (
        db.conn.execute(
            """
            INSERT INTO events (backend, event_id, send_id, address, type, at, received_at, detail, raw)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            [
                event.backend,
                event.id,
                send["id"] if send else None,
                event.address,
                event.type,
                event.at.isoformat(),
                now.isoformat(),
                event.detail,
                event.raw,
            ],
        ).rowcount
        == 1
    )


def _soft_score(db: Connection, address: str, at: datetime) -> float:
    """The score of an address: its days with a soft bounce since its last delivery, within SCORED_WITHIN."""
    row = next(
        db.query(
            """
            WITH reports AS (
                SELECT events.type, events.at FROM sends JOIN events ON events.send_id = sends.id
                WHERE sends.address = :address
            )
            SELECT count(DISTINCT date(at)) AS days FROM reports
            WHERE type = 'soft_bounce' AND at BETWEEN :since AND :at
                AND at > coalesce((SELECT max(at) FROM reports WHERE type = 'delivered'), '')
            """,
            {"address": address, "since": (at - SCORED_WITHIN).isoformat(), "at": at.isoformat()},
        )
    )
    return SOFT_SCORE * float(row["days"])


def _event(row: Row) -> Event:
    return Event(
        backend=row["backend"],
        id=row["event_id"],
        type=EventType(row["type"]),
        address=row["address"],
        at=datetime.fromisoformat(row["at"]),
        send_id=row["send_id"] or "",
        detail=row["detail"],
        raw=row["raw"],
    )
