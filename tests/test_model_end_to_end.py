"""The whole way through the real client: a server on the loopback, with a small context that it cuts silently."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from newsletter.scoring.model.client import Rejected
from newsletter.store import Store
from tests.fake_model import FakeModel

NEWSLETTER = [sys.executable, "-m", "newsletter"]


@dataclass
class Server:
    """A FakeModel behind HTTP; `reached` is set with the `after`-th request."""

    model: FakeModel
    url: str = ""
    after: int = 10**9
    reached: threading.Event = field(default_factory=threading.Event)
    keys: set[str] = field(default_factory=set)


@contextmanager
def serving(model: FakeModel) -> Iterator[Server]:
    server = Server(model)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.keys.add(self.headers["Authorization"])
            try:
                status, answer = 200, model(body).body
            except Rejected as error:
                status, answer = (
                    error.status,
                    {"error": {"message": f"{error.message} {self.headers['Authorization']}"}},
                )
            content = json.dumps(answer).encode()
            if len(model.calls) >= server.after:
                server.reached.set()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def a_home(folder: Path, readers: int, papers: int, abstract: str) -> Path:
    """A home whose readers have topics of their own, and a mailing file."""
    (folder / "subscribers").mkdir(parents=True)
    (folder / "newsletter.toml").write_text("[run]\nworkers = 4\n[openai]\nconcurrency = 4\n", encoding="utf-8")
    for n in range(readers):
        text = f"---\nemail: r{n}@example.org\ncategories: [q-bio.PE]\n---\n\n1. Moss\n   - Relevant: moss, as {n} sees it\n"
        (folder / "subscribers" / f"r{n:02}.md").write_text(text, encoding="utf-8")
    lines = [
        {"id": f"2611.{n:05}", "title": f"On the growth of moss number {n}", "authors": ["Ada Winter"],
         "abstract": f"Moss number {n}: {abstract}", "categories": ["q-bio.PE"], "primary_category": "q-bio.PE",
         "announced_on": "2026-11-18"}
        for n in range(papers)
    ]  # fmt: skip
    (folder / "mailing.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return folder


def command(home: Path, url: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "NEWSLETTER_HOME": str(home), "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": url}
    return [*NEWSLETTER, "run", "--listing", str(home / "mailing.jsonl")], environment


def run(home: Path, url: str) -> subprocess.CompletedProcess[str]:
    arguments, environment = command(home, url)
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120, check=False)


def run_and_kill(home: Path, server: Server, after: int) -> None:
    """Starts a run and kills it without warning once the server was asked so often."""
    arguments, environment = command(home, server.url)
    server.reached.clear()
    server.after = len(server.model.calls) + after
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not server.reached.wait(0.02) and process.poll() is None:
            pass
        process.send_signal(signal.SIGKILL)
    server.after = 10**9


def scores_in(home: Path) -> list[tuple[Any, ...]]:
    """Every edition's papers with their scores, and nothing that a clock or a nonce decides."""
    with Store.open(home / "var" / "newsletter.db") as store:
        rows = store.database.rows(
            """
            SELECT subscribers.slug, papers.id, section, position, relevance, novelty, edition_papers.comment
            FROM edition_papers JOIN papers ON papers.key = paper_key
            JOIN subscribers ON subscribers.id = subscriber_id ORDER BY 1, 3, 4
            """
        )
    return [tuple(row.values()) for row in rows]


def spent_in(home: Path) -> tuple[int, int, int]:
    """Picodollars, and the dearest call; the sum of all accounts."""
    with Store.open(home / "var" / "newsletter.db") as store:
        row = store.database.row("SELECT sum(picodollars) AS paid, max(picodollars) AS dearest FROM charges")
        accounts = store.database.row("SELECT sum(picodollars) AS paid FROM accounts")
        assert row
        assert accounts
        return row["paid"], row["dearest"], accounts["paid"]


def a_model(papers: int) -> FakeModel:
    return FakeModel({f"On the growth of moss number {n}": (5 + n % 6, 6) for n in range(papers)})


