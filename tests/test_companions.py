"""Papers of a mailing that are nearly the same: found, listed as such, told together, none lost."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.companions import LOOKED_AT, companions
from newsletter.editions.selection import Selection, select
from newsletter.models.editions import Candidates, Links, Totals
from newsletter.models.papers import Paper
from newsletter.models.scores import Scores
from newsletter.rendering.digest import Digest, digest
from newsletter.rendering.frame import Sender
from newsletter.rendering.language import words
from newsletter.rendering.rss import feed
from newsletter.sources import origins
from tests.builders import a_paper, a_subscriber, an_edition, scored
from tests.test_rendering import html_of, text_of

TIDES = "Currents in narrow straits turn twice a day, and we follow them with buoys from shore to shore."
ROPES = "Hemp, sisal and nylon are compared for wear on bollards under load in salt water over ten winters."


def a_work(number: int, title: str, abstract: str, *authors: str) -> Paper:
    return a_paper(number, title=title, abstract=abstract, authors=authors or ("Ada Winter", "Bo Summer"))


BUOYS = a_work(1, "Following tidal currents with buoys", TIDES)
BUOYS_AGAIN = a_work(2, "Tidal currents, followed with buoys", f"{TIDES} The data are open.", "Cy Fall", "Ada Winter")
HEMP = a_work(3, "Wear of hemp rope", ROPES)
PART_ONE = a_work(4, "Moss on wet stones I: growth", "Moss grows slowly where brooks splash.", "Di Spring")
PART_TWO = a_work(5, "Moss on wet stones II: colour", "A catalogue of greens by a colour meter.", "Di Spring")


def test_two_accounts_of_one_work_by_an_author_in_common_are_companions() -> None:
    assert companions([BUOYS, HEMP, BUOYS_AGAIN]) == {"2611.00001": {"2611.00002"}, "2611.00002": {"2611.00001"}}


def test_parts_of_a_series_are_companions_however_their_abstracts_differ() -> None:
    assert companions([PART_ONE, PART_TWO, HEMP]) == {"2611.00004": {"2611.00005"}, "2611.00005": {"2611.00004"}}


def test_other_work_by_the_same_authors_is_none() -> None:
    assert companions([BUOYS, HEMP]) == {}


def test_the_same_words_by_other_people_are_none() -> None:
    assert companions([BUOYS, replace(BUOYS_AGAIN, authors=("Eve Noon",))]) == {}


def test_a_paper_is_no_companion_of_itself() -> None:
    assert companions([BUOYS, BUOYS]) == {}
    assert companions([]) == {}


def test_a_mailing_by_one_author_is_compared_in_linear_steps() -> None:
    papers = [a_work(n, f"Ledger {n}", f"Accounts of harbour {n}.") for n in range(1, 200)]
    found = companions([*papers, BUOYS])
    assert max(map(len, found.values()), default=0) <= 2 * LOOKED_AT


SUBJECTS = st.sampled_from([("Tides in straits", TIDES), ("Wear of ropes", ROPES), ("Moss", "Moss grows on stones.")])
WORKS = st.lists(st.tuples(SUBJECTS, st.sampled_from(["Ada", "Bo"]), st.integers(1, 10)), max_size=12)


def selected(papers: list[Paper], relevances: list[int], most: int = 40) -> Selection:
    reader = a_subscriber(max_papers=most)
    candidates = Candidates(tuple(papers), Totals(candidates=len(papers)))
    items = tuple(scored(paper, relevance) for paper, relevance in zip(papers, relevances, strict=True))
    return select(reader.wishes, candidates, Scores(items, "local"), companions(papers))


@given(WORKS, st.integers(1, 12))
def test_companions_change_neither_what_is_listed_nor_its_order(
    works: list[tuple[tuple[str, str], str, int]], most: int
) -> None:
    papers = [a_work(n, title, abstract, author) for n, ((title, abstract), author, _) in enumerate(works, 1)]
    relevances = [relevance for *_, relevance in works]
    listed = selected(papers, relevances, most).papers
    reader = a_subscriber(max_papers=most)
    alone = select(
        reader.wishes,
        Candidates(tuple(papers), Totals()),
        Scores(tuple(scored(p, r) for p, r in zip(papers, relevances, strict=True)), "local"),
    )
    assert [item.paper.id for item in listed] == [item.paper.id for item in alone.papers]
    places = {item.paper.id: place for place, item in enumerate(listed)}
    heads = {item.paper.id for item in listed if not item.companion}
    for item in listed:
        assert not item.companion or (item.companion in heads and places[item.companion] < places[item.paper.id])


def told(papers: list[Paper], length: str = "brief", language: str = "en") -> Digest:
    chosen = selected(papers, [9] * len(papers))
    return digest(an_edition(chosen.papers, length=length), Links(), words(language), Sender())


@pytest.mark.parametrize("length", ["brief", "page"])
@given(works=WORKS)
def test_each_listed_paper_is_told_once_and_the_count_is_of_all(
    length: str, works: list[tuple[tuple[str, str], str, int]]
) -> None:
    papers = [a_work(n, title, abstract, author) for n, ((title, abstract), author, _) in enumerate(works, 1)]
    mail = told(papers, length)
    shown = [entry.id for head in mail.entries for entry in (head, *head.also)]
    assert sorted(shown) == sorted(paper.id for paper in papers)
    assert f"{len(papers)} paper" in mail.subject or not papers
    assert [entry.number for entry in mail.entries] == list(range(1, len(mail.entries) + 1))


def test_a_brief_mail_names_companions_below_the_first_and_a_page_has_them_next_to_it() -> None:
    papers = [BUOYS, HEMP, BUOYS_AGAIN]
    assert [(e.id[-1], [o.id[-1] for o in e.also]) for e in told(papers).entries] == [("1", ["2"]), ("3", [])]
    assert [e.id[-1] for e in told(papers, "page").entries] == ["1", "2", "3"]


def test_html_text_and_feed_name_every_companion_with_its_link() -> None:
    edition = an_edition(selected([BUOYS, HEMP, BUOYS_AGAIN], [9, 9, 9]).papers)
    for written in (html_of(edition), text_of(edition)):
        assert "also:" in written
        assert "https://arxiv.org/abs/2611.00002" in written
    assert b"v1</guid>" in feed([edition], "https://news.example.org/feed", Sender(), origins())
    assert feed([edition], "https://news.example.org/feed", Sender(), origins()).count(b"<item>") == 3


def test_no_praise_is_copied_to_a_companion() -> None:
    items = [scored(BUOYS, 9, comment="Just what you follow."), scored(BUOYS_AGAIN, 7, comment="")]
    candidates = Candidates((BUOYS, BUOYS_AGAIN), Totals())
    pairs = companions([BUOYS, BUOYS_AGAIN])
    first, second = select(a_subscriber().wishes, candidates, Scores(tuple(items), "openai"), pairs).papers
    assert (second.companion, second.score) == (first.paper.id, items[1].score)


@given(st.lists(st.integers(0, 6), max_size=6))
def test_whatever_an_edition_file_says_of_companions_no_paper_is_lost(said: list[int]) -> None:
    items = [
        replace(scored(a_paper(n)), companion=a_paper(other).id if other else "") for n, other in enumerate(said, 1)
    ]
    mail = digest(an_edition(items), Links(), words("en"), Sender())
    assert sorted(e.id for head in mail.entries for e in (head, *head.also)) == [item.paper.id for item in items]
