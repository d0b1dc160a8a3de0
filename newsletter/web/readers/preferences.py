"""A reader changes their own file: topics, hours and all else; pauses, takes their data along, is erased.

The link in a mail only opens a page that mails a fresh link, for mails are forwarded. A fresh one is good for half an
hour and is all that authorises: there is no cookie, so no other site can act with it.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.editions.json_file import dump
from newsletter.errors import InputError
from newsletter.links import Purpose
from newsletter.models.editions import Edition
from newsletter.models.papers import Paper
from newsletter.models.subscribers import WEEKDAYS, Mark, Subscriber
from newsletter.money import shown_usd
from newsletter.rendering.citations import FORMATS
from newsletter.subscribers import exchange, preferences
from newsletter.subscribers.membership import Membership
from newsletter.subscribers.preferences import Changed, Current
from newsletter.topics.body import read_body
from newsletter.web.body import form, read
from newsletter.web.pages import Pages
from newsletter.web.services import Rooms
from newsletter.web.spoken import spoken

BODY_LIMIT = 160 * 1024  # a topics file of 32 kB, percent-encoded, and the rest of the form
SMALL_LIMIT = 4_000
SHOWN_DAYS = timedelta(days=60)
WHOLE = ("min_relevance", "min_novelty", "max_papers")
CHOICES = ("length", "attach", "language", "scorer")
ANNOUNCE = ("new", "cross", "replace", "old-cross")
EDITIONS = 500  # of which the archive of one's data has the files


@dataclass(frozen=True, slots=True)
class Difference:
    """What other topics would have given of the newest mailing."""

    added: tuple[Paper, ...]
    dropped: tuple[Paper, ...]
    kept: int


def routes(rooms: Rooms, pages: Pages) -> Sequence[Route]:
    door, desk = _Door(rooms, pages), _Desk(rooms, pages)
    return [
        Route("/preferences", door.show, methods=["GET"]),
        Route("/preferences", door.ask, methods=["POST"]),
        Route("/preferences/{token}", desk.show, methods=["GET"]),
        Route("/preferences/{token}", desk.act, methods=["POST"]),
        Route("/preferences/{token}/data.zip", desk.data, methods=["GET"]),
        Route("/preferences/{token}/saved.{ending}", desk.saved, methods=["GET"]),
    ]


class _Door:
    """Where one asks for a link by one's address."""

    def __init__(self, rooms: Rooms, pages: Pages) -> None:
        self._rooms, self._pages = rooms, pages

    def show(self, request: Request) -> Response:
        return self._pages.show("door.html", request)

    async def ask(self, request: Request) -> Response:
        """One answer for every address."""
        sent = await form(request, SMALL_LIMIT)
        address = sent.get("email")
        if isinstance(address, str) and not sent.get("website"):
            rooms = self._rooms
            await run_in_threadpool(
                preferences.ask_by_address, address.strip()[:320], rooms.store, rooms.signer, rooms.clock()
            )
        return self._pages.show("door_asked.html", request)


