"""Sends: each change of state is one conditional UPDATE, so that of two claimants one loses.

ready ─▶ claimed ─▶ submitting ─▶ accepted ─▶ delivered │ bounced │ complained      (the last three by events)
  ▲         │            ├─▶ retry_at (certainly not sent: claimed again later)
  └─────────┘            ├─▶ failed   (certainly not sent, never will be)
   put back              └─▶ ambiguous (nobody knows: an event or a person resolves it)
claimed ─▶ skipped │ expired: the subscriber must not get it, or it is too old
"""

import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlite_utils import Database as Connection

from newsletter.models.editions import Kind
from newsletter.models.sends import Mail, Receipt, Send, SendState
from newsletter.store.database import Database, Row, Values, rows_of
from newsletter.store.suppressions import Suppressions

LEASE = timedelta(minutes=10)
COMPRESSION = 1  # the fastest of zlib; text halves at least
_WITH_NAMES = """
    SELECT sends.*, slug, subscribers.status AS subscriber_status, editions.date, editions.kind,
        EXISTS (SELECT 1 FROM consents WHERE consents.subscriber_id = sends.subscriber_id
            AND consents.address = sends.address AND confirmed_at IS NOT NULL) AS has_consent
    FROM sends JOIN editions ON editions.id = edition_id JOIN subscribers ON subscribers.id = sends.subscriber_id
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a send must meet to go out: consent for its address, an age not beyond `stale_before`, perhaps a kind."""

    consent: bool = False
    stale_before: datetime | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Early:
    """How many sends are ready before their hour, and the first of these hours."""

    count: int = 0
    next: datetime | None = None


