"""A reader says what they think of a paper of their mail: more like this, not for me, save. GET asks, POST acts.

The token names the edition, and the paper must be in it. Whoever has the mail can mark its papers and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.links import Purpose
from newsletter.models.editions import Edition
from newsletter.models.papers import Paper
from newsletter.models.scores import Scored
from newsletter.models.subscribers import Mark
from newsletter.rendering.language import Words
from newsletter.web.body import form
from newsletter.web.pages import Pages
from newsletter.web.services import Rooms
from newsletter.web.spoken import spoken

BODY_LIMIT = 4_000
MARKS = {"more": Mark.MORE, "less": Mark.LESS, "save": Mark.SAVED}
WORDS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Said:
    """What a link of a mail says: who, of which paper, and which mark; no mark where the page has yet to ask."""

    subscriber_id: int
    item: Scored
    mark: Mark | None


def routes(rooms: Rooms, pages: Pages) -> Sequence[Route]:
    def ask(request: Request) -> Response:
        if not request.query_params.get("paper"):
            return _list(pages, request, edition_of(request, rooms))
        said = read(request, rooms)
        return pages.unknown(request) if said is None else _page(pages, request, said, done="")

    async def act(request: Request) -> Response:
        said = await run_in_threadpool(read, request, rooms)
        if said is None or said.mark is None or said.item.paper.key is None:
            return pages.unknown(request)
        sent = await form(request, BODY_LIMIT)
        if sent.get("action") == "undo":
            await run_in_threadpool(rooms.store.feedback.undo, said.subscriber_id, said.item.paper.key, said.mark)
            return _page(pages, request, said, done="undone")
        await run_in_threadpool(
            rooms.store.feedback.set, said.subscriber_id, said.item.paper.key, said.mark, rooms.clock(), "web"
        )
        return _page(pages, request, said, done="kept")

    return [Route("/f/{token}", ask, methods=["GET"]), Route("/f/{token}", act, methods=["POST"])]


def edition_of(request: Request, rooms: Rooms) -> Edition | None:
    """The edition that the token names; None where it names none."""
    number = rooms.signer.read(Purpose.FEEDBACK, request.path_params["token"])
    try:
        return rooms.store.editions.load(number) if number is not None else None
    except LookupError:
        return None


def read(request: Request, rooms: Rooms) -> Said | None:
    """What the link says; None where the token, the edition or the paper is not good."""
    edition = edition_of(request, rooms)
    subscriber = rooms.store.subscribers.load(edition.subscriber) if edition else None
    if edition is None or subscriber is None or not subscriber.wishes.email:
        return None
    wanted = request.query_params.get("paper", "")
    shown = (*edition.papers, *edition.near_misses, *_tried(edition))
    found = next((item for item in shown if item.paper.id == wanted), None)
    return Said(subscriber.id, found, MARKS.get(request.query_params.get("mark", ""))) if found else None


def _list(pages: Pages, request: Request, edition: Edition | None) -> Response:
    """The papers of the mail, each with its marks."""
    if edition is None:
        return pages.unknown(request)
    papers = [
        (item.paper.shown.title, {name: _url(request, item.paper, name) for name in MARKS})
        for item in (*edition.papers, *_tried(edition))
    ]
    return pages.show("marks.html", request, papers=papers)


def _tried(edition: Edition) -> tuple[Scored, ...]:
    return (edition.exploration,) if edition.exploration else ()


def _url(request: Request, paper: Paper, mark: str) -> str:
    return f"{request.url.path}?{urlencode({'paper': paper.id, 'mark': mark})}"


def _page(pages: Pages, request: Request, said: Said, *, done: str) -> Response:
    words, paper = spoken(request), said.item.paper
    urls = {name: _url(request, paper, name) for name in MARKS}
    return pages.show(
        "feedback.html",
        request,
        title=paper.shown.title,
        mark=next((name for name, mark in MARKS.items() if mark is said.mark), ""),
        does=_does(said, words) if said.mark else "",
        done=done,
        urls=urls,
    )


def _does(said: Said, words: Words) -> str:
    """What the mark does, by the words that the paper was found by."""
    shown = ", ".join((said.item.reason.words if said.item.reason else ())[:WORDS_SHOWN])
    match said.mark:
        case Mark.MORE if shown:
            return words.say("You will see more of {words}, and papers like this one come earlier.", words=shown)
        case Mark.MORE:
            return words.say("Papers like this one come earlier in your next mails.")
        case Mark.LESS if shown:
            return words.say("You will see less of {words}, where a paper is like this one.", words=shown)
        case Mark.LESS:
            return words.say("Papers like this one come later in your next mails, or not at all.")
        case _:
            return words.say("It is kept in your list of saved papers, and papers like it come a little earlier.")
