"""Bodies recorded from arXiv's services, where they are at hand: in ARXIV_BODIES, or beside the checkout."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.errors import Malformed
from newsletter.sources.arxiv import api, feed, listing, oai

FOLDER = Path(os.environ.get("ARXIV_BODIES") or Path(__file__).parent.parent.parent / "shared" / "feeds")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="no recorded bodies here: set ARXIV_BODIES"),
]


@pytest.mark.parametrize(
    ("name", "entries", "total"),
    [
        ("list_cs.AI_new_2026-08-12_cut.html", 6, 6),
        ("list_hep-th_new_skip0_show25.html", 25, 37),
        ("list_hep-th_new_skip25_show25.html", 12, 37),
        ("list_math_new.html", 6, 6),
        ("list_q-bio_new_empty.html", 0, 0),
        ("catchup_math.NT_2011-02-03_abs_filled.html", 12, 12),
        ("catchup_math_2011-02-05_empty_saturday.html", 0, 0),
    ],
)
def test_listing_pages(name: str, entries: int, total: int) -> None:
    page = listing.parse((FOLDER / name).read_bytes())
    assert (len(page.entries), page.total) == (entries, total)
    assert all(e.paper.title and e.paper.authors and e.paper.primary_category for e in page.entries)


@pytest.mark.parametrize(
    ("parse", "name", "count", "has_more"),
    [
        (oai.identifiers, "oai_listidentifiers_arXiv_p1.xml", 10, True),
        (oai.identifiers, "oai_listidentifiers_arXiv_p3.xml", 2, False),
        (oai.identifiers, "oai_err_norecordsmatch_today.xml", 0, False),
        (oai.records, "oai_listrecords_arXiv_p2.xml", 10, True),
        (oai.records, "oai_listrecords_arXiv_withdrawn.xml", 26, False),
    ],
)
def test_oai_answers(parse: Callable[[bytes], oai.Page], name: str, count: int, has_more: bool) -> None:
    page = parse((FOLDER / name).read_bytes())
    assert (len(page.headers), bool(page.token)) == (count, has_more)


def test_the_feed() -> None:
    found = feed.parse((FOLDER / "sample_rss_cs.LG.xml").read_bytes())
    assert (len(found.entries), found.problems) == (7, ())
    assert found.entries[1].paper.title == r"A & B <i>x</i> $1.75\times$ \newcommand{\x}{y}"
    assert found.entries[1].paper.authors == ("Essential AI", "Darsh J Shah", "Peter Rushton")


def test_an_empty_feed_has_a_date_and_a_refused_category_a_reason() -> None:
    assert feed.parse((FOLDER / "sample_rss_empty.xml").read_bytes()).entries == ()
    with pytest.raises(feed.UnknownCategory, match="Bad subject class 'XX'"):
        feed.parse((FOLDER / "sample_rss_error400.xml").read_bytes())


@pytest.mark.parametrize("path", sorted(set(FOLDER.glob("*_err_*")) - set(FOLDER.glob("*norecords*"))), ids=str)
def test_an_error_is_never_taken_for_an_answer(path: Path) -> None:
    parse: Callable[[bytes], object] = oai.identifiers if path.suffix == ".xml" else listing.parse
    with pytest.raises(Malformed):
        parse(path.read_bytes())


@pytest.mark.parametrize("path", sorted(set(FOLDER.glob("api_*.xml")) - set(FOLDER.glob("*_abc_*"))), ids=str)
def test_api_answers_pass_the_check_before_the_package(path: Path) -> None:
    assert api.checked(path.read_bytes())
