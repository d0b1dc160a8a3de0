"""Which papers of the mailings a subscriber may be shown, and how they are counted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.candidates import candidates, followed_authors
from newsletter.models.editions import Candidates
from newsletter.models.papers import Announcement, AnnounceType, Paper
from newsletter.models.subscribers import Keywords, Wishes
from newsletter.sources.arxiv.categories import ALIASES, ARCHIVES, CATEGORIES, TAXONOMY, canonical
from tests.builders import a_paper, announced


def chosen(wishes: Wishes, *announcements: Announcement, sent: set[int] | None = None) -> Candidates:
    return candidates(wishes, announcements, sent or set(), TAXONOMY)


def ids(found: Candidates) -> list[str]:
    return [paper.id for paper in found.papers]


def wants(*categories: str, **wishes: Any) -> Wishes:
    return Wishes(email="ada@example.org", categories=categories, **wishes)


def in_categories(*categories: str, number: int = 1) -> Paper:
    return a_paper(number, categories=categories, primary_category=categories[0])


@pytest.mark.parametrize(
    ("wanted", "categories", "is_candidate"),
    [
        ("cs.LG", ("cs.LG",), True),
        ("cs.LG", ("stat.ML", "cs.LG"), True),
        ("cs.LG", ("cs.AI",), False),
        ("cs", ("cs.AI",), True),
        ("astro-ph", ("astro-ph.GA",), True),
        ("astro-ph", ("hep-ph",), False),
        ("math.IT", ("cs.IT",), True),
        ("math", ("cs.IT",), True),
        ("cs.SY", ("eess.SY",), True),
        ("cmp-lg", ("cs.CL",), True),
        ("hep-th", ("hep-th",), True),
    ],
)
def test_a_candidate_is_in_a_wanted_category(wanted: str, categories: tuple[str, ...], is_candidate: bool) -> None:
    found = chosen(wants(wanted), *announced(in_categories(*categories)))
    assert bool(found.papers) is is_candidate


def test_no_categories_take_everything() -> None:
    found = chosen(wants(), *announced(in_categories("cs.LG"), in_categories("math.NT", number=2)))
    assert len(found.papers) == 2


def test_a_cross_list_is_relative_to_the_reader() -> None:
    primary, crossed = in_categories("cs.LG"), in_categories("stat.ML", "cs.LG", number=2)
    only_new = wants("cs.LG", announce=(AnnounceType.NEW,))
    only_cross = wants("cs.LG", announce=(AnnounceType.CROSS,))
    assert ids(chosen(only_new, *announced(primary, crossed))) == [primary.id]
    assert ids(chosen(only_cross, *announced(primary, crossed))) == [crossed.id]
    assert ids(chosen(wants("stat.ML", announce=(AnnounceType.NEW,)), *announced(crossed))) == [crossed.id]


@pytest.mark.parametrize("kind", [AnnounceType.REPLACE, AnnounceType.OLD_CROSS])
def test_replacements_come_only_to_who_asks(kind: AnnounceType) -> None:
    again = announced(in_categories("cs.LG"), kind=kind)
    assert not chosen(wants("cs.LG"), *again).papers
    assert chosen(wants("cs.LG", announce=(kind,)), *again).papers


def test_a_paper_version_that_went_out_is_no_candidate_but_its_next_version_is() -> None:
    first, second = a_paper(key=7), a_paper(key=8, version=2)
    assert ids(chosen(wants("q-bio"), *announced(first), sent={7})) == []
    assert [p.version for p in chosen(wants("q-bio"), *announced(first, second), sent={7}).papers] == [2]


def test_of_several_versions_the_newest_is_the_candidate() -> None:
    found = chosen(wants("q-bio"), *announced(a_paper(version=1), a_paper(version=3), a_paper(version=2)))
    assert [paper.version for paper in found.papers] == [3]


def test_the_totals_count_feed_entries_and_papers() -> None:
    in_two = in_categories("cs.LG", "cs.AI")
    replaced = announced(in_categories("cs.LG", number=2), kind=AnnounceType.REPLACE)
    other = in_categories("math.NT", number=3)
    totals = chosen(wants("cs.LG", "cs.AI"), *announced(in_two, other), *replaced).totals
    assert (totals.announced, totals.scanned, totals.candidates) == (3, 2, 1)


@pytest.mark.parametrize(
    ("keyword", "title", "is_candidate"),
    [
        ("survey", "A survey of moss", False),
        ("SURVEY", "Moss: a Survey", False),
        ("survey", "Surveyed moss", True),
        ("active learning", "Active-learning of moss", False),
        ("c++", "Moss in C", False),
        ("...", "Moss", True),
    ],
)
def test_an_excluded_keyword_drops_a_paper_by_whole_words(keyword: str, title: str, is_candidate: bool) -> None:
    wishes = wants("q-bio", keywords=Keywords(exclude=(keyword,)))
    assert bool(chosen(wishes, *announced(a_paper(title=title))).papers) is is_candidate


def test_a_followed_author_outranks_an_excluded_keyword() -> None:
    wishes = wants("q-bio", keywords=Keywords(exclude=("moss",)), authors=("Ada Winter",))
    assert chosen(wishes, *announced(a_paper())).papers


@pytest.mark.parametrize(
    ("followed", "found"),
    [("Ada Winter", True), ("ada winter", True), ("Ada-Winter", True), ("A. Winter", False), ("Winter", False), ("", False)],
)  # fmt: skip
def test_an_author_is_followed_by_the_whole_name(followed: str, found: bool) -> None:
    assert bool(followed_authors(a_paper(authors=("Bo Summer", "Ada Winter")), [followed])) is found


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.sampled_from(["cs.LG", "cs.AI", "math.NT"])), max_size=20
    )
)
def test_each_paper_is_a_candidate_at_most_once(papers: list[tuple[int, int, str]]) -> None:
    found = chosen(
        wants("cs"), *announced(*(a_paper(n, version=v, categories=(c,), primary_category=c) for n, v, c in papers))
    )
    assert len(ids(found)) == len(set(ids(found))) == found.totals.candidates
    assert found.totals.candidates <= found.totals.scanned <= found.totals.announced <= len(papers)


def test_the_taxonomy_is_arxivs() -> None:
    assert len(CATEGORIES) == 149
    assert {"cs.LG", "hep-th", "cond-mat.str-el", "physics.soc-ph", "q-bio.PE"} <= CATEGORIES
    assert "astro-ph" in ARCHIVES
    assert set(ALIASES.values()) <= CATEGORIES
    assert canonical("math.IT") == "cs.IT"
    assert TAXONOMY.expand(("math-ph", "math.MP")) == {"math-ph"}
