"""The web: leaving and coming back, web copies, and what a stranger, a scanner and a crash can do to them."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.delivery.dispatch import dispatch
from newsletter.links import Purpose, Signer
from newsletter.models.sends import SendState
from newsletter.models.subscribers import SubscriberStatus
from newsletter.rendering.templates import load_templates
from newsletter.sources import origins
from newsletter.store import Store
from newsletter.web.services import Rooms
from tests.builders import NOON, a_paper, scored
from tests.delivery import FakeBackend, Ticking, a_desk, a_reader, a_send
from tests.web import ask

TEMPLATES = load_templates(None, origins())
SIGNER = Signer("https://news.example.org", [b"key"])
ONE_CLICK = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with Store.open(tmp_path / "newsletter.db") as store:
        yield Rooms(store, SIGNER, TEMPLATES, lambda: NOON)


def link(number: int, purpose: Purpose = Purpose.UNSUBSCRIBE, signer: Signer = SIGNER) -> str:
    return f"/{purpose}/{signer.token(purpose, number)}"


def status(rooms: Rooms, slug: str = "ada") -> SubscriberStatus:
    found = rooms.store.subscribers.load(slug)
    assert found
    return found.status


# Leaving


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"List-Unsubscribe=One-Click", ONE_CLICK),
        (
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            {"content-type": "multipart/form-data; boundary=x"},
        ),
        (b"", {"origin": "https://elsewhere.example", "cookie": "a=b"}),
    ],
)
def test_a_post_unsubscribes_however_the_mailbox_writes_it(rooms: Rooms, body: bytes, headers: dict[str, str]) -> None:
    reader = a_reader(rooms.store)
    answer = ask(rooms, "POST", link(reader), body, headers)
    assert answer.status == 200
    assert "set-cookie" not in answer.headers
    assert status(rooms) is SubscriberStatus.UNSUBSCRIBED
    assert rooms.store.suppressions.find("ada@example.org")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_second_click_succeeds_and_nothing_is_redirected(rooms: Rooms, slash: str) -> None:
    path = link(a_reader(rooms.store)) + slash
    assert [ask(rooms, "POST", path).status for _ in range(2)] == [200, 200]
    assert status(rooms) is SubscriberStatus.UNSUBSCRIBED


def test_who_unsubscribes_gets_nothing_that_was_ready(rooms: Rooms) -> None:
    send = a_send(rooms.store)
    ask(rooms, "POST", link(send.subscriber_id))
    dispatch(a_desk(rooms.store, backend := FakeBackend()))
    assert backend.taken == []
    assert rooms.store.sends.counts() == {SendState.SKIPPED: 1}


def test_the_page_asks_with_one_button_and_offers_an_undo(rooms: Rooms) -> None:
    path = link(a_reader(rooms.store))
    page = ask(rooms, "GET", path).text
    assert page.count("<button") == 1
    assert f'<form method="post" action="{path}">' in page
    done = ask(rooms, "POST", path).text
    undo = re.search(r'action="([^"]+)"', done)
    assert undo
    assert ask(rooms, "POST", undo[1]).status == 200
    assert status(rooms) is SubscriberStatus.ACTIVE
    assert rooms.store.suppressions.find("ada@example.org") is None


def test_the_page_of_who_left_says_so_and_offers_the_way_back_while_there_is_one(rooms: Rooms) -> None:
    clock = Ticking()
    rooms, path = replace(rooms, clock=clock), link(a_reader(rooms.store))
    ask(rooms, "POST", path)
    page = ask(rooms, "GET", path).text
    assert "You are unsubscribed" in page
    assert f'action="{path}/undo"' in page
    clock.pass_(days=8)
    for method in ("GET", "POST"):
        page = ask(rooms, method, path).text
        assert ("You are unsubscribed" in page, "<button" in page) == (True, False)


def test_an_old_link_brings_nobody_back(rooms: Rooms) -> None:
    clock = Ticking()
    rooms, path = replace(rooms, clock=clock), link(a_reader(rooms.store))
    ask(rooms, "POST", path)
    clock.pass_(days=8)
    assert ask(rooms, "POST", f"{path}/undo").status == 404
    assert status(rooms) is SubscriberStatus.UNSUBSCRIBED


def test_the_link_brings_nobody_back_whom_others_suppressed(rooms: Rooms) -> None:
    path = link(a_reader(rooms.store))
    rooms.store.suppressions.add("ada@example.org", "complaint", "sendgrid", NOON)
    ask(rooms, "POST", path)
    ask(rooms, "POST", f"{path}/undo")
    assert rooms.store.suppressions.find("ada@example.org")


def test_the_undo_link_alone_lifts_no_pause(rooms: Rooms) -> None:
    path = link(a_reader(rooms.store))
    rooms.store.subscribers.set_status("ada", SubscriberStatus.PAUSED, "by the operator", NOON)
    assert ask(rooms, "POST", f"{path}/undo").status == 404
    assert status(rooms) is SubscriberStatus.PAUSED


# Strangers


def strange_tokens() -> list[str]:
    good = SIGNER.token(Purpose.UNSUBSCRIBE, 1)
    other_key = Signer("", [b"another key"])
    return [
        "",
        "x",
        good[:-1],
        good[1:],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good + "A",
        SIGNER.token(Purpose.EDITION, 1),
        SIGNER.token(Purpose.UNSUBSCRIBE, 99),  # nobody
        other_key.token(Purpose.UNSUBSCRIBE, 1),
        "%00",
        "é" * 20,
        "A" * 5000,
    ]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_wrong_token_gets_the_same_answer(rooms: Rooms, method: str) -> None:
    a_reader(rooms.store)
    answers = {(a.status, a.text) for t in strange_tokens() for a in [ask(rooms, method, f"/u/{t}")]}
    assert len(answers) == 1
    assert status(rooms) is SubscriberStatus.ACTIVE


def test_tokens_of_a_rotated_key_are_good_while_it_is_listed(rooms: Rooms) -> None:
    reader, old = a_reader(rooms.store), Signer("", [b"old"])
    path = link(reader, signer=old)
    rotated = replace(rooms, signer=Signer("", [b"new", b"old"]))
    assert ask(rotated, "GET", path).status == 200
    assert ask(replace(rooms, signer=Signer("", [b"new"])), "GET", path).status == 404


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_no_text_is_a_token(text: str) -> None:
    assert SIGNER.read(Purpose.UNSUBSCRIBE, text) is None


def test_a_huge_body_is_refused(rooms: Rooms) -> None:
    assert ask(rooms, "POST", link(a_reader(rooms.store)), b"x" * 100_000).status == 413
    assert status(rooms) is SubscriberStatus.ACTIVE


def test_a_scanner_that_gets_and_heads_every_link_twice_changes_no_row(rooms: Rooms) -> None:
    send = a_send(rooms.store)
    before = dump(rooms.store)
    paths = [link(send.subscriber_id), f"{link(send.subscriber_id)}/undo", link(send.edition_id, Purpose.EDITION)]
    for path in [*paths, "/health", "/webhooks/sendgrid", "/", "/u/"] * 2:
        for method in ("GET", "HEAD"):
            ask(rooms, method, path)
    assert dump(rooms.store) == before


def dump(store: Store) -> list[str]:
    return list(store.database.utils.conn.iterdump())


# Web copies and headers


def test_a_web_copy_shows_the_papers_and_nothing_of_the_reader(rooms: Rooms) -> None:
    paper = a_paper(title="<script>alert(1)</script> & moss")
    stored = rooms.store.papers.save([paper])
    send = a_send(
        rooms.store, papers=[scored(next(iter(stored)), topic="My secret topic")], topics=("My secret topic",)
    )
    answer = ask(rooms, "GET", link(send.edition_id, Purpose.EDITION))
    assert answer.status == 200
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script" not in answer.text
    for private in ("My secret topic", "ada@example.org", "/u/"):
        assert private not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert "form-action 'none'" in policy


def test_a_token_for_leaving_opens_no_edition(rooms: Rooms) -> None:
    send = a_send(rooms.store)
    assert ask(rooms, "GET", f"/e/{SIGNER.token(Purpose.UNSUBSCRIBE, send.edition_id)}").status == 404


@pytest.mark.parametrize("path", ["/u/x", "/health", "/nowhere"])
def test_no_answer_is_kept_indexed_or_told_to_others(rooms: Rooms, path: str) -> None:
    headers = ask(rooms, "GET", path).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-robots-tag"].startswith("noindex")
    assert "default-src 'none'" in headers["content-security-policy"]


def test_health_says_whether_sending_is_paused(rooms: Rooms) -> None:
    assert ask(rooms, "GET", "/health").text == '{"status":"ok","sending":"on"}'
    rooms.store.facts.set("breaker", "paused")
    assert ask(rooms, "GET", "/health").text == '{"status":"ok","sending":"paused"}'


# Crashes


@contextmanager
def served(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`newsletter serve` in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {"PATH": os.environ["PATH"], "NEWSLETTER_HOME": str(home), "NEWSLETTER_SECRET": "key"}
    command = [sys.executable, "-m", "newsletter", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.02)
            yield process, port
        finally:
            process.kill()


def test_what_was_answered_with_200_survives_a_kill(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").touch()
    (tmp_path / "var").mkdir()
    with Store.open(tmp_path / "var" / "newsletter.db") as store:
        readers = [a_reader(store, f"r{n}") for n in range(5)]
    with served(tmp_path) as (process, port):
        for reader in readers:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("POST", link(reader), b"List-Unsubscribe=One-Click", ONE_CLICK)
            answer = connection.getresponse()
            assert answer.status == 200
            connection.close()
        process.send_signal(signal.SIGKILL)
        process.wait()
        said = process.stdout.read() if process.stdout else b""
    assert b"/u/" not in said, "a token in a log would open its errand"
    with Store.open(tmp_path / "var" / "newsletter.db") as store:
        assert {known.status for known in store.subscribers.known()} == {SubscriberStatus.UNSUBSCRIBED}