class _Desk:
    """What a link opens."""

    def __init__(self, rooms: Rooms, pages: Pages) -> None:
        self._rooms, self._pages = rooms, pages

    def show(self, request: Request) -> Response:
        reader, is_fresh = self._reader(request)
        if reader is None:
            return self._pages.unknown(request)
        if not is_fresh or self._rooms.members is None:
            return self._pages.show("fresh.html", request, action=request.url.path)
        return self._page(request, reader)

    async def act(self, request: Request) -> Response:
        reader, is_fresh = await run_in_threadpool(self._reader, request)
        if reader is None:
            return self._pages.unknown(request)
        rooms = self._rooms
        if not is_fresh or rooms.members is None:
            await read(request, SMALL_LIMIT)
            await run_in_threadpool(preferences.ask, reader, rooms.store, rooms.signer, rooms.clock())
            return self._pages.show("door_asked.html", request)
        sent = await form(request, BODY_LIMIT)
        return await run_in_threadpool(self._acted, request, reader, sent, rooms.members)

    def data(self, request: Request) -> Response:
        """Everything that is on record of the reader, as an archive."""
        reader, is_fresh = self._reader(request)
        if reader is None or not is_fresh or self._rooms.members is None:
            return self._pages.unknown(request)
        archive = _archive(reader, self._rooms, self._rooms.members)
        return Response(
            archive, media_type="application/zip", headers={"Content-Disposition": 'attachment; filename="my-data.zip"'}
        )

    def saved(self, request: Request) -> Response:
        """The saved papers, as a file for a reference manager."""
        reader, is_fresh = self._reader(request)
        found = FORMATS.get(request.path_params["ending"])
        if reader is None or not is_fresh or found is None:
            return self._pages.unknown(request)
        text = found.write(saved(reader, self._rooms), self._rooms.templates.origins)
        name = f'attachment; filename="saved.{found.ending}"'
        return Response(text, media_type=found.media_type, headers={"Content-Disposition": name})

    def _reader(self, request: Request) -> tuple[Subscriber | None, bool]:
        """The reader whom a token names, and whether it opens their preferences; nobody where its time is over."""
        number = self._rooms.signer.read(Purpose.PREFERENCES, request.path_params["token"])
        if number is None:
            return None, False
        subscriber_id, is_fresh = preferences.reader_of(number, self._rooms.clock())
        if preferences.is_fresh_kind(number) and not is_fresh:
            return None, False
        reader = self._rooms.store.subscribers.by_id(subscriber_id)
        return (reader, is_fresh) if reader and preferences.may_change(reader) else (None, False)

    def _acted(self, request: Request, reader: Subscriber, sent: FormData, members: Membership) -> Response:
        words, now = spoken(request), self._rooms.clock()
        try:
            match sent.get("action"):
                case "pause":
                    members.pause(reader.slug, _day(str(sent.get("until", "")), now), "by the reader", now)
                case "resume":
                    members.resume(reader.slug, "by the reader", now)
                case "erase" if sent.get("sure") == "yes":
                    members.erase(reader.slug, now)
                    return self._pages.show("erased.html", request)
                case "erase":
                    return self._page(request, reader, error=words.say("Tick the box to be erased."), status=422)
                case "save" | "preview" | "restore":
                    return self._changed(request, reader, sent, members)
                case _:
                    return self._pages.unknown(request)
        except InputError as error:
            return self._page(request, reader, error=str(error), status=422)
        return self._page(request, self._rooms.store.subscribers.by_id(reader.id) or reader, done=words.say("Done."))

    def _changed(self, request: Request, reader: Subscriber, sent: FormData, members: Membership) -> Response:
        words, rooms = spoken(request), self._rooms
        seen = preferences.current(reader, members)
        if sent.get("action") == "restore":
            former = {str(each.id): each.file for each in rooms.store.former_files.of(reader.id)}
            text = former.get(str(sent.get("version", "")), seen.text)
            proposal = preferences.understood(seen, text, members)
            body, wishes = Current(reader, text, seen.file).body, preferences.shown(proposal.wishes)
            said = words.say("This is an earlier version. Nothing is saved yet.")
            difference = self._difference(reader, seen, proposal)
            return self._page(request, reader, body=body, wishes=wishes, difference=difference, done=said)
        body, wishes = _filled(sent, seen)
        try:
            text = preferences.proposed(seen, body, wishes, rooms.most_usd)
            proposal = preferences.understood(seen, text, members)
        except InputError as error:
            return self._page(request, reader, body=body, wishes=wishes, error=str(error), status=422)
        if sent.get("action") == "preview":
            difference = self._difference(reader, seen, proposal)
            mark = str(sent.get("mark", ""))
            return self._page(request, reader, body=body, wishes=wishes, difference=difference, mark=mark)
        try:
            if sent.get("mark") != seen.mark:
                raise Changed("another version was seen")
            preferences.save(seen, text, members, rooms.clock())
        except Changed:
            theirs = preferences.current(reader, members)
            return self._page(request, reader, body=body, wishes=wishes, other=theirs.text, status=409)
        changed = rooms.store.subscribers.by_id(reader.id) or reader
        return self._page(request, changed, done=words.say("Saved. Your next mail follows it."))

    def _difference(self, reader: Subscriber, seen: Current, proposal: Subscriber) -> Difference | None:
        if self._rooms.newest is None:
            return None
        before = Subscriber(reader.id, reader.slug, seen.file.wishes, seen.file.topics)
        return difference(self._rooms.newest.edition(before), self._rooms.newest.edition(proposal))

    def _page(self, request: Request, reader: Subscriber, status: int = 200, **more: Any) -> Response:
        assert self._rooms.members is not None, "only with members there is something to change"
        error = ""
        try:
            seen = preferences.current(reader, self._rooms.members)
        except InputError as wrong:
            seen, error, status = None, str(wrong), 422
        store, now = self._rooms.store, self._rooms.clock()
        since = now - SHOWN_DAYS
        days = [row | {"usd": shown_usd(row["picodollars"])} for row in store.charges.by_day(reader.id, since)]
        month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        context: dict[str, Any] = {
            "path": request.url.path,
            "reader": reader,
            "readable": seen is not None,
            "mark": seen.mark if seen else "",
            "body": seen.body if seen else reader.topics.body,
            "wishes": seen.wishes if seen else preferences.shown(reader.wishes),
            "error": error,
            "done": "",
            "other": "",
            "difference": None,
            "former": store.former_files.of(reader.id),
            "saved": saved(reader, self._rooms),
            "days": days,
            "most": max((row["picodollars"] for row in days), default=0),
            "month": shown_usd(store.charges.paid(reader.id, month)),
            "weekdays": WEEKDAYS,
            "announce": ANNOUNCE,
            "most_usd": self._rooms.most_usd,
            "names": self._rooms.taxonomy.names,
            "model": self._rooms.reads_topics,
            "unsubscribe": f"/{Purpose.UNSUBSCRIBE}/{self._rooms.signer.token(Purpose.UNSUBSCRIBE, reader.id)}",
            "tomorrow": (now + timedelta(days=1)).date(),
        }
        context |= more
        context["topics"] = read_body(context["body"]).topics
        return self._pages.show("preferences.html", request, status=status, **context)


