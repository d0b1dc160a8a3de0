"""How long a day of all 149 categories takes, how much memory, how many requests; without pauses, on this machine.

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
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))

from newsletter.sources.arxiv.categories import ARCHIVES, CATEGORIES  # noqa: E402 - the checkout's own package and tests
from tests.arxiv_desk import WEDNESDAY, new_york  # noqa: E402
from tests.arxiv_server import Announced, FakeArxiv, Reply  # noqa: E402
from tests.builders import a_topics_file  # noqa: E402

PAPERS = 1500
NOW = new_york(WEDNESDAY)
MEMORY_AT_MOST = 200  # MB


def a_day(chance: random.Random) -> list[Announced]:
    """1,500 new papers in one to three categories, abstracts of the usual length, and 1,000 replacements."""
    names = sorted(CATEGORIES)
    words = "we show that moss on stones grows along $x<y$ & the wind of the north in a new bound of the colour".split()

    def paper(number: int, **fields: object) -> Announced:
        text = " ".join(chance.choices(words, k=230))
        found = tuple(chance.sample(names, chance.randint(1, 3)))
        authors = tuple(f"Ada {n} Winter" for n in range(chance.randint(1, 12)))
        return Announced(
            WEDNESDAY, f"{fields.pop('month', '2611')}.{number:05}", found, abstract=text, authors=authors, **fields
        )  # type: ignore[arg-type]

    new = [paper(number) for number in range(1, PAPERS + 1)]
    before = [Announced(WEDNESDAY - timedelta(days=1), f"2610.{n:05}") for n in range(1, 1000)]
    return [*before, *new, *(paper(n, month="2609", version=2, kind="replace") for n in range(1, 1001))]


def serve() -> None:
    """Serves until the parent is gone; /count says what was asked for."""

    class Counting(FakeArxiv):
        def answer(self, path: str) -> Reply:
            if path == "/count":
                doors = Counter(request.split("?")[0].strip("/").split("/")[0] for request in self.requests[:-1])
                return Reply(repr(dict(doors)).encode())
            return super().answer(path)

    with Counting(a_day(random.Random(1)), lambda: NOW) as server:
        print(server.url, flush=True)
        sys.stdin.read()


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        assert server.stdout
        assert server.stdin
        url = server.stdout.readline().strip()
        home = Path(folder)
        (home / "subscribers").mkdir()
        (home / "newsletter.toml").touch()
        everything = f"[{', '.join(sorted(ARCHIVES))}]"
        (home / "subscribers" / "ada.md").write_text(a_topics_file("ada", categories=everything), encoding="utf-8")
        doors = {"FEED_URL": "/rss", "OAI_URL": "/oai", "API_URL": "/api/query", "LISTING_URL": ""}
        environment = {**os.environ, "NEWSLETTER_HOME": folder, "NEWSLETTER_ARXIV__DELAY_SECONDS": "0"}
        environment |= {f"NEWSLETTER_ARXIV__{key}": f"{url}{path}" for key, path in doors.items()}
        command = [sys.executable, "-m", "tests.pinned", NOW.isoformat(), "fetch"]
        for name in ("first", "again, unchanged"):
            asked = [*command, "--date", str(WEDNESDAY)]
            started = time.perf_counter()
            subprocess.run(asked, cwd=REPOSITORY, env=environment, check=True)
            print(f"{name}: {time.perf_counter() - started:.1f} s")
            print(f"  requests so far: {urlopen(f'{url}/count').read().decode()}")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2)
        print(f"peak memory of the fetch: {peak} MB (at most {MEMORY_AT_MOST})")
        server.stdin.close()
    sys.exit(peak > MEMORY_AT_MOST)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
