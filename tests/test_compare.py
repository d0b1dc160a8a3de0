"""`compare`: two models on the same past mailings; nobody's edition, budget or account is touched."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from newsletter.scoring.model.agreement import agreement
from newsletter.store import Store
from tests.fake_model import FakeModel
from tests.test_model_end_to_end import NEWSLETTER, Server, a_home, a_model, run, serving


def test_two_equal_gradings_agree_wholly() -> None:
    found = agreement([(1, 1), (5, 5), (9, 9), (9, 9)])
    assert (found.exact, found.within_one, found.kappa) == (1, 1, 1)
    assert found.rank_correlation == pytest.approx(1)


def test_kappa_is_what_agreement_is_above_chance() -> None:
    grades = [(1, 1)] * 20 + [(1, 2)] * 5 + [(2, 1)] * 10 + [(2, 2)] * 15  # a textbook table: 0.7 against 0.5
    assert agreement(grades).kappa == pytest.approx(0.4)
    assert agreement(grades).within_one == 1


def test_a_reversed_order_has_a_negative_rank_correlation() -> None:
    assert agreement([(1, 9), (5, 5), (9, 1)]).rank_correlation == pytest.approx(-1)


@pytest.mark.parametrize("grades", [[], [(3, 3), (3, 3)]])
def test_where_nothing_differs_there_is_nothing_to_compare(grades: list[tuple[int, int]]) -> None:
    assert (agreement(grades).kappa, agreement(grades).rank_correlation) == (None, None)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(a_model(12)) as serving_it:
        yield serving_it


def compare(home: Path, server: Server, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "NEWSLETTER_HOME": str(home),
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": server.url,
    }
    command = [*NEWSLETTER, "compare", "--model", "gpt-6-luna", "--model", "gpt-4o", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_comparison_buys_what_is_missing_and_changes_no_edition_and_no_budget(tmp_path: Path, server: Server) -> None:
    home = a_home(tmp_path / "home", 2, 12, "we watch it grow on stones and measure its colour daily.")
    assert run(home, server.url).returncode == 0
    with Store.open(home / "var/newsletter.db") as store:
        editions = store.database.rows("SELECT * FROM editions")
        month = {row["subscriber"]: row["picodollars"] for row in store.charges.grouped("subscriber")}
    server.model.scores = {title: (11 - a, b) for title, (a, b) in server.model.scores.items()}
    done = compare(home, server, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["models"][0] == {"model": "gpt-6-luna", "usd": "0.00"}
    assert float(told["models"][1]["usd"]) > 0
    assert told["all"]["papers"] == 24
    assert (told["all"]["editions"], told["all"]["changed"]) == (2, 2)
    assert told["all"]["rank_correlation"] < -0.9
    with Store.open(home / "var/newsletter.db") as store:
        assert store.database.rows("SELECT * FROM editions") == editions
        ids = {
            slug: store.database.rows("SELECT id FROM subscribers WHERE slug = ?", [slug])[0]["id"] for slug in month
        }
        since = store.database.rows("SELECT min(at) AS at FROM charges")[0]["at"]
        spent = store.database.rows("SELECT sum(picodollars) AS paid FROM charges")[0]["paid"]
        assert {slug: store.charges.account(ids[slug], _day()).picodollars for slug in month} == month
        assert spent > sum(month.values())
        assert since


def _day() -> date:
    return date(2026, 11, 18)


def test_a_table_says_how_far_they_agree(tmp_path: Path, server: Server) -> None:
    home = a_home(tmp_path / "home", 1, 12, "we watch it grow on stones and measure its colour daily.")
    assert run(home, server.url).returncode == 0
    said = compare(home, server).stdout
    assert said.splitlines()[0].split("\t")[:4] == ["2026-11-18", "12", "100%", "100%"]
    assert "0 of 1" in said
    assert "gpt-6-luna: USD 0.0000" in said


def test_one_model_is_no_pair(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", 1, 5, "moss")
    server = Server(FakeModel())
    done = compare(home, server, "--model", "gpt-6-sol")
    assert done.returncode == 2
    assert "two different models" in done.stderr
