"""Calls uvicorn: the server behind the proxy, with bounds for clients that say nothing or never come to an end.

A connection is closed where no whole request came in time; a proxy in front (docs/deploy.md) bounds more than this can:
connections of one address, requests a second.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from newsletter.web.body import WITHIN

Server: TypeAlias = uvicorn.Server
LONGEST_HEAD = 16 * 1024  # bytes of a request's line and headers


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections at most, and how many seconds: for the head of a request, for its body, between two."""

    connections: int = 400
    request_within: float = 15.0
    body_within: float = WITHIN
    idle: int = 5


def server(app: ASGIApp, limits: Limits | None = None, proxies: Sequence[str] = ()) -> Server:
    """The server, ready to run; of `proxies` it believes from where a request came.

    No access log: the path is the token. No server header: it helps nobody.
    """
    bounds = limits or Limits()

    class Bounded(_Bounded):
        request_within = bounds.request_within

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["body_within"] = bounds.body_within
        await app(scope, receive, send)

    return uvicorn.Server(
        uvicorn.Config(
            bounded,
            http=Bounded,
            ws="none",
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            log_level="warning",
            limit_concurrency=bounds.connections,
            timeout_keep_alive=bounds.idle,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        )
    )


class _Bounded(H11Protocol):
    """Ends a connection on which no request is under way and none has come in time.

    uvicorn's own bound, for a connection between two requests, ends with the first byte of the next.
    """

    request_within: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.request_within, self._late)

    def _end_wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        self.transport.close()
