"""A reader opens the web copy of an edition. It may have been forwarded: it names nobody and links to no errand."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from newsletter.links import Purpose
from newsletter.models.editions import Links
from newsletter.rendering.templates import web_copy
from newsletter.web.headers import POLICY
from newsletter.web.pages import Pages
from newsletter.web.services import Rooms


def routes(rooms: Rooms, pages: Pages) -> Sequence[Route]:
    def show(request: Request) -> Response:
        number = rooms.signer.read(Purpose.EDITION, request.path_params["token"])
        try:
            edition = rooms.store.editions.load(number) if number is not None else None
        except LookupError:
            edition = None
        if edition is None:
            return pages.unknown(request)
        page = web_copy(edition, Links(), rooms.templates)
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY.format(forms="'none'", scripts="'none'")})

    return [Route("/e/{token}", show, methods=["GET"])]
