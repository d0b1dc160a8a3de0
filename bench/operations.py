"""What operating costs on a large service: upgrade, status, the judge's figures, backup during a run, restore.

    python bench/operations.py [READERS [DAYS [MESSAGES [FOLDER]]]]      default: 10000 90 30 and a folder of /tmp

The database is one of the first release, filled by SQL with rows of the sizes that a service has: an edition of 20
papers, its send, and for the last MESSAGES days its message. Then it is upgraded. Backup and restore need its size
twice again. Seconds are those of the wall; beside them processor time, which a busy machine does not change.
"""

import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from newsletter.operations.backup import backup, restore
from newsletter.operations.status import today
from newsletter.store import Store
from newsletter.store.migrations import m001_first_release

TODAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
PAPERS = 500
LISTED = 20
FACTS: dict[str, object] = {
    "subscriber": "reader", "scorer": "local", "model": "", "fault": None,
    "totals": {"announced": 800, "scanned": 700, "candidates": 500, "relevant": 20},
    "usage": {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0},
    "cost": {"prompt": "0.00", "completion": "0.00", "total": "0.00"},
    "padding": "x" * 700,
}  # fmt: skip


def first_release(path: Path) -> Database:
    """An empty database as the first release made it."""
    made = Database(path)
    steps = Migrations("newsletter")
    for name in sorted(vars(m001_first_release)):
        if name.startswith("m00"):
            steps()(getattr(m001_first_release, name))
    steps.apply(made)
    return made


def fill(made: Database, readers: int, days: int, message_days: int) -> None:
    """Readers, mailings, editions, sends."""
    message = zlib.compress(random.Random(1).randbytes(14_000), 1)
    made.conn.execute("PRAGMA journal_mode=WAL")
    made.conn.execute("PRAGMA synchronous=OFF")
    made.conn.execute("PRAGMA cache_size=-500000")
    with made.conn as db:
        run = db.executemany
        run(
            "INSERT INTO subscribers (id, slug, email, status, status_at, created_at) VALUES (?, ?, ?, 'active', ?, ?)",
            [
                (n, f"r{n:05}", f"r{n:05}@example.org", NOON.isoformat(), NOON.isoformat())
                for n in range(1, readers + 1)
            ],
        )
        run(
            """
            INSERT INTO papers (source, id, version, title, authors, abstract, shown_title, shown_authors,
                shown_abstract, categories, primary_category, comment, doi, journal_ref)
            VALUES ('arxiv', ?, 1, 't', '[]', ?, 't', '[]', ?, '["cs.LG"]', 'cs.LG', '', '', '')
            """,
            [(f"26.{n:06}", "x" * 1200, "x" * 1200) for n in range(days * PAPERS)],
        )
    for back in range(days - 1, -1, -1):
        day = TODAY - timedelta(days=back)
        number = days - 1 - back
        with made.conn as db:
            at = datetime.combine(day, datetime.min.time(), UTC).isoformat()
            db.execute(
                "INSERT INTO mailings (key, source, date, status, fetched_at, covered) "
                "VALUES (?, 'arxiv', ?, 'complete', ?, ?)",
                [number + 1, str(day), at, '["cs.LG"]'],
            )
            db.executemany(
                "INSERT INTO announcements (mailing_key, paper_key, type, categories, added_at) "
                "VALUES (?, ?, 'new', ?, ?)",
                [(number + 1, number * PAPERS + n + 1, '["cs.LG"]', at) for n in range(PAPERS)],
            )
            first = number * readers
            facts = json.dumps({**FACTS, "date": str(day), "mailings": [str(day)]})
            db.executemany(
                "INSERT INTO editions (id, subscriber_id, date, kind, cadence, status, facts, frozen_at) "
                "VALUES (?, ?, ?, 'digest', 'daily', 'ok', ?, ?)",
                [(first + n, n, str(day), facts, at) for n in range(1, readers + 1)],
            )
            db.executemany(
                "INSERT INTO edition_papers (subscriber_id, paper_key, edition_id, section, position) "
                "VALUES (?, ?, ?, 'listed', ?)",
                [
                    (n, number * PAPERS + (n * 7 + place * 23) % PAPERS + 1, first + n, place)
                    for n in range(1, readers + 1)
                    for place in range(LISTED)
                ],
            )
            kept = message if back < message_days else None
            db.executemany(
                "INSERT INTO sends (id, edition_id, subscriber_id, address, state, created_at, changed_at, message) "
                "VALUES (?, ?, ?, ?, 'accepted', ?, ?, ?)",
                [
                    (f"s{first + n:09}", first + n, n, f"r{n:05}@example.org", at, at, kept)
                    for n in range(1, readers + 1)
                ],
            )


