"""One client for all doors: one connection, pauses between requests whoever makes them, nothing fetched twice."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter import __version__
from newsletter.errors import Unreachable
from newsletter.sources.arxiv.http import Polite
from tests.arxiv_desk import TUESDAY, WEDNESDAY, Clock, a_desk, a_source, day_of_papers, new_york
from tests.arxiv_server import FakeArxiv, Reply, refused


def a_client(state: Path, clock: Clock, delay: float = 3) -> Polite:
    return Polite(
        state,
        user_agent="test",
        delay_seconds=delay,
        retry_seconds=60,
        timeout_seconds=5,
        clock=clock,
        sleep=clock.sleep,
    )


def test_three_seconds_between_requests_over_all_doors(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1), delay_seconds=3) as desk:
        desk.mailing(categories=("cs.LG", "stat.ML"))
        assert len(desk.arxiv.requests) == 4
    assert desk.clock.slept == [3, 3, 3]


def test_fifteen_seconds_before_a_listing_page(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 0), *day_of_papers(WEDNESDAY, 1), delay_seconds=3) as desk:
        desk.arxiv.hidden_from["feed"] = {"2611.00001"}
        desk.mailing(categories=("cs.LG", "stat.ML"))
    assert 15 in desk.clock.slept


def test_a_clock_set_back_does_not_make_the_pause_longer(tmp_path: Path) -> None:
    clock = Clock(new_york(WEDNESDAY))
    with FakeArxiv([], clock) as server:
        client = a_client(tmp_path, clock)
        client.read(f"{server.url}/rss/cs.LG", WEDNESDAY, bytes)
        clock.now -= timedelta(hours=5)
        client.read(f"{server.url}/rss/cs.AI", WEDNESDAY, bytes)
    assert clock.slept == [3]


def test_threads_take_turns_and_hold_one_connection(tmp_path: Path) -> None:
    clock = Clock(new_york(WEDNESDAY))
    with FakeArxiv([], clock) as server:

        def ask(number: int) -> None:
            a_client(tmp_path, clock).read(f"{server.url}/rss/cs.LG?{number}", WEDNESDAY, bytes)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(server.requests), server.most_concurrent) == (6, 1)
    assert clock.slept == [3] * 5


def test_processes_take_turns_by_the_same_lock(tmp_path: Path) -> None:
    script = """
import sys, time
from datetime import UTC, date, datetime
from pathlib import Path
from newsletter.sources.arxiv.http import Polite
client = Polite(Path(sys.argv[1]), user_agent="test", delay_seconds=0.2, retry_seconds=0, timeout_seconds=5,
    clock=lambda: datetime.now(UTC), sleep=time.sleep)
for n in range(3):
    client.read(f"{sys.argv[2]}/rss/cs.LG?{sys.argv[3]}{n}", date(2026, 11, 18), bytes)
"""
    clock = Clock(new_york(WEDNESDAY))
    with FakeArxiv([], clock) as server:
        arguments = [sys.executable, "-c", script, str(tmp_path), server.url]
        started = datetime.now(UTC)
        processes = [subprocess.Popen([*arguments, name]) for name in "ab"]
        assert [process.wait(timeout=60) for process in processes] == [0, 0]
        assert (len(server.requests), server.most_concurrent) == (6, 1)
    assert datetime.now(UTC) - started >= timedelta(seconds=5 * 0.2)


def test_a_refusal_holds_for_every_process_of_the_home(tmp_path: Path) -> None:
    clock = Clock(new_york(WEDNESDAY))
    with FakeArxiv([], clock) as server:
        server.fail("/rss/", refused(429, "90"), refused(429, "90"), refused(429, "90"), refused(429, "90"))
        with pytest.raises(Exception, match="answers 429"):
            a_client(tmp_path, clock).read(f"{server.url}/rss/cs.LG", WEDNESDAY, bytes)
        clock.slept.clear()
        a_client(tmp_path, clock).read(f"{server.url}/oai?verb=ListIdentifiers&from=2026-11-18", WEDNESDAY, bytes)
    assert clock.slept == [90]


def test_a_refusal_of_one_host_is_none_of_another(tmp_path: Path) -> None:
    clock = Clock(new_york(WEDNESDAY))
    with FakeArxiv([], clock) as server:
        server.fail("/rss/", refused(429, "3600"))
        other = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(Unreachable, match="answers 429"):
            a_client(tmp_path, clock).read(f"{server.url}/rss/cs.LG", WEDNESDAY, bytes)
        assert a_client(tmp_path, clock).read(f"{other}/oai?verb=ListIdentifiers&from=2026-11-18", WEDNESDAY, bytes)
        with pytest.raises(Unreachable, match="asked us to wait"):
            a_client(tmp_path, clock).read(f"{server.url}/rss/cs.AI", WEDNESDAY, bytes)
    assert clock.slept == [3]


def test_the_user_agent_names_us_and_whom_to_write_to(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1), contact="mailto:ada@example.org") as desk:
        desk.mailing()
        agents = {headers["User-Agent"] for headers in desk.arxiv.headers}
    assert agents == {f"arxiv-newsletter/{__version__} (mailto:ada@example.org)"}


def test_an_unchanged_feed_is_not_transferred_again(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        first = desk.mailing()
        desk.arxiv.headers.clear()
        again = desk.mailing()
        assert all("If-None-Match" in headers for headers in desk.arxiv.headers)
    assert first == again


def test_a_bad_body_is_never_taken_for_unchanged(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        desk.arxiv.fail("/rss/", lambda reply: Reply(reply.body[:-40]))
        assert desk.mailing().note == ""
        assert ["If-None-Match" in headers for headers in desk.arxiv.headers][:2] == [False, False]


def test_raw_bodies_are_kept_for_a_while(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1), raw_days=7) as desk:
        desk.mailing()
        folder = desk.state / "raw" / "2026-11-18"
        assert (
            next(p for p in folder.iterdir() if p.name.startswith("rss_cs.LG") and p.suffix != ".json").read_bytes()
            == desk.arxiv.answer("/rss/cs.LG").body
        )
        long_ago = (desk.clock() - timedelta(days=8)).timestamp()
        old = desk.state / "raw" / "2026-11-09"
        old.mkdir()
        os.utime(old, (long_ago, long_ago))
        now = desk.clock().timestamp()
        os.utime(folder, (now, now))
        desk.mailing()
    assert (old.exists(), folder.exists()) == (False, True)


def test_the_limiter_works_for_a_source_of_its_own(tmp_path: Path) -> None:
    clock = Clock(new_york(WEDNESDAY))
    with FakeArxiv(day_of_papers(WEDNESDAY, 1), clock) as server:
        for _ in range(2):
            source = a_source(server, tmp_path, clock, delay_seconds=3)
            source.fetch(WEDNESDAY, ("cs.LG",), None, lambda *_: None)
            source.close()
    assert clock.slept == [3] * 5, "also between the last request of one and the first of the next"
