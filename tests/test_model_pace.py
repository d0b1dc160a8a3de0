"""Money over a month: a day's allowance, what it reaches for, and what is told before the first call."""

from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from newsletter.cli.commands import command_line
from newsletter.models.scores import Cap, Fault, Trouble
from newsletter.models.subscribers import Deliver
from newsletter.money import picodollars
from newsletter.scoring.model.budget import Budget, Caps, editions_left
from newsletter.scoring.model.pace import DayCosts, Means, rates, usual
from newsletter.scoring.model.prices import prices_of
from newsletter.store import Store
from tests.builders import NOON, WEDNESDAY, a_paper
from tests.fake_model import FakeModel
from tests.test_model_reader import a_reader, a_run, a_slate, liked, total

DOLLAR = picodollars(1)
RATES = rates(partial(usual, prices_of("gpt-4o", {}).standard), [a_paper(1)], 2_000, 4_000)


@pytest.mark.parametrize(
    ("deliver", "today", "left"),
    [
        (Deliver(), date(2026, 11, 18), 9),
        (Deliver(), date(2026, 11, 30), 1),
        (Deliver(), date(2026, 11, 29), 1),
        (Deliver(days=("fri",), frequency="weekly"), date(2026, 11, 18), 2),
        (Deliver(days=("mon",), frequency="weekly"), date(2026, 12, 31), 1),
    ],
)
def test_the_editions_left_are_the_delivery_days_of_the_rest_of_the_month(
    deliver: Deliver, today: date, left: int
) -> None:
    assert editions_left(deliver, today) == left


def test_an_allowance_is_what_is_left_over_the_editions_left(store: Store) -> None:
    ada = a_reader(store)
    budget = Budget(store.charges, store.charges.start_run("run", NOON), Caps(DOLLAR, DOLLAR), NOON)
    budget.cap(ada.id, 900, 9, WEDNESDAY)
    assert budget.left_today(ada.id) == 100
    budget.settled(budget.reserve({ada.id: 80}, NOON), {ada.id: 30})
    assert budget.left_today(ada.id) == 70


def test_a_second_run_on_a_day_gets_no_second_allowance(store: Store) -> None:
    papers, ada = a_slate(store, 40), a_reader(store, budget_usd_per_month=0.09)
    a_run(store, FakeModel(liked(papers[:3]))).score(ada, papers)
    spent = total(store, "picodollars")
    later = Budget(store.charges, store.charges.start_run("run", NOON), Caps(DOLLAR, DOLLAR), NOON)
    later.cap(ada.id, picodollars(0.09), 9, WEDNESDAY)
    assert later.left_today(ada.id) == picodollars(0.01) - spent


def test_a_small_budget_lasts_and_reads_the_papers_nearest_to_the_topics(store: Store) -> None:
    papers = a_slate(store, 192)
    ada = a_reader(store, budget_usd_per_month=0.15)
    run = a_run(store, FakeModel(liked(papers[:2])), model="gpt-4o")
    scores = run.score(ada, papers)
    (unread,) = [fault for fault in scores.economies if fault.code is Trouble.UNREAD]
    read = [s for s in scores.scored if s.score.novelty is not None]
    near = sorted((s.score.local for s in scores.scored), reverse=True)
    assert unread.cap is Cap.DAY
    assert 0 < len(read) < 192
    assert unread.numbers == (192 - len(read), 192)
    assert sorted((s.score.local for s in read), reverse=True) == near[: len(read)]
    assert total(store, "picodollars") <= 1.15 * picodollars(0.15) / editions_left(Deliver(), NOON.date())


def test_a_budget_that_reaches_reads_everything(store: Store) -> None:
    papers = a_slate(store, 96)
    scores = a_run(store, FakeModel(liked(papers[:2]))).score(a_reader(store), papers)
    assert scores.economies == ()


