"""What operating costs on a large service: status, the judge's figures, backup, restore.

    python bench/operations.py [READERS [DAYS]]      default: 10000 90

The database is filled by SQL with rows of the sizes that a service has: an edition of 20 papers, its send, and for the
last 30 days its message.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import zlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from newsletter.operations.backup import backup, restore
from newsletter.operations.status import today
from newsletter.store import Store

TODAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
PAPERS = 500
LISTED = 20
MESSAGE_DAYS = 30
FACTS: dict[str, object] = {
    "subscriber": "reader", "scorer": "local", "model": "", "fault": None,
    "totals": {"announced": 800, "scanned": 700, "candidates": 500, "relevant": 20},
    "usage": {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0},
    "cost": {"prompt": "0.00", "completion": "0.00", "total": "0.00"},
    "padding": "x" * 700,
}  # fmt: skip


def fill(store: Store, readers: int, days: int) -> None:
    """Readers, mailings, editions, sends."""
    message = zlib.compress(random.Random(1).randbytes(14_000), 1)
    store.database.utils.conn.execute("PRAGMA synchronous=OFF")
    store.database.utils.conn.execute("PRAGMA cache_size=-1000000")
    with store.database.writing() as db:
        run = db.conn.executemany
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
        with store.database.writing() as db:
            at = datetime.combine(day, datetime.min.time(), UTC).isoformat()
            db.conn.execute(
                "INSERT INTO mailings (key, source, date, status, fetched_at, covered) "
                "VALUES (?, 'arxiv', ?, 'complete', ?, ?)",
                [number + 1, str(day), at, '["cs.LG"]'],
            )
            db.conn.executemany(
                "INSERT INTO announcements (mailing_key, paper_key, type, categories, added_at) "
                "VALUES (?, ?, 'new', ?, ?)",
                [(number + 1, number * PAPERS + n + 1, '["cs.LG"]', at) for n in range(PAPERS)],
            )
            first = number * readers
            facts = json.dumps({**FACTS, "date": str(day), "mailings": [str(day)]})
            db.conn.executemany(
                "INSERT INTO editions (id, subscriber_id, date, kind, cadence, status, facts, frozen_at) "
                "VALUES (?, ?, ?, 'digest', 'daily', 'ok', ?, ?)",
                [(first + n, n, str(day), facts, at) for n in range(1, readers + 1)],
            )
            db.conn.executemany(
                "INSERT INTO edition_papers (subscriber_id, paper_key, edition_id, section, position) "
                "VALUES (?, ?, ?, 'listed', ?)",
                [
                    (n, number * PAPERS + (n * 7 + place * 23) % PAPERS + 1, first + n, place)
                    for n in range(1, readers + 1)
                    for place in range(LISTED)
                ],
            )
            kept = message if back < MESSAGE_DAYS else None
            db.conn.executemany(
                "INSERT INTO sends (id, edition_id, subscriber_id, address, state, created_at, changed_at, message) "
                "VALUES (?, ?, ?, ?, 'accepted', ?, ?, ?)",
                [
                    (f"s{first + n:09}", first + n, n, f"r{n:05}@example.org", at, at, kept)
                    for n in range(1, readers + 1)
                ],
            )


def timed(name: str, work: object) -> None:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    print(f"{name:34}{time.perf_counter() - started:9.2f} s", flush=True)


def main() -> None:
    readers, days = (int(a) for a in (*sys.argv[1:], *("10000", "90")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (home / "subscribers").mkdir(parents=True)
        (home / "newsletter.toml").touch()
        (home / "var").mkdir()
        path = home / "var" / "newsletter.db"
        with Store.open(path) as store:
            timed("filled", lambda: fill(store, readers, days))
            size = sum(file.stat().st_size for file in path.parent.iterdir()) / 1e9
            print(f"{readers} readers, {days} days: {size:.2f} GB")
            today(store, NOON)  # its imports
            timed("today() alone", lambda: today(store, NOON))
            timed("the judge's figures of a day", lambda: store.days.figures(TODAY, NOON))
            kept = Path(folder) / "kept"
            timed("backup, opened and checked", lambda: backup(home, store, kept, NOON, timedelta(days=30)))
            timed("restore", lambda: restore(home, next(kept.iterdir()), NOON))
        command = [sys.executable, "-m", "newsletter", "status"]
        environ = {**os.environ, "NEWSLETTER_HOME": str(home)}
        timed("newsletter status, as a process", lambda: subprocess.run(command, env=environ, check=True, stdout=-3))


if __name__ == "__main__":
    main()
