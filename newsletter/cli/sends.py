"""`newsletter sends`: what went out and what did not."""

from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery.breakers import OPEN
from newsletter.errors import InputError
from newsletter.models.sends import SendState
from newsletter.store import Store
from newsletter.store.sends import Record

Id = Annotated[str, typer.Argument(help="A send's id, as `newsletter sends` shows it.")]


def sends(
    state: Annotated[SendState | None, typer.Option("--state", help="Only sends in this state.")] = None,
    slug: Annotated[str | None, typer.Option("--subscriber", help="Only sends to this subscriber.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="At most so many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the newest sends and how they stand.

    Examples:

        newsletter sends

        newsletter sends --state ambiguous
    """
    with app.open_store(app.home_settings()) as store:
        records = list(store.sends.records(state, slug, limit))
        counts, paused = store.sends.counts(), store.facts.get(OPEN)
    if as_json:
        show.as_json([plain(record) for record in records])
        return
    rows = [(r.send.id, r.send.date, r.send.slug, r.send.state, r.send.attempts, r.detail) for r in records]
    show.table("sends", ("send", "date", "subscriber", "state", "attempts", "detail"), rows)
    if paused:
        show.warn(f"newsletter: {paused}")
    if counts.get(SendState.AMBIGUOUS):
        show.warn(f"newsletter: {counts[SendState.AMBIGUOUS]} of unknown outcome: newsletter sends --state ambiguous")


def find(store: Store, send: str) -> Record:
    """What is on record of a send. Raises InputError where there is none."""
    record = store.sends.record(send)
    if record is None:
        raise InputError(f"there is no send {send}: see `newsletter sends`")
    return record


def plain(record: Record) -> dict[str, object]:
    """A send as JSON."""
    send = record.send
    return {
        "send": send.id,
        "date": send.date,
        "kind": send.kind,
        "subscriber": send.slug,
        "state": send.state,
        "attempts": send.attempts,
        "backend": record.backend,
        "provider_id": record.provider_id,
        "detail": record.detail,
        "retry_at": record.retry_at,
        "not_before": record.not_before,
        "created_at": record.created_at,
        "changed_at": record.changed_at,
        "has_message": record.has_message,
    }
