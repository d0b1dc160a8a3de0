"""`newsletter fetch`: gets the mailings that are missing and stores them; scores nothing, sends nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.errors import InputError, SourceError, Unreachable
from newsletter.files import write_atomically
from newsletter.models.papers import MailingStatus, Progress
from newsletter.settings import Settings
from newsletter.sources import collect
from newsletter.sources import mailing_file as listing_file
from newsletter.store import Store
from newsletter.subscribers.roster import wished

NOT_READY = 75  # EX_TEMPFAIL of sysexits.h
RETRY_AFTER = timedelta(minutes=30)


def fetch(
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Fetch this mailing, even if it is there already."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="Fetch what is missing since this day, 90 days at most."),
    ] = None,
    listing: Annotated[
        Path | None, typer.Option("--listing", help="Take the mailing in this file (JSON Lines).")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write the stored mailing of --date, or the newest, to this file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Store arXiv's newest mailing and those that were missed, in the categories of all subscribers.

    Fetching a mailing again adds only what was missing. Exits 75 while a mailing is not complete: try again later.

    Examples:

        newsletter fetch

        newsletter fetch --since 2026-11-02

        newsletter fetch --listing mailing.jsonl.gz

        newsletter fetch --export mailing.jsonl
    """
    if sum(option is not None for option in (day, since, listing)) > 1:
        raise InputError("--date, --since and --listing exclude each other: give one of them")
    if export and (since or listing):
        raise InputError("--export writes what is stored: give it alone, or with --date")
    settings = app.home_settings()
    if export:
        _to_file(settings, export, day.date() if day else None)
        return
    if listing:
        _from_file(settings, listing, as_json=as_json)
        return
    with app.open_store(settings) as store:
        if not (wanted := wishes(settings, store)):
            raise InputError(
                "there are no subscribers yet, so no categories: add one with `newsletter subscribers add`"
            )
        taken = list(take(settings, store, wanted, day=day and day.date(), since=since and since.date()))
        newest = store.mailings.days()[-1:]
    if as_json:
        show.as_json([_plain(item) for item in taken])
    else:
        report(taken)
        if not taken:
            show.say(f"nothing is missing: the mailing of {newest[0].date} is {newest[0].status}")
    if not all(item.ready for item in taken):
        raise typer.Exit(NOT_READY)


def wishes(settings: Settings, store: Store) -> set[str]:
    """The categories of all active subscribers, as they write them."""
    assert settings.home is not None, "subscribers live in a home"
    return wished(settings.home / "subscribers", store, app.taxonomy(), app.now())


def take(
    settings: Settings,
    store: Store,
    wanted: set[str],
    *,
    day: date | None = None,
    since: date | None = None,
    catch_up: timedelta = collect.CATCH_UP,
) -> Iterator[collect.Taken]:
    """Fetches the mailing of a day, those missing since one, or those missing in the last days; saves each.

    One process of a home fetches at a time. The second waits, and asks for nothing that the first has just brought.
    """
    began = app.now()
    with ExitStack() as stack:
        is_second = stack.enter_context(app.fetch_lock(settings, _say_waiting))
        now = app.now()
        for source in app.sources(settings):
            stack.callback(source.close)
            fetched = store.mailings.fetched(source.origin.name)
            days = [day] if day else collect.missing(source, fetched, wanted, now, since=since, catch_up=catch_up)
            bare = [] if day else [known for known in collect.bare(fetched) if known not in days]
            if is_second:
                proven = [m for m in fetched if m.status is not MailingStatus.PARTIAL]
                brought = {m.date for m in proven if m.fetched_at and m.fetched_at >= began}
                days, bare = [d for d in days if d not in brought], [d for d in bare if d not in brought]
            if days:
                show.aside(f"asking {source.origin.title} for {_mailings(days)}")
            bars = stack.enter_context(ExitStack())
            started = partial(_bars, bars, len(source.categories(tuple(wanted))))
            yield from collect.take(source, days, wanted, store, bare=bare, clock=app.now, progress=started)


def report(taken: Sequence[collect.Taken], say: Callable[[str], None] = show.say) -> None:
    """A line for each mailing; what is missing, and when to try again, on stderr."""
    for item in taken:
        if item.error:
            show.warn(f"newsletter: {_failure(item, item.error)}")
        elif mailing := item.mailing:
            status = "early" if mailing.early else mailing.status
            ago = f", announced {show.duration(app.now() - item.announced_at)} ago" if item.announced_at else ""
            count = len(mailing.announcements)
            say(f"mailing of {item.date}: {status}, {count} papers ({item.added} new here){ago}")
            if mailing.note:
                show.warn(f"newsletter: {item.date}: {mailing.note}")


def _bars(shown: ExitStack, categories: int) -> Progress:
    """New bars for the next mailing, in place of those of the one before; they show up with the first answer."""
    shown.close()
    bars: list[Progress] = []

    def tell(stage: str, done: int) -> None:
        if not bars:
            bars.append(shown.enter_context(show.progress({"lists": categories, "details": None})))
        bars[0](stage, done)

    return tell


def _say_waiting() -> None:
    show.warn("newsletter: another fetch is under way in this home; waiting for what it brings")


def _mailings(days: Sequence[date]) -> str:
    return f"the mailing of {days[0]}" if len(days) == 1 else f"{len(days)} mailings, {days[0]} to {days[-1]}"


def _failure(item: collect.Taken, error: SourceError) -> str:
    retry_at = error.retry_at if isinstance(error, Unreachable) else None
    when = max(retry_at or app.now(), app.now() + RETRY_AFTER).astimezone(
        item.announced_at.tzinfo if item.announced_at else UTC
    )
    return (
        f"the mailing of {item.date} was not fetched, because {error}; what was stored before is kept; "
        f"try again after {when:%H:%M} {_place(when)} time"
    )


def _place(when: datetime) -> str:
    """The city of a time's zone: New York of America/New_York."""
    return str(when.tzinfo).rpartition("/")[2].replace("_", " ")


def _plain(item: collect.Taken) -> dict[str, object]:
    mailing = item.mailing
    return {
        "date": item.date,
        "status": mailing.status if mailing else None,
        "early": bool(mailing and mailing.early),
        "papers": len(mailing.announcements) if mailing else 0,
        "added": item.added,
        "note": mailing.note if mailing else "",
        "error": str(item.error) if item.error else "",
        "announced_at": item.announced_at.isoformat() if item.announced_at else None,
    }


def _from_file(settings: Settings, listing: Path, *, as_json: bool) -> None:
    read = listing_file.read(listing, app.now().date())
    for problem in read.problems:
        show.warn(f"newsletter: {problem}")
    with app.open_store(settings) as store:
        mailing = store.mailings.save(read.mailing, app.now())
    if as_json:
        show.as_json({"date": mailing.date, "status": mailing.status, "papers": len(mailing.announcements)})
    else:
        show.say(f"mailing of {mailing.date}: {mailing.status}, {len(mailing.announcements)} papers")


def _to_file(settings: Settings, file: Path, day: date | None) -> None:
    """Writes a stored mailing for the `--listing` of another home."""
    with app.open_store(settings) as store:
        known = [each for each in store.mailings.days() if each.has_papers and day in (None, each.date)]
        if not known:
            raise InputError(f"no mailing of {day} with papers is stored" if day else "no mailing is stored: fetch one")
        mailing = store.mailings.load(known[-1].date, known[-1].source)
    content = "".join(f"{line}\n" for line in listing_file.lines(mailing))
    try:
        write_atomically(file, content.encode())
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from error
    show.say(f"mailing of {mailing.date}: {len(mailing.announcements)} papers written to {file}")
