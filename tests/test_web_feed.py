"""The feed of one subscriber, over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from newsletter.links import Purpose
from newsletter.store import Store
from newsletter.web.services import Rooms
from tests.builders import NOON, a_paper, scored
from tests.delivery import a_reader, a_send
from tests.test_web import SIGNER, TEMPLATES, link
from tests.web import ask


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with Store.open(tmp_path / "newsletter.db") as store:
        yield Rooms(store, SIGNER, TEMPLATES, lambda: NOON)


def test_a_subscribers_papers_come_as_rss(rooms: Rooms) -> None:
    paper = rooms.store.papers.save([a_paper(7)])[0]
    send = a_send(rooms.store, papers=(scored(paper),))
    answer = ask(rooms, "GET", link(send.subscriber_id, Purpose.FEED))
    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    assert [item.findtext("title") for item in ET.fromstring(answer.text).iter("item")] == [paper.title]


def test_a_subscriber_without_an_edition_has_an_empty_feed(rooms: Rooms) -> None:
    assert list(ET.fromstring(ask(rooms, "GET", link(a_reader(rooms.store), Purpose.FEED)).text).iter("item")) == []


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.EDITION])
def test_a_token_of_another_purpose_opens_no_feed(rooms: Rooms, purpose: Purpose) -> None:
    token = SIGNER.token(purpose, 1)
    assert ask(rooms, "GET", f"/feed/{token}").status == 404
