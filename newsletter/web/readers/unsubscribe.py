"""A reader leaves, by the mailbox's own button (RFC 8058) or by ours, and may undo it.

Any POST to the link leaves: mailboxes send `List-Unsubscribe=One-Click` as multipart or urlencoded, our page sends an
empty form, and none of them has a cookie. A GET only asks, for link scanners follow every link of a mail.
"""

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.links import Purpose
from newsletter.models.subscribers import SubscriberStatus
from newsletter.web.body import read
from newsletter.web.pages import Pages
from newsletter.web.services import Rooms

SOURCE = "the reader's link"
BODY_LIMIT = 64 * 1024


def _gone(rooms: Rooms, pages: Pages, subscriber: int, request: Request) -> Response:
    """Says that a subscriber left, and offers the way back while there is one."""
    may_undo = rooms.store.subscribers.may_come_back(subscriber, SOURCE, rooms.clock())
    path = request.url.path.rstrip("/")
    return pages.show("unsubscribed.html", request, action=f"{path}/undo" if may_undo else "")


def _reader(rooms: Rooms, request: Request) -> int | None:
    return rooms.signer.read(Purpose.UNSUBSCRIBE, request.path_params["token"])


async def _posted(rooms: Rooms, request: Request) -> int | None:
    """The reader whose token is in the path, once the body that nobody needs has come; None for a token of none."""
    subscriber = _reader(rooms, request)
    if subscriber is None or await run_in_threadpool(rooms.store.subscribers.status, subscriber) is None:
        return None
    await read(request, BODY_LIMIT)
    return subscriber


def routes(rooms: Rooms, pages: Pages) -> Sequence[Route]:
    store = rooms.store

    def ask(request: Request) -> Response:
        subscriber = _reader(rooms, request)
        status = store.subscribers.status(subscriber) if subscriber is not None else None
        if subscriber is None or status is None:
            return pages.unknown(request)
        if status in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
            return pages.show("unsubscribe.html", request, action=request.url.path.rstrip("/"))
        return _gone(rooms, pages, subscriber, request)

    async def leave(request: Request) -> Response:
        subscriber = await _posted(rooms, request)
        # The answer follows the commit: what was answered with 200 survives a crash.
        if subscriber is None or not await run_in_threadpool(
            store.subscribers.leave, subscriber, SOURCE, rooms.clock()
        ):
            return pages.unknown(request)
        return _gone(rooms, pages, subscriber, request)

    async def undo(request: Request) -> Response:
        subscriber = await _posted(rooms, request)
        if subscriber is None or not await run_in_threadpool(
            store.subscribers.come_back, subscriber, SOURCE, rooms.clock()
        ):
            return pages.unknown(request)
        return pages.show("back.html", request, action=request.url.path.removesuffix("/undo"))

    return [
        Route("/u/{token}", ask, methods=["GET"]),
        Route("/u/{token}/", ask, methods=["GET"]),
        Route("/u/{token}", leave, methods=["POST"]),
        Route("/u/{token}/", leave, methods=["POST"]),
        Route("/u/{token}/undo", undo, methods=["POST"]),
    ]
