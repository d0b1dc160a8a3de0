"""Decides, for all threads and processes of a home, when the next request may be made, and waits for it.

One connection at a time and a delay between the end of a request and the next one, over all hosts: whoever asks holds
a lock file. Beside it stands when the last request ended, and before when each host that asked for a pause may not be
asked; a pause is waited for without the lock, so that it stops no other host.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock

from newsletter.errors import Unreachable
from newsletter.models.papers import Clock

LONGEST_PAUSE = timedelta(minutes=15)  # what a host asks for beyond this is not slept through, but remembered
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
POLL_SECONDS = 0.02

Sleep = Callable[[float], None]


@dataclass(slots=True)
class Turn:
    """The right to make one request.

    `not_before` is when its host may be asked again, if that is not at once; `unused`: no host was reached, so that the
    next request need not keep its distance.
    """

    not_before: datetime | None = None
    unused: bool = False


@dataclass(frozen=True, slots=True)
class Turns:
    """Serialises requests. `state` is the folder of the lock and of the times."""

    state: Path
    delay: timedelta
    clock: Clock
    sleep: Sleep

    @contextmanager
    def take(self, host: str, spacing: timedelta) -> Iterator[Turn]:
        """Waits for a turn to ask a host, at least `spacing` after the previous request over all hosts.

        Raises Unreachable where the host asked for more than LONGEST_PAUSE.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        waited_for = LONG_AGO
        while True:
            with FileLock(self.state / "arxiv.lock", poll_interval=POLL_SECONDS):
                times = self._times()
                not_before = times.not_before.get(host, LONG_AGO)
                pause = not_before - self.clock()
                if pause <= timedelta(0) or not_before == waited_for:
                    yield from self._one(host, times, max(self.delay, spacing))
                    return
            if pause > LONGEST_PAUSE:
                raise Unreachable(f"{host} asked us to wait", self.clock() + pause)
            self.sleep(pause.total_seconds())
            waited_for = not_before

    def _one(self, host: str, times: "_Times", spacing: timedelta) -> Iterator[Turn]:
        wait = times.last + spacing - self.clock()
        if wait > timedelta(0):
            self.sleep(wait.total_seconds())
        turn = Turn()
        try:
            yield turn
        finally:
            now = self.clock()
            pauses = {name: at for name, at in times.not_before.items() if at > now}
            pauses |= {host: turn.not_before} if turn.not_before else {}
            self._write(_Times(times.last if turn.unused else now, pauses))

    @property
    def _file(self) -> Path:
        return self.state / "arxiv.next"

    def _times(self) -> "_Times":
        """Reads the file; times are moved back by as much as the clock was set back, so that no pause grows."""
        try:
            told = json.loads(self._file.read_bytes())
            last = datetime.fromisoformat(told["last"])
            not_before = {host: datetime.fromisoformat(at) for host, at in told["not_before"].items()}
            ahead = max(last - self.clock(), timedelta(0))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return _Times()
        return _Times(last - ahead, {host: at - ahead for host, at in not_before.items()})

    def _write(self, times: "_Times") -> None:
        # Not synced to disk: after a crash of the machine three seconds have passed anyway.
        told = {
            "last": times.last.isoformat(),
            "not_before": {host: at.isoformat() for host, at in times.not_before.items()},
        }
        with contextlib.suppress(OSError):
            self._file.write_text(json.dumps(told), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Times:
    """When the last request ended, and before when the hosts that asked for a pause may not be asked."""

    last: datetime = LONG_AGO
    not_before: Mapping[str, datetime] = field(default_factory=dict)
