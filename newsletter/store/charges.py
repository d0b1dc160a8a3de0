"""Charges: what each call of the model used and cost, who pays for it, and what is reserved for calls under way."""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlite_utils import Database as Connection

from newsletter.models.scores import Tokens, Usage
from newsletter.money import split
from newsletter.store.database import Database, Row

Keep = Callable[[Connection], None]  # saves something within a transaction
# The commands of runs whose calls are on no edition's account and in no reader's budget.
COMPARE, DRAFT = "compare", "draft"
_ASIDE = f"coalesce(command, '') IN ('{COMPARE}', '{DRAFT}')"
_SPENT = f"""
    SELECT accounts.subscriber_id, accounts.picodollars, {_ASIDE} AS aside FROM accounts
    JOIN charges ON charges.id = charge_id LEFT JOIN runs ON runs.id = run_id WHERE at >= :since
    UNION ALL SELECT subscriber_id, picodollars, {_ASIDE} FROM reservations
    LEFT JOIN runs ON runs.id = run_id WHERE at >= :since
    UNION ALL SELECT subscriber_id, picodollars, {_ASIDE} FROM lost_calls
    LEFT JOIN runs ON runs.id = run_id WHERE at >= :since AND why = 'killed'
"""  # noqa: S608 - constants of ours
Grouping = Literal["subscriber", "day", "stage", "model"]


@dataclass(frozen=True, slots=True)
class Charge:
    """One call. `payers` holds each subscriber's part in picodollars; the parts sum to `picodollars`.

    `estimated`: the endpoint did not say what it used.
    """

    run_id: int
    date: date
    at: datetime
    stage: str
    block_key: int | None
    model: str
    tier: str
    request_id: str
    tokens: Tokens
    prices: str
    picodollars: int
    completion_picodollars: int
    estimated_picodollars: int
    finish: str
    items_in: int
    items_out: int
    retries: int
    latency_ms: int
    payers: Mapping[int, int]
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """What one subscriber's edition used and cost."""

    usage: Usage
    picodollars: int
    completion_picodollars: int


