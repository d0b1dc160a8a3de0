"""The operator's page: today, sends by state, what nobody knows the outcome of, costs, readers. GET changes nothing."""

import secrets
from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from newsletter.delivery.breakers import OPEN, RESUMED_AT
from newsletter.models.sends import SendState
from newsletter.money import shown_usd
from newsletter.operations.status import late, today
from newsletter.web.body import form
from newsletter.web.operators.session import LIFETIME, Sessions
from newsletter.web.pages import Pages
from newsletter.web.readers.subscribe import network
from newsletter.web.services import Rooms

COOKIE = "operator"
PATH = "/operator"
BODY_LIMIT = 4_000
NONCE_BYTES = 16
SHOWN = 200  # readers
COST_DAYS = 14


def routes(rooms: Rooms, pages: Pages) -> Sequence[Route]:
    """Nothing where no token is set."""
    if not rooms.operator_token:
        return []
    desk = _Desk(rooms, pages)
    return [Route(PATH, desk.show, methods=["GET"]), Route(PATH, desk.act, methods=["POST"])]


class _Desk:
    def __init__(self, rooms: Rooms, pages: Pages) -> None:
        self._rooms, self._pages = rooms, pages
        self._sessions = Sessions(rooms.operator_token)
        self._guesses = rooms.guesses

    def show(self, request: Request) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        if not self._sessions.is_open(cookie, self._rooms.clock()):
            return self._pages.show("operator_door.html", request, error="")
        return self._page(request, cookie)

    async def act(self, request: Request) -> Response:
        sent = await form(request, BODY_LIMIT)
        cookie = request.cookies.get(COOKIE, "")
        if sent.get("action") == "open":
            return self._opened(request, str(sent.get("token", "")))
        if not self._sessions.is_open(cookie, self._rooms.clock()):
            return self._pages.show("operator_door.html", request, status=403, error="Your session is over.")
        if not self._sessions.is_form_token(cookie, str(sent.get("form", ""))):
            return self._pages.show("operator_door.html", request, status=403, error="This form was not ours.")
        if sent.get("action") == "close":
            gone = RedirectResponse(PATH, 303)
            gone.delete_cookie(COOKIE, path=PATH)
            return gone
        said = await run_in_threadpool(self._done, sent)
        return await run_in_threadpool(self._page, request, cookie, said)

    def _opened(self, request: Request, guess: str) -> Response:
        now, where = self._rooms.clock(), network(request)
        if not self._guesses.may_guess(where, now):
            return self._pages.show("operator_door.html", request, status=429, error="Too many wrong tokens: wait.")
        if not self._sessions.knows(guess):
            self._guesses.was_wrong(where, now)
            return self._pages.show("operator_door.html", request, status=403, error="This is not the token.")
        inside = RedirectResponse(PATH, 303)
        inside.set_cookie(
            COOKIE,
            self._sessions.open(now, secrets.token_urlsafe(NONCE_BYTES)),
            max_age=int(LIFETIME.total_seconds()),
            path=PATH,
            secure=self._rooms.signer.is_public,
            httponly=True,
            samesite="strict",
        )
        return inside

    def _done(self, sent: FormData) -> str:
        """Does what a button says; the sentence that the page shows then."""
        store, now = self._rooms.store, self._rooms.clock()
        send = str(sent.get("send", ""))
        match sent.get("action"):
            case "sent" | "resend" as said:
                if not store.sends.resolve(send, said == "sent", now):
                    return "This send is not ambiguous any more."
                return f"{send}: {'counts as sent' if said == 'sent' else 'goes out again with the next run'}"
            case "resume":
                store.facts.set(RESUMED_AT, now.isoformat())
                store.facts.set(OPEN, "")
                return "Resumed: the next run sends what is ready."
            case _:
                return "There is no such button."

    def _page(self, request: Request, cookie: str, said: str = "") -> Response:
        store, now = self._rooms.store, self._rooms.clock()
        day = today(store, now, self._rooms.templates.origins)
        known = list(store.subscribers.known())
        costs = [row | {"usd": shown_usd(row["picodollars"])} for row in store.charges.grouped("day")]
        context: dict[str, Any] = {
            "said": said,
            "day": day,
            "late": [
                each for origin in self._rooms.templates.origins.values() for each in late(day, now, origin.calendar)
            ],
            "today": shown_usd(day.spent_today),
            "month": shown_usd(day.spent_this_month),
            "sends": store.sends.counts(),
            "ambiguous": list(store.sends.records(SendState.AMBIGUOUS)),
            "incidents": store.incidents.open(),
            "costs": sorted(costs, key=lambda row: str(row["day"]), reverse=True)[:COST_DAYS],
            "readers": known[:SHOWN],
            "count_of_readers": len(known),
            "form": self._sessions.form_token(cookie),
        }
        return self._pages.show("operator.html", request, **context)
