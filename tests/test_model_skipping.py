"""What holds nothing for a reader by earlier days is not read; what is drawn from it nevertheless says what is missed."""

import random
from datetime import date, timedelta

import pytest

from newsletter.models.papers import Paper
from newsletter.models.quality import PLACES, ReadDay
from newsletter.models.scores import Fault, Trouble
from newsletter.models.subscribers import Subscriber
from newsletter.scoring.model.skipping import (
    ALL_READ,
    LEAST_DAYS,
    STOPS_ABOVE,
    Choice,
    accounted,
    choose,
    missed,
    stopped,
)
from newsletter.store import Store
from tests.builders import NOON, WEDNESDAY
from tests.fake_model import FakeModel
from tests.test_model_reader import a_reader, a_run, a_slate, assert_accounts_equal_the_meter, liked, total

ORDER = list(range(100))
EACH = [(key,) for key in ORDER]


def a_day(ago: int = 1, *, found: int = 10, best: int = 4, **fields: float) -> ReadDay:
    """A day of a hundred papers of which the `found` relevant ones stood in the best parts of the ranking."""
    relevant = tuple(found / best if part < best else 0.0 for part in range(PLACES))
    papers = tuple(5 for _ in range(PLACES))
    day = {"read": 100, "skipped": 0, "sampled": 0, "weight": 1.0, "found": found, "found_sampled": 0} | fields
    return ReadDay(date=WEDNESDAY - timedelta(days=ago), papers=papers, relevant=relevant, **day)  # type: ignore[arg-type]


def days(count: int = LEAST_DAYS, **fields: float) -> list[ReadDay]:
    return [a_day(ago, **fields) for ago in range(count, 0, -1)]  # type: ignore[arg-type]


def a_sparing_day(ago: int = 1, *, found_sampled: int = 0) -> ReadDay:
    return a_day(ago, read=60, skipped=40, sampled=8, weight=5.0, found=10 - found_sampled, found_sampled=found_sampled)


def lot(seed: str = "ada") -> random.Random:
    return random.Random(seed)


# What is skipped


@pytest.mark.parametrize(
    "known", [[], days(LEAST_DAYS - 1), days(found=3)], ids=["no day", "four days", "fifteen relevant papers"]
)
def test_without_evidence_everything_is_read(known: list[ReadDay]) -> None:
    assert choose(known, ORDER, EACH, lot()) == ALL_READ


def test_the_end_of_the_ranking_is_skipped_where_nothing_was_found_on_earlier_days() -> None:
    choice = choose(days(), ORDER, EACH, lot())
    assert choice.skipped == frozenset(range(100 - len(choice.skipped), 100))
    assert 40 <= len(choice.skipped) <= 80


def test_a_reader_whose_relevant_papers_stand_anywhere_is_read_whole() -> None:
    assert len(choose(days(found=40, best=PLACES), ORDER, EACH, lot()).skipped) <= 4


def test_a_part_of_what_is_skipped_is_drawn_and_stands_for_the_rest() -> None:
    choice = choose(days(), ORDER, EACH, lot())
    assert choice.sampled < choice.skipped
    assert choice.weight == pytest.approx(len(choice.skipped) / len(choice.sampled))
    assert 4 <= choice.weight <= 6


def test_the_draw_depends_on_its_seed_alone() -> None:
    known = days()
    assert choose(known, ORDER, EACH, lot("ada")) == choose(known, ORDER, EACH, lot("ada"))
    assert choose(known, ORDER, EACH, lot("ada")).sampled != choose(known, ORDER, EACH, lot("bo")).sampled


def test_blocks_are_skipped_and_drawn_whole() -> None:
    blocks = [tuple(range(start, start + 20)) for start in range(0, 100, 20)]
    choice = choose(days(), ORDER, blocks, lot())
    for block in blocks:
        assert choice.skipped.issuperset(block) or choice.skipped.isdisjoint(block)
        assert choice.sampled.issuperset(block) or choice.sampled.isdisjoint(block)
    assert len(choice.skipped) == 20 * choice.weight * len(choice.sampled) / 20 > len(choice.sampled)


def test_a_single_block_is_not_skipped_for_it_would_be_drawn() -> None:
    assert choose(days(), ORDER, [tuple(ORDER[:85]), tuple(ORDER[85:])], lot()) == ALL_READ


# What is missed


