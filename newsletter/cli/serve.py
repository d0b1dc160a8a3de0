"""`newsletter serve`: the web, beside the runs: unsubscribe links, web copies, webhooks."""

import re
import socket
from email.parser import BytesHeaderParser
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery import backends
from newsletter.errors import InputError, SettingsError
from newsletter.links import Purpose, Signer

_LINK = re.compile(rf"<https?://[^>]*/{Purpose.UNSUBSCRIBE}/(?P<token>[\w-]+)>")


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")] = 8000,
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
        signer = app.signer(settings)
        if app.reaches_people(settings):
            check_mailed_link(store.sends.newest_message(settings.mail.backend), signer)
        rooms = Rooms(
            store=store,
            signer=signer,
            templates=app.templates(settings),
            clock=app.now,
            webhooks=backends.webhooks(settings),
            home=settings.home,
        )
        with _listening(host, port) as listener:
            show.say(f"serving {settings.web.base_url} on http://{host}:{port}; stop with Ctrl-C")
            # No access log: the path is the token. No server header: it helps nobody.
            config = uvicorn.Config(web.app(rooms), access_log=False, server_header=False, log_level="warning")
            uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises InputError where the port is taken or the address is not this machine's."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, UnicodeError) as error:
        said = getattr(error, "strerror", "") or error
        raise InputError(f"{host}:{port} cannot be listened on: {said}; choose another with --host or --port") from None


def check_mailed_link(message: bytes | None, signer: Signer) -> None:
    """Raises SettingsError where the unsubscribe link of a mailed message would not be known for ours."""
    if message is None:
        return
    header = BytesHeaderParser().parsebytes(message)["List-Unsubscribe"] or ""
    found = _LINK.search(header)
    if found and signer.read(Purpose.UNSUBSCRIBE, found["token"]) is None:
        raise SettingsError(
            "NEWSLETTER_SECRET does not verify the links that were mailed: "
            "put the earlier secret behind the new one, with a comma between them"
        )
