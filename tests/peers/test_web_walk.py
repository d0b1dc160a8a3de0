"""A reader's whole way through the web in Chromium: with and without scripts, on a phone and a desk, light and dark."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletter.models.papers import Mailing, MailingStatus
from newsletter.store import Store
from tests.builders import a_paper, announced
from tests.peers.test_emails import SCREENSHOTS, node, program

pytestmark = pytest.mark.peers
TOPICS = "1. Sparse networks\n   - Relevant: sparse and efficient neural networks\n   - Irrelevant: surveys\n"
TITLES = (
    "Sparse neural networks that stay efficient when they grow",
    "Calibration of language models by their own doubts",
    "Robots that walk on loose gravel and grasp wet stones",
    "Efficient language models for rivers of text",
    "A survey of surveys",
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """`newsletter serve` over a new home with one mailing, open to everybody: its local URL and its outbox."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "newsletter.toml").write_text('[web]\nbase_url = "https://news.example.org"\nsubscribe = "open"\n')
    outbox = tmp_path / "var" / "outbox" / "service"
    outbox.mkdir(parents=True)
    papers = [
        a_paper(n, title=title, abstract=f"{title}. We study it with care.", categories=("cs.LG",))
        for n, title in enumerate(TITLES, 1)
    ]
    now = datetime.now(UTC)
    with Store.open(tmp_path / "var" / "newsletter.db") as store:
        store.mailings.save(Mailing(now.date(), MailingStatus.COMPLETE, announced(*papers)), now)
    environ = {
        "PATH": os.environ["PATH"],
        "NEWSLETTER_HOME": str(tmp_path),
        "NEWSLETTER_SECRET": "a secret of the walk",
    }
    command = [sys.executable, "-m", "newsletter", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environ) as process:
        try:
            for _ in range(600):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", outbox.parent
        finally:
            process.terminate()


def test_a_stranger_goes_from_nothing_to_their_mail_and_out_again(house: tuple[str, Path], tmp_path: Path) -> None:
    base, outbox = house
    topics = tmp_path / "topics.md"
    topics.write_text(TOPICS)
    screenshots = SCREENSHOTS / "web"  # whoever counts those of the emails meets none of these
    screenshots.mkdir(parents=True, exist_ok=True)
    browser = program("chromium", "chromium-browser")
    looks: list[dict[str, Any]] = json.loads(node("walk.mjs", browser, screenshots, base, outbox, topics))
    assert len({look["way"] for look in looks}) == 3
    assert [look for look in looks if look["missing"]] == []
    assert [(look["way"], look["name"], look["violations"]) for look in looks if look["violations"]] == []
    assert [look["name"] for look in looks if look.get("overflow")] == []
    assert [look["remote"] for look in looks if look.get("remote")] == []
    assert [look["errors"] for look in looks if look.get("errors")] == []
