"""Why a paper is or is not in an edition, and what status, explain and costs say of the day."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from newsletter.operations.forecast import Forecast, forecast
from newsletter.operations.why import Because
from newsletter.store import Store
from tests.builders import NOON, a_topics_file
from tests.commands import Command
from tests.test_bad_input import DAY, a_line, a_listing, subscribe


@pytest.fixture
def after_a_day(newsletter: Command, home: Path) -> Command:
    """A home after a day: papers on moss among others, a reader of moss."""
    subscribe(home, "ada", keywords="{exclude: [ropes]}", max_papers="2", announce="[new]")
    papers = [
        *(a_line(n, title=f"Growth of moss on stones {n}") for n in (1, 2, 3)),
        a_line(4, title="Of bread", abstract="Bakers bake bread in ovens."),
        a_line(5, title="Ropes of moss", abstract="Moss on ropes."),
        a_line(6, title="Deep nets", categories=["cs.LG"], primary_category="cs.LG"),
        a_line(7, title="Moss again", announce_type="replace"),
    ]
    assert newsletter("run", "--listing", a_listing(home, *papers)).code == 0
    return newsletter


@pytest.mark.parametrize(
    ("paper", "because", "sentence"),
    [
        ("2611.00001", Because.LISTED, "of the digest of 2026-11-18: relevance"),
        ("https://arxiv.org/abs/2611.00001v1", Because.LISTED, "that edition's mail is accepted"),
        ("2611.00004", Because.UNDER_THRESHOLD, "worked out again with today's topics file: the local scorer gives"),
        ("2611.00005", Because.EXCLUDED, "a word of keywords.exclude is in its title or abstract"),
        ("2611.00006", Because.OTHER_CATEGORY, "the subscriber reads q-bio.PE"),
        ("2611.00007", Because.OTHER_KIND, "the subscriber wants new (announce)"),
        ("2611.00099", Because.NOT_ANNOUNCED, "no mailing from 2026-11-18 to 2026-11-18 announced it"),
        ("9901.00001v3", Because.NOT_ANNOUNCED, "no mailing from"),
        ("nonsense; --", Because.NOT_ANNOUNCED, "nonsense; --: no mailing from"),
    ],
)
def test_why(after_a_day: Command, paper: str, because: Because, sentence: str) -> None:
    done = after_a_day("why", "ada", paper)
    assert done.code == 0
    assert sentence in done.out
    assert json.loads(after_a_day("why", "ada", paper, "--json").out)["because"] == because


def test_what_is_worked_out_again_says_so(after_a_day: Command) -> None:
    def recomputed(paper: str) -> bool:
        return bool(json.loads(after_a_day("why", "ada", paper, "--json").out)["recomputed"])

    assert recomputed("2611.00004")
    assert not recomputed("2611.00001")


def test_of_papers_that_fit_only_the_best_are_listed(after_a_day: Command) -> None:
    found = [json.loads(after_a_day("why", "ada", f"2611.0000{n}", "--json").out)["because"] for n in (1, 2, 3)]
    assert sorted(found) == [Because.LISTED, Because.LISTED, Because.NEAR_MISS]


def test_a_subscriber_who_got_no_edition_is_told_so(after_a_day: Command, home: Path) -> None:
    (home / "subscribers" / "bo.md").write_text(a_topics_file("bo"), encoding="utf-8")
    after_a_day("subscribers", "list")
    after_a_day("subscribers", "pause", "bo")
    done = after_a_day("why", "bo", "2611.00001")
    assert "bo is paused: no edition covers the mailing of 2026-11-18" in done.out


def test_an_unknown_subscriber_is_wrong_usage(after_a_day: Command) -> None:
    assert after_a_day("why", "nobody", "2611.00001").code == 2


def test_status_shows_the_day(after_a_day: Command) -> None:
    said = after_a_day("status").out
    assert f"mailing      {DAY}: complete" in said
    assert "editions     1 ok" in said
    assert "mails        1 accepted" in said
    found = json.loads(after_a_day("status", "--json").out)
    assert (found["mailing"], found["sends"], found["spent_today"]) == (DAY, {"accepted": 1}, "0.00")
    assert found["incidents"] == []
    assert found["run_age"] >= 0


def test_explain_goes_from_the_topics_to_the_cost(after_a_day: Command) -> None:
    send = after_a_day("sends").out.split("\t")[0]
    said = after_a_day("explain", send).out
    assert "topics: Moss" in said
    assert "mailings: 2026-11-18: 6 announced, 5 scanned, 4 candidates" in said
    assert "scored by local: 2 listed" in said
    assert "cost: USD 0.00 for 0 tokens" in said
    assert json.loads(after_a_day("explain", send, "--json").out)["edition"]["totals"]["candidates"] == 4


def test_a_forecast_is_of_the_last_days_with_costs() -> None:
    days = [(str(date(2026, 11, 2) + timedelta(days=n)), 10 * (n + 1)) for n in range(5)]
    found = forecast([("2026-10-30", 500), *days, ("2026-11-07", 0)], date(2026, 11, 27))
    assert found == Forecast(
        days=6,
        a_day=108,
        so_far=150,
        this_month=150 + 2 * 108,
        a_month=21 * 108,
        to_come=(date(2026, 11, 27), date(2026, 11, 30)),
    )
    assert forecast([("2026-11-27", 5)], date(2026, 11, 27)) is None


def test_costs_forecast_the_month(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    newsletter("subscribers", "list")
    assert "forecast" not in newsletter("costs").out
    with Store.open(home / "var" / "newsletter.db") as store, store.database.writing() as db:
        db.conn.execute(
            "INSERT INTO charges (subscriber_id, at, stage, model, tier, prompt_tokens, cached_tokens, "
            "cache_write_tokens, completion_tokens, reasoning_tokens, prices, picodollars, estimated_picodollars, "
            "finish_reason, items_in, items_out, retries, latency_ms) "
            "VALUES (1, ?, 'score', 'm', 'flex', 9, 0, 0, 1, 0, 'v', 20000000000, 0, 'stop', 1, 1, 0, 5)",
            [(NOON - timedelta(days=40)).isoformat()],
        )
    said = newsletter("costs").out
    assert "USD 0.0000 so far this month; at the pace of the last day with costs (USD 0.0200 a day)" in said
    assert "0.4200 in a month of 21 mailings" in said


def test_companions_and_the_paper_to_try_are_told_as_such(newsletter: Command, home: Path) -> None:
    (home / "newsletter.toml").write_text('[web]\nbase_url = "https://news.example.org"\n', encoding="utf-8")
    subscribe(home, "ada")
    moss = [a_line(n, title=f"Growth of moss on wet stones, part {n}", authors=["Ada Winter"]) for n in (1, 2)]
    bread = "Bakers of nine towns weigh flour, water, yeast, salt, rye and spelt before dawn; few see moss."
    near = [a_line(n, title=f"Oven {n}", authors=[f"Baker {n}"], abstract=bread) for n in range(10, 20)]
    assert newsletter("run", "--listing", a_listing(home, *moss, *near)).code == 0

    def answer(number: int) -> dict[str, object]:
        return dict(json.loads(newsletter("why", "ada", f"2611.{number:05}", "--json").out))

    assert "it is nearly the same as 2611.00001, and told with it" in str(answer(2)["said"])
    assert "nearly the same" not in str(answer(1)["said"])
    found = [answer(n)["because"] for n in range(10, 20)]
    assert (found.count(Because.EXPLORATION), found.count(Because.NEAR_MISS)) == (1, 3)
    tried = f"2611.{10 + found.index(Because.EXPLORATION):05}"
    assert f"paper={tried}&amp;mark=more" in (home / "var" / "outbox" / DAY / "ada.html").read_text(encoding="utf-8")
