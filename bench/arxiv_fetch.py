"""What a fetch costs: requests, bytes, time and memory; without pauses, on this machine.

A usual day in all 149 categories, the same with two papers in no list, a catch-up of five past days and today.

The server of the tests runs in a process of its own, `newsletter fetch` in another. Run: python bench/arxiv_fetch.py
"""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))

from newsletter.sources.arxiv.calendar import FRIDAY  # noqa: E402 - the checkout's own package and tests
from newsletter.sources.arxiv.categories import ARCHIVES, CATEGORIES  # noqa: E402
from tests.arxiv_desk import WEDNESDAY, new_york  # noqa: E402
from tests.arxiv_server import Announced, FakeArxiv, Reply  # noqa: E402
from tests.builders import a_topics_file  # noqa: E402

NEW, REPLACED = 1500, 1000  # papers a day
NOW = new_york(WEDNESDAY)
DAYS = [day for n in range(1, 8) if (day := WEDNESDAY - timedelta(days=n)).weekday() <= FRIDAY][::-1]
MEMORY_AT_MOST = 200  # MB
WORDS = "we show that moss on stones grows along $x<y$ & the wind of the north in a new bound of the colour".split()


def a_day(day: date, first: int, chance: random.Random) -> list[Announced]:
    """New papers in one to three categories, abstracts of the usual length, and replacements."""
    names = sorted(CATEGORIES)

    def paper(paper_id: str, version: int = 1) -> Announced:
        return Announced(
            day,
            paper_id,
            tuple(chance.sample(names, chance.randint(1, 3))),
            version=version,
            kind="new" if version == 1 else "replace",
            abstract=" ".join(chance.choices(WORDS, k=230)),
            authors=tuple(f"Ada {n} Winter" for n in range(chance.randint(1, 12))),
        )

    new = [paper(f"2611.{first + n:05}") for n in range(NEW)]
    return [*new, *(paper(f"2609.{first + n:05}", version=2) for n in range(REPLACED))]


def serve(hidden: int) -> None:
    """Serves until the parent is gone; /count says what was asked for. So many of today's papers stand in no list."""
    chance = random.Random(1)
    papers = [p for n, day in enumerate([*DAYS, WEDNESDAY]) for p in a_day(day, n * NEW + 1, chance)]
    lost = {p.id for p in papers if p.day == WEDNESDAY and p.kind == "new"}
    sent = Counter[str]()

    def door(path: str) -> str:
        parts = urlsplit(path)
        return parse_qs(parts.query).get("verb", [parts.path.strip("/").split("/")[0]])[0]

    class Counting(FakeArxiv):
        def answer(self, path: str) -> Reply:
            if path == "/count":
                return Reply("\n".join(f"{name}\t{count}" for name, count in sent.items()).encode())
            reply = super().answer(path)
            sent[f"{door(path)} requests"] += 1
            sent[f"{door(path)} kB"] += len(reply.body) // 1024
            return reply

    with Counting(papers, lambda: NOW) as server:
        server.hidden_from = {place: set(sorted(lost)[:hidden]) for place in ("feed", "listing")}
        print(server.url, flush=True)
        sys.stdin.read()


def measured(name: str, *asked: str, hidden: int = 0, categories: Iterable[str]) -> None:
    """Prints what one fetch of a new home costs."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, __file__, "serve", str(hidden)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        assert server.stdout
        assert server.stdin
        url = server.stdout.readline().strip()
        home = Path(folder)
        (home / "subscribers").mkdir()
        (home / "newsletter.toml").touch()
        front = f"[{', '.join(sorted(categories))}]"
        (home / "subscribers" / "ada.md").write_text(a_topics_file("ada", categories=front), encoding="utf-8")
        doors = {"FEED_URL": "/rss", "OAI_URL": "/oai", "API_URL": "/api/query", "LISTING_URL": ""}
        environment = {**os.environ, "NEWSLETTER_HOME": folder, "NEWSLETTER_ARXIV__DELAY_SECONDS": "0"}
        environment |= {f"NEWSLETTER_ARXIV__{key}": f"{url}{path}" for key, path in doors.items()}

        command = [sys.executable, "-m", "tests.pinned", NOW.isoformat(), "fetch", *asked]
        print(f"## {name}", flush=True)
        started = time.perf_counter()
        subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
        print(f"{time.perf_counter() - started:.1f} s; " + ", ".join(f"{c} {n}" for n, c in counts(url).items()))
        server.stdin.close()


def counts(url: str) -> Counter[str]:
    """What was asked for so far."""
    lines = urlopen(f"{url}/count").read().decode().splitlines()
    return Counter({name: int(count) for name, _, count in (line.partition("\t") for line in lines)})


def main() -> None:
    measured("a day, all categories", categories=ARCHIVES)
    measured("a day, two papers in no list, all categories", hidden=2, categories=ARCHIVES)
    measured(
        "five past days and today, three categories", "--since", str(DAYS[0]), categories=("cs.LG", "math.CO", "hep-th")
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2)
    print(f"largest process: {peak} MB (at most {MEMORY_AT_MOST})")
    sys.exit(peak > MEMORY_AT_MOST)


if __name__ == "__main__":
    serve(int(sys.argv[2])) if sys.argv[1:2] == ["serve"] else main()
