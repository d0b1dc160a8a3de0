"""What an edition shows: followed authors first, then what passes the thresholds, best first."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.assemble import assemble
from newsletter.editions.due import Due
from newsletter.editions.selection import Selection, rank, select
from newsletter.models.editions import Cadence, Candidates, Edition, Links, Totals
from newsletter.models.scores import Commented, Fault, Scored, Scores, Status, Trouble
from newsletter.rendering.digest import digest
from newsletter.rendering.entries import Form
from newsletter.rendering.frame import Sender
from newsletter.rendering.language import words
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
    return assemble(reader, DUE, candidates, scores, selected, Commented(()), status)


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
    told = assemble(a_subscriber(), due, Candidates((), Totals()), nothing, Selection((), ()), Commented(()), Status.OK)
    assert (told.date, told.cadence, told.older) == (WEDNESDAY, Cadence.CATCH_UP, (date(2026, 11, 2),))


# Equals take turns


def on(topic: str, numbers: Sequence[int], relevance: int = 8) -> list[Scored]:
    """Papers of one topic, those named first nearer."""
    return [scored(a_paper(n), relevance, None, topic=topic, local=1 - n / 100) for n in numbers]


def test_where_room_is_short_topics_take_turns_among_equals_and_the_order_stays() -> None:
    many, few = on("Moss", (1, 2, 3, 4)), on("Tides", (5, 6))
    assert ids(an_edition_of([*many, *few], max_papers=4).papers) == ["1", "2", "5", "6"]
    assert ids(an_edition_of([*many, *few], max_papers=6).papers) == ["1", "2", "3", "4", "5", "6"]


def test_a_better_paper_waits_for_nobodys_turn() -> None:
    items = [*on("Moss", (1, 2, 3), relevance=9), *on("Tides", (4, 5), relevance=8)]
    assert ids(an_edition_of(items, max_papers=3).papers) == ["1", "2", "3"]


TOPICAL = st.lists(st.tuples(st.integers(7, 9), st.sampled_from(["Moss", "Tides", "Ropes"])), max_size=25)


@given(TOPICAL, st.integers(1, 25))
def test_turns_choose_only_among_equals(found: list[tuple[int, str]], most: int) -> None:
    items = [scored(a_paper(n), relevance, None, topic=topic) for n, (relevance, topic) in enumerate(found, 1)]
    listed = an_edition_of(items, max_papers=most).papers
    ranked = rank(items)
    assert [item.score.relevance for item in listed] == [item.score.relevance for item in ranked[:most]]
    places = {item.paper.id: place for place, item in enumerate(ranked)}
    kept = [places[item.paper.id] for item in listed]
    assert kept == sorted(kept)
    last = [item for item in items if listed and item.score.relevance == listed[-1].score.relevance]
    shown = {item.paper.id for item in listed}
    shares = {topic: [i.paper.id in shown for i in last if i.score.topic == topic] for _, topic in found}
    fewest = min((sum(share) for share in shares.values() if not all(share)), default=most)
    assert all(sum(share) <= fewest + 1 for share in shares.values()), "no topic is two ahead of one that waits"


def test_the_best_five_in_full_and_the_first_screen_are_by_turns_too() -> None:
    items = [*on("Moss", range(1, 8)), *on("Tides", (8, 9))]
    mail = digest(an_edition_of(items), Links(), words("en"), Sender())
    assert [entry.id[-1] for entry in mail.entries] == ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
    assert [entry.id[-1] for entry in mail.entries if entry.form == Form.FULL] == ["1", "2", "3", "8", "9"]
    assert [entry.id[-1] for entry in mail.glance] == ["1", "2", "8"]


# One paper to try


def trying(items: Sequence[Scored], seed: str = "ada 2026-11-18", **facts: Any) -> Selection:
    candidates = Candidates(tuple(item.paper for item in items), Totals(candidates=len(items)))
    return select(a_subscriber().wishes, candidates, Scores(tuple(items), "local", **facts), exploring=seed)


@given(st.lists(st.integers(1, 10), max_size=30), st.text(max_size=5))
def test_at_most_one_paper_that_does_not_pass_is_tried_and_it_is_shown_nowhere_else(
    relevances: list[int], seed: str
) -> None:
    items = [scored(a_paper(n), relevance, None) for n, relevance in enumerate(relevances, 1)]
    found = trying(items, seed)
    assert found == trying(items, seed), "the same for the same seed"
    if found.exploration is not None:
        assert 1 < found.exploration.score.relevance < a_subscriber().wishes.min_relevance
        assert found.exploration.paper.id not in {i.paper.id for i in (*found.papers, *found.near_misses)}
        assert found.papers
        assert seed
    assert (found.papers, found.near_misses) == (trying(items, "").papers, trying(items, "").near_misses)


DAY = [scored(a_paper(1), 9), *(scored(a_paper(n), 5) for n in range(2, 16))]


def test_readers_and_days_try_different_papers() -> None:
    tried = {trying(DAY, f"{who} {day}").exploration for who in ("ada", "bo", "cy") for day in range(10)}
    assert len(tried) > 4


@pytest.mark.parametrize(
    "facts",
    [
        {"fault": Fault(Trouble.MODEL_STOPPED)},
        {"economies": (Fault(Trouble.UNREAD, (3, 15)),)},
        {"not_scored": (a_paper(40),)},
    ],
)
def test_nothing_is_tried_on_a_day_with_a_fault(facts: dict[str, Any]) -> None:
    assert trying(DAY).exploration
    assert trying(DAY, **facts).exploration is None


def test_nothing_is_tried_on_a_quiet_day_or_where_the_reader_cannot_answer() -> None:
    assert trying(DAY[1:]).exploration is None
    assert trying(DAY, "").exploration is None
