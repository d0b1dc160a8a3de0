"""A visitor sees their own mail: from words, from references, without an account and without a trace."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Route

from newsletter import web
from newsletter.editions.newest import Newest
from newsletter.scoring.similarity import Similarity
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.web.services import Rooms
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper
from tests.days import TEMPLATES
from tests.test_web import SIGNER
from tests.web import ask, post_form

MOSS = "growth of moss on stones and its colour"


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with Store.open(tmp_path / "newsletter.db") as store:
        rivers = [
            a_paper(n, title=f"Rivers {n} <i>", abstract="Water flows in river beds and floods.", categories=("cs.LG",))
            for n in (7, 8)
        ]
        store.mailings.save(a_mailing(a_paper(1), *rivers), NOON)
        newest = Newest(store, taxonomy(), Similarity)
        yield Rooms(store, SIGNER, TEMPLATES, lambda: NOON, taxonomy=taxonomy(), newest=newest)


def mail(page: str) -> str:
    """What of the page is the mail."""
    assert '<h2 id="mail">' in page
    return page.split('<h2 id="mail">')[1].split("<form", maxsplit=1)[0].split("Just under", maxsplit=1)[0]


def test_words_bring_the_papers_they_fit(rooms: Rooms) -> None:
    page = post_form(rooms, "/", topics=MOSS).text
    assert "On the growth of moss number 1" in mail(page)
    assert "Rivers" not in mail(page)
    assert MOSS in page.split("<textarea")[1], "to be changed, and looked at again"


@pytest.mark.parametrize(
    "collected",
    [
        "2611.00007",
        "https://arxiv.org/abs/2611.00007v1",
        "@misc{a, title={Floods of water in river beds}}",
        "TY  - JOUR\nTI  - Floods of water in river beds\nER  - \n",
        json.dumps([{"id": "a", "title": "Floods of water in river beds"}]),
    ],
)
def test_references_bring_papers_like_them(rooms: Rooms, collected: str) -> None:
    page = post_form(rooms, "/", references=collected).text
    assert "Rivers 7 &lt;i&gt;" in mail(page)
    assert "1 reference was read" in page


def test_categories_narrow_it(rooms: Rooms) -> None:
    page = post_form(rooms, "/", topics=f"{MOSS}, rivers and floods", categories="q-bio.PE, nonsense").text
    assert "Rivers" not in mail(page)
    assert "of 1 new papers" in mail(page)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Write what you want"),
        ({"topics": "  \n"}, "Write what you want"),
        ({"references": "no reference at all"}, "no reference was found"),
        ({"references": "2301.00001"}, "None of these is known here"),
        ({"topics": "---\nx: *a\n---\n"}, "your topics:"),
        ({"topics": "x" * 40_000}, "at most 32000"),
    ],
)
def test_what_says_nothing_is_answered_in_a_sentence(rooms: Rooms, fields: dict[str, str], said: str) -> None:
    answer = post_form(rooms, "/", **fields)
    assert answer.status == 422
    assert said in answer.text


def test_nothing_is_stored_and_nothing_runs(rooms: Rooms) -> None:
    before = list(rooms.store.database.utils.conn.iterdump())
    page = post_form(rooms, "/", topics="moss </textarea><script>alert(1)</script>", categories='"><b>').text
    assert "<script>alert" not in page
    assert '"><b>' not in page
    assert list(rooms.store.database.utils.conn.iterdump()) == before


def test_a_newer_mailing_is_seen_and_an_older_one_is_read_once(rooms: Rooms) -> None:
    assert "Newer moss" not in post_form(rooms, "/", topics=MOSS).text
    newer = a_paper(20, title="Newer moss on stones")
    rooms.store.mailings.save(a_mailing(newer, day=WEDNESDAY.replace(day=19)), NOON)
    assert "Newer moss on stones" in mail(post_form(rooms, "/", topics=MOSS).text)


def test_without_a_mailing_one_is_told_to_come_back(tmp_path: Path) -> None:
    with Store.open(tmp_path / "empty.db") as store:
        rooms = Rooms(store, SIGNER, TEMPLATES, lambda: NOON, newest=Newest(store, taxonomy(), Similarity))
        assert "Come back in the morning" in post_form(rooms, "/", topics=MOSS).text


def test_a_page_of_a_megabyte_is_too_much(rooms: Rooms) -> None:
    assert post_form(rooms, "/", references="x" * 1_100_000).status == 413
    assert ask(rooms, "GET", "/").status == 200


def test_the_public_demo_has_this_page_and_no_other(rooms: Rooms) -> None:
    paths = {route.path for route in web.demo(rooms).routes if isinstance(route, Route)}
    assert paths == {"/", "/health"}
