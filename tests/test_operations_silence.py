"""Runs that stop coming: /ready, the heartbeat's absence and the web process each say so, and take it back.

The processes are the real ones; instead of waiting for a day, the last run is put thirty hours back.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter import app
from newsletter.cli import serve
from newsletter.models.sends import NoticeKind
from newsletter.operations.status import RUN_AT, expected_mailing
from newsletter.settings import load
from newsletter.sources.arxiv import HOURS
from newsletter.store import Store
from tests.test_bad_input import a_line, a_listing, subscribe
from tests.test_operations_alerts import Listener, a_listener

PATIENCE = 60.0  # seconds for a process to begin and to look


def a_process(home: Path, listener: Listener, *words: object) -> "subprocess.Popen[str]":
    environ = {
        "PATH": os.environ["PATH"],
        "NEWSLETTER_HOME": str(home),
        "NEWSLETTER_ALERTS__WEBHOOK": f"{listener.url}/hook",
        "NEWSLETTER_ALERTS__HEARTBEAT": f"{listener.url}/uuid",
    }
    command = [sys.executable, "-m", "newsletter", *map(str, words)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(home: Path, listener: Listener, *numbers: int) -> None:
    """`newsletter run` with the mailing that should be here by now."""
    day = expected_mailing(datetime.now(UTC), HOURS)
    listing = a_listing(home, *(a_line(number, announced_on=str(day)) for number in numbers))
    process = a_process(home, listener, "run", "--listing", listing)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said


@contextmanager
def served(home: Path, listener: Listener) -> Iterator[str]:
    """The URL of `newsletter serve`, a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = a_process(home, listener, "serve", "--port", port)
    try:
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()


def ready(url: str) -> tuple[int, list[str]]:
    """What a monitor is told, as soon as somebody answers."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=10) as answer:
                return answer.status, json.load(answer)["late"]
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["late"]
        except OSError:
            assert time.monotonic() < until, "nobody serves"
            time.sleep(0.05)


def told(listener: Listener, number: int) -> list[dict[str, list[dict[str, str]]]]:
    """The alerts, once there are so many."""
    until = time.monotonic() + PATIENCE
    while len(found := [json.loads(body) for path, body in listener.posted if path == "/hook"]) < number:
        assert time.monotonic() < until, "no alert came"
        time.sleep(0.05)
    return found


def pings(listener: Listener) -> list[str]:
    """What the check of the heartbeat heard; it alarms by itself where nothing comes for its period and a grace."""
    return [path for path, _ in listener.posted if path.startswith("/uuid")]


def test_what_sends_beside_the_web_outlives_what_it_cannot_know(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load({}, home / "newsletter.toml", app.sections())
    lock = home / "var" / "run.lock"
    lock.mkdir(parents=True)  # nobody can take a lock that is a folder
    until, said = time.monotonic() + PATIENCE, ""
    with app.open_store(settings) as store, serve.listening(settings, store, "127.0.0.1", 0):
        store.notices.add("n1", NoticeKind.TEST, "op@example.org", datetime.now(UTC), facts={})
        while "run.lock" not in said:
            assert time.monotonic() < until, "it said nothing"
            said += capsys.readouterr().err
            time.sleep(0.05)
        lock.rmdir()
        while not list((home / "var" / "outbox" / "service").glob("*.eml")):
            assert time.monotonic() < until, "it sends no more"
            time.sleep(0.05)


def test_where_no_run_comes_each_of_three_says_so_and_takes_it_back(home: Path) -> None:
    subscribe(home, "ada")
    with a_listener() as listener:
        run(home, listener, *range(1, 20))
        assert pings(listener) == ["/uuid/start", "/uuid"]
        with Store.open(home / "var" / "newsletter.db") as store:
            store.facts.set(RUN_AT, (datetime.now(UTC) - timedelta(hours=30)).isoformat())
        with served(home, listener) as url:
            # The monitor of /ready.
            assert ready(url) == (503, ["the last run ended 30 hours ago"])
            # The web process itself, once.
            (alert,) = told(listener, 1)
            assert [(i["concern"], i["said"]) for i in alert["opened"]] == [
                ("silence", "the last run came to its end 30 hours ago")
            ]
            # The heartbeat's check, which is down by now: nothing but a run may ping it.
            assert len(pings(listener)) == 2
            # A run comes: each takes it back.
            run(home, listener, *range(1, 20))
            assert pings(listener)[2:] == ["/uuid/start", "/uuid"]
            _, over = told(listener, 2)
            assert [incident["concern"] for incident in over["over"]] == ["silence"]
            assert over["opened"] == []
            assert ready(url) == (200, [])
        assert len(told(listener, 2)) == 2, "one alert, one all-clear"
