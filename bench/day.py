"""A day for many subscribers: time, memory and disk of reading, composing and sending, by the real command.

    python bench/day.py [SUBSCRIBERS ...] [--against CHECKOUT] [--keep FOLDER]      default: 1000 10000

The mailing (700 papers) and the topics files are mixed from those of the demo, so that all topics differ.
Time of processors and memory are those of all processes: memory as its largest sum of proportional shares (PSS), by
samples. Exits 1 where something promised is not kept.

With --against, a checkout of another commit does the same day in the same run (for it, the last number of subscribers).
With --keep, homes stay in a folder, and what was done there is not done again: a day that was stopped goes on.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAPERS = 700
SECONDS = 0.009  # a reader at 10,000 readers, from new files to the outbox
IDLE_SECONDS = 3  # with nothing due
MEGABYTES = 600  # of all processes
TIMES = 3  # as fast as the other checkout
GROWTH = 1.3  # a reader's time among the most readers, by that among the fewest
STAGES = (
    ("read new topics files", ["subscribers", "list"]),
    ("compose (score, select, freeze)", ["run", "--listing", "{listing}", "--no-send"]),
    ("send (render, message, outbox)", ["run", "--listing", "{listing}"]),
    ("again (nothing is due)", ["run", "--listing", "{listing}"]),
)


def a_mailing(folder: Path, mix: random.Random) -> Path:
    """Papers whose abstracts are made of the demo's sentences."""
    demo = [json.loads(line) for line in (ROOT / "newsletter/demo/mailing.jsonl").read_text("utf-8").splitlines()]
    sentences = {paper["primary_category"]: [] for paper in demo}
    for paper in demo:
        sentences[paper["primary_category"]] += paper["abstract"].split(". ")
    lines = []
    for number in range(PAPERS):
        paper = mix.choice(demo)
        abstract = ". ".join(mix.choices(sentences[paper["primary_category"]], k=7))
        lines.append(json.dumps(paper | {"id": f"9912.{number:05}", "abstract": abstract}))
    path = folder / "mailing.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def subscribe(home: Path, count: int, mix: random.Random) -> None:
    """Topics files like those of the demo, each with a topic of its own words."""
    files = [(ROOT / "subscribers" / f"{slug}.md").read_text("utf-8") for slug in ("ada", "emmy", "rosalind")]
    words = sorted(set(re.findall(r"[a-z]{6,}", " ".join(files))))
    (home / "subscribers").mkdir(parents=True)
    (home / "newsletter.toml").touch()
    for number in range(count):
        slug = f"reader{number:05}"
        text = re.sub(r"email: .*", f"email: {slug}@example.org", mix.choice(files))
        own = f"9. {' '.join(mix.sample(words, 6))}\n\n**Keywords"
        (home / "subscribers" / f"{slug}.md").write_text(text.replace("**Keywords", own, 1), encoding="utf-8")


@dataclass(frozen=True)
class Stage:
    """What a command took: seconds, seconds of processors and MB of all its processes."""

    name: str
    seconds: float
    busy: float
    mb: float


def measured(name: str, home: Path, arguments: list[str], checkout: Path = ROOT) -> Stage:
    """What a command of a checkout takes."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", *arguments],
        env={**os.environ, "NEWSLETTER_HOME": str(home)},
        cwd=checkout,
        stdout=subprocess.DEVNULL,
    )
    busy: dict[int, float] = {}
    peak = 0.0
    while process.poll() is None:
        found = list(_family(process.pid))
        busy |= {pid: seconds for pid, seconds, _ in found}
        peak = max(peak, sum(mb for _, _, mb in found))
        time.sleep(0.25)
    if process.returncode:
        sys.exit(f"newsletter {' '.join(arguments)} ended with {process.returncode}")
    return Stage(name, time.perf_counter() - started, sum(busy.values()), peak)


def _family(pid: int) -> Iterator[tuple[int, float, float]]:
    """A process of Linux and its descendants: their ids, seconds of processor time and proportional MB."""
    process = Path("/proc") / str(pid)
    try:
        ticks = process.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
        shares = re.search(r"^Pss: +([0-9]+) kB", process.joinpath("smaps_rollup").read_text(), re.MULTILINE)
        children = [child for of in process.glob("task/*/children") for child in of.read_text().split()]
    except OSError:  # it ended, or this is not Linux
        return
    yield pid, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), int(shares[1]) / 1024 if shares else 0.0
    for child in children:
        yield from _family(int(child))


def day(count: int, folder: Path, checkout: Path = ROOT) -> list[Stage]:
    """The stages of a day, printed one by one; those that were done in this folder are taken from its record."""
    home, record = folder / "home", folder / "stages.json"
    listing = folder / "mailing.jsonl"
    if not listing.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        mix = random.Random(7)
        subscribe(home, count, mix)
        a_mailing(folder, mix)
    done = [Stage(**each) for each in json.loads(record.read_text())] if record.is_file() else []
    for name, arguments in STAGES[len(done) :]:
        filled = [argument.format(listing=listing) for argument in arguments]
        done.append(measured(name, home, filled, checkout))
        record.write_text(json.dumps([asdict(stage) for stage in done]))
    for stage in done:
        each = f"{1000 * stage.seconds / count:>9.2f}{1000 * stage.busy / count:>9.2f}"
        print(f"{count:>11}  {stage.name:35}{stage.seconds:>8.1f}{each}{stage.mb:>9.0f}", flush=True)
    emails = sum(1 for _ in (home / "var" / "outbox").rglob("*.eml"))
    if emails != count:
        sys.exit(f"{emails} emails for {count} subscribers")
    size = sum(file.stat().st_size for file in (home / "var").glob("newsletter.db*")) / 1e6
    total = sum(stage.seconds for stage in done[:-1])
    print(f"{count:>11}  {'all, to the outbox':35}{total:>8.1f}{1000 * total / count:>9.2f}   database {size:.0f} MB")
    return done


def broken(days: dict[int, list[Stage]], other: list[Stage] | None) -> Iterator[str]:
    """What is promised and was not kept."""
    each = {count: sum(stage.seconds for stage in stages[:-1]) / count for count, stages in days.items()}
    most, fewest = max(each), min(each)
    if most >= 10_000 and each[most] > SECONDS:
        yield f"{1000 * each[most]:.1f} ms a subscriber, promised {1000 * SECONDS:.0f}"
    if (idle := days[most][-1].seconds) > IDLE_SECONDS * max(1, most / 10_000):
        yield f"{idle:.1f} s with nothing due"
    if (peak := max(stage.mb for stages in days.values() for stage in stages)) > MEGABYTES:
        yield f"{peak:.0f} MB, promised {MEGABYTES}"
    if each[most] > GROWTH * each[fewest]:
        yield f"{each[most] / each[fewest]:.2f} times the time a subscriber among {most} as among {fewest}"
    if other and (times := sum(stage.seconds for stage in other[:-1]) / (each[most] * most)) < TIMES:
        yield f"{times:.1f} times as fast as the other checkout, promised {TIMES}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("subscribers", nargs="*", type=int, default=[1000, 10_000])
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    print(f"{'subscribers':>11}  {'stage':34}{'seconds':>9}{'ms each':>9}{'CPU ms':>9}{'peak MB':>9}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        days = {count: day(count, folder / str(count)) for count in given.subscribers}
        other = None
        if given.against:
            print(f"{'':11}  {given.against}")
            other = day(given.subscribers[-1], folder / "other", given.against.resolve())
    said = list(broken(days, other))
    for sentence in said:
        print(f"not kept: {sentence}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
