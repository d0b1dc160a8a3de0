"""Killed with -9 at random moments, then run again: the mailing is complete, each paper once."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from newsletter.models.papers import Mailing, MailingStatus
from newsletter.store import Store
from tests.arxiv_desk import WEDNESDAY, Clock, Desk, a_source, day_of_papers, new_york
from tests.arxiv_server import FakeArxiv
from tests.builders import a_topics_file

REPOSITORY = Path(__file__).parent.parent
CATEGORIES = ("cs.LG", "stat.ML")
NOW = new_york(WEDNESDAY)
PAPERS = day_of_papers(WEDNESDAY, *range(1, 251), categories=CATEGORIES)
REQUESTS = 2 + 1 + 3  # feeds, OAI-PMH, details


def test_a_fetch_killed_at_any_moment_is_made_good_by_the_next(tmp_path: Path) -> None:
    chance = random.Random(20261118)
    killed = 0
    for number in range(10):
        home = a_home(tmp_path / str(number))
        with FakeArxiv(PAPERS, lambda: NOW) as server:
            killed += kill_somewhere(home, server, chance)
            check(fetched_again(home, server))
    assert killed >= 5, "most of the kills hit a fetch at work"


@pytest.mark.soak
def test_a_hundred_kills_of_the_real_command(tmp_path: Path) -> None:
    chance = random.Random(7)
    killed = 0
    for number in range(100):
        home = a_home(tmp_path / str(number))
        with FakeArxiv(PAPERS, lambda: NOW) as server:
            killed += kill_somewhere(home, server, chance)
            assert start(home, server).wait(120) == 0
            with Store.open(home / "var" / "newsletter.db") as store:
                check(store.mailings.load(WEDNESDAY))
    assert killed >= 50


def kill_somewhere(home: Path, server: FakeArxiv, chance: random.Random) -> bool:
    """Kills a fetch after some request and a moment more; True if it was still at work."""
    after, moment = chance.randint(1, REQUESTS), chance.uniform(0, 0.05) * chance.choice((0.1, 1, 5))
    reached = threading.Event()
    server.on_request = lambda count: reached.set() if count >= after else None
    process = start(home, server)
    in_time = reached.wait(120)
    time.sleep(moment)
    was_at_work = process.poll() is None
    process.kill()
    process.wait()
    assert in_time
    with closing(sqlite3.connect(home / "var" / "newsletter.db")) as database:
        integrity = database.execute("PRAGMA integrity_check").fetchone()
    assert integrity == ("ok",)
    with Store.open(home / "var" / "newsletter.db") as store:
        assert store.mailings.days() in ([], [day for day in store.mailings.days() if day.status == "complete"])
    return was_at_work


def fetched_again(home: Path, server: FakeArxiv) -> Mailing:
    """The mailing after the next fetch, in this process."""
    clock = Clock(NOW)
    with Store.open(home / "var" / "newsletter.db") as store:
        source = a_source(server, home / "var", clock)
        Desk(server, source, store, clock, home / "var").fetch(categories=CATEGORIES)
        source.close()
        return store.mailings.load(WEDNESDAY)


def check(mailing: Mailing) -> None:
    assert mailing.status is MailingStatus.COMPLETE
    assert set(Counter(a.paper.id for a in mailing.announcements).values()) == {1}
    assert len(mailing.announcements) == len(PAPERS)
    assert all(a.paper.comment and a.categories == CATEGORIES for a in mailing.announcements)


def start(home: Path, server: FakeArxiv) -> "subprocess.Popen[bytes]":
    """The real command, in a process of its own."""
    settings = {f"NEWSLETTER_ARXIV__{key.upper()}": str(value) for key, value in server.settings().items()}
    environment = {**os.environ, **settings, "NEWSLETTER_HOME": str(home)}
    command = [sys.executable, "-m", "tests.pinned", NOW.isoformat(), "fetch"]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def a_home(folder: Path) -> Path:
    (folder / "subscribers").mkdir(parents=True)
    (folder / "newsletter.toml").touch()
    front = {"categories": f"[{', '.join(CATEGORIES)}]"}
    (folder / "subscribers" / "ada.md").write_text(a_topics_file("ada", **front), encoding="utf-8")
    return folder
