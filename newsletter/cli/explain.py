"""`newsletter explain`: the story of one send, and what to do next."""

from dataclasses import asdict
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.cli.sends import Id, find, plain
from newsletter.models.editions import Edition
from newsletter.models.sends import SendState

ADVICE = {
    SendState.READY: "goes out with the next run",
    SendState.CLAIMED: "a run has it in hand; if none is alive, the next run takes it up",
    SendState.SUBMITTING: "a run is handing it over; if none is alive, the next run marks it ambiguous",
    SendState.RETRY_AT: "was certainly not sent; a run after the time shown tries again",
    SendState.ACCEPTED: "was taken by the backend; nothing was reported since",
    SendState.DELIVERED: "arrived at the reader's server",
    SendState.BOUNCED: "came back",
    SendState.COMPLAINED: "the reader reported it as spam; the address is suppressed",
    SendState.FAILED: "was certainly not sent; its papers may come again in a later edition",
    SendState.SKIPPED: "was not sent, on purpose; its papers may come again in a later edition",
    SendState.EXPIRED: "was not sent in time; its papers come again in a later edition",
    SendState.AMBIGUOUS: "may or may not have arrived, and is not sent again by itself: look into the backend's log, "
    "then `newsletter resolve {id} --sent` or `newsletter resolve {id} --resend`",
}


def explain(send: Id, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Tell the story of one send, from the topics to what was reported of it, with its cost and what to do next.

    Examples:

        newsletter explain 3f0x9qk2mz
    """
    with app.open_store(app.home_settings()) as store:
        record = find(store, send)
        events = list(store.events.of(send))
        edition, message = store.editions.load(record.send.edition_id), store.sends.message(send)
    if as_json:
        show.as_json(
            plain(record)
            | {
                "edition": {
                    "scorer": edition.scorer,
                    "model": edition.model,
                    "status": edition.status,
                    "topics": edition.topics,
                    "totals": asdict(edition.totals),
                    "usage": asdict(edition.usage) | {"total_tokens": edition.usage.total_tokens},
                    "cost": asdict(edition.cost),
                    "bytes": len(message) if message else None,
                },
                "attempts": [
                    {"backend": a.backend, "at": a.started_at, "outcome": a.outcome, "detail": a.detail}
                    for a in record.attempts
                ],
                "events": [{"type": e.type, "at": e.at, "detail": e.detail} for e in events],
            }
        )
        return
    of = record.send
    show.say(f"{of.id}: the {of.kind} of {of.date} for {of.slug} <{of.address}>")
    for line in _made(edition):
        show.say(f"  {line}")
    size = f", its message of {len(message) / 1000:.0f} kB kept" if message else ""
    show.say(f"  {_time(record.created_at)}  frozen{size}")
    for attempt in record.attempts:
        show.say(
            f"  {_time(attempt.started_at)}  handed to {attempt.backend or 'a backend whose answer was never recorded'}"
        )
        if attempt.finished_at:
            show.say(f"  {_time(attempt.finished_at)}  {attempt.outcome}: {attempt.detail}")
    for event in events:
        show.say(f"  {_time(event.at.isoformat())}  reported: {event.type}{': ' if event.detail else ''}{event.detail}")
    show.say(f"  {_time(record.changed_at)}  now {of.state}{': ' if record.detail else ''}{record.detail}")
    if record.retry_at and of.state is SendState.RETRY_AT:
        show.say(f"  {_time(record.retry_at)}  may be tried again")
    show.say(f"It {ADVICE[of.state].format(id=of.id)}.")


def _made(edition: Edition) -> list[str]:
    """How the edition came about, from the topics to what it cost."""
    totals, usage = edition.totals, edition.usage
    by = f"{edition.scorer} {edition.model}".strip()
    lines = [
        f"topics: {'; '.join(edition.topics) or 'unknown'}",
        (
            f"mailings: {', '.join(map(str, edition.mailings))}: {totals.announced} announced, "
            f"{totals.scanned} scanned, {totals.candidates} candidates"
        ),
        (
            f"scored by {by}: {len(edition.papers)} listed, {len(edition.near_misses)} near misses, "
            f"{len(edition.not_scored)} without a score; {edition.status}"
        ),
        f"cost: USD {edition.cost.total} for {usage.total_tokens:,} tokens",
    ]
    return lines + ([f"fault: {edition.fault.code}"] if edition.fault else [])


def _time(text: str) -> str:
    """A stored time (ISO 8601, UTC) to the second."""
    return f"{text[:10]} {text[11:19]} UTC"
