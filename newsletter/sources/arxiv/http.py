"""Calls arXiv over HTTP, politely: the one client that all doors share.

One connection at a time and `delay_seconds` between the end of a request and the next one, over all doors, threads
and processes of a home: whoever asks holds a lock file, and the time before which nobody may ask is kept beside it.
Terms: https://info.arxiv.org/help/api/tou.html (one request every three seconds, one connection).
"""

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from filelock import FileLock
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from newsletter.errors import Malformed, Unreachable
from newsletter.files import write_atomically
from newsletter.models.papers import Clock

ATTEMPTS = 4
CONNECTS = 2  # attempts where there is not even a connection
CONNECT_SECONDS = 10.0
LONGEST_PAUSE = timedelta(minutes=15)  # what arXiv asks for beyond this is not slept through, but remembered
BODY_AT_MOST = 64 * 1024 * 1024  # bytes
TIMEOUTS_PER_BODY = 4  # a body may take this many times the timeout, however slowly it drips
RETRIED = {408, 425, 429, 500, 502, 503, 504}
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
REFUSALS = {429, 503}  # arXiv's way to say "slower"

Sleep = Callable[[float], None]


class BrokenPage(Unreachable):
    """The host answers, but has an error in place of this page (500, 502, 504); others of its pages may be well."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a request: a status that is not worth a retry, and the body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is written beside a raw body: where it came from, and what to ask for a newer one with."""

    url: str
    status: int
    fetched_at: str
    etag: str = ""
    last_modified: str = ""


class Polite:
    """Gets URLs. `state` is the folder of the lock, of the raw bodies (raw/<date>/) and nothing else of ours."""

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
        self._state = state
        self._delay = timedelta(seconds=delay_seconds)
        self._retry = timedelta(seconds=retry_seconds)
        self._timeout = timeout_seconds
        self._clock = clock
        self._sleep = sleep
        self._offline = set[str]()
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate"})
        self._session.max_redirects = 3

    def read(self, url: str, day: date, parse: Callable[[bytes], T], spacing: float = 0.0) -> T:
        """What `parse` makes of the body at a URL; a body it calls Malformed is asked for once more.

        The raw bytes are kept under the mailing's `day`, and an unchanged body is not transferred again. `spacing`
        are seconds to leave since the request before, where a door wants more than the usual delay. Raises
        Unreachable or Malformed.
        """
        try:
            return parse(self._get(url, day, spacing).body)
        except Malformed:
            self._forget(url, day)
        answer = self._get(url, day, spacing)
        try:
            return parse(answer.body)
        except Malformed as error:
            self._forget(url, day)
            status = "" if answer.status == requests.codes.ok else f" (status {answer.status})"
            raise Malformed(f"{_host(url)} sends what cannot be used{status}: {error}") from None

    def _get(self, url: str, day: date, spacing: float) -> Answer:
        """The answer after as many attempts as make sense: arXiv's own Retry-After is kept, else pauses grow."""
        file = self._file(url, day)
        attempt = 0
        if _host(url) in self._offline:
            raise Unreachable(f"{_host(url)} cannot be reached", offline=True)
        while True:
            with self._turn(url, timedelta(seconds=spacing)) as turn:
                result = self._try(url, file)
                if isinstance(result, Answer):
                    return result
                pause = result.asked if result.asked is not None else self._pause(attempt, result)
                attempt += 1
                is_last = attempt == (CONNECTS if result.offline else ATTEMPTS) or pause > LONGEST_PAUSE
                if result.refused or not is_last:
                    turn.not_before = self._clock() + pause
            if is_last:
                if result.offline:
                    self._offline.add(_host(url))  # for the rest of this fetch
                failure = BrokenPage if result.broken else Unreachable
                raise failure(f"{_host(url)} {result.reason}", self._clock() + pause, offline=result.offline)

    def _pause(self, attempt: int, failed: "_Failed") -> timedelta:
        """Grows with the attempts; a refusal means "slower", anything else may be over in seconds."""
        if failed.offline:
            return self._delay
        return min((self._retry if failed.refused else self._retry / 12) * float(2**attempt), LONGEST_PAUSE)

    def sweep(self, keep_days: int) -> None:
        """Removes the raw bodies of mailings for which nothing was asked for `keep_days`."""
        oldest = (self._clock() - timedelta(days=keep_days)).timestamp()
        for folder in (self._state / "raw").glob("????-??-??"):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        self._session.close()

    # One request

    def _try(self, url: str, file: Path) -> "Answer | _Failed":
        kept = _kept(file)
        timeouts = (min(self._timeout, CONNECT_SECONDS), self._timeout)
        try:
            with self._session.get(url, headers=_conditions(kept), timeout=timeouts, stream=True) as response:
                if response.status_code == requests.codes.not_modified and kept:
                    return Answer(kept.status, file.read_bytes())
                if response.status_code in RETRIED:
                    refused = response.status_code in REFUSALS
                    reason = f"answers {response.status_code}"
                    return _Failed(reason, refused, self._asked(response), broken=not refused)
                body = self._body(response)
        except requests.RequestException as error:
            return _Failed(_reason(error), offline=_is_offline(error))
        except _TooMuch as error:
            return _Failed(str(error))
        self._keep(file, url, response, body)
        return Answer(response.status_code, body)

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
        if not text:
            return None
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            if text.isdigit():
                return timedelta(seconds=min(int(text), 7 * 86400))
            until = parsedate_to_datetime(text)
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
            return max(until - self._clock(), timedelta(0))
        return None

    # Whose turn it is

    @contextmanager
    def _turn(self, url: str, spacing: timedelta) -> Iterator["_Turn"]:
        """Waits for the lock and for the time; the kernel releases the lock of a dead process."""
        self._state.mkdir(parents=True, exist_ok=True)
        clock_file = self._state / "arxiv.next"
        with FileLock(self._state / "arxiv.lock", poll_interval=0.02):
            now = self._clock()
            last, not_before = _times(clock_file)
            ahead = max(last - now, timedelta(0))  # a clock set back never makes a pause longer
            last, not_before = last - ahead, not_before - ahead
            wait = not_before - now
            if wait > LONGEST_PAUSE:
                raise Unreachable(f"{_host(url)} asked us to wait", not_before)
            wait = max(wait, last + max(self._delay, spacing) - now)
            if wait > timedelta(0):
                self._sleep(wait.total_seconds())
            turn = _Turn()
            try:
                yield turn
            finally:
                _write_times(clock_file, self._clock(), turn.not_before)

    # Raw bodies

    def _file(self, url: str, day: date) -> Path:
        parts = urlsplit(url)
        readable = re.sub(r"[^A-Za-z0-9.=-]+", "_", f"{parts.path}?{parts.query}").strip("_")[:80]
        return self._state / "raw" / day.isoformat() / f"{readable}.{hashlib.sha256(url.encode()).hexdigest()[:10]}"

    def _forget(self, url: str, day: date) -> None:
        """Drops the validators of a body that was no good, so that it is transferred again; the bytes stay."""
        _facts(self._file(url, day)).unlink(missing_ok=True)

    def _keep(self, file: Path, url: str, response: requests.Response, body: bytes) -> None:
        facts = _Kept(
            url=url,
            status=response.status_code,
            fetched_at=self._clock().isoformat(),
            etag=response.headers.get("ETag", ""),
            last_modified=response.headers.get("Last-Modified", ""),
        )
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _facts(file).unlink(missing_ok=True)  # so that validators never belong to another body
            write_atomically(file, body)
            write_atomically(_facts(file), json.dumps(asdict(facts)).encode())
        except OSError as error:
            raise Unreachable(f"{file.parent}: cannot be written: {error.strerror}") from error


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


