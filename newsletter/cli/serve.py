"""`newsletter serve`: the web, beside the runs: unsubscribe links, web copies, webhooks."""

import logging
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery import backends


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port to listen on.")] = 8000,
) -> None:
    """Serve the links of the emails until stopped. A proxy in front of it does TLS.

    Examples:

        newsletter serve

        newsletter serve --host 0.0.0.0 --port 8080
    """
    import uvicorn  # noqa: PLC0415 - only this command pays for loading a web server

    from newsletter import web  # noqa: PLC0415
    from newsletter.web.services import Rooms  # noqa: PLC0415

    settings = app.home_settings()
    with app.open_store(settings, follows=True) as store:
        store.suppressions.replay()
        rooms = Rooms(
            store=store,
            signer=app.signer(settings),
            templates=app.templates(settings),
            clock=app.now,
            webhooks=backends.webhooks(settings),
            home=settings.home,
        )
        show.say(f"serving {settings.web.base_url} on http://{host}:{port}; stop with Ctrl-C")
        # No access log: the path is the token. No server header: it helps nobody.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        uvicorn.run(web.app(rooms), host=host, port=port, access_log=False, server_header=False)
