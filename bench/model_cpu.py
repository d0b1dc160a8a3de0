"""Processor time of one call through the scorer, next to a bare call of the openai client with the same request.

    python bench/model_cpu.py [--readers 200] [--lanes 4]

Needs the shared folder (see lab.py). Planning, accounts and saving are all in ours; the local ranking is measured apart
(ranking.py), here every paper has a rank by its place. Exits 1 above 8 ms.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import cost
import openai
from lab import LISTING_DAY, Lab, shared_folder

from newsletter.models.scores import Commented, Reading, Score, Scored, Scores
from newsletter.scoring.model.client import OpenAISettings, Post, Posted
from newsletter.sources import mailing_file

SAMPLE = 1000
MS_A_CALL = 8.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--lanes", type=int, default=4)
    options = parser.parse_args()
    folder = shared_folder()
    topics = (folder / "eval/topics/ml-foundations-v08.md").read_text(encoding="utf-8")
    read = mailing_file.read(folder / f"eval/mailings/{LISTING_DAY}.jsonl.gz", datetime.now(UTC).date())
    chosen = tuple(a for a in read.mailing.announcements if cost.CATEGORIES & set(a.paper.categories))
    requests: list[dict[str, Any]] = []
    calls = 0
    connect = cost.connect

    def listening(settings: OpenAISettings, key: str, url: str) -> Post:
        post = connect(settings, key, url)

        def posted(body: dict[str, Any]) -> Posted:
            nonlocal calls
            calls += 1
            if len(requests) < SAMPLE:
                requests.append(body)
            return post(body)

        return posted

    cost.connect = listening
    cost.Similarity = ByPlace
    with Lab(folder) as lab:
        cost.ours(lab, chosen, topics, 1, 1)  # imports are not a call's
        requests.clear()
        calls, started = 0, time.process_time()
        cost.ours(lab, chosen, topics, options.readers, options.lanes)
        ours = (time.process_time() - started) / calls
        client = openai.OpenAI(api_key="sk-bench", base_url=lab.url, max_retries=0)
        started = time.process_time()
        with ThreadPoolExecutor(options.lanes) as pool:
            list(pool.map(lambda body: client.chat.completions.create(**body), requests))
        bare = (time.process_time() - started) / len(requests)
    print(f"{calls} calls: ours {1000 * ours:.2f} ms, bare {1000 * bare:.2f} ms, {ours / bare:.2f} times")
    sys.exit(1000 * ours > MS_A_CALL)


class ByPlace:
    """A local ranking that costs nothing."""

    def plan(self, readings: Iterable[Reading]) -> None:
        """Nothing is shared."""

    def score(self, reading: Reading) -> Scores:
        """The papers in the order of their ids' digits, turned around."""
        return Scores(tuple(Scored(p, Score(1, local=float(f"0.{p.id[:4:-1]}"))) for p in reading.papers), "local")

    def comment(self, reading: Reading, shown: Sequence[Scored]) -> Commented:  # noqa: ARG002 - it has none
        """No comments."""
        return Commented(tuple(shown))


if __name__ == "__main__":
    main()