NONE_EARLY = Early()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of a backend; without `finished_at` the process died during it."""

    backend: str
    started_at: str
    finished_at: str | None
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Record:
    """All that is on record of a send, for a person to read."""

    send: Send
    detail: str
    backend: str
    provider_id: str
    retry_at: str | None
    not_before: str
    created_at: str
    changed_at: str
    has_message: bool
    attempts: tuple[Attempt, ...] = ()


class Sends:
    def __init__(self, database: Database, suppressions: Suppressions) -> None:
        self._database = database
        self._suppressions = suppressions

    def recover(self, now: datetime) -> None:
        """Settles what a dead run left. Only for the holder of the run lock, who knows that nobody else is alive."""
        with self._database.writing() as db:
            db.conn.execute(
                "UPDATE sends SET state = 'ready', owner = '', changed_at = ? WHERE state = 'claimed'",
                [now.isoformat()],
            )
            db.conn.execute(
                "UPDATE sends SET state = 'ambiguous', owner = '', changed_at = ?, "
                "detail = 'the run ended while the message was being handed over' WHERE state = 'submitting'",
                [now.isoformat()],
            )

    def claim(self, owner: str, now: datetime, terms: Terms, address: str | None = None) -> Send | None:
        """The next send that may go out, now ours; None when there is none. With `address`, only one to there."""
        return next(iter(self.claim_some(1, owner, now, terms, address)), None)

    def claim_some(self, count: int, owner: str, now: datetime, terms: Terms, address: str | None = None) -> list[Send]:
        """The next sends that may go out, at most `count`, now ours; none when there is none.

        Those that must not go out are skipped or expire on the way.
        """
        claimed: list[Send] = []
        with self._database.writing(lazily=True) as db:  # lost, they are ready again
            while not claimed and (rows := _next(db, now, terms.kind, address, count)):
                mine = [row for row in rows if not self._objection(db, row, now, terms)]
                db.conn.executemany(
                    "UPDATE sends SET state = 'claimed', owner = ?, lease_until = ?, changed_at = ? WHERE id = ?",
                    [[owner, (now + LEASE).isoformat(), now.isoformat(), row["id"]] for row in mine],
                )
                claimed = [_send(row | {"state": SendState.CLAIMED}) for row in mine]
        return claimed

    def submitting(self, mail: Mail, owner: str, message: bytes, now: datetime, terms: Terms) -> bool:
        """Freezes the message and commits that it is about to go out.

        False when the claim is no longer ours, or when its subscriber left, was paused or suppressed meanwhile.
        """
        frozen = zlib.compress(message, COMPRESSION)

        def freeze(db: Connection) -> bool:
            rows = _all(
                db,
                _WITH_NAMES + "WHERE sends.id = ? AND state = 'claimed' AND owner = ? AND lease_until > ?",
                [mail.id, owner, now.isoformat()],
            )
            if not rows or self._objection(db, rows[0], now, terms):
                return False
            db.conn.execute(
                """
                UPDATE sends SET state = 'submitting', message = coalesce(message, ?), attempts = attempts + 1,
                    changed_at = ? WHERE id = ?
                """,
                [frozen, now.isoformat(), mail.id],
            )
            db.conn.execute(
                "INSERT INTO attempts (send_id, backend, started_at) VALUES (?, '', ?)", [mail.id, now.isoformat()]
            )
            return True

        return self._database.together(freeze)

    def settle(
        self,
        mail: Mail,
        owner: str,
        backend: str,
        receipt: Receipt,
        *,
        state: SendState,
        retry_at: datetime | None,
        now: datetime,
    ) -> None:
        """Records what became of a submission. An event that was faster than us keeps its state.

        A wait that the backend asked for, a refusal of the sender, and what stopped everything was no attempt.
        """
        counted = state is not SendState.READY and receipt.retry_after is None and not receipt.sender_refused

        def record(db: Connection) -> None:
            db.conn.execute(
                """
                UPDATE sends SET state = CASE state WHEN 'submitting' THEN ? ELSE state END, provider_id = ?,
                    detail = ?, backend = ?, retry_at = ?, owner = '', changed_at = ?, attempts = attempts - ?
                WHERE id = ? AND owner = ?
                """,
                [
                    state,
                    receipt.provider_id,
                    receipt.detail,
                    backend,
                    retry_at.isoformat() if retry_at else None,
                    now.isoformat(),
                    0 if counted else 1,
                    mail.id,
                    owner,
                ],
            )
            db.conn.execute(
                """
                UPDATE attempts SET finished_at = ?, outcome = ?, detail = ?, backend = ?
                WHERE id = (SELECT max(id) FROM attempts WHERE send_id = ?)
                """,
                [now.isoformat(), receipt.outcome, receipt.detail, backend, mail.id],
            )

        self._database.together(record, lazily=True)  # lost, it is ambiguous

    def put_back(
        self,
        mail: Mail,
        owner: str,
        now: datetime,
        reason: str = "",
        retry_at: datetime | None = None,
        *,
        counted: bool = True,
    ) -> None:
        """Gives up a claim: ready again, or later; later counts as an attempt where something of ours went wrong."""
        with self._database.writing(lazily=True) as db:  # lost, the run is dead and its claims are given back
            db.conn.execute(
                """
                UPDATE sends SET state = ?, retry_at = ?, detail = ?, attempts = attempts + ?, owner = '',
                    changed_at = ? WHERE id = ? AND state = 'claimed' AND owner = ?
                """,
                [
                    SendState.RETRY_AT if retry_at else SendState.READY,
                    retry_at.isoformat() if retry_at else None,
                    reason,
                    1 if retry_at and counted else 0,
                    now.isoformat(),
                    mail.id,
                    owner,
                ],
            )

    def fail(self, mail: Mail, owner: str, reason: str, now: datetime) -> None:
        """Gives up a claimed send for good."""
        with self._database.writing() as db:
            _end(db, mail.id, SendState.FAILED, reason, now, owner=owner)

    def resolve(self, send_id: str, sent: bool, now: datetime) -> bool:
        """A person says what became of an ambiguous send, or asks to send it again; False when it is not ambiguous."""
        state, said = (SendState.ACCEPTED, "it was sent") if sent else (SendState.READY, "send it again")
        with self._database.writing() as db:
            cursor = db.conn.execute(
                """
                UPDATE sends SET state = ?, detail = ?, attempts = CASE ? WHEN 'ready' THEN 0 ELSE attempts END,
                    ready_at = ?, changed_at = ? WHERE id = ? AND state = 'ambiguous'
                """,
                [state, f"a person said: {said}", state, now.isoformat(), now.isoformat(), send_id],
            )
        return cursor.rowcount == 1

    def doubt(self, now: datetime, reason: str, facts: Mapping[str, str]) -> int:
        """Makes every unfinished send ambiguous: the database was restored, and they may have gone out since.

        The facts that say so are kept in the same transaction.
        """
        with self._database.writing() as db:
            db.conn.executemany("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", list(facts.items()))
            return db.conn.execute(
                "UPDATE sends SET state = 'ambiguous', detail = ?, owner = '', changed_at = ? "
                "WHERE state IN ('ready', 'claimed', 'submitting', 'retry_at')",
                [reason, now.isoformat()],
            ).rowcount

    def drop_messages(self, before: datetime) -> int:
        """Drops the .eml of sends that are over and of which nothing was heard since `before`.

        `+`: by the index of what has a message, not by state, for which all rows would be read at each run.
        """
        with self._database.writing() as db:
            return db.conn.execute(
                """
                UPDATE sends SET message = NULL WHERE message IS NOT NULL AND changed_at < ? AND +state IN
                    ('accepted', 'delivered', 'bounced', 'complained', 'failed', 'skipped', 'expired')
                """,
                [before.isoformat()],
            ).rowcount

    def message(self, send_id: str) -> bytes | None:
        """The frozen .eml of a send, or None before its first attempt and after its retention."""
        row = self._database.row("SELECT message FROM sends WHERE id = ?", [send_id])
        return zlib.decompress(row["message"]) if row and row["message"] else None

    def newest_message(self, backend: str) -> bytes | None:
        """The frozen .eml that a backend took last, of those that are kept."""
        row = self._database.row(
            """
            SELECT message FROM sends WHERE state IN ('accepted', 'delivered') AND message IS NOT NULL
                AND EXISTS (SELECT 1 FROM attempts WHERE send_id = sends.id AND backend = ?)
            ORDER BY changed_at DESC LIMIT 1
            """,
            [backend],
        )
        return zlib.decompress(row["message"]) if row else None

    def next_try(self, now: datetime) -> datetime | None:
        """When the next send that waits may be tried: again, or for the first time once its hour has come."""
        tries = [self._first_time("retry_at", "retry_at", ""), self._first_time("ready", "not_before", now.isoformat())]
        return min((at for at in tries if at), default=None)

    def waiting(self, address: str, now: datetime) -> bool:
        """True while a send to this address, whose hour has come, has yet to go out."""
        return bool(
            self._database.row(
                "SELECT 1 FROM sends WHERE address = ? COLLATE NOCASE AND state IN ('ready', 'claimed', 'retry_at') "
                "AND not_before <= ?",
                [address, now.isoformat()],
            )
        )

    def has_welcome(self, now: datetime) -> bool:
        """True while somebody's welcome edition may go out."""
        row = self._database.row(
            """
            SELECT 1 FROM sends JOIN editions ON editions.id = edition_id WHERE kind = 'welcome' AND not_before <= :now
                AND (state = 'ready' OR (state = 'retry_at' AND retry_at <= :now))
            """,
            {"now": now.isoformat()},
        )
        return row is not None

    def early(self, now: datetime) -> Early:
        """The sends that are ready and wait for their hour."""
        row = self._database.row(
            "SELECT count(*) AS sends, min(not_before) AS next FROM sends WHERE state = 'ready' AND not_before > ?",
            [now.isoformat()],
        )
        assert row is not None, "an aggregate has one row"
        return Early(row["sends"], datetime.fromisoformat(row["next"]) if row["next"] else None)

    def lift_hours(self, slugs: Collection[str], now: datetime) -> None:
        """Lets sends that are ready go out now, whatever their hour: those of some subscribers, of all without any."""
        with self._database.writing() as db:
            db.conn.execute(
                "UPDATE sends SET not_before = :now WHERE state = 'ready' AND not_before > :now AND (:all OR "
                "subscriber_id IN (SELECT id FROM subscribers WHERE slug IN (SELECT value FROM json_each(:slugs))))",
                {"now": now.isoformat(), "all": not slugs, "slugs": json.dumps(sorted(slugs))},
            )

    def _first_time(self, state: str, column: str, after: str) -> datetime | None:
        row = self._database.row(
            f"SELECT min({column}) AS at FROM sends WHERE state = ? AND {column} > ?",  # noqa: S608 - columns of ours
            [state, after],
        )
        return datetime.fromisoformat(row["at"]) if row and row["at"] else None

    def missed(self, send: Send) -> int | None:
        """The edition before this send's, when nobody knows whether it arrived."""
        row = self._database.row(
            """
            SELECT edition_id, state FROM sends JOIN editions ON editions.id = edition_id
            WHERE sends.subscriber_id = ? AND date < ? AND editions.kind = 'digest' ORDER BY date DESC LIMIT 1
            """,
            [send.subscriber_id, send.date.isoformat()],
        )
        return row["edition_id"] if row and row["state"] == SendState.AMBIGUOUS else None

    def counts(self, since: datetime | None = None) -> dict[SendState, int]:
        """How many sends are in each state; with `since`, of those that changed from then on. `+` as above."""
        rows = self._database.rows(
            "SELECT state, count(*) AS sends FROM sends WHERE changed_at >= ? GROUP BY +state",
            [since.isoformat() if since else ""],
        )
        return {SendState(row["state"]): row["sends"] for row in rows}

    def records(self, state: SendState | None = None, slug: str | None = None, limit: int = 50) -> Iterator[Record]:
        """What is on record of the newest sends, newest first."""
        for row in self._database.rows(
            _WITH_NAMES + "WHERE state = coalesce(?, state) AND slug = coalesce(?, slug) "
            "ORDER BY date DESC, created_at DESC, sends.id LIMIT ?",
            [state, slug, limit],
        ):
            yield _record(row, ())

    def record(self, send_id: str) -> Record | None:
        """All that is on record of one send, with its attempts."""
        row = self._database.row(_WITH_NAMES + "WHERE sends.id = ?", [send_id])
        if row is None:
            return None
        attempts = self._database.rows(
            "SELECT backend, started_at, finished_at, outcome, detail FROM attempts WHERE send_id = ? ORDER BY id",
            [send_id],
        )
        return _record(row, tuple(Attempt(**attempt) for attempt in attempts))

    def _objection(self, db: Connection, row: Row, now: datetime, terms: Terms) -> bool:
        """True when a send must not go out; it is over then."""
        state, reason = SendState.SKIPPED, ""
        if row["subscriber_status"] != "active":
            reason = f"the subscriber is {row['subscriber_status']}"
        elif db.conn.execute(
            "SELECT 1 FROM suppressions WHERE address_hash = ?", [self._suppressions.hash(row["address"])]
        ).fetchone():
            reason = "the address is suppressed"
        elif terms.consent and not row["has_consent"]:
            reason = "no consent is on record for this address"
        elif terms.stale_before and _due_since(row) < terms.stale_before.isoformat():
            state, reason = SendState.EXPIRED, "it grew too old to be mailed"
        if reason:
            _end(db, row["id"], state, reason, now, owner=row["owner"])
        return bool(reason)


