"""A day for many subscribers: time and peak memory of composing and of sending to the outbox, by the real command.

    python bench/day.py [SUBSCRIBERS ...]      default: 1000 10000

The mailing (700 papers) and the topics files are mixed from those of the demo, so that all topics differ.
Peak memory is the process's largest resident set as the kernel reports it; it must not grow with the subscribers.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAPERS = 700
MB_LIMIT = 400


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


def measured(home: Path, *arguments: str) -> tuple[float, float, float]:
    """Seconds, seconds of processor time and peak MB of a command."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", *arguments],
        env={**os.environ, "NEWSLETTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"newsletter {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit


def main() -> None:
    print(f"{'subscribers':>11}  {'stage':34}{'seconds':>9}{'ms each':>9}{'CPU ms':>9}{'peak MB':>9}")
    for count in [int(argument) for argument in sys.argv[1:]] or [1000, 10_000]:
        mix = random.Random(7)
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            subscribe(home, count, mix)
            listing = str(a_mailing(Path(folder), mix))
            peak = 0.0
            day = ["run", "--listing", listing]
            for stage, arguments in (
                ("read new topics files, once", ["subscribers", "list"]),
                ("compose (score, select, freeze)", [*day, "--no-send"]),
                ("send (render, message, outbox)", day),
                ("again (nothing is due)", day),
            ):
                seconds, busy, mb = measured(home, *arguments)
                peak = max(peak, mb)
                each = f"{1000 * seconds / count:>9.1f}{1000 * busy / count:>9.1f}"
                print(f"{count:>11}  {stage:35}{seconds:>8.1f}{each}{mb:>9.0f}", flush=True)
            emails = sum(1 for _ in (home / "var" / "outbox").rglob("*.eml"))
            if emails != count or peak > MB_LIMIT:
                sys.exit(f"{emails} emails for {count} subscribers, {peak:.0f} MB (at most {MB_LIMIT})")


if __name__ == "__main__":
    main()