def the_run_survives_kills(folder: Path, readers: int, papers: int, kills: list[int]) -> None:
    abstract = "we watch it grow on stones, measure its colour daily and describe how it spreads in winter."
    with serving(a_model(papers)) as server:
        calm = a_home(folder / "calm", readers, papers, abstract)
        assert run(calm, server.url).returncode == 0
    with serving(a_model(papers)) as server:
        home = a_home(folder / "killed", readers, papers, abstract)
        for after in kills:
            run_and_kill(home, server, after)
        last = run(home, server.url)
        assert last.returncode == 0, last.stderr
    assert scores_in(home) == scores_in(calm)
    (paid, dearest, accounts), (undisturbed, _, _) = spent_in(home), spent_in(calm)
    assert accounts == paid
    workers = 4
    assert paid <= undisturbed + len(kills) * workers * dearest
    metered = server.model.meter["calls"]
    with Store.open(home / "var" / "newsletter.db") as store:
        row = store.database.row("SELECT count(*) AS calls FROM charges")
        lost = store.database.row("SELECT count(DISTINCT call) AS calls FROM lost_calls WHERE why = 'killed'")
        assert row
        assert lost
        assert metered - row["calls"] <= lost["calls"] <= len(kills) * workers


def test_a_killed_run_buys_again_only_what_was_under_way(tmp_path: Path) -> None:
    the_run_survives_kills(tmp_path, readers=10, papers=30, kills=[3, 9])


@pytest.mark.soak
def test_a_run_over_fifty_readers_survives_many_kills(tmp_path: Path) -> None:
    the_run_survives_kills(tmp_path, readers=50, papers=200, kills=[1, 7, 23, 31, 60])


def test_a_server_that_reads_4096_tokens_and_says_nothing_scores_every_paper(tmp_path: Path) -> None:
    model = a_model(40)
    model.context = 4096
    home = a_home(tmp_path / "home", 2, 40, "we watch it grow on stones and measure its colour daily. " * 30)
    with serving(model) as server:
        done = run(home, server.url)
    assert done.returncode == 0
    assert "openai.context_tokens" in done.stderr
    with Store.open(home / "var" / "newsletter.db") as store:
        row = store.database.row("SELECT count(*) AS scored FROM scores")
    assert row
    assert row["scored"] == 80
    assert {line[1] for line in scores_in(home) if line[2] == "not_scored"} == set()


def test_an_unknown_model_is_an_error_before_the_first_call(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", 1, 5, "moss")
    (home / "newsletter.toml").write_text('[openai]\nmodel = "no-such-model"\n', encoding="utf-8")
    with serving(a_model(5)) as server:
        done = run(home, server.url)
    assert done.returncode == 2
    assert "no price is known for 'no-such-model'" in done.stderr
    assert server.model.calls == []


def test_the_key_goes_to_the_server_and_nowhere_else(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", 1, 5, "moss on stones, seen daily and described in many words.")
    with serving(a_model(5)) as server:
        done = run(home, server.url)
    assert server.keys == {"Bearer sk-test"}
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"sk-test" not in kept + done.stdout.encode() + done.stderr.encode()


def test_a_server_that_repeats_the_key_in_its_refusal_does_not_make_us_repeat_it(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", 1, 5, "moss on stones, seen daily and described in many words.")
    model = FakeModel(fault=lambda call, body: Rejected(401, "no such key:"))
    with serving(model) as server:
        done = run(home, server.url)
    assert done.returncode == 1
    assert "no such key: Bearer ***" in done.stderr
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"sk-test" not in kept + done.stdout.encode() + done.stderr.encode()


def test_what_the_edition_says_of_a_fault_the_run_says_too_and_names_it_for_machines(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", 1, 5, "moss on stones, seen daily and described in many words.")
    with serving(FakeModel(fault=lambda call, body: Rejected(401, "no such key"))) as server:
        arguments, environment = command(home, server.url)
        told = subprocess.run([*arguments, "--json"], env=environment, capture_output=True, text=True, check=False)
        first = run(home, server.url)
    (reader,) = json.loads(told.stdout)["subscribers"]
    said = "The model could not be used; all papers were ranked by similarity instead."
    assert (reader["fault"], reader["reason"]) == ("model_stopped", said)
    assert "Fault(" not in told.stdout + told.stderr + first.stderr


def test_costs_by_subscriber_sum_to_costs_by_day(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home", 3, 20, "moss on stones, seen daily and described in many words.")
    with serving(a_model(20)) as server:
        run(home, server.url)
    environment = {**os.environ, "NEWSLETTER_HOME": str(home)}

    def usd(*by: str) -> int:
        told = subprocess.run([*NEWSLETTER, "costs", *by], env=environment, capture_output=True, text=True, check=True)
        rows = json.loads(told.stdout)
        return sum(round(float(row["usd"]) * 10**12) for row in rows)

    assert usd("--by", "subscriber", "--json") == usd("--by", "day", "--format", "json") == spent_in(home)[0]
