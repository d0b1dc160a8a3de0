"""`newsletter explain`: the story of one send, and what to do next."""

from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.cli.sends import Id, find, plain
from newsletter.models.sends import SendState

ADVICE = {
    SendState.READY: "goes out with the next run",
    SendState.CLAIMED: "a run has it in hand; if none is alive, the next run takes it up",
    SendState.SUBMITTING: "a run is handing it over; if none is alive, the next run marks it ambiguous",
    SendState.RETRY_AT: "was certainly not sent; a run after the time shown tries again",
    SendState.ACCEPTED: "the backend took it; nothing was reported since",
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
    """Tell the story of one send: its attempts, what was reported of it, and what to do next.

    Examples:

        newsletter explain 3f0x9qk2mz
    """
    with app.open_store(app.home_settings()) as store:
        record = find(store, send)
        events = list(store.events.of(send))
    if as_json:
        show.as_json(
            plain(record)
            | {
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
    show.say(f"  {_time(record.created_at)}  frozen")
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


def _time(text: str) -> str:
    """A stored time (ISO 8601, UTC) to the second."""
    return f"{text[:10]} {text[11:19]} UTC"
