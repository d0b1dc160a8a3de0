"""Whatever is asked of whichever route, the web answers in a sentence, and never with an error of its own."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from newsletter import web
from newsletter.editions.newest import Newest
from newsletter.links import Purpose
from newsletter.scoring.similarity import Similarity
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers import preferences
from newsletter.subscribers.membership import Membership
from newsletter.web.headers import HEADERS
from newsletter.web.services import Rooms
from tests.builders import NOON, a_mailing, a_paper, a_topics_file, scored
from tests.days import TEMPLATES
from tests.delivery import a_send
from tests.test_web import SIGNER
from tests.web import Answer, ask

TOKENS = [
    "x",
    SIGNER.token(Purpose.UNSUBSCRIBE, 1),
    SIGNER.token(Purpose.EDITION, 1),
    SIGNER.token(Purpose.FEEDBACK, 1),
    SIGNER.token(Purpose.FEED, 1),
    SIGNER.token(Purpose.PREFERENCES, 1),
    SIGNER.token(Purpose.PREFERENCES, preferences.fresh_number(1, NOON)),
]
NASTY = [
    "",
    "\0",
    "..%2f..%2fetc",
    "<script>alert(1)</script>",
    "'; DROP TABLE sends; --",
    "é" * 300,
    "\ud800",
    "{{7*7}}",
    "1e999",
    "-1",
]
FIELDS = [
    *("email", "topics", "categories", "language", "timezone", "at", "scorer", "action", "mark", "until", "version"),
    *("min_relevance", "max_papers", "budget_usd_per_month", "frequency", "days", "announce", "references", "send"),
    *("form", "token", "part", "authors", "include", "empty", "length", "attach"),
]
VALUES = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=60),
    st.sampled_from(["save", "preview", "restore", "pause", "resume", "check", "undo", "open", "weekly", "2026-12-24"]),
    st.sampled_from(["---\na: &x [*x]\n---\nb", "---\na: !!python/object:x\n---\nb", "1. Moss\nRelevant: moss"]),
)


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    folder = tmp_path_factory.mktemp("fuzz")
    with Store.open(folder / "newsletter.db") as store:
        members = Membership(folder / "subscribers", folder, store, taxonomy())
        stored = store.mailings.save(a_mailing(a_paper(1), a_paper(2)), NOON)
        members.add("ada", a_topics_file(), "operator", NOON)
        a_send(store, papers=(scored(stored.announcements[0].paper),))
        yield Rooms(
            store,
            SIGNER,
            TEMPLATES,
            lambda: NOON,
            members=members,
            joining="open",
            taxonomy=taxonomy(),
            newest=Newest(store, taxonomy(), Similarity),
            operator_token="token",
        )


def paths(rooms: Rooms) -> list[str]:
    return sorted({route.path for route in web.app(rooms).routes if isinstance(route, Route)})


def is_well(answer: Answer, *, late: bool = False) -> None:
    assert answer.status < 500 or late, answer.text
    assert "alert(1)</script>" not in answer.text
    for name in HEADERS:
        assert name.lower() in answer.headers


def encoded(fields: dict[str, str], multipart: bool) -> tuple[bytes, str]:
    if not multipart:
        return urlencode(fields, errors="replace").encode(), "application/x-www-form-urlencoded"
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    return ("".join(parts) + "--x--\r\n").encode("utf-8", "replace"), "multipart/form-data; boundary=x"


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_no_request_makes_an_error(rooms: Rooms, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths(rooms)))
    token = data.draw(st.one_of(st.sampled_from(TOKENS), st.sampled_from(NASTY), st.text(max_size=30)))
    filled = path.replace("{token}", quote(token, safe="", errors="replace"))
    filled = filled.replace("{ending}", data.draw(st.sampled_from(["bib", "exe"]))).replace("{backend}", "nobody")
    query = data.draw(st.dictionaries(st.sampled_from(["paper", "mark", "lang", "x"]), VALUES, max_size=3))
    method = data.draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]))
    fields = data.draw(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8))
    body, kind = encoded(fields, data.draw(st.booleans()))
    headers = {"content-type": data.draw(st.sampled_from([kind, "text/plain", "multipart/form-data"]))}
    headers["accept-language"] = data.draw(st.sampled_from(["", "de;q=x", "fr", "*,,;q="]))
    if filled.endswith("data.zip"):
        return  # no text; tests/test_web_preferences.py reads it
    target = f"{filled}?{urlencode(query, errors='replace')}"
    is_well(ask(rooms, method, target, body if method == "POST" else b"", headers), late=path == "/ready")


def test_an_error_page_is_one_of_ours_too(rooms: Rooms, tmp_path: Path) -> None:
    assert "There is nothing at this address" in ask(rooms, "GET", "/wp-login.php").text
