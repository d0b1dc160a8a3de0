"""A visitor sees the mail they would get of the newest mailing, without an account. A POST stores nothing, either.

It is a POST because topics are nobody's business: what stands in an address is kept in logs and histories.
"""

from collections.abc import Sequence
from threading import BoundedSemaphore

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import InputError
from newsletter.models.editions import Edition, Links
from newsletter.rendering.digest import digest
from newsletter.rendering.frame import Sender
from newsletter.topics.body import MAX_BYTES
from newsletter.web import trial
from newsletter.web.body import form
from newsletter.web.pages import Pages
from newsletter.web.services import Rooms
from newsletter.web.spoken import spoken

BODY_LIMIT = 1_000_000
AT_ONCE = 4  # are scored; further visitors wait for their turn
PATIENCE = 20.0  # seconds
SHOWN_AT_MOST = 40


def routes(rooms: Rooms, pages: Pages) -> Sequence[Route]:
    if rooms.newest is None:
        return []
    desk = _Desk(rooms, pages)
    return [Route("/", desk.show, methods=["GET"]), Route("/", desk.take, methods=["POST"])]


class _Desk:
    def __init__(self, rooms: Rooms, pages: Pages) -> None:
        self._rooms, self._pages = rooms, pages
        self._turns = BoundedSemaphore(AT_ONCE)

    def show(self, request: Request) -> Response:
        return self._page(request)

    async def take(self, request: Request) -> Response:
        sent = await form(request, BODY_LIMIT)
        upload = sent.get("file")
        content = await upload.read() if isinstance(upload, UploadFile) else b""
        return await run_in_threadpool(self._tried, request, sent, content)

    def _tried(self, request: Request, sent: FormData, content: bytes) -> Response:
        words = spoken(request)
        if not self._turns.acquire(timeout=PATIENCE):
            said = words.say("Too many are looking at this moment. Please try again in a minute.")
            return self._page(request, status=503, error=said)
        try:
            return self._scored(request, sent, content)
        finally:
            self._turns.release()

    def _scored(self, request: Request, sent: FormData, content: bytes) -> Response:
        words, newest = spoken(request), self._rooms.newest
        assert newest is not None, "without it there is no such page"
        topics = _text(sent, "topics")
        categories = _text(sent, "categories")
        filled = {"topics": topics, "categories": categories, "references": _text(sent, "references")}
        collected = content or filled["references"].encode()
        if not topics and not collected.strip():
            said = words.say("Write what you want to read about, or paste some references.")
            return self._page(request, filled, status=422, error=said)
        try:
            tried = trial.read(topics, collected, self._rooms.store, newest.papers())
            listed = tuple(part for part in categories.replace(",", " ").split() if self._is_known(part))
            told = newest.edition(trial.reader(tried.topics, listed, words.language))
        except trial.Unknown:
            said = words.say("None of these is known here: paste their titles, or say in words what they are about.")
            return self._page(request, filled, status=422, error=said)
        except InputError as error:
            return self._page(request, filled, status=422, error=str(error))
        filled |= {"topics": tried.topics, "references": ""}
        if told is None:
            said = words.say("No mailing is stored here yet. Come back in the morning.")
            return self._page(request, filled, error=said)
        return self._page(request, filled, told=told, drawn=tried.references)

    def _is_known(self, category: str) -> bool:
        return self._rooms.taxonomy.is_known(category)

    def _page(
        self,
        request: Request,
        filled: dict[str, str] | None = None,
        *,
        told: Edition | None = None,
        drawn: int = 0,
        error: str = "",
        status: int = 200,
    ) -> Response:
        words, templates = spoken(request), self._rooms.templates
        sender = Sender(templates.mailer, templates.operator, templates.postal_address)
        shown = digest(told, Links(), words, sender) if told else None
        return self._pages.show(
            "try.html",
            request,
            status=status,
            fields=filled or dict.fromkeys(("topics", "categories", "references"), ""),
            error=error,
            told=shown,
            entries=shown.entries[:SHOWN_AT_MOST] if shown else (),
            total=told.totals.candidates if told else 0,
            day=words.day(told.date) if told else "",
            drawn=drawn,
            longest=MAX_BYTES,
            categories=sorted(self._rooms.taxonomy.names.items()),
            may_join=self._rooms.joining != "closed" and self._rooms.members is not None,
        )


def _text(sent: FormData, name: str) -> str:
    value = sent.get(name, "")
    return value.replace("\r\n", "\n").replace("\0", "").strip() if isinstance(value, str) else ""
