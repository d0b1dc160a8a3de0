"""What an edition shows: followed authors first, then what passes the thresholds, best first."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.compose import edition
from newsletter.editions.due import Due
from newsletter.editions.selection import Selection, rank, select
from newsletter.models.editions import Cadence, Candidates, Edition, Totals
from newsletter.models.scores import Commented, Fault, Scored, Scores, Status, Trouble
from tests.builders import WEDNESDAY, a_paper, a_subscriber, scored

DUE = Due((WEDNESDAY,), Cadence.DAILY)
FAULTS = {Status.SCORING_FAULT: Fault(Trouble.MODEL_STOPPED), Status.BUDGET: Fault(Trouble.UNREAD, (2, 2))}


def an_edition_of(
    items: Sequence[Scored], status: Status = Status.OK, scores: Scores | None = None, **wishes: Any
) -> Edition:
    candidates = Candidates(tuple(item.paper for item in items), Totals(candidates=len(items)))
    scores = scores or Scores(tuple(items), "local")
    reader = a_subscriber(**wishes)
    selected = select(reader.wishes, candidates, scores)
    return edition(reader, DUE, candidates, scores, selected, Commented(()), status)


def ids(items: Sequence[Scored]) -> list[str]:
    return [item.paper.id[-1] for item in items]


def test_the_order_is_sum_then_relevance_then_local_score_then_id() -> None:
    items = [
        scored(a_paper(1), 8, 5),
        scored(a_paper(2), 9, None, local=0.9),
        scored(a_paper(3), 7, 6, local=0.2),
        scored(a_paper(4), 7, 6, local=0.3),
        scored(a_paper(6), 6, 7),
        scored(a_paper(5), 6, 7),
    ]
    assert ids(rank(items)) == ["1", "4", "3", "5", "6", "2"]


def test_only_papers_that_pass_both_thresholds_are_listed() -> None:
    items = [scored(a_paper(1), 7, 4), scored(a_paper(2), 6, 9), scored(a_paper(3), 8, 3), scored(a_paper(4), 7, None)]
    edition = an_edition_of(items, min_relevance=7, min_novelty=4)
    assert ids(edition.papers) == ["1", "4"], "a paper whose novelty is not rated passes"


def test_followed_authors_come_first_whatever_their_scores() -> None:
    items = [
        scored(a_paper(1, authors=("Bo Summer",)), 10, 10),
        scored(a_paper(2, authors=("Cy Fall", "Ada Winter")), 1, 1),
    ]
    edition = an_edition_of(items, authors=("ada winter",))
    assert ids(edition.papers) == ["2", "1"]
    assert edition.papers[0].followed == ("Ada Winter",)


def test_the_most_papers_are_a_limit_and_the_next_three_are_near_misses() -> None:
    items = [scored(a_paper(n), 9, 9) for n in range(1, 8)]
    edition = an_edition_of(items, max_papers=2)
    assert (ids(edition.papers), ids(edition.near_misses)) == (["1", "2"], ["3", "4", "5"])


def test_a_paper_without_any_relevance_is_no_near_miss() -> None:
    edition = an_edition_of([scored(a_paper(1), 1, None), scored(a_paper(2), 2, None)])
    assert (edition.papers, ids(edition.near_misses)) == ((), ["2"])


@pytest.mark.parametrize(
    ("scorer", "mailings", "relevance", "status"),
    [
        (Status.OK, Status.OK, 9, Status.OK),
        (Status.OK, Status.OK, 2, Status.NO_MATCH),
        (Status.OK, Status.HOLIDAY, 2, Status.HOLIDAY),
        (Status.OK, Status.ARXIV_FAULT, 9, Status.ARXIV_FAULT),
        (Status.SCORING_FAULT, Status.OK, 2, Status.SCORING_FAULT),
        (Status.SCORING_FAULT, Status.ARXIV_FAULT, 9, Status.SCORING_FAULT),
        (Status.BUDGET, Status.OK, 9, Status.BUDGET),
    ],
)
def test_no_failure_looks_like_a_quiet_day(scorer: Status, mailings: Status, relevance: int, status: Status) -> None:
    items = (scored(a_paper(), relevance),)
    assert an_edition_of(items, mailings, Scores(items, "openai", fault=FAULTS.get(scorer))).status is status


def test_what_was_not_scored_is_named() -> None:
    named = an_edition_of([], scores=Scores((), "openai", not_scored=(a_paper(3),), fault=Fault(Trouble.SCORER_FAILED)))
    assert [paper.id for paper in named.not_scored] == [a_paper(3).id]
    assert named.fault == Fault(Trouble.SCORER_FAILED)


SCORES = st.tuples(st.integers(1, 10), st.none() | st.integers(1, 10), st.sampled_from([0.0, 0.5]), st.booleans())


@given(st.lists(SCORES, max_size=30), st.integers(1, 10), st.integers(1, 10), st.integers(1, 8))
def test_an_edition_is_ordered_complete_and_without_repetition(
    scores: list[tuple[int, int | None, float, bool]], min_relevance: int, min_novelty: int, max_papers: int
) -> None:
    items = [
        scored(a_paper(n, authors=("Ada Winter",) if followed else ("Bo",)), relevance, novelty, local=local)
        for n, (relevance, novelty, local, followed) in enumerate(scores, 1)
    ]
    edition = an_edition_of(
        items[::-1],
        min_relevance=min_relevance,
        min_novelty=min_novelty,
        max_papers=max_papers,
        authors=("Ada Winter",),
    )
    shown = [item.paper.id for item in [*edition.papers, *edition.near_misses]]
    assert len(shown) == len(set(shown))
    assert len(edition.papers) == edition.totals.relevant <= max_papers
    assert len(edition.near_misses) <= 3
    ordered = {paper.paper.id: place for place, paper in enumerate(rank(items))}
    keys = [(not item.followed, ordered[item.paper.id]) for item in edition.papers]
    assert keys == sorted(keys)
    for item in edition.papers:
        assert item.followed or (
            item.score.relevance >= min_relevance and (item.score.novelty or min_novelty) >= min_novelty
        )
    if len(edition.papers) < max_papers:
        assert sum(bool(item.followed) for item in edition.papers) == sum(followed for *_, followed in scores)


def test_the_edition_is_dated_by_its_last_mailing() -> None:
    due = Due((date(2026, 11, 17), WEDNESDAY), Cadence.CATCH_UP, older=(date(2026, 11, 2),))
    nothing = Scores((), "local")
    told = edition(a_subscriber(), due, Candidates((), Totals()), nothing, Selection((), ()), Commented(()), Status.OK)
    assert (told.date, told.cadence, told.older) == (WEDNESDAY, Cadence.CATCH_UP, (date(2026, 11, 2),))
