"""A backend reports what became of mail. The signature is checked over the raw body; one transaction, then 204.

A request without a fresh signature is refused before its body is read.
"""

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.models.sends import Forged
from newsletter.web.body import read
from newsletter.web.services import Rooms

BODY_LIMIT = 4 * 1024 * 1024


def routes(rooms: Rooms) -> Sequence[Route]:
    async def take(request: Request) -> Response:
        webhook = rooms.webhooks.get(request.path_params["backend"])
        if webhook is None:
            return Response(status_code=404)
        now = rooms.clock()
        try:
            webhook.admit(request.headers, now)
            body = await read(request, BODY_LIMIT)
            events = await run_in_threadpool(webhook.events, request.headers, body, now)
        except Forged:
            return Response(status_code=403)
        await run_in_threadpool(rooms.store.events.record, events, now)
        return Response(status_code=204)

    return [Route("/webhooks/{backend}", take, methods=["POST"])]