def difference(before: Edition | None, after: Edition | None) -> Difference | None:
    """What one edition has that the other has not; None where there is no mailing to compare by."""
    if before is None or after is None:
        return None
    old = {item.paper.id: item.paper for item in before.papers}
    new = {item.paper.id: item.paper for item in after.papers}
    return Difference(
        tuple(paper for key, paper in new.items() if key not in old),
        tuple(paper for key, paper in old.items() if key not in new),
        len(old.keys() & new.keys()),
    )


def saved(reader: Subscriber, rooms: Rooms) -> list[Paper]:
    """The papers that the reader saved, newest mark first."""
    marks = [marked.paper_key for marked in rooms.store.feedback.of(reader.id) if marked.mark is Mark.SAVED]
    papers = rooms.store.papers.by_keys(marks)
    return [papers[key] for key in reversed(marks)]


def _archive(reader: Subscriber, rooms: Rooms, members: Membership) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        record = exchange.export(reader.slug, members)
        archive.writestr("record.json", json.dumps(record, ensure_ascii=False, indent=2))
        archive.writestr("topics.md", record["file"])
        for number in rooms.store.editions.newest_ids(reader.id, EDITIONS):
            told = rooms.store.editions.load(number)
            archive.writestr(f"editions/{told.date}-{told.kind}.json", dump(told))
        for name, found in FORMATS.items():
            archive.writestr(f"saved.{name}", found.write(saved(reader, rooms), rooms.templates.origins))
    return packed.getvalue()


def _filled(sent: FormData, seen: Current) -> tuple[str, dict[str, Any]]:
    """The body and the wishes that the form states; a field that was not sent stays as it is."""
    wishes, before = dict(seen.wishes), seen.wishes
    for name in (*WHOLE, *CHOICES, "budget_usd_per_month"):
        value = _text(sent, name)
        if value:
            wishes[name] = _number(value) if name in WHOLE or name == "budget_usd_per_month" else value
    if "categories" in sent:
        wishes["categories"] = _listed(_text(sent, "categories").replace(" ", ","))
    if "authors" in sent:
        wishes["authors"] = _listed(_text(sent, "authors"))
    if "include" in sent or "exclude" in sent:
        wishes["keywords"] = {side: _listed(_text(sent, side)) for side in ("include", "exclude")}
    if "frequency" in sent:  # the form was sent as a whole: what is not ticked is not wanted
        wishes["announce"] = [kind for kind in ANNOUNCE if kind in sent.getlist("announce")]
        days = [day for day in WEEKDAYS if day in sent.getlist("days")]
        deliver = before["deliver"] | {
            "frequency": _text(sent, "frequency"),
            "at": _text(sent, "at") or before["deliver"]["at"],
            "timezone": _text(sent, "timezone") or before["deliver"]["timezone"],
            "empty": _text(sent, "empty") or before["deliver"]["empty"],
            "days": days,
        }
        if deliver["frequency"] == "weekly" and len(days) != 1:
            deliver["days"] = ["fri"]  # after the week's mailings
        wishes["deliver"] = deliver
    body = sent.get("topics")
    return (body.replace("\r\n", "\n").replace("\0", "") if isinstance(body, str) else seen.body), wishes


def _text(sent: FormData, name: str) -> str:
    value = sent.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _listed(text: str) -> list[str]:
    return [part for part in (piece.strip() for piece in text.replace("\n", ",").split(",")) if part]


def _number(text: str) -> int | float | str:
    """A number where it is one; else the text, of which the reading of the file says what is wrong."""
    for kind in (int, float):
        try:
            return kind(text.replace(",", "."))
        except ValueError:
            continue
    return text


def _day(text: str, now: datetime) -> datetime | None:
    """The morning of a day; None for a pause without an end. Raises InputError."""
    if not text:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(text[:10]).date(), time.min, now.tzinfo)
    except ValueError:
        raise InputError(f"{text[:20]!r} is no day; write one like 2026-12-24") from None
