"""The model's part of a run: warms what readers share, then reads for one subscriber after the other."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from newsletter.models.papers import Clock, Day
from newsletter.models.quality import ReadDay
from newsletter.models.scores import Commented, Computable, Cost, Fault, Pool, Reading, Scored, Scorer, Scores, Trouble
from newsletter.models.subscribers import Subscriber
from newsletter.money import picodollars, shown_usd
from newsletter.scoring.model.asking import Ask, Question
from newsletter.scoring.model.budget import Budget, editions_left
from newsletter.scoring.model.calls import Asker
from newsletter.scoring.model.client import ModelStopped
from newsletter.scoring.model.known import Known
from newsletter.scoring.model.pace import REMARKS, DayCosts, Means, rates
from newsletter.scoring.model.prompts import Prompts, page
from newsletter.scoring.model.reader import Reader
from newsletter.scoring.model.sharing import Planned, key_of
from newsletter.scoring.model.skipping import DAYS, STOPS_ABOVE, stopped
from newsletter.store import Store

KEPT_WARM = timedelta(minutes=25)  # providers promise thirty
REMARK_TOKENS = 400  # at most
WORST_PAPER_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Desk:
    """What the model's part of a run takes. `recipe` is the key of model, effort, prompts and schema in the store.

    With `skips`, days are kept, and what they say holds nothing for a reader is not read.
    """

    store: Store
    asker: Asker
    planned: Planned
    budget: Budget
    prompts: Prompts
    recipe: int
    clock: Clock
    skips: bool = False


class ModelScorer:
    """The model over the local ranking; see models.scores.Scorer. `tell` hears what a day will cost, before it does."""

    def __init__(self, desk: Desk, local: Scorer, tell: Callable[[str], None] = lambda _: None) -> None:
        self._desk = desk
        self._tell = tell
        self._local = local
        self._ranking = threading.Lock()
        self._turns: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def plan(self, readings: Iterable[Reading]) -> None:
        """Sets the readers' budgets, cuts the blocks, and rates the novelty of what several will read.

        Those calls write the blocks to the provider's cache, so that all readers find them there.
        """
        costs = DayCosts(self._desk.asker.name)
        heard = self._budgeted(readings, costs)
        self._desk.planned.add(heard, lambda r: _wants_model(r.subscriber), self._affords)
        if expected := costs.told():
            self._tell(str(expected))
        with suppress(ModelStopped):  # each edition says it
            self._desk.asker.ask(self._warming())

    def score(self, reading: Reading) -> Scores:
        """The model's scores, or what the local ranking says where the model or the money failed. Raises Stopped."""
        with self._ranking:  # work for the processor: side by side, all would be done late, and no call be under way
            ranked = self._local.score(reading)
        if not reading.papers or not _wants_model(reading.subscriber):
            return ranked
        if not self._desk.planned.knows(reading.subscriber.id):
            self.plan([reading])
        with self._turn(reading):
            scores = self._read(reading, ranked)
        return replace(scores, prompt=page(reading.subscriber.topics.body, self._desk.prompts))

    def computable(self, subscriber: Subscriber, day: Day, pool: Pool) -> Computable | None:
        """As the local scorer, for readers who want no model."""
        return None if _wants_model(subscriber) else self._local.computable(subscriber, day, pool)

    def comment(self, reading: Reading, shown: Sequence[Scored]) -> Commented:
        """The model's comments on what it scored, and what the edition used and cost. Raises Stopped."""
        if not _wants_model(reading.subscriber):
            return self._local.comment(reading, shown)
        with self._turn(reading):
            reader = self._reader(reading)
            papers = reader.commented(shown)
        self._desk.planned.finish(reading.subscriber.id)
        account = self._desk.store.charges.account(reading.subscriber.id, reading.date)
        cost = _cost(account.picodollars, account.completion_picodollars)
        return Commented(papers, tuple(reader.economies), account.usage, cost)

    def _read(self, reading: Reading, ranked: Scores) -> Scores:
        """The reader's scores; the day is kept, to learn from it what may be skipped."""
        desk, who = self._desk, reading.subscriber
        if not desk.skips:
            return self._reader(reading).scores(ranked)
        past = desk.store.quality.before(who.id, who.wishes.min_relevance, reading.date, DAYS)
        if past and past[-1].skipped and stopped(past):
            desk.asker.warn(
                f"{who.slug}: all papers are read again, for of those that matter more than {STOPS_ABOVE:.0%} seem to "
                "have been missed: see `newsletter quality`"
            )
        reader = self._reader(reading, past)
        scores = reader.scores(ranked)
        if reader.day:
            desk.store.quality.keep(who.id, who.wishes.min_relevance, reader.day)
        return scores

    def _reader(self, reading: Reading, past: Sequence[ReadDay] = ()) -> Reader:
        desk = self._desk
        known = Known(desk.store.scores, desk.recipe, reading.subscriber)
        return Reader(desk.asker, desk.planned, known, reading, self._means(reading), past=past)

    def _budgeted(self, readings: Iterable[Reading], costs: DayCosts) -> Iterator[Reading]:
        """The readings, as their readers' budgets are set."""
        today = self._desk.clock().date()
        for reading in readings:
            self._local.plan([reading])  # vectors of papers are paid for by all who read
            wishes = reading.subscriber.wishes
            left = editions_left(wishes.deliver, today)
            budget = picodollars(wishes.budget_usd_per_month)
            self._desk.budget.cap(reading.subscriber.id, budget, left, reading.date)
            if reading.papers and _wants_model(reading.subscriber):
                means = self._means(reading)
                costs.add(reading.subscriber.slug, len(reading.papers), means.rates, means.listed, budget)
            yield reading

    def _affords(self, reading: Reading) -> bool:
        return self._means(reading).reaches(len(reading.papers), shared=True)

    def _means(self, reading: Reading) -> Means:
        desk, who = self._desk, reading.subscriber
        topics, rubric = len(who.topics.body.encode()), len(desk.prompts.texts["rubric"].encode())
        listed = min(REMARKS, who.wishes.max_papers)
        kept = desk.asker.worst(listed * WORST_PAPER_BYTES + topics + rubric, 64 + listed * REMARK_TOKENS)
        of = rates(desk.asker.usual, reading.papers, topics, rubric)
        return Means(desk.budget.left_today(who.id), of, listed, kept)

    def _warming(self) -> Iterator[Ask]:
        """A call for each block that several readers share and that is neither rated nor in the cache."""
        desk = self._desk
        for part in desk.planned.cold():
            rated = desk.store.scores.novelties(desk.recipe, map(key_of, part.papers))
            unrated = tuple(paper for paper in part.papers if key_of(paper) not in rated)
            sharers = desk.planned.sharers(part)
            if unrated and sharers and desk.planned.date:
                question = Question("novelty", "novelty", desk.planned.date, sharers)
                yield Ask(question, unrated, part, desk.planned.cache_key(part), sharers)

    def _turn(self, reading: Reading) -> threading.Lock:
        """Of two readers with equal topics, one buys."""
        return self._turns[reading.subscriber.topics.hash]


class WithoutModel:
    """The local scorer of a service without a model; who insists on one is told that there is none."""

    def __init__(self, local: Scorer) -> None:
        self._local = local
        self.plan = local.plan
        self.comment = local.comment

    def score(self, reading: Reading) -> Scores:
        """The local scores."""
        scores = self._local.score(reading)
        if reading.subscriber.wishes.scorer != "openai":
            return scores
        return replace(scores, fault=Fault(Trouble.NO_MODEL))

    def computable(self, subscriber: Subscriber, day: Day, pool: Pool) -> Computable | None:
        """As the local scorer, but for who must be told."""
        return None if subscriber.wishes.scorer == "openai" else self._local.computable(subscriber, day, pool)


def _wants_model(subscriber: Subscriber) -> bool:
    return subscriber.wishes.scorer != "local"


def _cost(total: int, completion: int) -> Cost:
    return Cost(prompt=shown_usd(total - completion), completion=shown_usd(completion), total=shown_usd(total))
