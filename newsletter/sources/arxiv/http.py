"""Calls arXiv over HTTP, politely: the one client that all doors share.

Terms: https://info.arxiv.org/help/api/tou.html (one request every three seconds, one connection); see turns.py.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from newsletter.errors import Malformed, Unreachable
from newsletter.models.papers import Clock
from newsletter.sources.arxiv.bodies import Bodies, Kept
from newsletter.sources.arxiv.turns import LONGEST_PAUSE, Sleep, Turns

ATTEMPTS = 4
CONNECTS = 2  # attempts where there is not even a connection
CONNECT_SECONDS = 5.0
RECONNECT = timedelta(seconds=1)  # between attempts that reach nobody
BODY_AT_MOST = 64 * 1024 * 1024  # bytes
TIMEOUTS_PER_BODY = 4  # a body may take this many times the timeout, however slowly it drips
RETRIED = {408, 425, 429, 500, 502, 503, 504}
REFUSALS = {429, 503}  # arXiv's way to say "slower"
LONGEST_ASKED = timedelta(days=7)  # of a Retry-After; a longer one is an error of theirs

T = TypeVar("T")


class BrokenPage(Unreachable):
    """The host answers, but has an error in place of this page (500, 502, 504); others of its pages may be well."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a request: a status that is not worth a retry, and the body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Failed:
    """A request that may be worth another try; `asked` is the pause that arXiv asks for, if it does.

    `refused`: slower, please; `broken`: an error in place of the page; `offline`: not even a connection.
    """

    reason: str
    refused: bool = False
    asked: timedelta | None = None
    broken: bool = False
    offline: bool = False

    @property
    def attempts(self) -> int:
        """How often it is tried at most."""
        return CONNECTS if self.offline else ATTEMPTS


class Polite:
    """Gets URLs. `state` is the folder of the lock, of the times and of the raw bodies (raw/<date>/)."""

    def __init__(
        self,
        state: Path,
        *,
        user_agent: str,
        delay_seconds: float,
        retry_seconds: float,
        timeout_seconds: float,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self._bodies = Bodies(state / "raw")
        self._turns = Turns(state, timedelta(seconds=delay_seconds), clock, sleep)
        self._retry = timedelta(seconds=retry_seconds)
        self._timeout = timeout_seconds
        self._clock = clock
        self._offline = set[str]()
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate"})
        self._session.max_redirects = 3

    def read(self, url: str, day: date, parse: Callable[[bytes], T], spacing: float = 0.0) -> T:
        """Requests a URL and parses its body; a body for which `parse` raises Malformed is requested once more.

        The raw bytes are kept under the mailing's `day`, and an unchanged body is not transferred again. `spacing`
        are seconds to leave since the request before, where a door wants more than the usual delay. Raises
        Unreachable or Malformed.
        """
        try:
            return parse(self._get(url, day, spacing).body)
        except Malformed:
            self._bodies.forget(url, day)
        answer = self._get(url, day, spacing)
        try:
            return parse(answer.body)
        except Malformed as error:
            self._bodies.forget(url, day)
            status = "" if answer.status == requests.codes.ok else f" (status {answer.status})"
            raise Malformed(f"{_host(url)} sends what cannot be used{status}: {error}") from None

    def sweep(self, keep_days: int) -> None:
        """Removes the raw bodies of mailings for which nothing was asked for `keep_days`."""
        self._bodies.sweep(self._clock() - timedelta(days=keep_days))

    def close(self) -> None:
        self._session.close()

    def _get(self, url: str, day: date, spacing: float) -> Answer:
        """Requests a URL, with retries; a Retry-After is kept, else pauses grow.

        A host without a connection is not tried again by this client.
        """
        host, attempt = _host(url), 0
        if host in self._offline:
            raise Unreachable(f"{host} cannot be reached", offline=True)
        while True:
            with self._turns.take(host, timedelta(seconds=spacing)) as turn:
                result = self._try(url, day)
                if isinstance(result, Answer):
                    return result
                turn.unused = result.offline
                pause = self._pause(attempt, result)
                attempt += 1
                is_last = attempt == result.attempts or pause > LONGEST_PAUSE
                if result.refused or not is_last:
                    turn.not_before = self._clock() + pause
            if is_last:
                if result.offline:
                    self._offline.add(host)
                failure = BrokenPage if result.broken else Unreachable
                raise failure(f"{host} {result.reason}", self._clock() + pause, offline=result.offline)

    def _pause(self, attempt: int, failed: _Failed) -> timedelta:
        """Returns the pause before the next attempt: the one arXiv asks for, else one that doubles."""
        if failed.asked is not None:
            return failed.asked
        if failed.offline:
            return RECONNECT
        return min((self._retry if failed.refused else self._retry / 12) * float(2**attempt), LONGEST_PAUSE)

    # One request

    def _try(self, url: str, day: date) -> Answer | _Failed:
        kept = self._bodies.kept(url, day)
        conditions = kept.conditions if kept else {}
        timeouts = (min(self._timeout, CONNECT_SECONDS), self._timeout)
        try:
            with self._session.get(url, headers=conditions, timeout=timeouts, stream=True) as response:
                if response.status_code == requests.codes.not_modified and kept:
                    return Answer(kept.status, self._bodies.file(url, day).read_bytes())
                if response.status_code in RETRIED:
                    reason, refused = f"answers {response.status_code}", response.status_code in REFUSALS
                    return _Failed(reason, refused, self._asked(response), broken=not refused)
                body = self._body(response)
        except requests.RequestException as error:
            return _Failed(_reason(error), offline=_is_offline(error))
        except _TooMuch as error:
            return _Failed(str(error))
        self._bodies.keep(day, self._facts(url, response), body)
        return Answer(response.status_code, body)

    def _facts(self, url: str, response: requests.Response) -> Kept:
        return Kept(
            url=url,
            status=response.status_code,
            fetched_at=self._clock().isoformat(),
            etag=response.headers.get("ETag", ""),
            last_modified=response.headers.get("Last-Modified", ""),
        )

    def _body(self, response: requests.Response) -> bytes:
        deadline = self._clock() + timedelta(seconds=self._timeout * TIMEOUTS_PER_BODY)
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_content(64 * 1024):
            pieces.append(piece)
            size += len(piece)
            if size > BODY_AT_MOST:
                raise _TooMuch("sends more than 64 MB")
            if self._clock() > deadline:
                raise _TooMuch("sends its answer too slowly")
        return b"".join(pieces)

    def _asked(self, response: requests.Response) -> timedelta | None:
        """The Retry-After header (RFC 9110 §10.2.3) as a pause: seconds, or a date."""
        text = response.headers.get("Retry-After", "").strip()
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            if text.isdigit():
                return min(timedelta(seconds=int(text)), LONGEST_ASKED)
            until = parsedate_to_datetime(text)
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
            return min(max(until - self._clock(), timedelta(0)), LONGEST_ASKED)
        return None


class _TooMuch(Exception):
    """A body too large or too slow."""


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _is_offline(error: requests.RequestException) -> bool:
    """True if no connection was made (no name, no route, refused); False if one was made and broke."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)


def _reason(error: requests.RequestException) -> str:
    match error:
        case requests.exceptions.Timeout():
            return "does not answer in time"
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return "broke off its answer"
        case requests.exceptions.TooManyRedirects():
            return "sends us around in circles"
        case requests.exceptions.SSLError():
            return "has a certificate that is not valid"
        case _:
            return "cannot be reached"
