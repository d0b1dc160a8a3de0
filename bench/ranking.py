"""How well and how fast the local ranking is: per reader, by steps as paired differences, on other fields, speed.

    python bench/ranking.py FOLDER [--speed]      FOLDER: mailings/*.jsonl.gz, topics/*.md, cases.jsonl.gz

A case names a mailing, a topics file, its candidates and their labels. Each day is ranked with what was known before:
the papers of five earlier mailings, and for `learned` five earlier days of the same reader's labels. The two readers
whose digests were filtered by author are left out. An interval is that of 2,000 bootstrap draws over reader-days.
Where FOLDER has authors.py, the next papers of authors are looked for by their earlier ones.
"""

import gzip
import importlib.util
import json
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from newsletter.models.papers import Paper
from newsletter.models.subscribers import Subscriber, Topics, Wishes
from newsletter.scoring import ranking, similarity
from newsletter.scoring.features import Corpus, corpus
from newsletter.scoring.learned import Learned
from newsletter.scoring.past import taught
from newsletter.scoring.remembered import Judged
from newsletter.scoring.strength import KNOWN_AT_LEAST
from newsletter.text.tex import displayed
from newsletter.topics.body import parse

FILTERED = {"embodied-vlm", "vision-mllm-video"}
DAYS = 5
LEAST_FOREIGN = 20  # papers of the other field
# Each step has what the ones before have; a weight of 0 leaves a part out.
STEPS: tuple[tuple[str, dict[str, float]], ...] = (
    ("words", {"MEANING_WEIGHT": 0.0, "FEEDBACK_WEIGHT": 0.0}),
    ("+ meaning", {"FEEDBACK_WEIGHT": 0.0}),
    ("+ feedback", {}),
)


