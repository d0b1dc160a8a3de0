"""A stranger joins: the form, the question to their address, their yes. GET asks, POST acts.

The answer to the form is one and the same for every address, known, suppressed or new.
"""

import ipaddress
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import InputError, NewsletterError, TopicsError
from newsletter.models.subscribers import Subscriber, TopicsFile
from newsletter.rendering.language import Words
from newsletter.subscribers import applications
from newsletter.subscribers.applications import Asked, TooMany
from newsletter.topics.body import parse
from newsletter.web.body import form, read
from newsletter.web.pages import Pages
from newsletter.web.services import Rooms
from newsletter.web.spoken import spoken

BODY_LIMIT = 96 * 1024  # a topics file of 32 kB, percent-encoded
TOKEN_BYTES = 16  # 128 bits
DELIVER = ("at", "timezone")
FIELDS = ("email", "topics", "categories", "language", *DELIVER, "scorer")


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it was filled in."""

    fields: dict[str, str]
    file: str = ""
    is_robot: bool = False  # it filled in the field that nobody sees

    @property
    def topics(self) -> str:
        """The uploaded file, else what was pasted."""
        return self.file or self.fields["topics"]

    @property
    def wishes(self) -> dict[str, Any]:
        """What the form adds to the front matter of the topics file; nothing for a field that was left empty."""
        of: dict[str, Any] = {name: value for name, value in self.fields.items() if value and name != "topics"}
        deliver = {key: of.pop(key) for key in tuple(of) if key in DELIVER}
        if "categories" in of:
            of["categories"] = of["categories"].replace(",", " ").split()
        return of | ({"deliver": deliver} if deliver else {})


def routes(rooms: Rooms, pages: Pages) -> Sequence[Route]:
    """The form and the confirmation; where joining is closed, a page that says so."""
    room = _Desk(rooms, pages)
    return [
        Route("/subscribe", room.show, methods=["GET"]),
        Route("/subscribe", room.take, methods=["POST"]),
        Route("/own.js", lambda _: pages.script(), methods=["GET"]),
        Route("/confirm/{token}", room.ask, methods=["GET"]),
        Route("/confirm/{token}", room.confirm, methods=["POST"]),
    ]


class _Desk:
    """The four errands of joining."""

    def __init__(self, rooms: Rooms, pages: Pages) -> None:
        self._rooms, self._pages = rooms, pages

    def show(self, request: Request) -> Response:
        return self._form(request, Filled(dict.fromkeys(FIELDS, "")))

    async def take(self, request: Request) -> Response:
        if not self._is_open:
            return self._form(request, Filled(dict.fromkeys(FIELDS, "")))
        data = await form(request, BODY_LIMIT)
        filled = await _filled(data)
        await data.close()
        if filled.is_robot:
            return self._pages.show("asked.html", request)
        language = filled.fields["language"] or spoken(request).language
        wishes = filled.wishes | {"language": language}
        asked = Asked(filled.topics, wishes, network(request), language, self._rooms.most_usd)
        if data.get("action") == "check":
            return await run_in_threadpool(self._checked, request, filled, asked)
        return await run_in_threadpool(self._asked, request, filled, asked)

    def ask(self, request: Request) -> Response:
        token = request.path_params["token"]
        pending = self._rooms.store.applications.find(applications.hashed(token), self._rooms.clock())
        if pending is None or pending.is_used:
            return self._pages.unknown(request)
        return self._pages.show("confirm.html", request, action=request.url.path, file=_understood(pending.file))

    async def confirm(self, request: Request) -> Response:
        await read(request, BODY_LIMIT)
        subscriber = await run_in_threadpool(self._confirmed, request.path_params["token"])
        if subscriber is None:
            return self._pages.unknown(request)
        return self._pages.show("confirmed.html", request, deliver=subscriber.wishes.deliver)

    @property
    def _is_open(self) -> bool:
        return self._rooms.members is not None and self._rooms.joining != applications.CLOSED

    def _form(self, request: Request, filled: Filled, status: int = 200, **context: object) -> Response:
        given: dict[str, Any] = {
            "error": "",
            "understood": None,
            "policy": self._rooms.joining,
            "is_open": self._is_open,
        }
        return self._pages.show(
            "subscribe.html",
            request,
            status=status,
            fields=filled.fields | {"topics": filled.topics},
            categories=sorted(self._rooms.taxonomy.categories),
            names=self._rooms.taxonomy.names,
            model=self._rooms.reads_topics,
            **(given | context),
        )

    def _checked(self, request: Request, filled: Filled, asked: Asked) -> Response:
        assert self._rooms.members is not None, "checked where joining is open"
        try:
            found = applications.understood(asked, self._rooms.members)
        except TopicsError as error:
            return self._form(request, filled, 422, error=str(error))
        return self._form(request, filled, understood=found)

    def _asked(self, request: Request, filled: Filled, asked: Asked) -> Response:
        rooms, token = self._rooms, secrets.token_urlsafe(TOKEN_BYTES)
        assert rooms.members is not None, "asked where joining is open"
        url = f"{rooms.signer.base_url.rstrip('/')}/confirm/{token}"
        try:
            applications.ask(asked, rooms.members, policy=rooms.joining, token=token, url=url, now=rooms.clock())
        except TooMany as error:
            return self._form(request, filled, 429, error=_worded(error, spoken(request)))
        except InputError as error:
            return self._form(request, filled, 422, error=str(error))
        return self._pages.show("asked.html", request)

    def _confirmed(self, token: str) -> Subscriber | None:
        """The new subscriber, with a first edition where a mailing is there; None where the link opens nothing."""
        rooms = self._rooms
        if rooms.members is None:
            return None
        try:
            subscriber = applications.confirm(token, rooms.members, rooms.clock())
        except InputError:  # since they asked, the address was suppressed or became somebody else's
            return None
        if subscriber:
            _welcomed(rooms.welcome, subscriber)
        return subscriber


def _welcomed(welcome: Callable[[Subscriber], object], subscriber: Subscriber) -> None:
    """Makes the first edition; whoever joined has joined, whatever becomes of it."""
    try:
        welcome(subscriber)
    except NewsletterError:
        return


def network(request: Request) -> str:
    """Whose requests count together: one IPv4 address, or one /64 of IPv6, which is one household's."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


async def _filled(data: FormData) -> Filled:
    texts = {name: value.strip() for name in FIELDS if isinstance(value := data.get(name, ""), str)}
    upload = data.get("file")
    content = await upload.read() if isinstance(upload, UploadFile) else b""
    fields = dict.fromkeys(FIELDS, "") | texts
    return Filled(fields, content.decode("utf-8-sig", "replace"), bool(data.get("website")))


def _understood(text: str) -> TopicsFile:
    return parse(text.encode(), "topics.md")


def _worded(_: TooMany, words: Words) -> str:
    return words.say("Too many asked today. Please try again tomorrow.")