class Charges:
    def __init__(self, database: Database) -> None:
        self._database = database

    def start_run(self, command: str, now: datetime) -> int:
        """Opens a run, to which its charges belong."""
        with self._database.writing() as db:
            cursor = db.conn.execute("INSERT INTO runs (command, started_at) VALUES (?, ?)", [command, now.isoformat()])
        assert cursor.lastrowid is not None, "an INSERT gives a rowid"
        return cursor.lastrowid

    def finish_run(self, run_id: int, outcome: str, now: datetime) -> None:
        """Closes a run."""
        with self._database.writing() as db:
            db.conn.execute(
                "UPDATE runs SET finished_at = ?, outcome = ? WHERE id = ?", [now.isoformat(), outcome, run_id]
            )

    def reserve(
        self, run_id: int, amounts: Mapping[int, int], now: datetime, stage: str = "", model: str = ""
    ) -> list[int]:
        """Records the worst case of a call that is about to be made, a row per payer; returns the rows' ids."""
        call = secrets.token_hex(8)
        with self._database.writing() as db:
            return [
                db.conn.execute(
                    "INSERT INTO reservations (run_id, subscriber_id, picodollars, at, call, stage, model) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [run_id, subscriber_id, amount, now.isoformat(), call, stage, model],
                ).lastrowid
                or 0
                for subscriber_id, amount in amounts.items()
            ]

    def lose(self, reservations: Sequence[int]) -> None:
        """Keeps what was reserved for a call that got no answer: it may have been billed, nobody knows."""
        with self._database.writing() as db:
            call = secrets.token_hex(8)  # the call is made again under the same reservation
            db.conn.execute(
                """
                INSERT INTO lost_calls (call, subscriber_id, run_id, at, stage, model, picodollars, why)
                SELECT ?, subscriber_id, run_id, at, stage, model, picodollars, 'no_answer' FROM reservations
                WHERE id IN (SELECT value FROM json_each(?))
                """,
                [call, json.dumps(list(reservations))],
            )

    def settle_dead_runs(self) -> int:
        """Turns what killed runs had reserved into lost calls; returns how many. Only under the run lock."""
        with self._database.writing() as db:
            count = db.execute("SELECT count(DISTINCT coalesce(nullif(call, ''), id)) FROM reservations").fetchone()
            db.conn.execute(
                """
                INSERT INTO lost_calls (call, subscriber_id, run_id, at, stage, model, picodollars, why)
                SELECT coalesce(nullif(call, ''), id), subscriber_id, run_id, at, stage, model, picodollars, 'killed'
                FROM reservations WHERE subscriber_id IS NOT NULL
                """
            )
            db.conn.execute("DELETE FROM reservations")
        return int(count[0])

    def release(self, reservations: Sequence[int]) -> None:
        """Gives back what was reserved for a call that cost nothing."""
        with self._database.writing() as db:
            _release(db, reservations)

    def save(self, charge: Charge, reservations: Sequence[int], keep: Keep) -> None:
        """Saves a charge, and by `keep` what it bought: all or nothing."""
        with self._database.writing() as db:
            self.insert(db, charge, reservations)
            keep(db)

    def insert(self, db: Connection, charge: Charge, reservations: Sequence[int]) -> int:
        """Within the caller's transaction: saves a charge with its shares and settles its reservations."""
        tokens, alone = charge.tokens, next(iter(charge.payers)) if len(charge.payers) == 1 else None
        charge_id = db.conn.execute(
            """
            INSERT INTO charges (run_id, subscriber_id, mailing_date, at, stage, block_key, model, tier, request_id,
                prompt_tokens, cached_tokens, cache_write_tokens, completion_tokens, reasoning_tokens, prices,
                picodollars, completion_picodollars, estimated_picodollars, finish_reason, items_in, items_out,
                retries, latency_ms, estimated)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                charge.run_id,
                alone,
                str(charge.date),
                charge.at.isoformat(),
                charge.stage,
                charge.block_key,
                charge.model,
                charge.tier,
                charge.request_id,
                tokens.prompt,
                tokens.cached,
                tokens.written,
                tokens.completion,
                tokens.reasoning,
                charge.prices,
                charge.picodollars,
                charge.completion_picodollars,
                charge.estimated_picodollars,
                charge.finish,
                charge.items_in,
                charge.items_out,
                charge.retries,
                charge.latency_ms,
                charge.estimated,
            ],
        ).lastrowid
        assert charge_id is not None, "an INSERT gives a rowid"
        if alone is None:
            db.conn.executemany("INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?, ?)", _shares(charge_id, charge))
        _release(db, reservations)
        return charge_id

    def spent_since(self, since: datetime) -> dict[int, int]:
        """Picodollars by subscriber, with the worst case of calls that are under way or that a killed run lost.

        What the operator had read for a comparison of models or a draft counts for the service only.
        """
        rows = self._database.rows(
            f"""
            SELECT subscriber_id, sum(picodollars) AS spent FROM ({_SPENT}) WHERE NOT aside GROUP BY subscriber_id
            """,  # noqa: S608 - a constant of ours
            {"since": since.isoformat()},
        )
        return {row["subscriber_id"]: row["spent"] for row in rows}

    def service_spent_since(self, since: datetime) -> int:
        """Picodollars of all calls since then, counted in the same way."""
        row = self._database.row(
            f"SELECT coalesce(sum(picodollars), 0) AS spent FROM ({_SPENT})",  # noqa: S608 - a constant of ours
            {"since": since.isoformat()},
        )
        assert row is not None, "an aggregate has one row"
        return int(row["spent"])

    def paid(self, subscriber_id: int, since: datetime) -> int:
        """Picodollars of the calls that one subscriber paid for since then, shares included."""
        row = self._database.row(
            f"""
            SELECT coalesce(sum(a.picodollars), 0) AS paid FROM accounts AS a JOIN charges ON charges.id = charge_id
            LEFT JOIN runs ON runs.id = run_id WHERE a.subscriber_id = ? AND at >= ? AND NOT {_ASIDE}
            """,  # noqa: S608 - a constant of ours
            [subscriber_id, since.isoformat()],
        )
        assert row is not None, "an aggregate has one row"
        return int(row["paid"])

    def of_run(self, run_id: int) -> int:
        """Picodollars of the calls of a run."""
        row = self._database.row("SELECT coalesce(sum(picodollars), 0) AS paid FROM charges WHERE run_id = ?", [run_id])
        assert row is not None, "an aggregate has one row"
        return int(row["paid"])

    def by_day(self, subscriber_id: int, since: datetime) -> list[Row]:
        """What one subscriber paid for on each day (UTC), newest first: day, calls, tokens and picodollars."""
        return self._database.rows(
            f"""
            SELECT substr(at, 1, 10) AS day, count(*) AS calls, sum(a.prompt_tokens + a.completion_tokens) AS tokens,
                sum(a.picodollars) AS picodollars
            FROM accounts AS a JOIN charges ON charges.id = charge_id LEFT JOIN runs ON runs.id = run_id
            WHERE a.subscriber_id = ? AND at >= ? AND NOT {_ASIDE} GROUP BY day ORDER BY day DESC
            """,  # noqa: S608 - a constant of ours
            [subscriber_id, since.isoformat()],
        )

    def warm_blocks(self, since: datetime) -> set[int]:
        """The blocks of calls that wrote to or read from the provider's cache since then."""
        rows = self._database.rows(
            """
            SELECT DISTINCT block_key FROM charges
            WHERE block_key IS NOT NULL AND at >= ? AND cached_tokens + cache_write_tokens > 0
            """,
            [since.isoformat()],
        )
        return {row["block_key"] for row in rows}

    def account(self, subscriber_id: int, day: date) -> Account:
        """What a subscriber paid for the edition of one day, shares included, comparisons and drafts left out."""
        row = self._database.row(
            f"""
            SELECT coalesce(sum(a.prompt_tokens), 0) AS prompt, coalesce(sum(a.cached_tokens), 0) AS cached,
                coalesce(sum(a.completion_tokens), 0) AS completion, coalesce(sum(a.picodollars), 0) AS paid,
                coalesce(sum(a.completion_picodollars), 0) AS paid_completion
            FROM accounts AS a JOIN charges ON charges.id = charge_id LEFT JOIN runs ON runs.id = run_id
            WHERE a.subscriber_id = ? AND mailing_date = ? AND NOT {_ASIDE}
            """,  # noqa: S608 - a constant of ours
            [subscriber_id, str(day)],
        )
        assert row is not None, "an aggregate has one row"
        return Account(Usage(row["prompt"], row["cached"], row["completion"]), row["paid"], row["paid_completion"])

    def grouped(self, by: Grouping, since: date | None = None) -> list[Row]:
        """Calls, tokens and picodollars by subscriber, UTC day, stage or model, for each an own row."""
        first = str(since or "")
        if by == "subscriber":
            rows = self._database.rows(
                """
                SELECT slug AS subscriber, count(*) AS calls, sum(a.prompt_tokens * (1 - estimated)) AS prompt_tokens,
                    sum(a.cached_tokens) AS cached_tokens,
                    sum(a.completion_tokens * (1 - estimated)) AS completion_tokens,
                    sum(a.picodollars) AS picodollars, sum(estimated) AS estimated_calls
                FROM accounts AS a JOIN charges ON charges.id = charge_id
                JOIN subscribers ON subscribers.id = a.subscriber_id
                WHERE at >= ? GROUP BY slug ORDER BY sum(a.picodollars) DESC, slug
                """,
                [first],
            )
            return self._with_lost(rows, by, first)
        column = {"day": "substr(at, 1, 10)", "stage": "stage", "model": "model"}[by]
        rows = self._database.rows(
            f"""
            SELECT {column} AS {by}, count(*) AS calls, sum(prompt_tokens * (1 - estimated)) AS prompt_tokens,
                sum(cached_tokens) AS cached_tokens, sum(completion_tokens * (1 - estimated)) AS completion_tokens,
                sum(picodollars) AS picodollars, sum(estimated) AS estimated_calls
            FROM charges WHERE at >= ? GROUP BY {column} ORDER BY {column}
            """,  # noqa: S608 - the columns are constants of ours
            [first],
        )
        return self._with_lost(rows, by, first)

    def _with_lost(self, rows: list[Row], by: Grouping, first: str) -> list[Row]:
        """The rows with the calls lost beside them; a group that has lost calls only gets a row of its own."""
        column = {"subscriber": "slug", "day": "substr(at, 1, 10)", "stage": "stage", "model": "model"}[by]
        lost = self._database.rows(
            f"""
            SELECT {column} AS name, count(DISTINCT call) AS calls FROM lost_calls
            JOIN subscribers ON subscribers.id = subscriber_id WHERE at >= ? GROUP BY {column} ORDER BY {column}
            """,  # noqa: S608 - the columns are constants of ours
            [first],
        )
        counts = {row["name"]: row["calls"] for row in lost}
        known = [{**row, "lost_calls": counts.pop(row[by], 0)} for row in rows]
        columns = ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "picodollars", "estimated_calls")
        return known + [{by: name, **dict.fromkeys(columns, 0), "lost_calls": count} for name, count in counts.items()]


def _release(db: Connection, reservations: Sequence[int]) -> None:
    db.conn.execute(
        "DELETE FROM reservations WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(list(reservations))]
    )


def _shares(charge_id: int, charge: Charge) -> Iterable[tuple[int, ...]]:
    """A row per payer; money as fixed by the caller, tokens in the same proportion, each summing exactly."""
    payers = list(charge.payers)
    weights = [charge.payers[payer] for payer in payers] if charge.picodollars else [1] * len(payers)
    tokens = charge.tokens
    columns = (charge.completion_picodollars, tokens.prompt, tokens.cached, tokens.completion)
    completion, prompt, cached, answered = (split(total, weights) for total in columns)
    paid = [charge.payers[payer] for payer in payers]
    return zip([charge_id] * len(payers), payers, paid, prompt, cached, answered, completion, strict=True)
