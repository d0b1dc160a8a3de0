"""What is saved and what is missed where papers that hold nothing for a reader are not read: labelled days, replayed.

    python bench/skipping.py FOLDER [--bounds .02,.04,.06,.08] [--draws 3]      FOLDER: as for ranking.py

Each reader's days are gone through in order, as a run would: ranked by what was read before (a paper that was not read
teaches nothing), skipped and drawn by the product's own rules, the labels standing for the model's scores. Days count
from the sixth on. Alone, a reader's calls are their own; shared, they are blocks cut from the papers of all readers of
that day. The two readers whose digests were filtered by author are left out. Exits 1 where the product's bound saves
less than 30 % of the calls of a reader alone, or misses more than 2 %.
"""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from lab import shared_folder
from ranking import before, candidates, grade, is_positive, papers, read_cases

from newsletter.models.papers import Paper
from newsletter.models.quality import ReadDay
from newsletter.models.subscribers import Subscriber
from newsletter.scoring import similarity
from newsletter.scoring.features import Corpus, corpus
from newsletter.scoring.model.blocks import cut
from newsletter.scoring.model.pace import calls
from newsletter.scoring.model.skipping import (
    BOUND,
    BOUND_OF_BLOCKS,
    DAYS,
    LEAST_DAYS,
    Choice,
    accounted,
    choose,
    missed,
    stopped,
)
from newsletter.scoring.remembered import DAYS as LEARNED_DAYS
from newsletter.scoring.remembered import Judged

SAVED_AT_LEAST, MISSED_AT_MOST = 0.30, 0.02


@dataclass(frozen=True)
class Case:
    """A reader's day: its candidates, which of them are relevant, and the blocks that they stand in."""

    reader: str
    subscriber: Subscriber
    date: str
    known: Corpus
    papers: Sequence[Paper]
    relevant: frozenset[int]
    grades: Sequence[int]
    blocks: Sequence[tuple[int, ...]]


@dataclass
class Sum:
    """Over days; `estimated` is what the drawn papers say of what was missed."""

    whole: int = 0
    calls: int = 0
    papers: int = 0
    unread: int = 0
    relevant: int = 0
    missed: int = 0
    days: int = 0
    stopped: int = 0
    kept: list[ReadDay] = field(default_factory=list)

    def __str__(self) -> str:
        told = missed(self.kept)
        spans = "" if told.low is None or told.high is None else f" [{told.low:.1%}, {told.high:.1%}]"
        return (
            f"{1 - self.calls / self.whole:>7.0%} {self.unread / self.papers:>7.0%} "
            f"{self.missed / self.relevant:>7.1%} "
            f"{told.share or 0:>9.1%}{spans:>16} {self.stopped / self.days:>8.0%} {self.days:>5}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--bounds", default=".02,.04,.06,.08")
    parser.add_argument("--draws", type=int, default=3)
    options = parser.parse_args()
    cases = read(options.folder or shared_folder() / "eval")
    verdict = 0
    for shared in (False, True):
        print("\nblocks that all readers share" if shared else "\na reader alone")
        heads = f"{'bound':>6} {'reader':26} {'calls':>7} {'papers':>7} {'missed':>7} {'estimated':>9}"
        print(f"{heads}{'':>16}  stopped  days")
        ours = BOUND_OF_BLOCKS if shared else BOUND
        for bound in dict.fromkeys([ours, *map(float, options.bounds.split(","))]):
            sums = replayed(cases, bound, options.draws, shared=shared)
            for reader, found in sums.items():
                print(f"{bound:>6.0%} {reader[:26]:26} {found}", flush=True)
            told = sums["all"]
            if bound == ours and not shared:
                saved, lost = 1 - told.calls / told.whole, told.missed / told.relevant
                verdict = saved < SAVED_AT_LEAST or lost > MISSED_AT_MOST
    sys.exit(verdict)


def read(folder: Path) -> list[Case]:
    """All days of all readers, in order."""
    days = {path.name[:10]: papers(path) for path in sorted((folder / "mailings").glob("*.jsonl.gz"))}
    found = list(read_cases(folder))
    by_day: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case, _, _ in found:
        by_day[case["date"]].append(case)
    corpora, blocks = {}, {}
    for day, cases in by_day.items():
        wanted = {paper.id for case in cases for paper in candidates(case, days)}
        corpora[day] = corpus(days[day], before(days, day))
        blocks[day] = cut([paper for paper in days[day] if paper.id in wanted])
    return [a_case(case, reader, who, corpora=corpora, blocks=blocks, days=days) for case, reader, who in found]


def a_case(
    case: dict[str, Any],
    reader: str,
    subscriber: Subscriber,
    *,
    corpora: Mapping[str, Corpus],
    blocks: Mapping[str, Sequence[Sequence[Paper]]],
    days: dict[str, list[Paper]],
) -> Case:
    chosen = candidates(case, days)
    places = {paper.id: place for place, paper in enumerate(chosen)}
    held = [tuple(places[p.id] for p in block if p.id in places) for block in blocks[case["date"]]]
    return Case(
        reader,
        subscriber,
        case["date"],
        corpora[case["date"]],
        chosen,
        frozenset(place for place, paper in enumerate(chosen) if is_positive(case, paper)),
        [grade(case, paper) for paper in chosen],
        [keys for keys in held if keys],
    )


def replayed(cases: Sequence[Case], bound: float, draws: int, *, shared: bool) -> dict[str, Sum]:
    """What comes of it, by reader and in all, over so many draws."""
    sums: dict[str, Sum] = defaultdict(Sum)
    for draw in range(draws):
        kept: dict[str, list[ReadDay]] = defaultdict(list)
        past: dict[str, list[list[Judged]]] = defaultdict(list)
        for case in cases:
            known = kept[case.reader][-DAYS:]
            choice, order = decided(case, past[case.reader], known, bound, draw, shared=shared)
            day = accounted(date.fromisoformat(case.date), choice, order, case.relevant - choice.unread)
            past[case.reader].append(
                [Judged(p, case.grades[n]) for n, p in enumerate(case.papers) if n not in choice.unread]
            )
            kept[case.reader].append(day)
            if len(known) >= LEAST_DAYS:
                for name in (case.reader, "all"):
                    add(sums[name], case, choice, day, shared=shared, stop=stopped(known))
    return sums


def decided(
    case: Case, past: Sequence[Sequence[Judged]], known: Sequence[ReadDay], bound: float, draw: int, *, shared: bool
) -> tuple[Choice, list[int]]:
    learned = [
        Judged(said.paper, said.relevance, ago)
        for ago, day in enumerate(reversed(past[-LEARNED_DAYS:]), 1)
        for said in day
    ]
    scored = similarity.score([similarity.Ask(case.subscriber, case.papers, learned)], case.known)[0].scored
    order = sorted(range(len(scored)), key=lambda place: -scored[place].score.local)
    units = case.blocks if shared else [(place,) for place in order]
    lot = random.Random(f"{case.reader} {case.date} {draw}")
    return choose(known, order, units, lot, bound), order


def add(total: Sum, case: Case, choice: Choice, day: ReadDay, *, shared: bool, stop: bool) -> None:
    asked = [block for block in case.blocks if not choice.unread.issuperset(block)]
    total.whole += len(case.blocks) if shared else calls(len(case.papers))
    total.calls += len(asked) if shared else calls(len(case.papers) - day.unread)
    total.papers += day.candidates
    total.unread += day.unread
    total.relevant += len(case.relevant)
    total.missed += len(case.relevant & choice.unread)
    total.days += 1
    total.stopped += stop
    total.kept.append(day)


if __name__ == "__main__":
    main()