def test_a_day_is_kept_with_the_drawn_papers_in_the_place_of_all_skipped_ones() -> None:
    choice = Choice(frozenset(range(60, 100)), frozenset({60, 61, 99, 98}), weight=10.0)
    day = accounted(WEDNESDAY, choice, ORDER, {0, 1, 61, 75})  # 75 was read for somebody else: nobody drew it
    assert (day.candidates, day.read, day.unread) == (100, 60, 36)
    assert (day.found, day.found_sampled, day.listed) == (2, 1, 3)
    assert day.missed == 9
    assert (day.papers[0], day.relevant[0], day.relevant[12]) == (5, 2.0, 10.0)
    assert sum(day.relevant) == 12


def test_the_estimate_of_what_is_missed_has_no_bias() -> None:
    """Over all draws its mean is what is really missed: of the relevant papers 3, 50 and 97 the last one or two."""
    known, relevant = days(), {3, 50, 97}
    estimates, misses = [], []
    for seed in range(3000):
        choice = choose(known, ORDER, EACH, lot(str(seed)))
        estimates.append(accounted(WEDNESDAY, choice, ORDER, relevant - choice.unread).missed)
        misses.append(len(relevant & choice.unread))
    assert sum(misses) > 0
    assert sum(estimates) / 3000 == pytest.approx(sum(misses) / 3000, rel=0.1)


def test_nothing_is_missed_where_all_was_read() -> None:
    told = missed(days())
    assert (told.share, told.low, told.high) == (0.0, 0.0, 0.0)


def test_nothing_is_said_of_a_reader_for_whom_nothing_was_relevant() -> None:
    assert missed(days(found=0)).share is None


def test_a_draw_without_a_find_leaves_doubt() -> None:
    told = missed([a_sparing_day(ago) for ago in range(1, 11)])
    assert (told.share, told.low) == (0.0, 0.0)
    # Nothing was found: at most 3.69 finds (97.5 %, Poisson) of weight 4 beside the hundred known.
    assert told.high == pytest.approx(4 * 3.689 / (100 + 4 * 3.689), abs=1e-3)


def test_the_interval_holds_the_estimate_and_narrows_with_days() -> None:
    few, many = (missed([a_sparing_day(1, found_sampled=1), *days(count, found=10)]) for count in (5, 15))
    for told in (few, many):
        assert told.low is not None
        assert told.share is not None
        assert told.high is not None
        assert 0 < told.low < told.share < told.high < 1
    assert many.high < few.high  # type: ignore[operator]


def test_skipping_stops_by_itself_where_too_much_was_missed_and_begins_anew_when_that_is_long_ago() -> None:
    bad = [*days(19), a_sparing_day(found_sampled=3)]  # 12 missed beside 200 found
    share = missed(bad).share
    assert share is not None
    assert share > STOPS_ABOVE
    assert stopped(bad)
    assert choose(bad, ORDER, EACH, lot()) == ALL_READ
    assert choose(days(20), ORDER, EACH, lot()) != ALL_READ


# In a run


def remembered(store: Store, reader: Subscriber, known: list[ReadDay]) -> Subscriber:
    for day in known:
        store.quality.keep(reader.id, reader.wishes.min_relevance, day)
    return reader


def read_by_model(store: Store) -> int:
    return total(store, "1", "scores")


def skipped_of(economies: tuple[Fault, ...]) -> int:
    return sum(fault.numbers[0] for fault in economies if fault.code is Trouble.SKIPPED)


def slate(store: Store, count: int = 192) -> tuple[Paper, ...]:
    return a_slate(store, count)


def test_a_new_reader_is_read_whole_and_the_day_is_kept(store: Store) -> None:
    papers, ada = slate(store), a_reader(store)
    a_run(store, FakeModel(liked(papers[:6])), skips=True).score(ada, papers)
    (day,) = store.quality.before(ada.id, 7, date(2030, 1, 1), 20)
    assert (day.date, day.read, day.skipped, day.found) == (WEDNESDAY, 192, 0, 6)
    assert sum(day.relevant) == 6


def test_what_holds_nothing_is_not_read_and_the_edition_says_how_much(store: Store) -> None:
    papers, ada = slate(store), remembered(store, a_reader(store), days())
    run = a_run(store, FakeModel(liked(papers)), skips=True)
    scores = run.score(ada, papers)
    (day,) = [d for d in store.quality.before(ada.id, 7, date(2030, 1, 1), 20) if d.date == WEDNESDAY]
    assert day.unread > 60
    assert read_by_model(store) == 192 - day.unread
    assert scores.economies == (Fault(Trouble.SKIPPED, (day.unread, 192)),)
    assert len([s for s in scores.scored if s.score.novelty is None and s.reason]) == day.unread
    assert not scores.not_scored
    assert_accounts_equal_the_meter(run)


