"""A feed reader asks for a subscriber's papers as RSS. The address is the subscriber's own: no email carries it."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.links import Purpose
from newsletter.models.subscribers import SubscriberStatus
from newsletter.rendering.frame import Sender
from newsletter.rendering.rss import feed
from newsletter.web.pages import Pages
from newsletter.web.services import Rooms

EDITIONS = 14


def routes(rooms: Rooms, pages: Pages) -> Sequence[Route]:
    def show(request: Request) -> Response:
        number = rooms.signer.read(Purpose.FEED, request.path_params["token"])
        if number is None or rooms.store.subscribers.status(number) in (None, SubscriberStatus.REMOVED):
            return pages.unknown(request)
        ids = rooms.store.editions.newest_ids(number, EDITIONS)
        rss = feed(
            [rooms.store.editions.load(edition_id) for edition_id in ids],
            rooms.signer.url(Purpose.FEED, number),
            Sender(rooms.templates.mailer, rooms.templates.operator, rooms.templates.postal_address),
            rooms.templates.origins,
            [rooms.signer.url(Purpose.EDITION, edition_id) for edition_id in ids],
        )
        return Response(rss, media_type="application/rss+xml; charset=utf-8")

    return [Route("/feed/{token}", show, methods=["GET"])]