def timed(name: str, work: Callable[[], object]) -> None:
    started, used = time.perf_counter(), time.process_time()
    work()
    took, used = time.perf_counter() - started, time.process_time() - used
    print(f"{name:42}{took:8.2f} s, processor {used:8.2f} s", flush=True)


def glance(home: Path, *command: str) -> None:
    """The fastest of five processes: wall, and processor time of user and system."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"NEWSLETTER_HOME": str(home), "PYTHONPYCACHEPREFIX": str(home.parent / "compiled")}  # as if installed
    best = []
    for _ in range(5):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        best.append((took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    took, used = (min(column) for column in zip(*best, strict=True))
    print(f"{' '.join(command[1:]):42}{took:8.2f} s, processor {used:8.2f} s", flush=True)


def upgrade(path: Path) -> None:
    with Store.open(path):
        pass


def rows(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as db:
        tables = ("subscribers", "papers", "editions", "edition_papers", "sends")
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


class Run(threading.Thread):
    """A run beside a backup: it moves a send on, again and again."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self._store, self.over, self.moves, self.longest = store, threading.Event(), 0, 0.0

    def run(self) -> None:
        while not self.over.wait(0.02):
            started = time.perf_counter()
            with self._store.database.writing() as db:
                db.conn.execute("UPDATE sends SET detail = ? WHERE id = 's000000001'", [str(self.moves)])
            self.moves, self.longest = self.moves + 1, max(self.longest, time.perf_counter() - started)


def main() -> None:
    given = sys.argv[1:]
    readers, days, messages = (int(a) for a in (*given[:3], *("10000", "90", "30")[len(given[:3]) :]))
    with tempfile.TemporaryDirectory(dir=given[3] if len(given) > 3 else None) as folder:
        home = Path(folder) / "home"
        (home / "subscribers").mkdir(parents=True)
        (home / "newsletter.toml").touch()
        (home / "var").mkdir()
        path = home / "var" / "newsletter.db"
        made = first_release(path)
        timed("filled", lambda: fill(made, readers, days, messages))
        made.close()
        before = rows(path)
        print(f"{readers} readers, {days} days, messages of {messages}: {path.stat().st_size / 1e9:.2f} GB, {before}")
        upgrade(Path(folder) / "empty.db")  # its imports
        timed("upgraded from the first release", lambda: upgrade(path))
        assert rows(path) == before, "an upgrade keeps all rows"
        with Store.open(path) as store:
            today(store, NOON)  # its imports
            timed("today() alone", lambda: today(store, NOON))
            timed("the judge's figures of a day", lambda: store.days.figures(TODAY, NOON))
            timed("a run counts the last days' mail", lambda: store.sends.counts(NOON - timedelta(days=7)))
            timed("a run looks for old messages", lambda: store.sends.drop_messages(NOON - timedelta(days=days)))
            kept = Path(folder) / "kept"
            kept.mkdir()
            beside = Run(store)
            beside.start()
            timed(
                "backup during a run, opened and checked", lambda: backup(home, store, kept, NOON, timedelta(days=30))
            )
            beside.over.set()
            beside.join()
            print(f"{'':42}{beside.moves} transactions beside it, the longest {beside.longest:.2f} s")
            (made_backup,) = kept.iterdir()
            assert rows(made_backup / "newsletter.db") == before, "a backup has all rows"
        timed("restore", lambda: restore(home, made_backup, NOON))
        assert rows(path) == before, "a restore brings all rows"
        glance(home, sys.executable, "-m", "newsletter", "status")
        glance(home, sys.executable, "-m", "newsletter", "--help")
        glance(home, sys.executable, "-c", "import typer, pydantic, sqlite_utils")


if __name__ == "__main__":
    main()