def _next(db: Connection, now: datetime, kind: Kind | None, address: str | None, count: int) -> list[Row]:
    """Ready ones whose hour has come, then those to be tried again, then claims that outlived their lease."""
    where = "AND address = :address COLLATE NOCASE " if address else ""
    if kind:
        where += "AND (SELECT kind FROM editions WHERE editions.id = edition_id) = :kind "
    for state in (
        "state = 'ready' AND not_before <= :now",
        "state = 'retry_at' AND retry_at <= :now",
        "state = 'claimed' AND lease_until <= :now",
    ):
        found = _all(
            db,
            f"{_WITH_NAMES} WHERE sends.id IN (SELECT id FROM sends WHERE {state} {where} "  # noqa: S608 - ours
            "ORDER BY not_before, created_at, edition_id LIMIT :count) ORDER BY not_before, created_at, edition_id",
            {"now": now.isoformat(), "address": address, "kind": kind, "count": count},
        )
        if found:
            return found
    return []


def _all(db: Connection, sql: str, values: Values) -> list[Row]:
    """All rows, within the transaction under way."""
    return list(rows_of(db.conn.execute(sql, values)))


def _due_since(row: Row) -> str:
    """The moment from which a send's age counts: its hour, or later, when a person asked to send it again."""
    return str(max(row["ready_at"] or row["created_at"], row["not_before"]))


def _end(db: Connection, send_id: str, state: SendState, reason: str, now: datetime, *, owner: str) -> None:
    db.conn.execute(
        "UPDATE sends SET state = ?, detail = ?, owner = '', changed_at = ? WHERE id = ? AND owner = ?",
        [state, reason, now.isoformat(), send_id, owner],
    )


def _send(row: Row) -> Send:
    return Send(
        id=row["id"],
        edition_id=row["edition_id"],
        subscriber_id=row["subscriber_id"],
        slug=row["slug"],
        date=date.fromisoformat(row["date"]),
        kind=Kind(row["kind"]),
        state=SendState(row["state"]),
        address=row["address"],
        attempts=row["attempts"],
    )


def _record(row: Row, attempts: tuple[Attempt, ...]) -> Record:
    return Record(
        send=_send(row),
        detail=row["detail"],
        backend=row["backend"],
        provider_id=row["provider_id"],
        retry_at=row["retry_at"],
        not_before=row["not_before"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        has_message=row["message"] is not None,
        attempts=attempts,
    )
