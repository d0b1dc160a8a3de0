"""Parsers take any bytes: they return values or raise their own error, and text survives them unchanged."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.errors import Malformed, SourceError
from newsletter.sources.arxiv import api, feed, listing, oai
from newsletter.sources.arxiv.entries import UNKNOWN, Listed, identifier, order
from tests import arxiv_server as server
from tests.arxiv_server import Announced

DAY = date(2026, 11, 18)
PAPERS = [
    Announced(DAY, "2611.00001", ("cs.LG", "math.IT"), title="x<y & A &amp; B", comment="3 pages"),
    Announced(DAY, "hep-th/9901001", ("hep-th", "cs.LG"), version=3, kind="replace"),
    Announced(DAY, "2607.00003", ("cs.CV", "cs.LG"), into=("cs.LG",)),
]
HEADING = "<h1>Machine Learning</h1><h3>Showing new listings for Wednesday, 18 November 2026</h3>"
BODIES: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "feed": (feed.parse, server.feed_body("cs.LG", DAY, PAPERS)),
    "identifiers": (oai.identifiers, server.oai_body("ListIdentifiers", PAPERS, "verb%3DListIdentifiers%26skip%3D10")),
    "records": (oai.records, server.oai_body("ListRecords", PAPERS, "")),
    "page": (listing.parse, server.page_body(f"{HEADING}Total of 3 entries", PAPERS, 0, 2000, "cs.LG")),
    "api": (api.checked, server.api_body(PAPERS, 3)),
}
# What a wire, a proxy or a broken template does to a body, and what an attacker would try.
PIECES = [
    b"",
    b"<",
    b">",
    b"&",
    b"&nbsp;",
    b"&#0;",
    b"&#x110000;",
    b"]]>",
    b"\x00\x08",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"v0",
    b"9" * 400,
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
    b"<dt>",
    b"</dd>",
    b"-0500",
    b"Tue, 31 Feb 2026 25:61:61 +9999",
    "\u202e\U0001f9a0e\u0301".encode(),
]


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """A body with up to four pieces cut out and others put in."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.sampled_from([0, 1, 3, 20, 200, 100_000])))
        body = body[:start] + draw(st.sampled_from(PIECES)) + body[end:]
    return body


@pytest.mark.parametrize("door", BODIES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_parser_raises_its_own_error_only(door: str, data: Any) -> None:
    parse, body = BODIES[door]
    try:
        parse(data.draw(mutated(body)))
    except SourceError as error:
        assert str(error)


@pytest.mark.soak
@pytest.mark.parametrize("door", BODIES)
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_parser_raises_its_own_error_only_at_length(door: str, data: Any) -> None:
    parse, body = BODIES[door]
    try:
        parse(data.draw(mutated(body)))
    except SourceError as error:
        assert str(error)


@pytest.mark.parametrize("door", BODIES)
@pytest.mark.parametrize(
    "body", [b"", b" ", b"Rate exceeded.", b"<html><body>Rate exceeded.</body></html>", b"\xff" * 50]
)
def test_what_is_not_an_answer_is_malformed(door: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        BODIES[door][0](body)


@pytest.mark.parametrize("door", BODIES)
@given(share=st.floats(0, 0.97))
@settings(max_examples=30, deadline=None)
def test_half_an_answer_is_malformed(door: str, share: float) -> None:
    parse, body = BODIES[door]
    with pytest.raises(SourceError):
        parse(body[: int(len(body) * share)])


# Any text that XML can carry, without the control characters that are dropped, and without space at the ends.
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=60,
)
SPECIAL = st.sampled_from(
    ["x<y", "A & B", "&amp;", "&lt;i&gt;", "<b>", "$1<2$", "שלום", "𝔸🦠", "e\u0301", r"\newcommand{\x}{y}"]
)


@given(words=st.lists(TEXT | SPECIAL, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_title_and_abstract_survive_every_door(words: list[str]) -> None:
    text = " ".join(words)
    paper = Announced(DAY, "2611.00001", title=text, abstract=text)
    page = server.page_body(f"{HEADING}Total of 1 entries", [paper], 0, 2000, "cs.LG")
    found = [
        feed.parse(server.feed_body("cs.LG", DAY, [paper])).entries[0].paper,
        oai.records(server.oai_body("ListRecords", [paper], None)).entries[0].paper,
        listing.parse(page).entries[0].paper,
    ]
    assert [(p.title, p.abstract) for p in found] == [(text, text)] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2611.00001v12", ("2611.00001", 12)),
        ("0704.0001", ("0704.0001", UNKNOWN)),
        ("hep-th/9901001v3", ("hep-th/9901001", 3)),
        ("math.GT/0309136", ("math.GT/0309136", UNKNOWN)),
    ],
)
def test_identifiers(text: str, expected: tuple[str, int]) -> None:
    assert identifier(text) == expected


@pytest.mark.parametrize("text", ["", "2613.00001", "2611.1", "abc", "2611.00001v0", "٢٦١١.00001", "a/b/9901001"])
def test_what_is_no_identifier(text: str) -> None:
    with pytest.raises(Malformed, match="is not an arXiv identifier"):
        identifier(text)


def test_identifiers_compare_in_the_order_of_announcement() -> None:
    ids = ["hep-th/9108001", "hep-th/9912001", "hep-th/0001001", "0704.0001", "1412.9999", "1501.00001", "2611.00001"]
    assert sorted(ids, key=order) == ids


def test_the_link_text_of_an_abstract_becomes_the_address_again() -> None:
    entry = server.page_entry(1, Announced(DAY, "2611.00001", abstract="HERE"), "cs.LG").replace(
        "HERE", 'Code is at <a href="https://example.org/moss" rel="external">this https URL</a>.'
    )
    page = f"<html>{HEADING}<dl><h3>New submissions (showing 1 of 1 entries)</h3>{entry}</dl></html>"
    assert listing.parse(page.encode()).entries[0].paper.abstract == "Code is at https://example.org/moss."


def test_the_link_to_the_html_rendering_tells_the_version() -> None:
    replaced = Announced(DAY, "2611.00001", kind="replace")
    entry = server.page_entry(1, replaced, "cs.LG").replace(
        'href="/format/2611.00001"', 'href="https://arxiv.org/html/2611.00001v4"'
    )
    page = f"<html>{HEADING}<dl><h3>Replacement submissions (showing 1 of 1 entries)</h3>{entry}</dl></html>"
    found = listing.parse(page.encode()).entries[0]
    assert (found.listed, found.paper.version) == (Listed.REPLACE, 4)
