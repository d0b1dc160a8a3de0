"""`newsletter run` as an operator has it: a process, settings in the environment, a real SMTP server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.models.sends import SendState
from newsletter.store import Store
from tests.builders import NOON, a_topics_file
from tests.delivery import Sink, a_sink

READERS = [f"r{number}" for number in range(8)]


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    with a_sink() as made:
        yield made


@pytest.fixture
def lab(home: Path) -> Path:
    """A home with eight readers who agreed, and a mailing file."""
    papers = [
        {"id": f"2611.{n:05}", "title": f"Moss {n}", "authors": ["Ada Winter"], "abstract": "Moss grows on stones.",
         "categories": ["q-bio.PE"], "primary_category": "q-bio.PE", "comment": "", "announced_on": "2026-11-18"}
        for n in range(20)
    ]  # fmt: skip
    (home / "mailing.jsonl").write_text("\n".join(map(json.dumps, papers)), encoding="utf-8")
    for slug in READERS:
        (home / "subscribers" / f"{slug}.md").write_text(a_topics_file(slug), encoding="utf-8")
    return home


def run(home: Path, port: int, *arguments: str) -> "subprocess.Popen[str]":
    environ = {
        "PATH": os.environ["PATH"],
        "NEWSLETTER_HOME": str(home),
        "NEWSLETTER_SECRET": "k" * 32,
        "NEWSLETTER_MAIL__BACKEND": "smtp",
        "NEWSLETTER_MAIL__FROM": "News <news@example.org>",
        "NEWSLETTER_MAIL__OPERATOR": "Ada <r5@example.org>",
        "NEWSLETTER_MAIL__POSTAL_ADDRESS": "1 Moss Lane",
        "NEWSLETTER_WEB__BASE_URL": "https://news.example.org",
        "NEWSLETTER_SMTP__URL": f"smtp://127.0.0.1:{port}",
        "NEWSLETTER_SMTP__LANES": "1",
    }
    command = [sys.executable, "-m", "newsletter", *arguments]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def consent(home: Path, port: int) -> None:
    """What `subscribers add` records, for all of them at once."""
    with run(home, port, "subscribers", "list") as listed:
        listed.communicate()
    with Store.open(home / "var" / "newsletter.db") as store:
        for known in store.subscribers.known():
            store.subscribers.consent(known.id, known.email, "operator", NOON)


def test_a_signal_finishes_what_is_in_hand_and_the_next_run_sends_the_rest(lab: Path, sink: tuple[Sink, int]) -> None:
    server, port = sink
    consent(lab, port)
    process = run(lab, port, "run", "--listing", str(lab / "mailing.jsonl"))
    server.at = "accepted", 3, lambda: os.kill(process.pid, signal.SIGTERM)
    said, _ = process.communicate()
    assert process.returncode == 75, said
    assert "the rest goes out with the next run" in said
    with Store.open(lab / "var" / "newsletter.db") as store:
        counts = store.sends.counts()
    assert counts == {SendState.ACCEPTED: len(server.envelopes), SendState.READY: 8 - len(server.envelopes)}
    assert server.envelopes[0].rcpt_tos == ["r5@example.org"], "the operator's own copy goes first"
    with run(lab, port, "run", "--listing", str(lab / "mailing.jsonl")) as again:
        said, _ = again.communicate()
    assert again.returncode == 0, said
    assert sorted(server.deliveries()) == [f"{slug}@example.org" for slug in READERS]
    assert set(server.deliveries().values()) == {1}


def test_a_server_that_refuses_us_is_said_once_and_pauses_sending(lab: Path, sink: tuple[Sink, int]) -> None:
    server, port = sink
    consent(lab, port)
    server.say["MAIL"] = "550 5.7.1 not from you"
    with run(lab, port, "run", "--listing", str(lab / "mailing.jsonl")) as process:
        said, _ = process.communicate()
    assert process.returncode == 1
    assert said.count("sending is paused: 550 5.7.1 not from you; when that is settled, run `newsletter resume`") == 1
    assert "Traceback" not in said


def test_without_consent_nobody_is_mailed(lab: Path, sink: tuple[Sink, int]) -> None:
    server, port = sink
    with run(lab, port, "run", "--listing", str(lab / "mailing.jsonl")) as process:
        said, _ = process.communicate()
    assert server.envelopes == []
    assert "r3: gets no mail: no consent of its address is on record" in said


def test_who_is_suppressed_is_named_and_costs_nothing(lab: Path, sink: tuple[Sink, int]) -> None:
    server, port = sink
    consent(lab, port)
    with Store.open(lab / "var" / "newsletter.db") as store:
        store.suppressions.add("r3@example.org", "hard bounce", "smtp", NOON)
    with run(lab, port, "run", "--listing", str(lab / "mailing.jsonl")) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    assert "r3: gets no mail: its address is suppressed (hard bounce)" in said
    assert len(server.envelopes) == 7


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("RCPT", "550 5.1.1 <{}@example.org>: Recipient address rejected, ask {}@example.org"),
        ("DATA", "550 5.7.26 {}@example.org is unauthenticated"),
        ("RCPT", "450 4.7.1 [{}@example.org]: greylisted"),
        ("MAIL", "550 5.7.1 {}@example.org may not send"),
    ],
)
def test_no_address_of_a_reader_reaches_the_log_of_a_run(
    lab: Path, sink: tuple[Sink, int], stage: str, answer: str
) -> None:
    """What cron keeps of a run's words is read by more people than the database is."""
    server, port = sink
    consent(lab, port)
    server.say[stage] = answer.format(*["R3"] * answer.count("{}"))
    with run(lab, port, "run", "--listing", str(lab / "mailing.jsonl")) as process:
        said, _ = process.communicate()
    assert "@example.org" not in said.replace("news@example.org", "")
    with run(lab, port, "sends") as process:
        said, _ = process.communicate()
    assert "@example.org" not in said