def test_what_is_left_of_a_day_buys_comments_for_the_best(store: Store) -> None:
    papers = a_slate(store, 96)
    run = a_run(store, FakeModel(liked(papers)), model="gpt-4o")
    scores = run.score(a_reader(store, budget_usd_per_month=0.2), papers)
    commented = [s for s in scores.said.papers if s.score.comment]
    (few,) = [fault for fault in scores.economies if fault.code is Trouble.FEW_COMMENTS]
    assert few == Fault(
        Trouble.FEW_COMMENTS, (len(scores.said.papers) - len(commented), len(scores.said.papers)), Cap.DAY
    )
    assert [s.score.comment != "" for s in scores.said.papers[: len(commented)]] == [True] * len(commented)


def test_readers_whose_budget_is_short_are_not_counted_among_those_who_share(store: Store) -> None:
    papers = a_slate(store, 96)
    short, ada, bo = (a_reader(store, s, budget_usd_per_month=m) for s, m in (("al", 0.01), ("ada", 9), ("bo", 9)))
    run = a_run(store, FakeModel(), model="gpt-4o")
    run.score_all([short, ada, bo], papers)
    novelty = store.database.rows(
        "SELECT DISTINCT shares.subscriber_id AS who FROM shares JOIN charges ON charges.id = charge_id "
        "WHERE stage = 'novelty'"
    )
    assert {row["who"] for row in novelty} == {ada.id, bo.id}


def test_an_allowance_keeps_a_third_at_most_for_comments() -> None:
    means = Means(today=3_000, rates=RATES, listed=20, kept=0)
    assert means.for_remarks == 1_000
    assert replace(means, today=None).for_remarks == RATES.remarking(20)


def test_so_many_papers_as_an_allowance_reaches_for_cost_no_more_than_it() -> None:
    for today in range(0, RATES.reading(200), RATES.reading(200) // 37):
        means = Means(today, RATES, 20, 0)
        assert RATES.reading(means.papers()) <= max(0, today - means.for_remarks)


def test_a_day_is_told_with_the_readers_whose_budget_is_too_small() -> None:
    costs = DayCosts("gpt-4o")
    costs.add("ada", 500, RATES, 20, 100 * DOLLAR)
    assert "for 1 reader with up to 500 candidates; the budgets last the month" in str(costs.told())
    costs.add("bo", 40, RATES, 20, DOLLAR // 10)
    told = costs.told()
    assert told is not None
    assert [slug for slug, _ in told.short] == ["bo"]
    assert "not every paper is read for bo (" in str(told)


def test_nobody_is_told_of_a_day_without_readers() -> None:
    assert DayCosts("gpt-4o").told() is None


def test_the_cost_that_is_told_is_near_the_one_that_is_paid(store: Store) -> None:
    papers, told = a_slate(store, 192), list[str]()
    run = a_run(store, FakeModel(liked(papers[:20])), tell=told.append)
    run.score(a_reader(store), papers)
    (said,) = told
    expected = float(said.split("$")[1].split(" ")[0])
    assert 0.5 < expected * DOLLAR / total(store, "picodollars") < 2  # comments of a fake model are short


def test_topics_check_says_what_a_day_will_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "newsletter.toml").touch()
    file = tmp_path / "ada.md"
    file.write_text("---\nemail: ada@example.org\ncategories: [q-bio.PE]\n---\n1. Moss\n   - Relevant: moss\n")
    (tmp_path / "var").mkdir()
    with Store.open(tmp_path / "var/newsletter.db") as store:
        a_slate(store, 30)
    monkeypatch.setenv("NEWSLETTER_HOME", str(tmp_path))
    assert "a day" not in CliRunner().invoke(command_line(), ["topics", "check", str(file)]).output
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    said = CliRunner().invoke(command_line(), ["topics", "check", str(file)]).output
    assert "gpt-6-luna: about $" in said
    assert "a day for 1 reader with up to 30 candidates" in " ".join(said.split())
