"""`newsletter serve`: the web, beside the runs: unsubscribe links, web copies, webhooks."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery import backends
from newsletter.settings import Settings
from newsletter.store import Store

if TYPE_CHECKING:
    import uvicorn


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port to listen on.")] = 8000,
) -> None:
    """Serve the links of the emails until stopped. A proxy in front of it does TLS.

    Examples:

        newsletter serve

        newsletter serve --host 0.0.0.0 --port 8080
    """
    settings = app.home_settings()
    with app.open_store(settings) as store:
        show.say(f"serving {settings.web.base_url} on http://{host}:{port}; stop with Ctrl-C")
        server(settings, store, host, port).run()


def server(settings: Settings, store: Store, host: str, port: int) -> "uvicorn.Server":
    """The web over a store, not started yet."""
    import uvicorn  # noqa: PLC0415 - only those who serve pay for loading a web server

    from newsletter import web  # noqa: PLC0415
    from newsletter.web.services import Rooms  # noqa: PLC0415

    rooms = Rooms(
        store=store,
        signer=app.signer(settings),
        templates=app.templates(settings),
        clock=app.now,
        webhooks=backends.webhooks(settings),
        home=settings.home,
    )
    # No access log: the path is the token. No server header: it helps nobody.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return uvicorn.Server(uvicorn.Config(web.app(rooms), host=host, port=port, access_log=False, server_header=False))
