"""A subscriber's RSS feed."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from newsletter.models.editions import Edition
from newsletter.models.scores import Status
from newsletter.rendering.frame import Sender
from newsletter.rendering.rss import ITEMS_AT_MOST, feed
from newsletter.sources import origins
from tests.builders import a_paper, an_edition, scored

URL = "https://news.example.org/feed/token"


def items(*editions: Edition, **fields: list[str]) -> list[dict[str, str]]:
    root = ET.fromstring(feed(editions, URL, Sender("Moss News"), origins(), **fields))
    return [{child.tag: child.text or "" for child in item} for item in root.iter("item")]


def test_each_paper_is_an_item_with_a_stable_identity() -> None:
    (item,) = items(an_edition([scored(a_paper(7, version=2), summary="Moss & stones.")]))
    assert item["title"] == "On the growth of moss number 7"
    assert item["link"] == "https://arxiv.org/abs/2611.00007"
    assert item["guid"] == "https://arxiv.org/abs/2611.00007v2"
    assert item["pubDate"] == "Wed, 18 Nov 2026 00:00:00 +0000"
    assert "<p>Moss &amp; stones.</p>" in item["description"]


def test_an_edition_without_papers_says_why() -> None:
    (item,) = items(an_edition(status=Status.HOLIDAY), web_copies=["https://news.example.org/e/copy"])
    assert item["title"].startswith("No arXiv mailing · ")
    assert item["link"] == "https://news.example.org/e/copy"
    assert "holiday" in item["description"]


def test_a_feed_of_nothing_is_a_feed() -> None:
    assert items() == []


def test_a_long_history_is_cut() -> None:
    assert len(items(an_edition([scored(a_paper(i)) for i in range(ITEMS_AT_MOST + 9)]))) == ITEMS_AT_MOST


@given(st.text(), st.text())
def test_any_text_is_text(title: str, abstract: str) -> None:
    (item,) = items(an_edition([scored(a_paper(title=title, abstract=abstract))]))
    assert "<" not in item["description"].replace("<p>", "").replace("</p>", "")
