"""What readers and backends reach over HTTP: one file of this folder per errand. GET and HEAD change nothing.

No page needs a script or loads anything from elsewhere; a token opens its one errand and nothing else.
"""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.web.headers import SecurityHeaders
from newsletter.web.machines import health, metrics, ready, webhook
from newsletter.web.operators import desk
from newsletter.web.pages import Pages
from newsletter.web.readers import edition, feed, feedback, preferences, subscribe, trying, unsubscribe
from newsletter.web.services import Rooms


def app(rooms: Rooms) -> Starlette:
    """All routes over one store."""
    pages = Pages(rooms.templates, rooms.home)
    routes = [
        *unsubscribe.routes(rooms, pages),
        *subscribe.routes(rooms, pages),
        *edition.routes(rooms, pages),
        *feed.routes(rooms, pages),
        *feedback.routes(rooms, pages),
        *preferences.routes(rooms, pages),
        *trying.routes(rooms, pages),
        *webhook.routes(rooms),
        *health.routes(rooms),
        *ready.routes(rooms),
        *metrics.routes(rooms),
        *desk.routes(rooms, pages),
    ]
    return _made(routes, pages)


def demo(rooms: Rooms) -> Starlette:
    """The page to try alone, for the public: nothing can be joined, changed or mailed."""
    pages = Pages(rooms.templates, rooms.home)
    return _made([*trying.routes(rooms, pages), *health.routes(rooms)], pages)


def _made(routes: Sequence[Route], pages: Pages) -> Starlette:
    async def missing(request: Request, _: Exception) -> Response:
        return pages.unknown(request)

    async def fault(request: Request, _: Exception) -> Response:
        """The database does not answer: whoever asked may try again."""
        return pages.show("fault.html", request, status=503, headers={"Retry-After": "60"})

    made = Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={404: missing, NewsletterError: fault},
    )
    made.router.redirect_slashes = False  # a redirect would turn a mailbox's POST into a GET (RFC 8058 §3.1)
    return made