def test_it_takes_fewer_calls(store: Store) -> None:
    papers = slate(store)
    calls = []
    for slug, known in (("ada", []), ("bo", days())):
        run = a_run(store, FakeModel(), skips=True)
        run.score(remembered(store, a_reader(store, slug), known), papers)
        calls.append(len(run.model.calls))
    assert calls == [4, 3]


def test_a_run_that_is_resumed_asks_for_nothing_more(store: Store) -> None:
    papers, ada = slate(store), remembered(store, a_reader(store), days())
    first = a_run(store, FakeModel(liked(papers[:6])), skips=True).score(ada, papers)
    run = a_run(store, FakeModel(liked(papers[:6])), skips=True)
    again = run.score(ada, papers)
    assert run.model.calls == []
    assert again.economies == first.economies


def test_a_run_that_was_killed_half_way_reads_what_it_would_have_read(store: Store) -> None:
    papers, ada = slate(store), remembered(store, a_reader(store), days())
    a_run(store, FakeModel(fault=lambda call, _: "refusal" if call > 1 else None), skips=True).score(ada, papers)
    assert 0 < read_by_model(store) < 100
    scores = a_run(store, FakeModel(liked(papers[:6])), skips=True).score(ada, papers)
    assert read_by_model(store) == 192 - skipped_of(scores.economies)


def test_readers_who_share_skip_whole_blocks(store: Store) -> None:
    papers = slate(store)
    ada, bo = (remembered(store, a_reader(store, slug), days()) for slug in ("ada", "bo"))
    run = a_run(store, FakeModel(), skips=True)
    for scores in run.score_all([ada, bo], papers):
        assert skipped_of(scores.economies) % 48 == 0
    assert_accounts_equal_the_meter(run)


def test_money_that_does_not_reach_decides_alone(store: Store) -> None:
    papers = slate(store)
    ada = remembered(store, a_reader(store, budget_usd_per_month=0.15), days())
    scores = a_run(store, FakeModel(), model="gpt-4o", skips=True).score(ada, papers)
    assert [fault.code for fault in scores.economies] == [Trouble.UNREAD]
    assert len(store.quality.before(ada.id, 7, date(2030, 1, 1), 20)) == LEAST_DAYS  # today is no evidence


def test_the_operator_hears_that_too_much_was_missed(store: Store) -> None:
    papers = slate(store)
    ada = remembered(store, a_reader(store), [*days(10)[1:], a_sparing_day(found_sampled=3)])
    run = a_run(store, FakeModel(), skips=True)
    assert run.score(ada, papers).economies == ()
    assert [warning for warning in run.warnings if "ada: all papers are read again" in warning]


def test_it_can_be_switched_off(store: Store) -> None:
    papers, ada = slate(store), remembered(store, a_reader(store), days())
    assert a_run(store, FakeModel(), skips=False).score(ada, papers).economies == ()
    assert len(store.quality.before(ada.id, 7, date(2030, 1, 1), 20)) == LEAST_DAYS


# What is kept


def test_days_by_another_threshold_and_forgotten_ones_do_not_count(store: Store) -> None:
    ada = remembered(store, a_reader(store), days())
    assert len(store.quality.before(ada.id, 7, WEDNESDAY, 20)) == LEAST_DAYS
    assert len(store.quality.before(ada.id, 7, WEDNESDAY, 3)) == 3
    assert store.quality.before(ada.id, 6, WEDNESDAY, 20) == []
    store.feedback.forget(ada.id, WEDNESDAY - timedelta(days=3))
    assert [day.date for day in store.quality.before(ada.id, 7, WEDNESDAY, 20)] == [
        WEDNESDAY - timedelta(days=2),
        WEDNESDAY - timedelta(days=1),
    ]


def test_a_day_comes_back_as_it_was_kept(store: Store) -> None:
    ada, day = a_reader(store), a_sparing_day(found_sampled=1)
    remembered(store, ada, [a_sparing_day(), day])
    assert store.quality.before(ada.id, 7, WEDNESDAY, 20) == [day]


def test_an_erasure_leaves_none_and_the_record_shows_them(store: Store) -> None:
    ada = remembered(store, a_reader(store), days())
    assert len(store.privacy.record(ada.id)["read_days"]) == LEAST_DAYS
    store.privacy.erase(ada.id, NOON)
    assert total(store, "1", "read_days") == 0
