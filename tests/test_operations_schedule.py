"""The schedule: by New York's clock for mailings, by the readers' for mail; nothing is done twice, a signal ends it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.models.papers import MailingDay, MailingStatus
from newsletter.operations.schedule import Standing, follow, next_fetch, next_wake
from newsletter.sources.arxiv import HOURS
from newsletter.store import Store
from tests.builders import WEDNESDAY
from tests.delivery import Ticking
from tests.test_bad_input import a_line, a_listing, subscribe

TUESDAY = WEDNESDAY - timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def mailing(day: date, status: MailingStatus = MailingStatus.COMPLETE) -> MailingDay:
    return MailingDay(day, status)


@pytest.mark.parametrize(
    ("now", "newest", "expected"),
    [
        # whole: when the next one is published, five past midnight in New York
        ("2026-11-18T12:00", mailing(WEDNESDAY), "2026-11-19T05:05"),
        ("2026-11-20T12:00", mailing(date(2026, 11, 20)), "2026-11-23T05:05"),  # over the weekend
        ("2026-10-30T12:00", mailing(date(2026, 10, 30)), "2026-11-02T05:05"),  # summer time ended on Sunday
        ("2026-03-06T12:00", mailing(date(2026, 3, 6)), "2026-03-09T04:05"),  # and began
        # not there, or not whole: again and again until nothing more is waited for
        ("2026-11-18T05:10", mailing(TUESDAY), "2026-11-18T05:30"),
        ("2026-11-18T05:10", None, "2026-11-18T05:30"),
        ("2026-11-18T10:00", mailing(WEDNESDAY, MailingStatus.PARTIAL), "2026-11-18T10:20"),
        ("2026-11-18T20:00", mailing(WEDNESDAY, MailingStatus.PARTIAL), "2026-11-18T22:00"),
        ("2026-11-18T12:00", mailing(WEDNESDAY, MailingStatus.EMPTY), "2026-11-18T14:00"),
    ],
)
def test_mailings_are_asked_for_by_new_yorks_clock(now: str, newest: MailingDay | None, expected: str) -> None:
    assert next_fetch(at(now), newest, HOURS) == at(expected)


@pytest.mark.parametrize(
    ("stands", "minutes"),
    [
        (Standing(mailing(WEDNESDAY)), 60),  # at the latest in an hour
        (Standing(mailing(WEDNESDAY), next_send=at("2026-11-18T12:25")), 25),  # a reader's hour
        (Standing(mailing(WEDNESDAY), failed=True), 10),
        (Standing(mailing(TUESDAY)), 20),
        (Standing(mailing(WEDNESDAY), early=True), 60),
    ],
)
def test_the_next_waking_is_the_first_of_what_comes(stands: Standing, minutes: int) -> None:
    assert next_wake(at("2026-11-18T12:00"), stands, HOURS) == at("2026-11-18T12:00") + timedelta(minutes=minutes)


def test_early_mailings_are_asked_for_in_the_evening_of_new_york() -> None:
    stands = Standing(mailing(WEDNESDAY), early=True)
    assert next_wake(at("2026-11-19T00:50"), stands, HOURS) == at("2026-11-19T01:20")
    assert next_wake(at("2026-11-19T00:50"), Standing(mailing(WEDNESDAY)), HOURS) == at("2026-11-19T01:50")


def test_what_is_overdue_makes_no_endless_loop() -> None:
    now = at("2026-11-18T12:00")
    stands = Standing(mailing(WEDNESDAY), next_send=now - timedelta(days=1))
    assert next_wake(now, stands, HOURS) == now + timedelta(minutes=10)


def test_it_runs_at_its_start_then_when_it_planned_to_until_it_shall_stop() -> None:
    clock, runs = Ticking(at("2026-11-18T12:00")), list[datetime]()

    def run() -> Standing:
        runs.append(clock.now)
        return Standing(mailing(WEDNESDAY), next_send=at("2026-11-18T12:25") if len(runs) == 1 else None)

    def wait(seconds: float) -> bool:
        clock.pass_(seconds=seconds)
        return len(runs) == 3

    follow(run, wait, clock, HOURS)
    assert runs == [at("2026-11-18T12:00"), at("2026-11-18T12:25"), at("2026-11-18T13:25")]


def test_a_machine_that_slept_runs_soon_after_it_woke() -> None:
    clock, runs = Ticking(at("2026-11-18T12:00")), list[datetime]()

    def run() -> Standing:
        runs.append(clock.now)
        return Standing(mailing(WEDNESDAY))

    def wait(seconds: float) -> bool:
        clock.pass_(seconds=seconds)
        if clock.now == at("2026-11-18T12:10"):
            clock.pass_(hours=9)  # the lid was shut
        return len(runs) == 2

    follow(run, wait, clock, HOURS)
    assert at("2026-11-18T21:10") <= runs[1] <= at("2026-11-18T21:11")


@contextmanager
def scheduled(home: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    environ = {
        "PATH": os.environ["PATH"],
        "NEWSLETTER_HOME": str(home),
        "NEWSLETTER_ARXIV__FEED_URL": "http://127.0.0.1:9",
        "NEWSLETTER_ARXIV__OAI_URL": "http://127.0.0.1:9",
        "NEWSLETTER_ARXIV__LISTING_URL": "http://127.0.0.1:9",
        "NEWSLETTER_ARXIV__API_URL": "http://127.0.0.1:9",
        "NEWSLETTER_ARXIV__RETRY_SECONDS": "0",
        "NEWSLETTER_ARXIV__DELAY_SECONDS": "0",
        "NEWSLETTER_BACKUP__TO": "kept",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "schedule", *arguments],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def heard(process: "subprocess.Popen[str]", until: Callable[[str], object]) -> str:
    """What the process says up to a line."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if until(line):
            return said
    pytest.fail(f"it ended, having said: {said}")


def test_the_process_catches_up_backs_up_serves_and_stops_on_sigterm(home: Path) -> None:
    subscribe(home, "ada")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first = subprocess.run(
        [sys.executable, "-m", "newsletter", "run", "--no-send", "--listing",
         str(a_listing(home, *map(a_line, range(1, 20))))],
        env={"PATH": os.environ["PATH"], "NEWSLETTER_HOME": str(home)}, capture_output=True, check=True,
    )  # fmt: skip
    assert b"sent nothing, as asked" in first.stdout
    with scheduled(home, "--web", "--port", str(port)) as process:
        said = heard(process, lambda line: re.match(r"next at \d", line))
        assert "ada: sent" in said, "what waited while it was down goes out at the start"
        assert "opened and found whole" in said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.status == 200
        (backup,) = (home / "kept").glob("*/newsletter.db")
        for path in (home / "var").glob("newsletter.db*"):
            path.unlink()
        shutil.copy(backup, home / "var" / "newsletter.db")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.status == 200, "the web goes on with a restored database"
        with scheduled(home) as second:
            assert "a schedule is under way in this home already" in second.communicate(timeout=60)[0]
            assert second.returncode == 1
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=60)[0]
        assert (process.returncode, "stopped; what was under way is finished" in rest) == (0, True)
        assert time.monotonic() - started < 20
    with Store.open(home / "var" / "newsletter.db") as store:
        assert store.sends.counts() == {"accepted": 1}
    assert len(list((home / "kept").iterdir())) == 1