class _TooMuch(Exception):
    """A body too large or too slow."""


@dataclass(slots=True)
class _Turn:
    """The right to make one request; `not_before` is when anybody may ask again, if a refusal says so."""

    not_before: datetime | None = None


def _times(file: Path) -> tuple[datetime, datetime]:
    """When the last request ended, and before when nobody may ask."""
    try:
        last, not_before = file.read_text(encoding="ascii").split()
        return datetime.fromisoformat(last), datetime.fromisoformat(not_before)
    except (OSError, ValueError):
        return LONG_AGO, LONG_AGO


def _write_times(file: Path, last: datetime, not_before: datetime | None) -> None:
    # Not synced to disk: after a crash of the machine three seconds have passed anyway.
    with contextlib.suppress(OSError):
        file.write_text(f"{last.isoformat()} {(not_before or LONG_AGO).isoformat()}", encoding="ascii")


def _facts(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def _kept(file: Path) -> _Kept | None:
    try:
        return _Kept(**json.loads(_facts(file).read_bytes())) if file.is_file() else None
    except (OSError, ValueError, TypeError):
        return None


def _conditions(kept: _Kept | None) -> dict[str, str]:
    if kept is None or kept.status != requests.codes.ok:
        return {}
    found = {"If-None-Match": kept.etag, "If-Modified-Since": kept.last_modified}
    return {name: value for name, value in found.items() if value}


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _is_offline(error: requests.RequestException) -> bool:
    """No name, no route, nobody there; a connection that was made and broke is something else."""
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
