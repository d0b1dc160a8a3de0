"""What a stranger's client can do to the web: vanish, send too much, send nothing, send what is no text."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter import web
from newsletter.delivery.backends.sendgrid.events import EventWebhook
from newsletter.links import Purpose, Signer
from newsletter.models.sends import SendState
from newsletter.models.subscribers import SubscriberStatus
from newsletter.rendering.templates import load_templates
from newsletter.sources import origins
from newsletter.store import Store
from newsletter.web.server import Limits, server
from newsletter.web.services import Rooms
from tests.builders import NOON
from tests.delivery import a_reader
from tests.test_events import PUBLIC, post, report, sent, state

SIGNER = Signer("https://news.example.org", [b"key"])
TEMPLATES = load_templates(None, origins())


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with Store.open(tmp_path / "newsletter.db") as store:
        yield Rooms(store, SIGNER, TEMPLATES, lambda: NOON, {"sendgrid": EventWebhook(PUBLIC)})


class Client:
    """One request whose body comes in pieces; it knows how much of it was read, and what was answered."""

    def __init__(self, *pieces: bytes, vanishes: bool = False, headers: dict[str, str] | None = None) -> None:
        self.pieces, self.vanishes, self.headers = list(pieces), vanishes, headers or {}
        self.read = 0
        self.sent: list[Any] = []

    async def _receive(self) -> dict[str, Any]:
        if self.pieces:
            piece = self.pieces.pop(0)
            self.read += len(piece)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or self.vanishes}
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    def post(self, rooms: Rooms, path: str) -> int | None:
        """The status of the answer, None where there was none."""
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "https",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": ("s", 443),
            "client": ("127.0.0.1", 1), "headers": headers,
        }  # fmt: skip
        asyncio.run(web.app(rooms)(scope, self._receive, self._send))
        return self.sent[0]["status"] if self.sent else None


def leaving(number: int) -> str:
    return f"/u/{SIGNER.token(Purpose.UNSUBSCRIBE, number)}"


FRESH = {
    "x-twilio-email-event-webhook-timestamp": str(int(NOON.timestamp())),
    "x-twilio-email-event-webhook-signature": "MAYCAQECAQE=",  # of the right form
}
STALE = FRESH | {"x-twilio-email-event-webhook-timestamp": str(int((NOON - timedelta(days=3)).timestamp()))}


# Who vanishes


@pytest.mark.parametrize("path", [leaving(1), leaving(1) + "/undo", "/webhooks/sendgrid"])
def test_a_client_that_vanishes_changes_nothing_and_is_no_fault_of_ours(rooms: Rooms, path: str) -> None:
    a_reader(rooms.store)
    assert Client(b"List-Unsub", vanishes=True, headers=FRESH).post(rooms, path) in (None, 400)
    subscriber = rooms.store.subscribers.load("ada")
    assert subscriber
    assert subscriber.status is SubscriberStatus.ACTIVE


# Who sends too much


@pytest.mark.parametrize("path", [leaving(1), leaving(1) + "/undo", "/webhooks/sendgrid"])
def test_of_a_body_that_says_it_is_too_large_nothing_is_read(rooms: Rooms, path: str) -> None:
    a_reader(rooms.store)
    client = Client(*[b"x" * 1_000_000] * 5, headers=FRESH | {"content-length": "5000000"})
    assert client.post(rooms, path) == 413
    assert client.read == 0


def test_a_body_of_no_stated_length_is_read_up_to_the_bound(rooms: Rooms) -> None:
    a_reader(rooms.store)
    client = Client(*[b"x" * 10_000] * 100)
    assert client.post(rooms, leaving(1)) == 413
    assert client.read <= 80_000


@pytest.mark.parametrize("path", ["/u/nonsense", "/u/nonsense/undo", leaving(99)])
def test_a_token_is_checked_before_the_body_is_read(rooms: Rooms, path: str) -> None:
    a_reader(rooms.store)
    client = Client(b"x" * 1000)
    assert client.post(rooms, path) == 404
    assert client.read == 0


@pytest.mark.parametrize("headers", [{}, STALE, {**FRESH, "x-twilio-email-event-webhook-signature": "%"}])
def test_reports_without_a_fresh_signature_are_refused_unread(rooms: Rooms, headers: dict[str, str]) -> None:
    client = Client(b"[]", headers=headers)
    assert client.post(rooms, "/webhooks/sendgrid") == 403
    assert client.read == 0


def test_a_number_of_bytes_that_is_none_is_refused(rooms: Rooms) -> None:
    a_reader(rooms.store)
    assert Client(b"x", headers={"content-length": "many"}).post(rooms, leaving(1)) == 400


# What is no text


@pytest.mark.parametrize(
    "odd",
    [
        {"reason": "half a pair \ud800"},
        {"email": "\udfff@example.org"},
        {"sg_event_id": "\ud800"},
        {"event": "\ud800"},
        {"send_id": "\ud800"},
        {"timestamp": 1e308},
        {"timestamp": True},
        {"reason": {"deeply": ["nested"] * 9}},
    ],
)
def test_an_odd_report_of_a_batch_harms_no_other(store: Store, odd: dict[str, Any]) -> None:
    send = sent(store)
    batch = [report(send, event="bounce", type="blocked") | odd, report(send, event="delivered")]
    assert post(store, json.dumps(batch).encode()) == 204
    assert state(store, send) in (SendState.DELIVERED, SendState.BOUNCED)
    assert any(event.type == "delivered" for event in store.events.of(send.id))


@pytest.mark.parametrize("depth", [500, 2_000, 100_000])
def test_a_body_that_is_nested_too_deep_is_no_report(store: Store, depth: int) -> None:
    assert post(store, b"[" * depth + b"]" * depth) == 204
    assert post(store, b'[{"sg_event_id":' + b"[" * depth + b"]" * depth + b"}]") == 204


# Who says nothing


@contextmanager
def serving(rooms: Rooms, limits: Limits | None = None) -> Iterator[int]:
    """A real server on a port of its own."""
    made = server(web.app(rooms), limits)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            made.should_exit = True
            thread.join()


def ask_health(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return client.recv(20)


@pytest.mark.parametrize("said", [b"", b"POST /u/x HT", b"POST /u/x HTTP/1.1\r\nHost: x\r\n"])
def test_a_connection_that_never_asks_is_closed(rooms: Rooms, said: bytes) -> None:
    with serving(rooms, Limits(request_within=0.2)) as port, socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(10)
        silent.sendall(said)
        while silent.recv(1000):
            pass  # an answer, perhaps; then the end


def test_a_body_that_never_ends_is_answered_and_closed(rooms: Rooms) -> None:
    a_reader(rooms.store)
    with serving(rooms, Limits(body_within=0.2)) as port, socket.create_connection(("127.0.0.1", port)) as slow:
        slow.settimeout(10)
        slow.sendall(f"POST {leaving(1)} HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nList".encode())
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")
    assert rooms.store.suppressions.find("ada@example.org") is None


def test_silent_connections_do_not_keep_others_out(rooms: Rooms) -> None:
    with serving(rooms, Limits(connections=20, request_within=0.5)) as port, ExitStack() as open_:
        silent = [open_.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)]
        for connection in silent:
            connection.settimeout(10)
            try:
                while connection.recv(1000):
                    pass
            except ConnectionResetError:
                pass
        assert ask_health(port).startswith(b"HTTP/1.1 200")


class Log(logging.Handler):
    """What the server says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


def test_a_working_server_says_nothing_of_clients_that_vanish(rooms: Rooms) -> None:
    a_reader(rooms.store)
    log = Log()
    with serving(rooms) as port:
        logging.getLogger("uvicorn.error").addHandler(log)
        try:
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", port)) as client:
                    client.sendall(f"POST {leaving(1)} HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nList".encode())
            assert ask_health(port).startswith(b"HTTP/1.1 200")
        finally:
            logging.getLogger("uvicorn.error").removeHandler(log)
    assert log.said == []
