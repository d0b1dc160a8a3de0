"""A monitor asks whether the service works: the database answers, and sending is not paused."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.delivery.breakers import OPEN
from newsletter.errors import StoreError
from newsletter.web.services import Rooms


def routes(rooms: Rooms) -> Sequence[Route]:
    def health(_: Request) -> Response:
        try:
            paused = bool(rooms.store.facts.get(OPEN))
        except StoreError:
            return JSONResponse({"status": "no database"}, 503)
        return JSONResponse({"status": "ok", "sending": "paused" if paused else "on"})

    return [Route("/health", health, methods=["GET"])]
