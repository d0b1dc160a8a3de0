"""`newsletter serve`: the web, beside the runs: unsubscribe links, web copies, webhooks; mail that may not wait."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery import backends
from newsletter.editions.newest import Newest
from newsletter.errors import InputError, SettingsError
from newsletter.links import Purpose, Signer
from newsletter.operations import watch
from newsletter.settings import Settings
from newsletter.store import Store

if TYPE_CHECKING:
    from newsletter.web.server import Server

SILENCE_EVERY = 600.0  # seconds between looks whether runs come
LOOK_EVERY = 1.0  # seconds between looks for mail that may not wait for the next run
_LINK = re.compile(rf"<https?://[^>]*/{Purpose.UNSUBSCRIBE}/(?P<token>[\w-]+)>")


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")] = 8000,
    demo: Annotated[bool, typer.Option("--demo", help="Serve the page to try alone: nobody joins, no mail.")] = False,
) -> None:
    """Serve the links of the emails until stopped. A proxy in front of it does TLS.

    Examples:

        newsletter serve

        newsletter serve --demo

        newsletter serve --host 0.0.0.0 --port 8080
    """
    settings = app.home_settings()
    if demo:
        with app.open_store(settings, follows=True) as store, trying(settings, store, host, port) as web:
            show.say(f"the page to try, alone, on http://{host}:{port}; stop with Ctrl-C")
            web.run()
        return
    with app.open_store(settings, follows=True) as store, listening(settings, store, host, port) as web:
        show.say(f"serving {settings.web.base_url} on http://{host}:{port}; stop with Ctrl-C")
        web.run()


@dataclass(frozen=True, slots=True)
class Web:
    """The web over a store, with the socket that it listens on."""

    server: "Server"
    listener: socket.socket

    def run(self) -> None:
        """Answers until stopped; finishes what it has in hand."""
        self.server.run(sockets=[self.listener])

    def stop(self) -> None:
        self.server.should_exit = True


@contextmanager
def trying(settings: Settings, store: Store, host: str, port: int) -> Iterator[Web]:
    """The page to try alone, for the public: it reads the stored mailings and writes nothing, nor is any mail sent."""
    from newsletter import web  # noqa: PLC0415 - only those who serve pay for loading a web server
    from newsletter.web.server import server  # noqa: PLC0415
    from newsletter.web.services import Rooms  # noqa: PLC0415

    rooms = Rooms(
        store=store,
        signer=app.signer(settings),
        templates=app.templates(settings),
        clock=app.now,
        home=settings.home,
        taxonomy=app.taxonomy(),
        newest=Newest(store, app.taxonomy(), lambda: app.local_scorer(store)),
    )
    with _socket(host, port) as listener:
        yield Web(server(web.demo(rooms), proxies=settings.web.trusted_proxies), listener)


@contextmanager
def listening(settings: Settings, store: Store, host: str, port: int) -> Iterator[Web]:
    """The web, ready to run; until its end, notices and welcome editions go out within a second.

    Raises SettingsError where mailed links would not be known for ours, InputError where nothing can listen there.
    """
    from newsletter import web  # noqa: PLC0415 - only those who serve pay for loading a web server
    from newsletter.web.server import server  # noqa: PLC0415
    from newsletter.web.services import Rooms  # noqa: PLC0415

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
        members=app.membership(settings, store),
        joining=settings.web.subscribe,
        taxonomy=app.taxonomy(),
        welcome=lambda subscriber: app.welcome(settings, store, subscriber),
        reads_topics=app.reads_topics(settings),
        newest=Newest(store, app.taxonomy(), lambda: app.local_scorer(store)),
        operator_token=settings.secret("NEWSLETTER_OPERATOR_TOKEN"),
        most_usd=settings.web.budget_usd_per_month,
    )
    with _socket(host, port) as listener, _sending(settings, store):
        yield Web(server(web.app(rooms), proxies=settings.web.trusted_proxies), listener)


@contextmanager
def _sending(settings: Settings, store: Store) -> Iterator[None]:
    """Sends what may not wait for the next run, from a thread of its own; tells the operator where no run comes."""
    stop = threading.Event()
    watching = watch.connect(settings, store, app.state(settings), app.now)
    silence_at = time.monotonic()

    def look() -> None:
        nonlocal silence_at
        said = ""
        while not stop.wait(LOOK_EVERY):
            try:
                if time.monotonic() >= silence_at:
                    silence_at = time.monotonic() + SILENCE_EVERY
                    watching.silent()
                app.send_waiting(settings, store, stop)
                said = ""
            except Exception as error:  # noqa: BLE001 - whatever it is, mail must not wait for ever
                if str(error) != said:
                    show.warning(said := str(error))

    thread = threading.Thread(target=look, name="waiting mail")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _socket(host: str, port: int) -> socket.socket:
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
