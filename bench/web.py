"""How many readers can leave in a second, each with a durable commit, and how long the page to try takes.

    python bench/web.py [--readers 2000] [--papers 700] [--visitors 20]

Serves a home of its own by the real command, kills it with -9 while readers leave, and counts what was answered with
200 and is not on record (must be 0).
"""

import argparse
import http.client
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from urllib.parse import urlencode

from newsletter.links import Purpose, Signer
from newsletter.models.papers import Announcement, AnnounceType, Mailing, MailingStatus, Paper
from newsletter.models.subscribers import SubscriberStatus, TopicsFile, Wishes
from newsletter.store import Store
from newsletter.store.subscribers import FileStamp
from newsletter.topics.body import read_body

_PARTS = (
    ("mo", "ri", "ta", "le", "su", "ga", "pe", "du", "hi", "zo"),
    ("na", "ve", "lo", "ki", "fu", "sa"),
    ("ber", "ton", "mir", "dal"),
    ("n", "st", "r"),
)
WORDS = ["".join(parts) for parts in product(*_PARTS)]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def home(folder: Path, readers: int, papers: int) -> Signer:
    (folder / "newsletter.toml").write_text('[web]\nsubscribe = "open"\n')
    (folder / "var").mkdir()
    pick, now = random.Random(7), datetime.now(UTC)
    made = []
    for n in range(papers):
        title, abstract = (" ".join(pick.choices(WORDS, k=count)) for count in (9, 160))
        made.append(Paper(f"2611.{n:05}", title, ("A. Author",), f"{abstract}.", ("cs.LG",), "cs.LG"))
    with Store.open(folder / "var" / "newsletter.db") as store:
        announced = tuple(Announcement(paper, AnnounceType.NEW, paper.categories) for paper in made)
        store.mailings.save(Mailing(now.date(), MailingStatus.COMPLETE, announced), now)
        for n in range(readers):
            wishes = Wishes(email=f"r{n}@example.org", categories=("cs.LG",))
            store.subscribers.save(f"r{n}", TopicsFile(wishes, read_body("1. Moss")), FileStamp(1, 1), now)
    return Signer("http://localhost", [b"a secret of the bench"])


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`newsletter serve` in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = os.environ | {"NEWSLETTER_HOME": str(folder), "NEWSLETTER_SECRET": "a secret of the bench"}
    process = subprocess.Popen([sys.executable, "-m", "newsletter", "serve", "--port", str(port)], env=environ)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


_LOCAL = threading.local()


def post(port: int, path: str, body: str) -> tuple[int, float]:
    """The status and how long it took; 0 where there was no answer."""
    start = time.perf_counter()
    try:
        connection = getattr(_LOCAL, "connection", None)
        if connection is None:
            connection = _LOCAL.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", path, body, FORM)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - start
    except (OSError, http.client.HTTPException):
        _LOCAL.connection = None
        return 0, time.perf_counter() - start


def told(name: str, taken: list[float], seconds: float) -> None:
    taken.sort()
    print(
        f"{name}: {len(taken) / seconds:.0f} a second, median {1000 * statistics.median(taken):.0f} ms, "
        f"p99 {1000 * taken[int(len(taken) * 0.99) - 1]:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=2000)
    parser.add_argument("--papers", type=int, default=700)
    parser.add_argument("--visitors", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        signer = home(folder, given.readers, given.papers)
        paths = [f"/u/{signer.token(Purpose.UNSUBSCRIBE, n + 1)}" for n in range(given.readers)]
        half = len(paths) // 2
        with served(folder) as (process, port), ThreadPoolExecutor(16) as pool:
            start = time.perf_counter()
            done = list(pool.map(lambda path: post(port, path, "List-Unsubscribe=One-Click"), paths[:half]))
            told("leaving", [seconds for status, seconds in done if status == 200], time.perf_counter() - start)
            killer = threading.Timer(0.5, process.send_signal, [signal.SIGKILL])
            killer.start()
            rest = list(pool.map(lambda path: post(port, path, "List-Unsubscribe=One-Click"), paths[half:]))
        answered = {n + 1 for n, (status, _) in enumerate(done + rest) if status == 200}
        with Store.open(folder / "var" / "newsletter.db") as store:
            left = {known.id for known in store.subscribers.known() if known.status is SubscriberStatus.UNSUBSCRIBED}
        print(f"killed with -9 after {len(answered)} answers: {len(answered - left)} of them lost")
        body = urlencode({"topics": f"1. {WORDS[0]} {WORDS[7]}\n   - Relevant: {' '.join(WORDS[3:600:60])}"})
        with served(folder) as (_, port):
            post(port, "/", body)
            alone = [post(port, "/", body)[1] for _ in range(5)]
            print(f"the page to try, {given.papers} papers, warm: {1000 * statistics.median(alone):.0f} ms")
            with ThreadPoolExecutor(given.visitors) as pool:
                start = time.perf_counter()
                tried = list(pool.map(lambda _: post(port, "/", body), range(5 * given.visitors)))
                told(f"{given.visitors} visitors at once", [s for status, s in tried if status == 200],
                     time.perf_counter() - start)  # fmt: skip


if __name__ == "__main__":
    main()
