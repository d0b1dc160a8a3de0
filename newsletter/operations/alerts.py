"""Calls what the operator is reached by: a mail, a command, a webhook, a heartbeat. One that fails harms no other."""

import json
import shlex
import subprocess
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException

from newsletter.delivery.replies import without_addresses
from newsletter.links import opaque_id
from newsletter.models.days import Incident
from newsletter.models.sends import NoticeKind
from newsletter.settings import Alerts, Settings
from newsletter.store import Store

PATIENCE = 30.0  # seconds, for a command or an answer
Post = Callable[[str, bytes, str], None]  # a URL, a body and its content type; raises OSError


@dataclass(frozen=True, slots=True)
class Alert:
    """What is newly wrong, and what is over; `service` is the newsletter's own URL."""

    service: str
    at: datetime
    opened: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()

    @property
    def subject(self) -> str:
        """One line."""
        if self.opened:
            more = f" (and {len(self.opened) - 1} more)" if len(self.opened) > 1 else ""
            return f"Newsletter: {self.opened[0].said}{more}"
        return f"Newsletter: over: {self.closed[0].said}" if self.closed else "Newsletter: all is well"

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each incident, then what to look at."""
        wrong = [f"{incident.concern}: {incident.said}" for incident in self.opened]
        over = [f"over: {i.concern}: {i.said} (since {i.opened_at:%Y-%m-%d %H:%M} UTC)" for i in self.closed]
        look = ["See `newsletter status` and `newsletter doctor`, and docs/incidents.md."] if wrong else []
        return (*wrong, *over, *look)

    def as_json(self) -> str:
        """What a command and a webhook get."""
        return json.dumps(
            {
                "service": self.service,
                "at": self.at.isoformat(),
                "subject": self.subject,
                "opened": [_plain(incident) for incident in self.opened],
                "over": [_plain(incident) for incident in self.closed],
            },
            ensure_ascii=False,
        )


Channel = Callable[[Alert], None]


def channels(settings: Settings, store: Store, post: Post | None = None) -> dict[str, Channel]:
    """The ways to the operator that are set up, by the setting that names them."""
    chosen, found = settings.of(Alerts), dict[str, Channel]()
    send = post or _post
    if address := settings.mail.operator_address:
        found["mail.operator_address"] = lambda alert: store.notices.add(
            opaque_id(),
            NoticeKind.ALERT,
            address,
            alert.at,
            facts={"subject": alert.subject, "lines": alert.lines},
        )
    if chosen.command:
        found["alerts.command"] = lambda alert: _run(chosen.command, alert)
    if chosen.webhook:
        found["alerts.webhook"] = lambda alert: send(chosen.webhook, alert.as_json().encode(), "application/json")
    return found


def tell(alert: Alert, ways: Mapping[str, Channel]) -> list[str]:
    """Tells it by each way; returns a sentence for each that failed."""
    troubles = []
    for name, way in ways.items():
        try:
            way(alert)
        except Exception as error:  # noqa: BLE001 - one way that fails must not block another
            troubles.append(
                f"{name}: the alert was not delivered: {type(error).__name__}: {without_addresses(str(error))}"
            )
    return troubles


class Heartbeat:
    """Pings a check of healthchecks.io or alike (https://healthchecks.io/docs/http_api/), which notices silence."""

    def __init__(self, url: str, post: Post | None = None) -> None:
        self._url, self._post = url.rstrip("/"), post or _post

    def started(self) -> str:
        return self._ping("/start", ())

    def ended(self, wrong: Sequence[str]) -> str:
        """With what is wrong, a sentence each, or with nothing. Returns why the ping failed, or nothing."""
        return self._ping("/fail" if wrong else "", wrong)

    def _ping(self, what: str, lines: Sequence[str]) -> str:
        if not self._url:
            return ""
        try:
            self._post(self._url + what, "\n".join(lines).encode(), "text/plain; charset=utf-8")
        except OSError as error:
            return f"alerts.heartbeat: no answer: {type(error).__name__}"
        return ""


def _plain(incident: Incident) -> dict[str, str]:
    return {"concern": incident.concern, "said": incident.said, "since": incident.opened_at.isoformat()}


def _run(command: str, alert: Alert) -> None:
    subprocess.run(  # noqa: S603 - the operator's own command
        shlex.split(command), input=alert.as_json(), text=True, timeout=PATIENCE, check=True, stdout=subprocess.DEVNULL
    )


def _post(url: str, body: bytes, kind: str) -> None:
    """One POST. Raises OSError also where what answers speaks no HTTP, or where the URL is none."""
    try:
        request = urllib.request.Request(url, body, {"Content-Type": kind, "User-Agent": "newsletter"})  # noqa: S310 - settings allow http and https only
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310 - as above
            pass
    except (HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
