"""The model's scorer: every candidate gets a score or is named, every token is on an account, nothing is bought twice."""

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from newsletter.editions.selection import select
from newsletter.models.editions import Candidates, Totals
from newsletter.models.papers import Paper
from newsletter.models.scores import Cap, Commented, Fault, Pool, Reading, Scored, Scores, Status, Trouble
from newsletter.models.subscribers import Subscriber, TopicsFile, Wishes
from newsletter.money import picodollars
from newsletter.scoring.model.budget import Budget, Caps
from newsletter.scoring.model.calls import Asker
from newsletter.scoring.model.client import Model, OpenAISettings, Rejected
from newsletter.scoring.model.prices import prices_of
from newsletter.scoring.model.prompts import SCHEMA_VERSION, load_prompts
from newsletter.scoring.model.scorer import KEPT_WARM, Desk, ModelScorer, WithoutModel
from newsletter.scoring.model.sharing import Planned
from newsletter.scoring.similarity import Similarity
from newsletter.store import Store
from newsletter.store.scores import Recipe
from newsletter.store.subscribers import FileStamp
from newsletter.topics.body import read_body
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_subscriber
from tests.fake_model import FakeModel, text_of

PROMPTS = load_prompts(None)


def a_slate(store: Store, count: int, **fields: Any) -> tuple[Paper, ...]:
    """So many papers, announced today and stored."""
    papers = [
        a_paper(n, abstract=f"We watch moss number {n} grow on {n} stones and measure its colour daily.", **fields)
        for n in range(1, count + 1)
    ]
    return tuple(a.paper for a in store.mailings.save(a_mailing(*papers), NOON).announcements)


def a_reader(store: Store, slug: str = "ada", *, topics: str = "", **wishes: Any) -> Subscriber:
    """A stored subscriber with topics of their own."""
    wanted = Wishes(**({"email": f"{slug}@example.org", "categories": ("q-bio.PE",)} | wishes))
    body = topics or f"1. Moss\n   - Relevant: growth of moss on stones, as {slug} sees it\n   - Irrelevant: trees\n"
    return store.subscribers.save(slug, TopicsFile(wanted, read_body(body)), FileStamp(0, 0), NOON)


@dataclass(frozen=True)
class Read:
    """What one reader got: the scores, and the comments on what an edition would list."""

    scores: Scores
    said: Commented

    @property
    def scored(self) -> tuple[Scored, ...]:
        commented = {item.paper.key: item for item in self.said.papers}
        return tuple(commented.get(item.paper.key, item) for item in self.scores.scored)

    @property
    def economies(self) -> tuple[Fault, ...]:
        return (*self.scores.economies, *self.said.economies)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.said if name in ("usage", "cost") else self.scores, name)


@dataclass
class Run:
    """One run with a fake model; `warnings` is what the operator would read."""

    scorer: ModelScorer
    model: FakeModel
    warnings: list[str]
    store: Store

    def score(self, subscriber: Subscriber, papers: Sequence[Paper]) -> Read:
        return self._read(a_reading(subscriber, papers))

    def score_all(self, subscribers: Sequence[Subscriber], papers: Sequence[Paper], lanes: int = 1) -> list[Read]:
        readings = [a_reading(who, papers) for who in subscribers]
        self.scorer.plan(readings)
        with ThreadPoolExecutor(lanes) as pool:
            return list(pool.map(self._read, readings))

    def _read(self, reading: Reading) -> Read:
        scores = self.scorer.score(reading)
        listed = select(reading.subscriber.wishes, Candidates(reading.papers, Totals()), scores).papers
        return Read(scores, self.scorer.comment(reading, () if scores.fault else listed))


def a_reading(subscriber: Subscriber, papers: Sequence[Paper]) -> Reading:
    return Reading(subscriber, WEDNESDAY, tuple(papers), Pool(tuple(papers)))


def at_once(_seconds: float) -> None:
    """Waits for nothing."""


