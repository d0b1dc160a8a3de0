"""How well and how fast the local ranking is: per reader, by steps as paired differences, on other fields, speed.

    python bench/ranking.py FOLDER [--vectors URL] [--choose] [--speed]
                                                  FOLDER: mailings/*.jsonl.gz, topics/*.md, cases.jsonl.gz

A case names a mailing, a topics file, its candidates and their labels. Each day is ranked with what was known before:
the papers of five earlier mailings, and for `learned` five earlier days of the same reader's labels. The two readers
whose digests were filtered by author are left out. An interval is that of 2,000 bootstrap draws over reader-days.
Where FOLDER has authors.py, the next papers of authors are looked for by their earlier ones. --vectors names an
embeddings endpoint, up to and with /v1; the same is then measured with vectors too.

--choose measures the choice of settings instead: of each of CHOICES all settings at once, whether a step is made at all
among them, are chosen without one reader, or on half of the days, and measured on what was left out.
"""

import argparse
import gzip
import importlib.util
import json
import os
import random
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy, as in a run

import numpy as np

from newsletter.editions.selection import select
from newsletter.models.editions import Candidates, Totals
from newsletter.models.papers import Paper
from newsletter.models.subscribers import Mark, Subscriber, Topics, Wishes
from newsletter.scoring import learned, ranking, similarity
from newsletter.scoring.features import Corpus, Floats, corpus, unit
from newsletter.scoring.past import taught, teaching
from newsletter.scoring.remembered import GRADES, Judged
from newsletter.scoring.strength import KNOWN_AT_LEAST
from newsletter.scoring.vectors import text_of
from newsletter.text.tex import displayed
from newsletter.topics.body import parse

FILTERED = {"embodied-vlm", "vision-mllm-video"}
DAYS = 5
LEAST_FOREIGN = 20  # papers of the other field
TEXTS_A_CALL = 64
# Each step has what the ones before have; a weight of 0 leaves a part out.
STEPS: tuple[tuple[str, dict[str, float]], ...] = (
    ("words", {"MEANING_WEIGHT": 0.0, "FEEDBACK_WEIGHT": 0.0}),
    ("+ meaning", {"FEEDBACK_WEIGHT": 0.0}),
    ("+ feedback", {}),
)
# What --choose chooses from; whether it is of learning, and whether it needs vectors. A weight of 0 is a step not made.
CHOICES: tuple[tuple[str, dict[str, tuple[float, ...]], bool, bool], ...] = (
    (
        "cold",
        {
            "MEAN_WEIGHT": (0.0, 0.5),
            "MEANING_WEIGHT": (0.0, 0.25, 0.5, 0.75),
            "FEEDBACK_WEIGHT": (0.0, 0.25, 0.5),
            "FEEDBACK_A_TOPIC": (2, 4, 10),
            "IRRELEVANT_WEIGHT": (0.0, 0.5),
        },
        False,
        False,
    ),
    (
        "cold with vectors",
        {
            "MEANING_WEIGHT": (0.25, 0.5, 0.75),
            "VECTOR_WEIGHT": (0.0, 0.5, 1.0, 1.5),
            "FEEDBACK_WITH_VECTORS": (0.0, 0.25, 0.5),
        },
        False,
        True,
    ),
    (
        "learned",
        {"PENALTY": (0.01, 0.03, 0.1), "LEARNING_HALF": (10, 20, 40), "SAMPLE": (250, 500)},
        True,
        False,
    ),
    (
        "learned with vectors",
        {"PENALTY": (0.01, 0.03, 0.1), "LEARNING_HALF": (10, 20, 40), "VECTOR_SCALE": (0.0, 0.15, 0.3, 0.5)},
        True,
        True,
    ),
)
AGAINST = {
    "+ meaning": "words",
    "+ feedback": "+ meaning",
    "+ vectors": "+ feedback",
    "learned": "+ feedback",
    "with vectors": "learned",
    "whole mailing": "+ feedback",
    "whole, learned": "learned",
}
Row = dict[tuple[str, str], float]  # by reader and day


