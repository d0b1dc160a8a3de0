"""What a subscriber's day costs, beside a cascade of titles, on a real mailing against a metering model server.

    python bench/cost.py [--readers 1,10,100,1000] [--lanes 8] [--candidates 570]

Needs a folder with lab/model_server.py and eval/: NEWSLETTER_SHARED, or ../shared beside the checkout. Each reader's
topics are made unique by one line. Exits 1 where a target is missed. Prices are those of gpt-6-luna; a run is metered
once and priced on both tiers.
"""

import argparse
import math
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from lab import LISTING_DAY, Lab, shared_folder

from newsletter.editions.selection import select
from newsletter.models.editions import Candidates, Totals
from newsletter.models.papers import Announcement, Mailing, MailingStatus, Paper
from newsletter.models.scores import Pool, Reading, Scores, Tokens
from newsletter.models.subscribers import Subscriber, TopicsFile, Wishes
from newsletter.money import PICODOLLARS_PER_USD, picodollars
from newsletter.scoring.model.budget import Budget, Caps
from newsletter.scoring.model.calls import Asker
from newsletter.scoring.model.client import Model, OpenAISettings, connect
from newsletter.scoring.model.prices import Prices, prices_of
from newsletter.scoring.model.prompts import SCHEMA_VERSION, load_prompts
from newsletter.scoring.model.scorer import Desk, ModelScorer
from newsletter.scoring.model.sharing import Planned
from newsletter.scoring.similarity import Similarity
from newsletter.sources import mailing_file
from newsletter.store import Store
from newsletter.store.scores import Recipe
from newsletter.store.subscribers import FileStamp
from newsletter.topics.body import read_body

MODEL = "gpt-6-luna"
CATEGORIES = {"cs.LG", "cs.AI"}
CASCADE_TITLES, CASCADE_ABSTRACTS = 32, 16  # papers a call, each times ⌈log2(n / 32) + 1⌉
CASCADE_SHARES = (0.14, 0.31, 1.0)  # of the abstracts that such a cascade was seen to read, by three models


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", default="1,10,100,1000")
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--candidates", type=int, default=0, help="so many papers, of all categories")
    options = parser.parse_args()
    folder = shared_folder()
    topics = (folder / "eval/topics/ml-foundations-v08.md").read_text(encoding="utf-8")
    read = mailing_file.read(folder / f"eval/mailings/{LISTING_DAY}.jsonl.gz", datetime.now(UTC).date())
    chosen = tuple(a for a in read.mailing.announcements if CATEGORIES & set(a.paper.categories))
    chosen = read.mailing.announcements[: options.candidates] if options.candidates else chosen
    mailing = replace(read.mailing, announcements=chosen)
    prices = prices_of(MODEL, {})
    print(f"{len(chosen)} candidates of {LISTING_DAY}, {MODEL}, {prices.version}; per reader:")
    print(
        f"{'way':>10} {'readers':>7} {'calls':>6} {'prompt':>8} {'cached':>7} "
        f"{'answer':>7} {'standard $':>10} {'flex $':>8}"
    )
    with Lab(folder) as lab:
        for share in CASCADE_SHARES[::-1]:
            cascade = the_cascade(lab, [a.paper for a in chosen], topics, share)
            line(f"{share:.0%}", 1, cascade, prices)
        missed = []
        for count in map(int, options.readers.split(",")):
            lab.reset()
            started, cpu = time.monotonic(), time.process_time()
            results, accounts = ours(lab, mailing.announcements, topics, count, options.lanes)
            took, used = time.monotonic() - started, time.process_time() - cpu
            meter = lab.meter()
            line("ours", count, meter, prices)
            assert accounts == {key: meter[key] for key in accounts}, (accounts, meter)
            read_all = all(len(s.scored) == len(chosen) and s.scorer == "openai" for s in results)
            assert read_all, "every candidate is scored"
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{'':>10} {took:.0f} s, {1000 * used / meter['calls']:.1f} ms CPU a call, peak {peak:.0f} MB")
            missed += targets(
                count,
                usd(meter, prices) / count,
                usd(cascade, prices),
                meter=meter,
                prices=prices,
                candidates=len(chosen),
            )
    for what in missed:
        print(f"MISSED: {what}")
    sys.exit(bool(missed))


def ours(
    lab: Lab, announcements: tuple[Announcement, ...], topics: str, count: int, lanes: int
) -> tuple[list[Scores], dict[str, int]]:
    """One run over so many readers; their scores, and the tokens on their accounts."""
    settings = OpenAISettings(model=MODEL, max_usd_per_run=1000, max_usd_per_month=1000)
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as home, Store.open(Path(home) / "newsletter.db") as store:
        stored = store.mailings.save(
            Mailing(date.fromisoformat(LISTING_DAY), MailingStatus.COMPLETE, announcements), now
        )
        papers = tuple(a.paper for a in stored.announcements)
        readers = [a_reader(store, n, topics, now) for n in range(count)]
        scorer, pool = a_scorer(lab, store, settings, now), Pool(papers)
        readings = [Reading(who, stored.date, papers, pool) for who in readers]
        scorer.plan(readings)

        def read(reading: Reading) -> Scores:
            scores = scorer.score(reading)
            shown = select(reading.subscriber.wishes, Candidates(papers, Totals()), scores).papers
            scorer.comment(reading, () if scores.fault else shown)
            return slim(scores)

        with ThreadPoolExecutor(lanes) as threads:
            results = list(threads.map(read, readings))
        rows = store.charges.grouped("subscriber")
        accounts = {
            "prompt": sum(row["prompt_tokens"] for row in rows),
            "cached": sum(row["cached_tokens"] for row in rows),
            "completion": sum(row["completion_tokens"] for row in rows),
        }
    return results, accounts