def a_run(
    store: Store,
    model: FakeModel,
    /,
    *,
    stop: threading.Event | None = None,
    sleep: Callable[[float], object] | None = at_once,
    tell: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> Run:
    chosen = OpenAISettings(**settings)
    warnings: list[str] = []
    run_id = store.charges.start_run("run", NOON)
    caps = Caps(run=picodollars(chosen.max_usd_per_run), month=picodollars(chosen.max_usd_per_month))
    budget = Budget(store.charges, run_id, caps, NOON)
    recipe = store.scores.recipe_key(Recipe(chosen.model, chosen.effort, PROMPTS.version, SCHEMA_VERSION))
    asker = Asker(
        store=store,
        model=Model(chosen, model, stop=stop, sleep=sleep, warn=warnings.append),
        prices=prices_of(chosen.model, chosen.prices),
        budget=budget,
        prompts=PROMPTS,
        recipe=recipe,
        clock=lambda: NOON,
        warn=warnings.append,
    )
    warm = store.charges.warm_blocks(NOON - KEPT_WARM)
    planned = Planned(store, PROMPTS, chosen.context_tokens, warm, chosen.prefix_rpm)
    desk = Desk(store, asker, planned, budget, PROMPTS, recipe, clock=lambda: NOON, skips=chosen.skips)
    return Run(ModelScorer(desk, Similarity(), tell), model, warnings, store)


def liked(papers: Sequence[Paper], relevance: int = 9, novelty: int = 7) -> dict[str, tuple[int, int]]:
    return {paper.title: (relevance, novelty) for paper in papers}


def total(store: Store, column: str, table: str = "charges") -> int:
    row = store.database.row(f"SELECT coalesce(sum({column}), 0) AS total FROM {table}")
    assert row is not None
    return int(row["total"])


def assert_accounts_equal_the_meter(run: Run) -> None:
    columns = {"prompt": "prompt_tokens", "cached": "cached_tokens", "completion": "completion_tokens"}
    for metered, column in columns.items():
        assert total(run.store, column) == run.model.meter[metered]
        assert total(run.store, column, "accounts") == run.model.meter[metered]
    assert total(run.store, "cache_write_tokens") == run.model.meter["written"]
    assert total(run.store, "picodollars", "accounts") == total(run.store, "picodollars")
    assert total(run.store, "picodollars", "reservations") == 0


def relevance_of(scores: Read) -> dict[str, int]:
    return {scored.paper.title: scored.score.relevance for scored in scores.scored}


# What a reader gets


def test_every_candidate_gets_the_models_scores(store: Store) -> None:
    papers = a_slate(store, 60)
    scores = a_run(store, FakeModel(liked(papers[:5]))).score(a_reader(store), papers)
    assert (scores.scorer, scores.status, scores.not_scored) == ("openai", Status.OK, ())
    assert {s.paper.id: (s.score.relevance, s.score.novelty) for s in scores.scored} == {
        paper.id: (9, 7) if paper in papers[:5] else (1, 3) for paper in papers
    }


def test_only_what_may_be_shown_gets_comment_evidence_and_summary(store: Store) -> None:
    papers = a_slate(store, 30)
    scores = a_run(store, FakeModel(liked(papers[:4]))).score(a_reader(store, max_papers=3), papers)
    commented = [s for s in scores.scored if s.score.comment]
    assert len(commented) == 3
    assert {(s.score.topic, s.score.comment, s.score.summary) for s in commented} == {
        ("Moss", f"About {s.paper.title}.", "Something is new.") for s in commented
    }
    assert all(s.score.evidence in s.paper.abstract for s in commented)


def test_a_quotation_that_is_not_in_the_abstract_is_asked_for_once_more_and_then_there_is_no_comment(
    store: Store,
) -> None:
    papers = a_slate(store, 10)
    run = a_run(store, FakeModel(liked(papers[:1]), evidence=lambda _: "words that nobody ever wrote down here"))
    (shown,) = [s for s in run.score(a_reader(store), papers).scored if s.score.relevance > 8]
    assert (shown.score.comment, shown.score.evidence, shown.score.topic) == ("", "", "Moss")
    assert sum("summary" in str(body["response_format"]) for body in run.model.calls) == 2


def test_borderline_papers_are_read_again_in_another_order_and_averaged(store: Store) -> None:
    papers = a_slate(store, 20)
    model = FakeModel(liked(papers[:4], 7))
    model.fault = lambda call, body: model.scores.update(liked(papers[:4], 8)) if call == 2 else None  # type: ignore[attr-defined]
    scores = a_run(store, model).score(a_reader(store), papers)
    assert {relevance_of(scores)[paper.title] for paper in papers[:4]} == {7}  # (7 + 8) / 2, not rounded up
    assert len(model.calls) == 3  # the block, the four again, their comments


# Faults


def test_what_an_answer_leaves_out_is_asked_for_again(store: Store) -> None:
    papers = a_slate(store, 20)
    run = a_run(store, FakeModel(liked(papers), fault=lambda call, body: "omit" if call == 1 else None))
    assert set(relevance_of(run.score(a_reader(store), papers)).values()) == {9}
    assert_accounts_equal_the_meter(run)


def test_half_a_json_text_is_never_believed(store: Store) -> None:
    papers = a_slate(store, 20)
    run = a_run(store, FakeModel({}, fault=lambda call, body: "badjson" if call == 1 else None))
    assert set(relevance_of(run.score(a_reader(store), papers)).values()) == {1}


@pytest.mark.parametrize("wrong", ["refusal", "cut"])
def test_one_paper_that_the_model_will_not_read_is_isolated_and_named(store: Store, wrong: str) -> None:
    papers = a_slate(store, 48)
    bad = papers[17]

    def fault(call: int, body: dict[str, Any]) -> str | None:
        return wrong if bad.title + "\n" in text_of(body)[0] else None

    run = a_run(store, FakeModel(liked(papers), fault=fault))
    scores = run.score(a_reader(store), papers)
    assert scores.not_scored == (bad,)
    assert relevance_of(scores) == {paper.title: 9 for paper in papers if paper != bad}
    assert_accounts_equal_the_meter(run)


def test_too_many_papers_without_a_score_make_a_fault_and_a_local_edition(store: Store) -> None:
    papers = a_slate(store, 60)
    fault = lambda call, body: Rejected(503, "overloaded") if call > 1 else None  # noqa: E731
    scores = a_run(store, FakeModel(liked(papers), fault=fault)).score(a_reader(store), papers)
    assert (scores.scorer, scores.status, len(scores.scored)) == ("local", Status.SCORING_FAULT, 60)
    assert scores.fault == Fault(Trouble.UNSCORED, (30, 60))


def test_scores_bought_before_a_fault_stay_for_the_next_run(store: Store) -> None:
    papers, ada = a_slate(store, 60), a_reader(store)
    a_run(store, FakeModel(liked(papers), fault=lambda call, body: Rejected(503) if call > 1 else None)).score(
        ada, papers
    )
    again = a_run(store, FakeModel(liked(papers)))
    assert again.score(ada, papers).status is Status.OK
    stages = {row["stage"]: row["calls"] for row in store.charges.grouped("stage")}
    assert stages["both"] == 2  # the two blocks of thirty, each once


@pytest.mark.parametrize(
    "refusal",
    [Rejected(401, "bad key"), Rejected(429, "quota", "insufficient_quota"), Rejected(404, "gone", "model_not_found")],
)
def test_a_refused_key_quota_or_model_stops_the_calls_of_the_run(store: Store, refusal: Rejected) -> None:
    papers = a_slate(store, 60)
    readers = [a_reader(store, slug) for slug in ("ada", "bo", "cy")]
    run = a_run(store, FakeModel(fault=lambda call, body: refusal))
    scores = run.score_all(readers, papers)
    assert len(run.model.calls) == 1
    assert {s.status for s in scores} == {Status.SCORING_FAULT}
    assert len(run.warnings) == 1
    assert {s.fault for s in scores} == {Fault(Trouble.MODEL_STOPPED)}


def test_who_insists_on_a_model_reads_that_there_is_none() -> None:
    scorer, papers = WithoutModel(Similarity()), [a_paper()]
    assert scorer.score(a_reading(a_subscriber(scorer="openai"), papers)).fault == Fault(Trouble.NO_MODEL)
    assert scorer.score(a_reading(a_subscriber(), papers)).status is Status.OK


def test_a_server_that_cuts_long_prompts_silently_still_scores_every_paper(store: Store) -> None:
    papers = a_slate(store, 48)
    papers = tuple(
        a.paper
        for a in store.mailings.save(
            a_mailing(
                *(replace(p, id=f"2612.{n:05}", key=None, abstract=p.abstract * 16) for n, p in enumerate(papers))
            ),
            NOON,
        ).announcements
        if a.paper.id.startswith("2612")
    )
    run = a_run(store, FakeModel(liked(papers), context=4096))
    scores = run.score(a_reader(store), papers)
    assert set(relevance_of(scores).values()) == {9}
    assert len(scores.scored) == 48
    assert "openai.context_tokens" in run.warnings[0]


# Sharing


def test_what_is_shared_is_bought_once_and_split_to_the_last_picodollar(store: Store) -> None:
    papers = a_slate(store, 60)
    readers = [a_reader(store, slug) for slug in ("ada", "bo", "cy")]
    run = a_run(store, FakeModel(liked(papers[:3])))
    run.score_all(readers, papers, lanes=3)
    assert_accounts_equal_the_meter(run)
    stages = run.store.charges.grouped("stage")
    assert {row["stage"]: row["calls"] for row in stages} == {"novelty": 2, "relevance": 6, "comments": 3}
    paid = [row["picodollars"] for row in run.store.charges.grouped("subscriber")]
    assert max(paid) - min(paid) < 0.05 * max(paid)


def test_the_warm_prefix_is_read_from_the_cache_by_all(store: Store) -> None:
    papers = a_slate(store, 40)
    run = a_run(store, FakeModel())
    run.score_all([a_reader(store, f"reader{n}") for n in range(6)], papers, lanes=6)
    assert run.model.meter["cached"] == 6 * run.model.meter["written"]


def test_a_busy_prefix_gets_further_cache_keys(store: Store) -> None:
    papers = a_slate(store, 40)
    run = a_run(store, FakeModel(), prefix_rpm=2)
    run.score_all([a_reader(store, f"reader{n}") for n in range(5)], papers)
    keys = [body["prompt_cache_key"] for body in run.model.calls if "prompt_cache_key" in body]
    assert [key.rpartition("-")[2] for key in keys] == ["0", "0", "1", "1", "2", "2"]  # novelty and five readers


def test_who_is_read_twice_in_a_run_pays_for_what_is_new(store: Store) -> None:
    papers, ada, bo = a_slate(store, 40), a_reader(store), a_reader(store, "bo")
    run = a_run(store, FakeModel())
    run.score_all([ada, bo], papers)
    more = a_slate(store, 60)
    run.score_all([ada, bo], more)
    assert all(len(run.score(who, more).scored) == 60 for who in (ada, bo))
    assert_accounts_equal_the_meter(run)


def test_equal_topics_cost_once(store: Store) -> None:
    papers = a_slate(store, 40)
    readers = [a_reader(store, slug, topics="1. Moss\n   - Relevant: moss\n") for slug in ("ada", "bo")]
    run = a_run(store, FakeModel(liked(papers[:3])))
    first, second = run.score_all(readers, papers, lanes=2)
    assert first.scored == second.scored
    assert len(run.model.calls) == 2  # the block and the comments
    assert_accounts_equal_the_meter(run)


def test_a_second_run_buys_nothing(store: Store) -> None:
    papers, ada = a_slate(store, 60), a_reader(store)
    first = a_run(store, FakeModel(liked(papers[:3]))).score(ada, papers)
    again = a_run(store, FakeModel())
    assert again.score(ada, papers).scored == first.scored
    assert again.model.calls == []


def test_papers_that_come_later_make_new_blocks(store: Store) -> None:
    papers, ada = a_slate(store, 30), a_reader(store)
    a_run(store, FakeModel()).score(ada, papers)
    more = a_slate(store, 40)
    run = a_run(store, FakeModel())
    assert len(run.score(ada, more).scored) == 40
    assert [len(block.papers) for block in store.blocks.of([p.key for p in more if p.key])] == [30, 10]


def test_a_reader_is_asked_only_about_blocks_that_hold_a_candidate(store: Store) -> None:
    papers = a_slate(store, 96)
    run = a_run(store, FakeModel())
    few = papers[:2]
    run.scorer.plan([a_reading(a_reader(store, "bo"), papers), a_reading(a_reader(store), few)])
    run.score(a_reader(store), few)
    assert all(any(paper.title + "\n" in text for paper in few) for text in run.model.texts())


def test_no_address_enters_a_prompt(store: Store) -> None:
    papers = a_slate(store, 10)
    run = a_run(store, FakeModel(liked(papers[:2])))
    run.score(a_reader(store, topics="1. Moss, write to ada@example.org\n   - Relevant: moss\n"), papers)
    assert not [text for text in run.model.texts() if "@" in text]


def test_one_reader_in_a_prompt(store: Store) -> None:
    papers = a_slate(store, 40)
    run = a_run(store, FakeModel(liked(papers[:2])))
    run.score_all([a_reader(store, slug) for slug in ("ada", "bo")], papers)
    assert not [text for text in run.model.texts() if "as ada" in text and "as bo" in text]
    assert not [b for b in run.model.calls if "as ada" in text_of(b)[1] or "as bo" in text_of(b)[1]]


# Money


def test_a_reader_without_money_is_ranked_locally_and_told(store: Store) -> None:
    papers = a_slate(store, 20)
    run = a_run(store, FakeModel())
    scores = run.score(a_reader(store, budget_usd_per_month=0), papers)
    assert (scores.status, scores.scorer, run.model.calls) == (Status.BUDGET, "local", [])
    assert scores.fault == Fault(Trouble.UNREAD, (20, 20), Cap.OWN_MONTH)


def test_when_money_runs_short_the_most_promising_blocks_are_read_first(store: Store) -> None:
    papers = a_slate(store, 192)
    run = a_run(store, FakeModel(), max_usd_per_run="0.0071")
    scores = run.score(a_reader(store), papers)
    assert scores.status is Status.OK
    assert scores.economies[0].code is Trouble.UNREAD
    assert 0 < sum(s.score.novelty is not None for s in scores.scored) < len(papers)
    assert total(store, "picodollars") <= picodollars(0.0071)


def test_one_reader_without_money_does_not_keep_the_others_from_sharing(store: Store) -> None:
    papers = a_slate(store, 40)
    poor, ada, bo = (a_reader(store, s, budget_usd_per_month=m) for s, m in (("al", 0), ("ada", 1), ("bo", 1)))
    run = a_run(store, FakeModel())
    scores = run.score_all([poor, ada, bo], papers)
    assert [s.status for s in scores] == [Status.BUDGET, Status.OK, Status.OK]
    assert {row["subscriber"] for row in store.charges.grouped("subscriber")} == {"ada", "bo"}


def test_what_the_edition_says_is_what_its_account_holds(store: Store) -> None:
    papers = a_slate(store, 40)
    readers = [a_reader(store, slug) for slug in ("ada", "bo")]
    run = a_run(store, FakeModel(liked(papers[:2])))
    scores = run.score_all(readers, papers)
    assert sum(s.usage.prompt_tokens for s in scores) == run.model.meter["prompt"]
    assert sum(s.usage.completion_tokens for s in scores) == run.model.meter["completion"]
    assert sum(s.usage.cached_tokens for s in scores) == run.model.meter["cached"]


# Orders hidden in papers

GULLIBLE = re.compile(r"(?i)\b(score|rate|give|assign)\b[^.\n]{0,60}\b(10|ten|highest|maximum)\b")


def test_a_block_whose_bait_was_obeyed_is_not_trusted(store: Store) -> None:
    papers = a_slate(store, 40)
    model = FakeModel(liked(papers[:3]), obeys=GULLIBLE)
    scores = a_run(store, model).score(a_reader(store), papers)
    assert {title for title, r in relevance_of(scores).items() if r > 3} == {paper.title for paper in papers[:3]}
    alone = [text for text in model.texts() if text.count("\n[p") == 1 and '"s": relevance' in text]
    assert len(alone) >= 3


def test_threads_do_not_disturb_each_other(store: Store) -> None:
    papers = a_slate(store, 100)
    readers = [a_reader(store, f"reader{n}") for n in range(12)]
    lock, wrong = threading.Lock(), iter(["omit", None, "badjson", None, None, "refusal", None, "cut", None] * 200)

    def fault(call: int, body: dict[str, Any]) -> str | None:
        with lock:
            return next(wrong)

    run = a_run(store, FakeModel(liked(papers[:7]), fault=fault))
    for scores in run.score_all(readers, papers, lanes=8):
        found = relevance_of(scores) | {paper.title: 0 for paper in scores.not_scored}
        assert len(found) == 100
        if scores.status is Status.OK:  # with so many faults, some editions are ranked locally, and say so
            assert all(found[paper.title] in (0, 9 if paper in papers[:7] else 1) for paper in papers)
    rows = store.database.rows("SELECT title, relevance FROM scores JOIN papers ON papers.key = paper_key")
    wanted = {paper.title: 9 if paper in papers[:7] else 1 for paper in papers}
    assert len(rows) > 1000
    assert all(row["relevance"] == wanted[row["title"]] for row in rows)
    assert_accounts_equal_the_meter(run)
