"""The model server of the reference folder, on real mailings: with every fault, killed, and gullible.

NEWSLETTER_SHARED names the folder that has it in `lab/`, else one beside the checkout; skipped where there is none.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newsletter.store import Store
from tests.poisons import HONEST, PAPERS

SHARED = Path(os.environ.get("NEWSLETTER_SHARED") or Path(__file__).parents[3] / "shared")
EVAL = SHARED / "eval"
pytestmark = pytest.mark.skipif(
    not (SHARED / "lab/model_server.py").is_file(), reason=f"{SHARED} has no lab; set NEWSLETTER_SHARED"
)
FAULTS = (
    "429=.04,500=.04,503=.02,hang=.01,drop=.02,cut=.04,badjson=.04,refusal=.03,filter=.03,omit=.06,invent=.04,dup=.04"
)
DAYS = ("2025-04-22", "2025-04-30", "2025-05-13")
READER = "ml-foundations-v07.md"
LINE = 7  # what a subscriber's threshold is where the file says nothing
CONCURRENCY = 4


@dataclass(frozen=True)
class Lab:
    """The server; `meter` is what it counted, all models together."""

    url: str

    def meter(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url.removesuffix('/v1')}/meter") as answer:
            models = json.load(answer)["models"].values()
        return {key: sum(model[key] for model in models) for key in ("calls", "prompt", "cached", "completion")}


@contextmanager
def a_lab(*options: str) -> Iterator[Lab]:
    command = [sys.executable, str(SHARED / "lab/model_server.py"), "--port", "0", "--eval", str(EVAL), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Lab(process.stdout.readline().split()[0])
        process.terminate()


def papers_of(day: str) -> list[dict[str, Any]]:
    with gzip.open(EVAL / f"mailings/{day}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def a_home(folder: Path, readers: int) -> Path:
    (folder / "subscribers").mkdir(parents=True)
    settings = f"[openai]\nconcurrency = {CONCURRENCY}\ntimeout_seconds = 2\n"
    (folder / "newsletter.toml").write_text(settings, encoding="utf-8")
    topics = (EVAL / "topics" / READER).read_text(encoding="utf-8")
    for number in range(readers):
        front = f"---\nemail: r{number}@example.org\ncategories: [cs.LG]\n---\n\n"
        text = f"{front}{topics}\nThis file is kept by reader number {number}.\n"
        (folder / f"subscribers/reader{number}.md").write_text(text, encoding="utf-8")
    return folder


def a_listing(home: Path, day: str, papers: Sequence[dict[str, Any]]) -> Path:
    path = home / f"{day}.jsonl"
    path.write_text("".join(f"{json.dumps(paper)}\n" for paper in papers), encoding="utf-8")
    return path


def command(home: Path, lab: Lab, *arguments: object) -> tuple[list[str], dict[str, str]]:
    environment = {
        **os.environ,
        "NEWSLETTER_HOME": str(home),
        "OPENAI_API_KEY": "sk-lab",
        "OPENAI_BASE_URL": lab.url,
    }
    return [sys.executable, "-m", "newsletter", *map(str, arguments)], environment


def newsletter(home: Path, lab: Lab, *arguments: object) -> str:
    words, environment = command(home, lab, *arguments)
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1: a reader's scoring failed, which is said
    return done.stdout


def run_and_kill(home: Path, lab: Lab, listing: Path, after: int) -> bool:
    """Kills a run without warning once the server has answered so many calls more; False where it ended before."""
    words, environment = command(home, lab, "run", "--listing", listing)
    goal = lab.meter().get("calls", 0) + after
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and lab.meter().get("calls", 0) < goal:
            time.sleep(0.02)
        was_running = process.poll() is None
        process.send_signal(signal.SIGKILL)
    return was_running


def accounts_of(home: Path) -> dict[str, int]:
    with Store.open(home / "var/newsletter.db") as store:
        rows = store.charges.grouped("subscriber")
        calls = store.database.row("SELECT count(*) AS calls, max(prompt_tokens) AS longest FROM charges")
        killed = store.database.row("SELECT count(DISTINCT call) AS calls FROM lost_calls WHERE why = 'killed'")
    assert calls
    assert killed
    sums = {key: sum(row[f"{key}_tokens"] for row in rows) for key in ("prompt", "cached", "completion")}
    return {"calls": calls["calls"], "longest": calls["longest"], "killed": killed["calls"], **sums}


def editions_of(home: Path) -> int:
    with Store.open(home / "var/newsletter.db") as store:
        return len(store.database.rows("SELECT id FROM editions"))


@pytest.mark.peers
def test_with_every_fault_for_three_days_the_accounts_equal_the_meter_to_the_token(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", 5)
    with a_lab("--fault", FAULTS, "--hang", "4") as lab:
        for day in DAYS:
            newsletter(home, lab, "run", "--listing", a_listing(home, day, papers_of(day)[:100]))
        meter, accounts = lab.meter(), accounts_of(home)
    assert {key: accounts[key] for key in meter} == meter
    assert editions_of(home) == 15


@pytest.mark.soak
def test_after_three_kills_only_what_was_under_way_is_bought_again_and_it_is_named_as_lost(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", 5)
    with a_lab("--delay", "0.1") as lab:
        for day in DAYS:
            listing = a_listing(home, day, papers_of(day)[:100])
            assert run_and_kill(home, lab, listing, 6)
            newsletter(home, lab, "run", "--listing", listing)
        meter, accounts = lab.meter(), accounts_of(home)
    calm = a_home(tmp_path / "calm", 5)
    with a_lab() as lab:
        for day in DAYS:
            newsletter(calm, lab, "run", "--listing", a_listing(calm, day, papers_of(day)[:100]))
        undisturbed = lab.meter()
    assert editions_of(home) == editions_of(calm) == 15
    assert 0 < accounts["killed"] <= 3 * CONCURRENCY
    unaccounted = meter["calls"] - accounts["calls"]
    assert 0 <= unaccounted <= accounts["killed"]
    assert 0 <= meter["prompt"] - accounts["prompt"] <= unaccounted * accounts["longest"]
    assert meter["calls"] <= undisturbed["calls"] + accounts["killed"]


def poisoned(papers: Sequence[dict[str, Any]], spared: Callable[[str], bool]) -> tuple[list[dict[str, Any]], set[str]]:
    """The papers, forty of those that are not spared with an order in title or abstract; the ids of these."""
    orders, changed, ids = list(PAPERS), [], set()
    for paper in papers:
        if orders and not spared(paper["id"]):
            title, abstract = orders.pop()
            told = title if "score" in title else paper["title"]
            changed.append(paper | {"title": told, "abstract": abstract.replace(HONEST, paper["abstract"])})
            ids.add(paper["id"])
        else:
            changed.append(paper)
    return changed, ids


def listed(home: Path, lab: Lab, day: str, papers: Sequence[dict[str, Any]]) -> dict[str, int]:
    newsletter(home, lab, "run", "--listing", a_listing(home, day, papers))
    edition = json.loads(newsletter(home, lab, "preview", "reader0", "--format", "json"))
    return {paper["id"]: paper["relevance"] for paper in edition["papers"]}


@pytest.mark.peers
def test_a_gullible_model_lifts_none_of_forty_poisoned_papers_and_keeps_the_honest_ones(tmp_path: Path) -> None:
    day = DAYS[1]
    papers = [paper for paper in papers_of(day) if "cs.LG" in paper["categories"]]
    with a_lab("--obey") as lab:
        honest = listed(a_home(tmp_path / "honest", 1), lab, day, papers)
        attacked, poisons = poisoned(papers, honest.__contains__)
        found = listed(a_home(tmp_path / "attacked", 1), lab, day, attacked)
    assert len(poisons) == 40
    assert {paper: grade for paper, grade in found.items() if paper in poisons and grade >= LINE} == {}
    assert found == honest