def main(folder: Path, *, speed: bool) -> None:
    days = {path.name[:10]: papers(path) for path in sorted((folder / "mailings").glob("*.jsonl.gz"))}
    started = time.perf_counter()
    corpora = {day: corpus(found, before(days, day)) for day, found in days.items()}
    print(f"features of a day and its archive: {(time.perf_counter() - started) / len(days):.1f} s")
    cases = list(read_cases(folder))
    table: dict[str, dict[tuple[str, str], float]] = {}
    for name, weights in STEPS:
        with_weights(weights, lambda name=name: table.setdefault(name, measured(cases, days, corpora, learning=False)))
    table["+ learned"] = measured(cases, days, corpora, learning=True)
    report(table)
    for learning in (False, True):
        silence(cases, days, corpora, learning=learning)
    if (folder / "authors.py").is_file():
        by_authors(folder, corpora)
    if speed:
        how_fast(cases, days, corpora)
    print(f"resident at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def with_weights(weights: dict[str, float], work: Callable[[], Any]) -> None:
    kept = {name: getattr(ranking, name) for name in weights}
    for name, value in weights.items():
        setattr(ranking, name, value)
    try:
        work()
    finally:
        for name, value in kept.items():
            setattr(ranking, name, value)


def papers(path: Path) -> list[Paper]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [
            displayed(
                Paper(p["id"], p["title"], (), p["abstract"] or "", tuple(p["categories"]), p["primary_category"] or "")
            )
            for p in map(json.loads, lines)
        ]


def before(days: dict[str, list[Paper]], day: str) -> list[Paper]:
    return [paper for earlier in [d for d in days if d < day][-DAYS:] for paper in days[earlier]]


def read_cases(folder: Path) -> Iterator[tuple[dict[str, Any], str, Subscriber]]:
    with gzip.open(folder / "cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = sorted(map(json.loads, lines), key=lambda case: case["date"])
    for case in found:
        reader = re.sub(r"(-v\d+)?\.md$", "", case["topics"])
        if reader not in FILTERED and any(label["positive"] for label in case["labels"].values()):
            path = folder / "topics" / case["topics"]
            yield case, reader, a_reader(parse(path.read_bytes(), path.name).topics)


def a_reader(topics: Topics) -> Subscriber:
    return Subscriber(0, "reader", Wishes(), topics)


def measured(
    cases: Sequence[tuple[dict[str, Any], str, Subscriber]],
    days: dict[str, list[Paper]],
    corpora: dict[str, Corpus],
    *,
    learning: bool,
) -> dict[tuple[str, str], float]:
    """Average precision by reader and day; while learning, of days that have an earlier one."""
    past: dict[str, list[list[Judged]]] = defaultdict(list)
    found = {}
    for case, reader, subscriber in cases:
        known, chosen = corpora[case["date"]], candidates(case, days)
        known_past = [said for day in past[reader][-DAYS:] for said in day] if learning else []
        if known_past or not learning:
            near = nearness(subscriber, known.rows(chosen), known, taught(known_past, known))
            hits = [is_positive(case, chosen[place]) for place in np.argsort(-near.value, kind="stable")]
            found[reader, case["date"]] = average_precision(hits)
        past[reader].append([Judged(paper, grade(case, paper)) for paper in chosen])
    return found


def nearness(
    subscriber: Subscriber, rows: Sequence[int], known: Corpus, learned: Learned | None = None
) -> ranking.Nearness:
    return asked([subscriber], rows, known, learned)[0]


def asked(
    readers: Sequence[Subscriber], rows: Sequence[int], known: Corpus, learned: Learned | None = None
) -> list[ranking.Nearness]:
    places, boost = np.array(rows, np.intp), np.zeros(len(rows), np.float32)
    of = ranking.wanted([reader.topics for reader in readers], known)
    return ranking.nearness([ranking.Asked(each, places, boost, learned) for each in of], known)


def candidates(case: dict[str, Any], days: dict[str, list[Paper]]) -> list[Paper]:
    wanted = set(case["candidates"])
    return [paper for paper in days[case["date"]] if paper.id in wanted]


def is_positive(case: dict[str, Any], paper: Paper) -> bool:
    return bool(case["labels"].get(paper.id, {}).get("positive"))


def grade(case: dict[str, Any], paper: Paper) -> int:
    return int(case["labels"].get(paper.id, {}).get("relevance") or 1)


def average_precision(hits: Sequence[bool]) -> float:
    places = [place for place, hit in enumerate(hits, 1) if hit]
    return sum(n / place for n, place in enumerate(places, 1)) / len(places) if places else 0.0


def report(table: dict[str, dict[tuple[str, str], float]]) -> None:
    readers = sorted({reader for reader, _ in table["words"]})
    print(f"\n{'AP':14}{'mean':>8}" + "".join(f"{reader[:20]:>22}" for reader in readers))
    for name, rows in table.items():
        means = [np.mean([v for (who, _), v in rows.items() if who == reader]) for reader in readers]
        print(f"{name:14}{np.mean(means):8.3f}" + "".join(f"{mean:22.3f}" for mean in means))
    draws = np.random.default_rng(0)
    names = list(table)
    for one, other in pairwise(names):
        shared = sorted(table[one].keys() & table[other].keys())
        gain = np.array([table[other][key] - table[one][key] for key in shared])
        means = draws.choice(gain, (2000, len(gain))).mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        print(f"{other:14} against {one:12} {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}] over {len(gain)} reader-days")


def silence(
    cases: Sequence[tuple[dict[str, Any], str, Subscriber]],
    days: dict[str, list[Paper]],
    corpora: dict[str, Corpus],
    *,
    learning: bool,
) -> None:
    """How many papers pass the default threshold: of the other field, and of a reader's own candidates."""
    past: dict[str, list[list[Judged]]] = defaultdict(list)
    foreign, own, recall = [], defaultdict(list), defaultdict(list)
    for case, reader, subscriber in cases:
        known, chosen = corpora[case["date"]], candidates(case, days)
        known_past = [said for day in past[reader][-DAYS:] for said in day] if learning else []
        past[reader].append([Judged(paper, grade(case, paper)) for paper in chosen])
        if known.archived < KNOWN_AT_LEAST or (learning and not known_past):
            continue
        passing = passed(subscriber, chosen, known, known_past)
        hits = [is_positive(case, paper) for paper in chosen]
        own[reader].append(sum(passing) / max(15, 1.5 * sum(hits)))
        recall[reader].append(sum(p and h for p, h in zip(passing, hits, strict=True)) / sum(hits))
        is_astro = any(c.startswith("astro-ph") for c in chosen[0].categories)
        others = [p for p in days[case["date"]] if any(c.startswith("astro-ph") for c in p.categories) is not is_astro]
        if len(others) >= LEAST_FOREIGN:
            foreign.append(sum(passed(subscriber, others, known, known_past)))
    name = "with a past" if learning else "without a past"
    print(f"\n{name}: other field: {np.mean(foreign):.2f} papers an edition over {len(foreign)}")
    for reader in own:
        print(
            f"{reader:30} {np.mean(recall[reader]):.2f} of the positives pass; "
            f"a list is {np.median(own[reader]):.2f} of max(15, 1.5 x positives) in the median"
        )


def passed(subscriber: Subscriber, chosen: Sequence[Paper], known: Corpus, past: Sequence[Judged]) -> list[bool]:
    scores = similarity.score([similarity.Ask(subscriber, chosen, past)], known)[0]
    return [scored.score.relevance >= subscriber.wishes.min_relevance for scored in scores.scored]


def by_authors(folder: Path, corpora: dict[str, Corpus]) -> None:
    """Where the next paper of each author stands when the earlier ones are the topics."""
    spec = importlib.util.spec_from_file_location("authors", folder / "authors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    places = []
    for _, topics, day, wanted in module.cases(folder):
        known = corpora[day]
        near = nearness(a_reader(parse(topics.encode(), "topics.md").topics), range(len(known.papers)), known)
        order = [known.papers[place].id for place in np.argsort(-near.value, kind="stable")]
        places.append(min(order.index(found) + 1 for found in wanted))
    found = np.array(places)
    print(f"\n{len(found)} authors: MRR {np.mean(1 / found):.3f}, in the best ten {np.mean(found <= 10):.3f}")


def how_fast(
    cases: Sequence[tuple[dict[str, Any], str, Subscriber]], days: dict[str, list[Paper]], corpora: dict[str, Corpus]
) -> None:
    case, reader, subscriber = cases[-1]
    known = corpora[case["date"]]
    rows = list(range(min(700, len(known.papers))))
    started = time.process_time()
    for _ in range(4):
        asked(50 * [subscriber], rows, known)
    print(f"\n10,000 readers x {len(rows)} papers, cold: {(time.process_time() - started) * 50:.1f} s (from 200)")
    earlier = [found for found in cases[:-1] if found[1] == reader][-DAYS:]
    past = [Judged(paper, grade(one, paper)) for one, *_ in earlier for paper in candidates(one, days)]
    started = time.process_time()
    for _ in range(20):
        taught(past, known)
    print(
        f"10,000 readers learned anew from {len(past)} papers: {(time.process_time() - started) * 500:.0f} s (from 20)"
    )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("name a folder with mailings, topics and cases: python bench/ranking.py FOLDER")
        sys.exit(0)
    main(Path(sys.argv[1]), speed="--speed" in sys.argv)
