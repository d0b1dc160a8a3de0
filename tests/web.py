"""Asks the web application, in this process."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from newsletter import web
from newsletter.web.services import Rooms


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


def ask(
    rooms: Rooms,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    client: str = "127.0.0.1",
) -> Answer:
    """One request to the application, in this process."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "server": ("testserver", 443),
        "client": (client, 1), "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
    }  # fmt: skip
    asyncio.run(web.app(rooms)(scope, receive, send))
    start = sent[0]
    return Answer(
        start["status"],
        {k.decode(): v.decode() for k, v in start["headers"]},
        b"".join(m.get("body", b"") for m in sent[1:]).decode(),
    )


def post_form(rooms: Rooms, path: str, client: str = "127.0.0.1", **fields: str) -> Answer:
    """A POST of a urlencoded form."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return ask(rooms, "POST", path, urlencode(fields).encode(), headers, client=client)
