"""The SendGrid backend against a server that misbehaves on demand: what is asked for, and which outcome each fault has."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from newsletter.delivery.backends.sendgrid import Options, suppressed
from newsletter.delivery.backends.sendgrid.client import SendGrid, request
from newsletter.errors import DeliveryStopped, SettingsError
from newsletter.models.sends import Outcome, Receipt
from newsletter.settings import Settings
from tests.builders import NOON
from tests.delivery import OUTGOING

Fault = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Api:
    """SendGrid's door: takes everything with 202, or does what `fault` says."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    fault: Fault | None = None


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests.append((self.command, self.path, dict(self.headers), json.loads(body)))
            if made.fault:
                made.fault(self)
            else:
                answer(202, {"X-Message-Id": "sg-1"})(self)

        def do_GET(self) -> None:
            made.requests.append((self.command, self.path, dict(self.headers), None))
            (made.fault or answer(200, body=b"[]"))(self)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Fault:
    def fault(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body)), "Connection": "close"} | (headers or {})).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return fault


def drop(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def drop_in_the_body(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(202)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")
    drop(handler)


def hang(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.settimeout(5)
    handler.rfile.read(1)  # until the client gives up


def sendgrid(api: Api, **options: Any) -> SendGrid:
    given = {"host": api.url, "timeout_seconds": 5}
    return SendGrid(Options.model_validate(given | options), "SG.secret", lambda: NOON)


def test_the_request_carries_the_frozen_message(api: Api) -> None:
    receipt = sendgrid(api).submit(OUTGOING)
    assert receipt == Receipt(Outcome.ACCEPTED, "202", provider_id="sg-1")
    method, path, headers, body = api.requests[0]
    assert (method, path, headers["Authorization"]) == ("POST", "/v3/mail/send", "Bearer SG.secret")
    assert body["personalizations"] == [
        {"to": [{"email": "ada@example.org"}], "custom_args": {"send_id": "send000001"}}
    ]
    assert body["from"] == {"email": "news@example.org", "name": "News"}
    assert body["subject"] == "Moss – three papers"
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    assert body["content"][1]["value"].strip() == "<p>Moss grows.</p>"
    assert body["headers"]["List-Unsubscribe"] == "<https://news.example.org/u/TOKEN>"
    assert body["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert body["headers"]["Message-ID"] == "<send000001@example.org>"


def test_nothing_is_tracked_and_no_forbidden_header_is_sent() -> None:
    body = request(OUTGOING, Options.model_validate({}))
    assert all(not value for setting in body["tracking_settings"].values() for value in setting.values())
    refused = {"to", "from", "subject", "reply-to", "cc", "bcc", "content-type", "received", "dkim-signature"}
    assert not refused & {name.lower() for name in body["headers"]}
    assert not {"asm", "send_at"} & body.keys()


@pytest.mark.parametrize("smuggled", ["News\u2028Bcc: eve@example.org", "News\x85Bcc: eve@example.org"])
def test_a_line_break_in_a_header_is_refused(api: Api, smuggled: str) -> None:
    eml = OUTGOING.eml.replace(b"List-Id: news", f"List-Id: {smuggled}".encode())
    receipt = sendgrid(api).submit(replace(OUTGOING, eml=eml))
    assert receipt.outcome is Outcome.FAILED
    assert api.requests == []


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (answer(400, body=b'{"errors": [{"message": "bad subject"}]}'), Outcome.FAILED),
        (answer(413), Outcome.FAILED),
        (answer(401), Outcome.STOP),
        (answer(403), Outcome.STOP),
        (answer(404), Outcome.STOP),
        (answer(301, {"Location": "/elsewhere"}), Outcome.STOP),
        (answer(302, {"Location": "/elsewhere"}), Outcome.STOP),
        (answer(307, {"Location": "/elsewhere"}), Outcome.STOP),
        (answer(429, {"X-RateLimit-Reset": str(int(NOON.timestamp()) + 30)}), Outcome.RETRY),
        (answer(500), Outcome.AMBIGUOUS),
        (answer(503), Outcome.AMBIGUOUS),
        (answer(200), Outcome.AMBIGUOUS),
        (drop, Outcome.AMBIGUOUS),
        (drop_in_the_body, Outcome.AMBIGUOUS),
    ],
)
def test_each_answer_has_its_outcome(api: Api, fault: Fault, outcome: Outcome) -> None:
    api.fault = fault
    assert sendgrid(api).submit(OUTGOING).outcome is outcome
    assert len(api.requests) == 1, "one call is one request: nothing is followed, nothing repeated"


def test_no_answer_in_time_is_ambiguous(api: Api) -> None:
    api.fault = hang
    assert sendgrid(api, timeout_seconds=0.2).submit(OUTGOING).outcome is Outcome.AMBIGUOUS


def test_nobody_listening_means_certainly_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert sendgrid(Api(url)).submit(OUTGOING).outcome is Outcome.RETRY


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Reset": str(int(NOON.timestamp()) + 30)}, 30),
        ({}, 60),
        *(({"X-RateLimit-Reset": odd}, 60) for odd in ("soon", "nan", "inf", "-inf", "1e999")),
        ({"X-RateLimit-Reset": str(int(NOON.timestamp()) - 30)}, 1),
        ({"X-RateLimit-Reset": "0"}, 1),
        ({"X-RateLimit-Reset": "1e300"}, 4 * 3600),
    ],
)
def test_a_full_rate_limit_says_how_long_to_wait(api: Api, headers: dict[str, str], seconds: float) -> None:
    api.fault = answer(429, headers)
    assert sendgrid(api).submit(OUTGOING).retry_after == seconds


def test_the_sandbox_counts_as_not_sent(api: Api) -> None:
    api.fault = answer(200)
    receipt = sendgrid(api, sandbox=True).submit(OUTGOING)
    assert api.requests[0][3]["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert (receipt.outcome, "not sent" in receipt.detail) == (Outcome.FAILED, True)


def test_a_refusal_does_not_repeat_the_key(api: Api) -> None:
    api.fault = answer(401, body=b'{"errors": [{"message": "authorization grant is invalid"}]}')
    receipt = sendgrid(api).submit(OUTGOING)
    assert "authorization grant is invalid" in receipt.detail
    assert "SG.secret" not in receipt.detail


def settings(api: Api, **secrets: str) -> Settings:
    return Settings(None, {"sendgrid": Options(host=api.url)}, secrets)  # type: ignore[call-arg]


def test_its_own_suppressions_are_read_page_by_page(api: Api) -> None:
    def pages(handler: BaseHTTPRequestHandler) -> None:
        listed = [{"email": f"m{n}@example.org"} for n in range(500)] if "offset=0" in handler.path else []
        answer(200, body=json.dumps(listed if "bounces" in handler.path else []).encode())(handler)

    api.fault = pages
    found = list(suppressed(settings(api, SENDGRID_API_KEY="SG.secret")))
    assert (len(found), found[0]) == (500, ("m0@example.org", "hard bounce"))
    assert sum("bounces" in path for _, path, _, _ in api.requests) == 2


def test_lists_that_do_not_come_are_one_sentence(api: Api) -> None:
    api.fault = answer(500)
    with pytest.raises(DeliveryStopped, match="list of bounces"):
        list(suppressed(settings(api, SENDGRID_API_KEY="SG.secret")))
    with pytest.raises(SettingsError, match="SENDGRID_API_KEY"):
        list(suppressed(settings(api)))