class Vectors:
    """Vectors of texts by an endpoint, each asked for once; None where there is no endpoint."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: dict[str, list[float]] = {}

    def __call__(self, texts: Sequence[str]) -> Floats | None:
        if not self._url:
            return None
        missing = [text for text in dict.fromkeys(texts) if text.strip() and text not in self._known]
        for start in range(0, len(missing), TEXTS_A_CALL):
            asked = missing[start : start + TEXTS_A_CALL]
            body = json.dumps({"model": "bench", "input": asked}).encode()
            request = Request(f"{self._url}/embeddings", body, {"Content-Type": "application/json"})
            with urlopen(request, timeout=600) as answer:
                rows = sorted(json.load(answer)["data"], key=lambda row: row["index"])
            self._known |= {text: row["embedding"] for text, row in zip(asked, rows, strict=True)}
        nothing = [0.0] * len(next(iter(self._known.values())))
        return unit(np.array([self._known.get(text, nothing) for text in texts], np.float32))


def main(folder: Path, *, url: str, choose: bool, speed: bool) -> None:
    days = {path.name[:10]: papers(path) for path in sorted((folder / "mailings").glob("*.jsonl.gz"))}
    started = time.process_time()
    corpora = {day: corpus(found, before(days, day)) for day, found in days.items()}
    print(f"features of a day and its archive: {(time.process_time() - started) / len(days):.1f} s")
    vectors = Vectors(url)
    if url:
        corpora = {
            day: replace(found, vectors=vectors([text_of(paper) for paper in found.papers]))
            for day, found in corpora.items()
        }
    cases, bare = list(read_cases(folder)), Vectors("")
    if choose:
        chosen(cases, days, corpora, vectors if url else None)
        return
    table: dict[str, Row] = {}
    for name, weights in STEPS:
        with settings(weights):
            table[name] = measured(cases, days, corpora, bare, learning=False)
    if url:
        table["+ vectors"] = measured(cases, days, corpora, vectors, learning=False)
    table["learned"] = measured(cases, days, without(corpora), bare, learning=True)
    if url:
        table["with vectors"] = measured(cases, days, corpora, vectors, learning=True)
    table["whole mailing"] = measured(cases, days, without(corpora), bare, learning=False, whole=True)
    table["whole, learned"] = measured(cases, days, without(corpora), bare, learning=True, whole=True)
    report(table)
    for learning in (False, True):
        silence(cases, days, corpora, learning=learning)
    exploration(cases, days, without(corpora))
    if (folder / "authors.py").is_file():
        by_authors(folder, corpora, bare)
        if url:
            by_authors(folder, corpora, vectors)
    if speed:
        how_fast(cases, days, corpora)
    print(f"resident at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def without(corpora: dict[str, Corpus]) -> dict[str, Corpus]:
    return {day: replace(found, vectors=None) for day, found in corpora.items()}


@contextmanager
def settings(values: dict[str, float]) -> Iterator[None]:
    """These settings instead of those of the package, for a while."""
    where = {name: ranking if hasattr(ranking, name) else learned for name in values}
    kept = {name: getattr(module, name) for name, module in where.items()}
    for name, value in values.items():
        setattr(where[name], name, value)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(where[name], name, value)


def chosen(
    cases: Sequence[tuple[dict[str, Any], str, Subscriber]],
    days: dict[str, list[Paper]],
    corpora: dict[str, Corpus],
    vectors: Vectors | None,
) -> None:
    """What would be chosen without what it is measured on, and what that is worth there."""
    for name, options, learning, by_vectors in CHOICES:
        if by_vectors and vectors is None:
            continue
        asked, known = (vectors, corpora) if by_vectors and vectors else (Vectors(""), without(corpora))
        ways = [dict(zip(options, values, strict=True)) for values in product(*options.values())]
        in_use = measured(cases, days, known, asked, learning=learning)
        rows = []
        for way in ways:
            with settings(way):
                rows.append(measured(cases, days, known, asked, learning=learning))
        best_of_all = max(mean_of(row) for row in rows)
        print(f"\n{name}: in use {mean_of(in_use):.3f}, the best of {len(ways)} ways on all days {best_of_all:.3f}")
        for kind, folds in (("one reader", by_reader(in_use)), ("half the days", by_half(in_use))):
            best = [max(range(len(ways)), key=lambda n, fold=fold: mean_of(leave(rows[n], fold))) for fold in folds]
            held = {key: rows[n][key] for n, fold in zip(best, folds, strict=True) for key in fold}
            print(f"  chosen without {kind}, measured there: {mean_of(held):.3f}")
            for n in best:
                print(f"    {', '.join(f'{setting} {value:g}' for setting, value in ways[n].items())}")


def by_reader(row: Row) -> list[set[tuple[str, str]]]:
    return [{key for key in row if key[0] == reader} for reader in sorted({reader for reader, _ in row})]


def by_half(row: Row) -> list[set[tuple[str, str]]]:
    days = sorted({day for _, day in row})
    return [{key for key in row if days.index(key[1]) % 2 == half} for half in (0, 1)]


def leave(row: Row, out: set[tuple[str, str]]) -> Row:
    return {key: value for key, value in row.items() if key not in out}


def mean_of(row: Row) -> float:
    """The mean over readers of the mean over their days."""
    readers = {reader for reader, _ in row}
    return float(np.mean([np.mean([v for (who, _), v in row.items() if who == reader]) for reader in readers]))


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
    vectors: Vectors,
    *,
    learning: bool,
    whole: bool = False,
) -> Row:
    """Average precision by reader and day; while learning, of days that have an earlier one.

    `whole` ranks all papers of the mailing, as the command does, and not the candidates alone.
    """
    past: dict[str, list[list[Judged]]] = defaultdict(list)
    found = {}
    for case, reader, subscriber in cases:
        known, papers = corpora[case["date"]], candidates(case, days)
        known_past = before_today(past[reader]) if learning else []
        if known_past or not learning:
            asked, wanted = known.papers if whole else papers, set(case["candidates"])
            near = nearness(subscriber, known.rows(asked), known, vectors, known_past)
            order = [asked[place] for place in np.argsort(-near.value, kind="stable")]
            hits = [is_positive(case, paper) for paper in order if paper.id in wanted]
            found[reader, case["date"]] = average_precision(hits)
        past[reader].append([Judged(paper, grade(case, paper)) for paper in papers])
    return found


def before_today(past: Sequence[Sequence[Judged]]) -> list[Judged]:
    return [said for day in past[-DAYS:] for said in day]


def nearness(
    subscriber: Subscriber, rows: Sequence[int], known: Corpus, vectors: Vectors, past: Sequence[Judged] = ()
) -> ranking.Nearness:
    (of,) = ranking.wanted([subscriber.topics], known)
    earlier = vectors([text_of(paper) for paper in teaching(past)]) if past else None
    asked = ranking.Asked(
        of,
        np.array(rows, np.intp),
        np.zeros(len(rows), np.float32),
        taught(past, known, earlier),
        vectors(ranking.topics_texts(subscriber.topics)),
    )
    return ranking.nearness([asked], known)[0]


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


def report(table: dict[str, Row]) -> None:
    readers = sorted({reader for reader, _ in table["words"]})
    print(f"\n{'AP':14}{'mean':>8}" + "".join(f"{reader[:20]:>22}" for reader in readers))
    for name, rows in table.items():
        means = [np.mean([v for (who, _), v in rows.items() if who == reader]) for reader in readers]
        print(f"{name:14}{np.mean(means):8.3f}" + "".join(f"{mean:22.3f}" for mean in means))
    for name in table:
        if name in AGAINST:
            differences(AGAINST[name], name, table)


def differences(one: str, other: str, table: dict[str, Row]) -> None:
    """How much better the other is, over the reader-days that both have, with its interval."""
    shared = sorted(table[one].keys() & table[other].keys())
    gain = np.array([table[other][key] - table[one][key] for key in shared])
    means = np.random.default_rng(0).choice(gain, (2000, len(gain))).mean(axis=1)
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
        known, papers = corpora[case["date"]], candidates(case, days)
        known_past = before_today(past[reader]) if learning else []
        past[reader].append([Judged(paper, grade(case, paper)) for paper in papers])
        if known.archived < KNOWN_AT_LEAST or (learning and not known_past):
            continue
        passing = passed(subscriber, papers, known, known_past)
        hits = [is_positive(case, paper) for paper in papers]
        own[reader].append(sum(passing) / max(15, 1.5 * sum(hits)))
        recall[reader].append(sum(p and h for p, h in zip(passing, hits, strict=True)) / sum(hits))
        is_astro = any(c.startswith("astro-ph") for c in papers[0].categories)
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


def by_authors(folder: Path, corpora: dict[str, Corpus], vectors: Vectors) -> None:
    """Where the next paper of each author stands when the earlier ones are the topics."""
    spec = importlib.util.spec_from_file_location("authors", folder / "authors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    places = []
    for _, topics, day, wanted in module.cases(folder):
        known = corpora[day]
        near = nearness(a_reader(parse(topics.encode(), "topics.md").topics), range(len(known.papers)), known, vectors)
        order = [known.papers[place].id for place in np.argsort(-near.value, kind="stable")]
        places.append(min(order.index(found) + 1 for found in wanted))
    found = np.array(places)
    print(f"\n{len(found)} authors: MRR {np.mean(1 / found):.3f}, in the best ten {np.mean(found <= 10):.3f}")


def exploration(
    cases: Sequence[tuple[dict[str, Any], str, Subscriber]], days: dict[str, list[Paper]], corpora: dict[str, Corpus]
) -> None:
    """What the paper to try finds, and what its mark teaches a reader who has no model and marks one or two a day."""
    print("\nA reader without a model marks each day (more: the label is positive; less: it is not):")
    tables = {}
    for marks_tried, marks_listed in ((False, False), (True, False), (False, True), (True, True)):
        name = " and ".join([*["the paper to try"] * marks_tried, *["a listed paper"] * marks_listed]) or "nothing"
        past: dict[str, list[Judged]] = defaultdict(list)
        row: Row = {}
        tried, below, listed = [], [], []
        for case, reader, subscriber in cases:
            known, mine = corpora[case["date"]], candidates(case, days)
            scores = similarity.score([similarity.Ask(subscriber, mine, past[reader])], known)[0]
            ranked = sorted(scores.scored, key=lambda item: -item.score.local)
            row[reader, case["date"]] = average_precision([is_positive(case, item.paper) for item in ranked])
            totals = Totals(len(mine), len(mine), len(mine))
            chosen = select(
                subscriber.wishes, Candidates(tuple(mine), totals), scores, None, f"{reader} {case['date']}"
            )
            shown = {item.paper.id for item in chosen.papers}
            below += [is_positive(case, paper) for paper in mine if paper.id not in shown]
            listed += [is_positive(case, item.paper) for item in chosen.papers]
            one = random.Random(f"{reader} {case['date']}").choice(chosen.papers).paper if chosen.papers else None
            asked = [
                chosen.exploration.paper if marks_tried and chosen.exploration else None,
                one if marks_listed else None,
            ]
            tried += [is_positive(case, chosen.exploration.paper)] if chosen.exploration else []
            past[reader] = [replace(said, days_ago=said.days_ago + 1) for said in past[reader]]
            for paper in filter(None, asked):
                mark = Mark.MORE if is_positive(case, paper) else Mark.LESS
                past[reader].append(Judged(paper, GRADES[mark], 1, mark))
        tables[name] = row
        print(
            f"{name:40} AP {mean_of(row):.3f}; positive: {np.mean(tried):.2f} of {len(tried)} papers to try, "
            f"{np.mean(listed):.2f} of those listed, {np.mean(below):.3f} of those not listed"
        )
    differences("a listed paper", "the paper to try and a listed paper", tables)
    differences("nothing", "the paper to try", tables)


def how_fast(
    cases: Sequence[tuple[dict[str, Any], str, Subscriber]], days: dict[str, list[Paper]], corpora: dict[str, Corpus]
) -> None:
    """Processor time on one core, for readers who have their mailings in common and their judgements not."""
    case, reader, subscriber = cases[-1]
    known = corpora[case["date"]]
    places = np.arange(min(700, len(known.papers)))
    boost = np.zeros(len(places), np.float32)
    started = time.process_time()
    for _ in range(4):
        of = ranking.wanted(100 * [subscriber.topics], known)
        ranking.nearness([ranking.Asked(each, places, boost) for each in of], known)
    print(f"\n10,000 readers x {len(places)} papers, cold: {(time.process_time() - started) * 25:.1f} s (from 400)")
    earlier = [found for found in cases[:-1] if found[1] == reader][-DAYS:]
    said = [(paper, grade(one, paper)) for one, *_ in earlier for paper in candidates(one, days)]
    pasts = [
        [Judged(paper, said[(place + 37 * turn) % len(said)][1]) for place, (paper, _) in enumerate(said)]
        for turn in range(40)
    ]
    started = time.process_time()
    taught(pasts[0], known)
    first = time.process_time() - started
    started = time.process_time()
    for past in pasts:
        taught(past, known)
    spent = (time.process_time() - started) * 250
    print(f"10,000 readers learned anew from {len(said)} papers: {spent:.0f} s (from 40; the first {first:.1f} s)")
    new = [replace(paper, display=None, abstract=f"{paper.abstract} Anew.") for day in days.values() for paper in day]
    started = time.process_time()
    corpus(new[-1500:], new[-5500:-1500])
    print(f"features of 1,500 papers and 4,000 of the archive: {time.process_time() - started:.1f} s")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="how well the local ranking does on mailings with labels")
    arguments.add_argument("folder", type=Path, nargs="?")
    arguments.add_argument("--vectors", default="", metavar="URL")
    arguments.add_argument("--choose", action="store_true")
    arguments.add_argument("--speed", action="store_true")
    given = arguments.parse_args()
    if given.folder is None:
        print("name a folder with mailings, topics and cases: python bench/ranking.py FOLDER")
        sys.exit(0)
    main(given.folder, url=given.vectors, choose=given.choose, speed=given.speed)
