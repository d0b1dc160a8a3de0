"""A whole run whose local ranking has vectors, by an endpoint on the loopback; and one whose endpoint fails."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from newsletter.scoring.model.client import Posted, Rejected
from newsletter.store import Store
from tests.fake_model import FakeModel
from tests.test_model_end_to_end import NEWSLETTER, serving

MODEL = "a-small-one"
PAPERS = ("A ledger of ropes", "Bryophytes", "Accounts of a harbour", "Cranes and cargo")


class Embeddings(FakeModel):
    """Vectors that know bryophytes to be mosses."""

    def __call__(self, body: dict[str, Any]) -> Posted:
        with self._lock:
            self.calls.append(body)
        if isinstance(wrong := self.fault(len(self.calls), body), Rejected):
            raise wrong
        rows = [
            {"index": n, "embedding": [1.0, 0.1] if "moss" in text or "Bryo" in text else [0.1, 1.0]}
            for n, text in enumerate(body["input"])
        ]
        return Posted({"data": rows, "usage": {"prompt_tokens": 7 * len(rows)}}, "req-1")


def a_home(folder: Path, url: str) -> Path:
    (folder / "subscribers").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(
        f'[embeddings]\nmodel = "{MODEL}"\nbase_url = "{url}"\n'
        f'[openai]\nattempts = 1\n[openai.prices."{MODEL}"]\ninput = 0.02\noutput = 0\n',
        encoding="utf-8",
    )
    front = "---\nemail: ada@example.org\ncategories: [q-bio.PE]\nmin_relevance: 1\n---\n\n"
    (folder / "subscribers" / "ada.md").write_text(f"{front}1. Moss\n   - Relevant: how moss grows\n", encoding="utf-8")
    lines = [
        {"id": f"2611.{n:05}", "title": title, "authors": ["Ada Winter"], "abstract": f"What is seen there, {n}.",
         "categories": ["q-bio.PE"], "primary_category": "q-bio.PE", "announced_on": "2026-11-18"}
        for n, title in enumerate(PAPERS)
    ]  # fmt: skip
    (folder / "mailing.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return folder


def run(home: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    return subprocess.run(
        [*NEWSLETTER, "run", "--listing", str(home / "mailing.jsonl")],
        env=environment | {"NEWSLETTER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def titles_in(home: Path) -> list[str]:
    with Store.open(home / "var" / "newsletter.db") as store:
        rows = store.database.rows(
            "SELECT title FROM edition_papers JOIN papers ON papers.key = paper_key ORDER BY section, position"
        )
    return [row["title"] for row in rows]


def vectors_in(home: Path) -> int:
    with Store.open(home / "var" / "newsletter.db") as store:
        row = store.database.row("SELECT count(*) AS kept FROM vectors WHERE model = ?", [MODEL])
    assert row
    return int(row["kept"])


def test_a_run_ranks_by_vectors_and_keeps_them(tmp_path: Path) -> None:
    with serving(Embeddings()) as server:
        home = a_home(tmp_path, server.url)
        done = run(home)
    assert done.returncode == 0, done.stderr
    assert titles_in(home)[0] == "Bryophytes"
    assert vectors_in(home) == len(PAPERS) + 1
    with Store.open(home / "var" / "newsletter.db") as store:
        (row,) = store.charges.grouped("stage")
    assert (row["stage"], row["prompt_tokens"]) == ("vectors", 7 * (len(PAPERS) + 1))


@pytest.mark.parametrize("status", [400, 500])
def test_a_run_whose_vectors_fail_ranks_by_words_and_tells_the_operator(tmp_path: Path, status: int) -> None:
    with serving(Embeddings(fault=lambda *_: Rejected(status, "out of order"))) as server:
        home = a_home(tmp_path, server.url)
        done = run(home)
    assert done.returncode == 0, done.stderr
    assert f"embeddings.model {MODEL}" in done.stderr
    assert "ranked by words instead" in done.stderr
    assert sorted(titles_in(home)) == sorted(PAPERS)
    assert vectors_in(home) == 0
