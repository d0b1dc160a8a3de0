"""How long a morning takes where each call takes a second.

    python bench/model_speed.py [--readers 20] [--delay 1.0] [--concurrency 16]

Needs the shared folder (see lab.py). Runs `newsletter run` on a real mailing with the default settings, then one reader
alone. Exits 1 where the readers take longer than 1.3 x calls x delay / concurrency + 5 s, or where one reader alone is
more than three calls deep. What a call costs the processor: see model_cpu.py.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab import LISTING_DAY, Lab, shared_folder

from newsletter.store import Store

STARTING = 5.0  # seconds for everything that is no call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--delay", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--candidates", type=int, default=570)
    options = parser.parse_args()
    folder, missed = shared_folder(), []
    with Lab(folder, "--delay", str(options.delay)) as lab:
        took, used, calls, _ = a_morning(lab, folder, options.readers, options)
        bound = 1.3 * calls * options.delay / options.concurrency + STARTING
        print(f"{options.readers} readers, {options.candidates} candidates: {calls} calls of {options.delay} s")
        print(f"{took:.1f} s, at most {bound:.1f}; {used:.1f} s of processor, ranking, rendering and sending included")
        missed += ["the readers took too long"] if took > bound else []
        lab.reset()
        took, _, calls, deep = a_morning(lab, folder, 1, options)
        print(f"one reader alone: {calls} calls, {deep} deep, in {took:.1f} s")
        missed += ["one reader alone is more than three calls deep"] if deep > 3 else []
    for what in missed:
        print(f"MISSED: {what}")
    sys.exit(bool(missed))


def a_morning(lab: Lab, folder: Path, readers: int, options: argparse.Namespace) -> tuple[float, float, int, int]:
    """Seconds, seconds of processor, calls and their depth: one run over so many readers with topics of their own."""
    topics = (folder / "eval/topics/ml-foundations-v08.md").read_text(encoding="utf-8")
    front = "---\nemail: r{}@example.org\ncategories: [cs.LG, cs.AI, cs.CL, cs.CV]\n---\n\n"
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "subscribers").mkdir()
        (home / "newsletter.toml").write_text(f"[openai]\nconcurrency = {options.concurrency}\n", encoding="utf-8")
        (home / "mailing.jsonl").write_text(some(folder, options.candidates), encoding="utf-8")
        for number in range(readers):
            text = f"{front.format(number)}{topics}\nThis file is kept by reader number {number} of the benchmark.\n"
            (home / f"subscribers/reader{number}.md").write_text(text, encoding="utf-8")
        environment = {**os.environ, "NEWSLETTER_HOME": name, "OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": lab.url}
        command = [sys.executable, "-m", "newsletter", "run", "--listing", str(home / "mailing.jsonl"), "--json"]
        before, started = cpu(), time.monotonic()
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        took, used = time.monotonic() - started, cpu() - before
        if done.returncode:
            print(done.stderr)
        with Store.open(home / "var/newsletter.db") as store:
            calls = store.database.rows("SELECT at, latency_ms FROM charges ORDER BY at")
    return took, used, len(calls), depth([(datetime.fromisoformat(c["at"]), c["latency_ms"]) for c in calls])


def depth(calls: list[tuple[datetime, int]]) -> int:
    """The longest chain of calls (end, milliseconds) of which each began after the one before had ended."""
    chain, ended = 0, datetime.min.replace(tzinfo=UTC)
    for end, took in sorted(calls):
        if end - timedelta(milliseconds=took) >= ended:
            chain, ended = chain + 1, end
    return chain


def some(folder: Path, count: int) -> str:
    """So many papers of a real mailing, in the categories that the readers follow."""
    wanted = {"cs.LG", "cs.AI", "cs.CL", "cs.CV"}
    with gzip.open(folder / f"eval/mailings/{LISTING_DAY}.jsonl.gz", "rt", encoding="utf-8") as lines:
        chosen = [line for line in lines if wanted & set(json.loads(line)["categories"])]
    return "".join(chosen[:count])


def cpu() -> float:
    """Seconds of processor of the children that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
