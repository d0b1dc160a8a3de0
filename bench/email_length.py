"""How long the emails are: words, bytes and phone screens over the reader-days of the shared evaluation.

    python bench/email_length.py [--screens]     NEWSLETTER_SHARED names the folder; --screens needs chromium and npm ci

Without a model: the local scorer's editions. With a model: the published scores and comments as the model's answers.
The lengths of phrases were chosen on every other day; what is reported of them is the other half.
Words are what white space separates in the HTML body, tags replaced by blanks; a screen is 667 pixels at 375.
"""

import gzip
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from lab import shared_folder  # noqa: E402

from newsletter.editions.assemble import assemble  # noqa: E402
from newsletter.editions.companions import companions  # noqa: E402
from newsletter.editions.due import Due  # noqa: E402
from newsletter.editions.selection import select  # noqa: E402
from newsletter.models.editions import Cadence, Candidates, Edition, Links, Totals  # noqa: E402
from newsletter.models.papers import Paper  # noqa: E402
from newsletter.models.scores import Commented, Pool, Reading, Score, Scored, Scores, Status, Usage  # noqa: E402
from newsletter.models.subscribers import Subscriber, TopicsFile, Wishes  # noqa: E402
from newsletter.rendering.templates import load_templates, render  # noqa: E402
from newsletter.scoring.similarity import Similarity  # noqa: E402
from newsletter.sources import origins  # noqa: E402
from newsletter.text.tex import displayed  # noqa: E402
from newsletter.topics.body import parse  # noqa: E402

LINKS = Links(*(f"https://news.example.org/{page}/c2FtcGxlLXRva2VuLW9ubHk" for page in ("u", "e", "p", "feed", "f")))
SCREEN = 667


def editions(folder: Path) -> dict[str, list[Edition]]:
    """Each reader-day, with and without a model."""
    found: dict[str, list[Edition]] = {"no model": [], "model": []}
    papers: dict[str, dict[str, Paper]] = {}
    with gzip.open(folder / "cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        for case in map(json.loads, lines):
            day = case["date"]
            if day not in papers:
                with gzip.open(folder / f"mailings/{day}.jsonl.gz", "rt", encoding="utf-8") as listed:
                    papers[day] = {paper.id: paper for paper in map(_paper, map(json.loads, listed))}
            file = parse((folder / "topics" / case["topics"]).read_bytes(), case["topics"])
            mine = tuple(papers[day][key] for key in case["candidates"])
            local, by_model = _editions(case, mine, file)
            found["no model"].append(local)
            found["model"].append(by_model)
    return found


def _editions(case: dict[str, Any], mine: tuple[Paper, ...], file: TopicsFile) -> tuple[Edition, Edition]:
    wishes = Wishes(email="reader@example.org", categories=tuple(case["categories"]))
    reader = Subscriber(1, "reader", wishes, file.topics)
    day = date.fromisoformat(case["date"])
    candidates = Candidates(mine, Totals(len(mine), len(mine), len(mine)))

    def composed(scores: Scores) -> Edition:
        chosen = select(wishes, candidates, scores, companions(mine), f"reader {day}")
        return assemble(
            reader, Due((day,), Cadence.DAILY), candidates, scores, chosen, Commented(chosen.papers), Status.OK
        )

    local = Similarity().score(Reading(reader, day, mine, Pool(mine)))
    labels = case["labels"]
    scored = tuple(_labelled(item, labels.get(item.paper.id)) for item in local.scored)
    by_model = composed(Scores(scored, "openai", "a-model"))
    return composed(local), replace(by_model, usage=Usage(40000, 20000, 6000))


def _labelled(item: Scored, label: dict[str, Any] | None) -> Scored:
    if label is None:
        return replace(item, score=Score(2, 2, item.score.topic), reason=None)
    score = Score(
        label["relevance"] or (7 if label["positive"] else 2),
        label["novelty"],
        item.score.topic,
        label["comment"] or "",
    )
    return replace(item, score=score, reason=None)


def _paper(row: dict[str, Any]) -> Paper:
    names = ("id", "title", "abstract", "primary_category")
    known = {name: row[name] for name in names}
    return displayed(
        Paper(**known, authors=tuple(row["authors"]), categories=tuple(row["categories"]), comment=row["comment"] or "")
    )


def words(html: str) -> int:
    body = re.sub(r"<!--.*?-->", " ", html[html.index("<body") :], flags=re.DOTALL)
    return len(re.sub(r"<[^>]*>", " ", body).split())


def screens(pages: list[str]) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{n:03}.html" for n in range(len(pages))]
        for file, page in zip(files, pages, strict=True):
            file.write_text(page, encoding="utf-8")
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        command = ["node", str(ROOT / "tests/peers/height.mjs"), str(chromium), *map(str, files)]
        heights = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return [height / SCREEN for height in heights]


def main(*, with_screens: bool) -> None:
    templates = load_templates(None, origins())
    print(f"{'':32}{'papers':>12}{'words':>14}{'bytes':>16}{'screens':>14}   median and maximum")
    for name, found in editions(shared_folder() / "eval").items():
        dates = sorted({each.date for each in found})
        halves = {"chosen on": dates[::2], "the others": dates[1::2]}
        for length, (half, days) in product(("brief", "page"), halves.items()):
            told = [replace(each, length=length) for each in found if each.papers and each.date in days]
            pages = [render(each, LINKS, templates).html for each in told]
            columns = [
                [len(each.papers) for each in told],
                [words(page) for page in pages],
                [len(page.encode()) for page in pages],
            ]
            line = "".join(f"{statistics.median(c):>8.0f}{max(c):>7}" for c in columns)
            if with_screens:
                high = screens(pages)
                line += f"{statistics.median(high):>8.1f}{max(high):>7.1f}"
            print(f"{name + ' ' + length + ', ' + half:28}{line}")


if __name__ == "__main__":
    main(with_screens="--screens" in sys.argv)