def slim(scores: Scores) -> Scores:
    """Without the words: a run keeps no reader's scores once the edition is frozen."""
    return replace(scores, scored=tuple([None] * len(scores.scored)), prompt="")  # type: ignore[arg-type]


def a_reader(store: Store, number: int, topics: str, now: datetime) -> Subscriber:
    slug = f"reader{number}"
    body = f"{topics}\nThis file is kept by reader number {number} of the benchmark.\n"
    wishes = Wishes(email=f"{slug}@example.org", categories=tuple(sorted(CATEGORIES)))
    return store.subscribers.save(slug, TopicsFile(wishes, read_body(body)), FileStamp(0, 0), now)


def a_scorer(lab: Lab, store: Store, settings: OpenAISettings, now: datetime) -> ModelScorer:
    prompts = load_prompts(None)
    run_id = store.charges.start_run("bench", now)
    budget = Budget(store.charges, run_id, Caps(picodollars(1000), picodollars(1000)), now)
    recipe = store.scores.recipe_key(Recipe(settings.model, settings.effort, prompts.version, SCHEMA_VERSION))
    asker = Asker(
        store=store,
        model=Model(settings, connect(settings, "sk-bench", lab.url), warn=print),
        prices=prices_of(settings.model, {}),
        budget=budget,
        prompts=prompts,
        recipe=recipe,
        clock=lambda: datetime.now(UTC),
        warn=print,
    )
    planned = Planned(store, prompts, settings.context_tokens)
    return ModelScorer(Desk(store, asker, planned, budget, prompts, recipe, lambda: now), Similarity())


def the_cascade(lab: Lab, papers: list[Paper], topics: str, share: float) -> dict[str, int]:
    """Titles first, then a share of the abstracts; nothing is shared between readers."""
    lab.reset()
    rubric = load_prompts(None).texts["rubric"]
    many = math.ceil(math.log2(len(papers) / 32) + 1)
    ids = {"type": "array", "items": {"type": "string", "enum": [paper.id for paper in papers]}}
    schema = {"type": "object", "properties": {"ids": ids}, "required": ["ids"]}
    for some in in_turn(papers, CASCADE_TITLES * many):
        ids["items"] = {"type": "string"}
        lines = "\n".join(f"{paper.id} {paper.title}" for paper in some)
        lab.ask(MODEL, f"{rubric}\n\n{topics}\n\n{lines}\n\nList the ids of papers that cannot be relevant.", schema)
    promising = papers[: round(share * len(papers))]
    for some in in_turn(promising, CASCADE_ABSTRACTS * many):
        lines = "\n\n".join(f"{p.id} {p.title}\n{', '.join(p.authors)}\n{p.abstract}" for p in some)
        lab.ask(MODEL, f"{rubric}\n\n{topics}\n\n{lines}\n\nAnswer one JSON object a line.", None)
    return lab.meter()


def in_turn(papers: list[Paper], size: int) -> list[list[Paper]]:
    return [papers[start : start + size] for start in range(0, len(papers), size)]


def usd(meter: dict[str, int], prices: Prices, tier: str = "default") -> float:
    tokens = Tokens(meter["prompt"], meter["cached"], meter["cache_write"], meter["completion"])
    price = prices.of(tier)
    return (price.prompt(tokens) + price.completion(tokens)) / PICODOLLARS_PER_USD


def line(way: str, readers: int, meter: dict[str, int], prices: Prices) -> None:
    cached = meter["cached"] / meter["prompt"]
    costs = [usd(meter, prices, tier) / readers for tier in ("default", "flex")]
    print(
        f"{way:>10} {readers:>7} {meter['calls'] / readers:>6.1f} {meter['prompt'] / readers:>8.0f} {cached:>7.1%} "
        f"{meter['completion'] / readers:>7.0f} {costs[0]:>10.5f} {costs[1]:>8.5f}",
        flush=True,
    )


def targets(
    count: int, ours_usd: float, cascade_usd: float, *, meter: dict[str, int], prices: Prices, candidates: int
) -> list[str]:
    flex = usd(meter, prices, "flex") / count
    limit = next(usd for least, usd in ((100, 0.005), (10, 0.007), (1, 0.015)) if count >= least)
    missed = []
    if count >= 100 and ours_usd > 1.1 * cascade_usd:
        missed.append(f"{count} readers: {ours_usd / cascade_usd:.2f} times the cascade's cost, above 1.1")
    if flex > limit * max(1, candidates / 506):
        missed.append(f"{count} readers: {flex:.5f} USD on flex")
    if count == 100 and meter["cached"] < 0.85 * meter["prompt"]:
        missed.append(f"{count} readers: {meter['cached'] / meter['prompt']:.1%} cached, below 85 %")
    return missed


if __name__ == "__main__":
    main()
