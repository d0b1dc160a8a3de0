"""Calls SendGrid's v3 mail/send and its lists. The only door to SendGrid's packages.

There is no idempotency key, so an answer that does not come, or a 5xx, says nothing about the message. Tracking is
off: click tracking would rewrite every link. https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import http.client
import json
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import parseaddr
from typing import Any, TypeAlias

import python_http_client
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from newsletter.delivery.backends.sendgrid import Options
from newsletter.delivery.message import ascii_address
from newsletter.delivery.waits import UNNAMED, bounded
from newsletter.errors import DeliveryStopped
from newsletter.models.papers import Clock
from newsletter.models.sends import Outcome, Outgoing, Receipt

Headers: TypeAlias = "Message[str, str]"  # of an answer; names in any case
# Refused by the API, or made by SendGrid itself.
NOT_PASSED_ON = frozenset(
    "x-sg-id x-sg-eid received dkim-signature content-type content-transfer-encoding to from subject reply-to cc bcc "
    "mime-version date".split()
)
# The connection never came about: no byte was sent.
UNREACHED = (ConnectionRefusedError, socket.gaierror)
logging.getLogger("python_http_client").disabled = True  # it would log the key


class SendGrid:
    """A client of mail/send; one HTTP request a message, safe to use from several threads."""

    reaches_people = True

    def __init__(self, options: Options, key: str, clock: Clock) -> None:
        self._options, self._clock = options, clock
        self._client = _client(options, key)

    def submit(self, outgoing: Outgoing) -> Receipt:
        try:
            body = request(outgoing, self._options)
        except ValueError as error:
            return Receipt(Outcome.FAILED, str(error))
        try:
            answer = self._client.mail.send.post(request_body=body)
        except HTTPError as error:
            return self._read(error.status_code, error.headers or Message(), error.body)
        except urllib.error.HTTPError as error:
            return self._read(error.code, error.headers, b"")
        except urllib.error.URLError as error:
            sent = Outcome.RETRY if isinstance(error.reason, UNREACHED) else Outcome.AMBIGUOUS
            return Receipt(sent, f"{self._options.host}: {error.reason}")
        except (OSError, http.client.HTTPException) as error:
            return Receipt(Outcome.AMBIGUOUS, f"{self._options.host}: {str(error) or type(error).__name__}")
        return self._read(answer.status_code, answer.headers, answer.body)

    def close(self) -> None:
        """Each request has a connection of its own."""

    def _read(self, status: int, headers: Headers, body: bytes | str) -> Receipt:
        """The outcome that an answer stands for."""
        said = f"{status} {_errors(body)}".strip()
        match status:
            case 202:
                return Receipt(Outcome.ACCEPTED, "202", provider_id=headers.get("X-Message-Id", ""))
            case 200 if self._options.sandbox:
                return Receipt(Outcome.FAILED, "sandbox: checked by SendGrid, not sent")
            case 429:
                return Receipt(Outcome.RETRY, said, retry_after=_seconds(headers, self._clock()))
            case 401 | 403:
                return Receipt(Outcome.STOP, f"SendGrid refuses the key: {said}")
            case 404 | 405:
                return Receipt(Outcome.STOP, f"sendgrid.host is not the API: {said}")
            case _ if 300 <= status < 400:
                return Receipt(Outcome.STOP, f"sendgrid.host redirects, which the API never does: {said}")
            case _ if 400 <= status < 500 and status != 408:
                return Receipt(Outcome.FAILED, said)
        return Receipt(Outcome.AMBIGUOUS, f"{said}: SendGrid may or may not have it")


def request(outgoing: Outgoing, options: Options) -> dict[str, Any]:
    """The body of mail/send for a frozen message. Raises ValueError for a header that would smuggle in another."""
    message = BytesParser(EmailMessage, policy=SMTP).parsebytes(outgoing.eml)
    headers = {name: str(value) for name, value in message.items() if name.lower() not in NOT_PASSED_ON}
    for name, value in [*headers.items(), ("Subject", message["Subject"] or "")]:
        if any(character in str(value) for character in "\r\n\u2028\u2029\x85"):
            raise ValueError(f"the header {name} has a line break in it")
    body: dict[str, Any] = {
        "personalizations": [
            {"to": [{"email": ascii_address(outgoing.recipient)}], "custom_args": {"send_id": outgoing.send_id}}
        ],
        "from": _mailbox(str(message["From"])),
        "subject": str(message["Subject"]),
        "content": [
            {"type": f"text/{kind}", "value": part.get_content()}
            for kind in ("plain", "html")
            if (part := message.get_body((kind,)))
        ],
        "headers": headers,
        "categories": options.categories,
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }
    if message["Reply-To"]:
        body["reply_to"] = _mailbox(str(message["Reply-To"]))
    if options.sandbox:
        body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return body


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host, and turn the POST into a GET."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Client(python_http_client.Client):  # type: ignore[misc] # it ships no types
    """The SDK's client, which follows no redirect."""

    def _build_client(self, name: str | None = None) -> "_Client":
        url_path = [*self._url_path, name] if name else self._url_path
        return _Client(self.host, dict(self.request_headers), self._version, url_path, timeout=self.timeout)

    def _make_request(self, _opener: Any, request: Any, timeout: float | None = None) -> Any:
        return super()._make_request(urllib.request.build_opener(_NoRedirects), request, timeout)


def _client(options: Options, key: str) -> _Client:
    api = SendGridAPIClient(key, host=options.host.rstrip("/"))
    return _Client(api.host, api._default_headers, 3, timeout=options.timeout_seconds)  # noqa: SLF001


def _mailbox(text: str) -> dict[str, str]:
    name, address = parseaddr(text)
    return {"email": address, "name": name} if name else {"email": address}


def _seconds(headers: Headers, now: datetime) -> float:
    """How long to wait, from X-RateLimit-Reset (the time in seconds since 1970)."""
    try:
        return bounded(float(headers["X-RateLimit-Reset"]) - now.timestamp())
    except (KeyError, TypeError, ValueError):
        return UNNAMED


def _errors(body: bytes | str) -> str:
    """What SendGrid says is wrong, shortened; it never repeats the key."""
    try:
        return "; ".join(str(error["message"]) for error in json.loads(body)["errors"])[:300]
    except (ValueError, KeyError, TypeError):
        return ""


def suppressed(options: Options, key: str) -> Iterator[tuple[str, str]]:
    """The addresses on SendGrid's own lists, each with its reason. Raises DeliveryStopped when it does not answer."""
    client = _client(options, key)
    lists = {
        "bounces": "hard bounce",
        "invalid_emails": "hard bounce",
        "spam_reports": "complaint",
        "unsubscribes": "unsubscribe",
    }
    for name, reason in lists.items():
        offset, size = 0, 500
        while True:
            try:
                page = json.loads(client.suppression._(name).get(query_params={"limit": size, "offset": offset}).body)
            except (HTTPError, OSError, http.client.HTTPException, ValueError) as error:
                raise DeliveryStopped(f"SendGrid does not give its list of {name}: {error}; try again later") from None
            yield from ((str(entry["email"]), reason) for entry in page)
            if len(page) < size:
                break
            offset += size


def probe(options: Options, key: str) -> str:
    """Why the key cannot send, or nothing (https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions)."""
    try:
        scopes = json.loads(_client(options, key).scopes.get().body)["scopes"]
    except HTTPError as error:
        return f"{options.host} answers {error.status_code}"
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return f"{options.host}: {type(error).__name__}"
    return "" if "mail.send" in scopes else f"{options.host}: the key may not send (mail.send)"
