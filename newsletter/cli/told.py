"""What a run came to, for a person and for a machine."""

from datetime import datetime, timedelta

from newsletter import app, pipeline
from newsletter.cli import show
from newsletter.models.editions import Composed
from newsletter.models.sends import Outcome
from newsletter.rendering.language import words
from newsletter.rendering.reasons import worded_fault
from newsletter.store.sends import Early


def told(report: pipeline.Report, *, sent: bool = True) -> None:
    """Says what a run came to."""
    for composed in sorted(report.composed, key=lambda c: c.slug):
        _print_composed(composed)
    for done in sorted(report.dispatched, key=lambda d: d.slug):
        if done.receipt.outcome is Outcome.ACCEPTED:
            show.say(f"{done.slug}: sent, {done.receipt.detail}")
        else:
            show.warn(f"newsletter: {done.slug}: {done.receipt.outcome}: {done.receipt.detail}")
    if report.alert:
        show.warn(f"newsletter: worth a look: {report.alert}")
    if report.halted:
        show.warn(f"newsletter: {report.halted}")
    if not report.composed:
        show.say("there are no subscribers yet: add one with `newsletter subscribers add FILE`")
    elif nobody_agreed(report):
        show.warning(
            "nobody is mailed: each reader's consent must be on record; when they agreed, record it with "
            "`newsletter subscribers add subscribers/NAME.md`"
        )
    elif report.early.next:
        show.say(_waiting(report.early, app.now()))
    elif not report.dispatched and not report.halted:
        show.say("sent nothing: no send is ready" if sent else "sent nothing, as asked")


def _print_composed(composed: Composed) -> None:
    if composed.failed or composed.fault:
        show.warn(f"newsletter: {composed.reason or f'{composed.slug}: {_said(composed)}'}")
    elif composed.reason:
        show.say(f"{composed.slug}: {composed.reason}")
    else:
        late = _late(composed.waited)
        show.say(f"{composed.slug}: {composed.papers} of {composed.candidates} papers ({composed.status}){late}")


def _said(composed: Composed) -> str:
    """Why there is no edition, else what the edition itself says of a fault."""
    return composed.reason or (worded_fault(composed.fault, words("en")) if composed.fault else "")


def _waiting(early: Early, now: datetime) -> str:
    """How many sends wait for their hour, and the first of these hours by the clock of this machine."""
    assert early.next is not None, "something waits"
    at = early.next.astimezone()
    day = "" if at.date() == now.astimezone().date() else f" on {at:%Y-%m-%d}"
    wait = "waits for its" if early.count == 1 else "wait for their"
    return f"{early.count} {wait} hour, the next at {at:%H:%M %Z}{day}"


def _late(waited: timedelta | None) -> str:
    """How long after the announcement the edition was made; nothing for an old mailing in a file."""
    if waited is None or not timedelta(0) <= waited < timedelta(days=2):
        return ""
    return f", {show.duration(waited)} after the announcement"


def plain(report: pipeline.Report) -> dict[str, object]:
    return {
        "subscribers": [
            {
                "subscriber": c.slug,
                "status": c.status,
                "papers": c.papers,
                "candidates": c.candidates,
                "reason": _said(c),
                "fault": c.fault.code if c.fault else None,
                "failed": c.failed,
                "minutes_after_announcement": int(c.waited.total_seconds()) // 60 if c.waited else None,
            }
            for c in report.composed
        ],
        "halted": report.halted,
        "alert": report.alert,
        "waiting_for_their_hour": report.early.count,
        "next_hour": report.early.next,
        "sends": [
            {
                "send": d.send_id,
                "subscriber": d.slug,
                "date": d.date,
                "outcome": d.receipt.outcome,
                "detail": d.receipt.detail,
            }
            for d in report.dispatched
        ],
    }


def nobody_agreed(report: pipeline.Report) -> bool:
    """True when there are subscribers and not one may be mailed: something was forgotten."""
    return any(composed.barred for composed in report.composed) and all(
        composed.barred or composed.failed for composed in report.composed
    )
