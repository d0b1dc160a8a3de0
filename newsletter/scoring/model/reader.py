"""Scores one subscriber's candidates with the model: blocks, borderline papers again, comments for what may be shown.

Whatever goes wrong, each paper ends with a score, in the list of those without one, or in an edition that says it was
ranked locally. Money that runs short is saved in a fixed order, and each step is named.
"""

import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from newsletter.models.papers import Paper
from newsletter.models.scores import Cap, Commented, Cost, Fault, Reading, Score, Scored, Scorer, Scores, Trouble
from newsletter.models.subscribers import Subscriber
from newsletter.money import picodollars, shown_usd
from newsletter.scoring.model.budget import OutOfMoney
from newsletter.scoring.model.calls import Asker, Question
from newsletter.scoring.model.client import ModelStopped
from newsletter.scoring.model.prompts import page
from newsletter.scoring.model.sharing import Part, Planned
from newsletter.store.scores import Bought, Comment, Relevance

MISSING_AT_MOST = 0.02  # of the candidates; one paper is always forgiven
READ_AGAIN_AT_MOST = 30
ALONE_AT_MOST = 60
SURPRISING = 8  # this relevance, for a paper in the lower half of the local ranking, is read again
LIKELY = 0.1  # the best tenth of the local ranking is read alone where a block is not trusted
KEPT_WARM = timedelta(minutes=25)  # providers promise thirty
REMARKS_SET_ASIDE = 20  # papers whose comments are paid for before the last blocks are
REMARK_CHARS = 2_000
REMARK_TOKENS = 400


class ModelScorer:
    """The model's part of one run, over the local ranking; see models.scores.Scorer."""

    def __init__(self, asker: Asker, planned: Planned, local: Scorer) -> None:
        self._asker = asker
        self._planned = planned
        self._local = local
        self._shards = _Shards(asker.model.settings.prefix_rpm)
        self._turns: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def plan(self, readings: Iterable[Reading]) -> None:
        """Cuts the blocks of a run, counts their readers and sets the readers' budgets."""
        for who, usd in self._planned.add(readings, _wants_model).items():
            self._asker.budget.cap(who, picodollars(usd))

    def score(self, reading: Reading) -> Scores:
        """The model's scores, or what the local ranking says where the model or the money failed."""
        ranked = self._local.score(reading)
        if not reading.papers or not _wants_model(reading.subscriber):
            return ranked
        if not self._planned.knows(reading.subscriber.id):
            self.plan([reading])
        with self._turn(reading):
            return _Reader(self._asker, self._planned, self._shards.key, reading).scores(ranked)

    def comment(self, reading: Reading, shown: Sequence[Scored]) -> Commented:
        """The model's comments on what it scored."""
        if not _wants_model(reading.subscriber):
            return self._local.comment(reading, shown)
        with self._turn(reading):
            commented = _Reader(self._asker, self._planned, self._shards.key, reading).commented(shown)
        self._planned.finish(reading.subscriber.id)
        return commented

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


def _wants_model(subscriber: Subscriber) -> bool:
    return subscriber.wishes.scorer != "local"


class _Shards:
    """Cache keys of a block: a further one each time `per_minute` calls were made; 0 means one for all."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._calls: dict[int, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def key(self, part: Part) -> str:
        if not self._per_minute:
            return part.nonce
        now = time.monotonic()
        with self._lock:
            calls = self._calls[part.key]
            while calls and calls[0] < now - 60:
                calls.popleft()
            calls.append(now)
            return f"{part.nonce}-{(len(calls) - 1) // self._per_minute}"


class _Reader:
    """One subscriber's way through the run."""

    def __init__(self, asker: Asker, planned: Planned, cache_key: Callable[[Part], str], reading: Reading) -> None:
        self.asker, self.planned, self.cache_key = asker, planned, cache_key
        self.subscriber, self.date = reading.subscriber, reading.date
        self.hash = self.subscriber.topics.hash
        self.topics = asker.store.scores.topics_key(self.subscriber.topics)
        self.local: dict[int, Scored] = {}  # by the local scorer
        self.place: dict[int, float] = {}  # in the local ranking, as a share of it
        self.unread: set[int] = set()  # papers that money did not reach
        self.economies: list[Fault] = []

    def scores(self, ranked: Scores) -> Scores:
        """Reads what is not read yet, and says what it came to."""
        self.local = {_key(s.paper): s for s in ranked.scored}
        order = sorted(self.local, key=lambda key: -self.local[key].score.local)
        self.place = {key: (n + 1) / len(order) for n, key in enumerate(order)}
        with suppress(ModelStopped):  # what was bought until then decides what the edition is
            self._read_blocks()
            read = self._relevances()
            self._rate_novelty(read)
            self._read_again(read)
        return self._result(ranked)

    def commented(self, shown: Sequence[Scored]) -> Commented:
        """Asks for the comments that are missing; a paper that no model scored gets none."""
        read = self.asker.store.scores.relevances(self.topics, self.asker.recipe, [_key(s.paper) for s in shown])
        mine = [s for s in shown if _key(s.paper) in read]
        with suppress(ModelStopped):
            self._remark(mine)
        said = self._comments(s.paper for s in mine)
        account = self.asker.store.charges.account(self.subscriber.id, self.date)
        return Commented(
            papers=tuple(self._with_words(s, said.get(_key(s.paper))) for s in shown),
            economies=tuple(self.economies),
            usage=account.usage,
            cost=_cost(account.picodollars, account.completion_picodollars),
        )

    # What is known

    def _relevances(self) -> dict[int, Relevance]:
        return self.asker.store.scores.relevances(self.topics, self.asker.recipe, self.local)

    def _novelties(self) -> dict[int, int]:
        return self.asker.store.scores.novelties(self.asker.recipe, self.local)

    def _trusted(self) -> dict[int, Relevance]:
        """Without the high scores of calls that obeyed a paper."""
        threshold = self.subscriber.wishes.min_relevance
        return {key: r for key, r in self._relevances().items() if r.readings or r.value < threshold}

    # What is asked

    def _question(self, stage: str, payers: tuple[int, ...] = ()) -> Question:
        return Question(
            stage=stage,
            task="relevance",
            date=self.date,
            payers=payers or (self.subscriber.id,),
            topics=self.subscriber.topics,
            topics_key=self.topics,
        )

    def _read_blocks(self) -> None:
        """Every block that holds an unread candidate, the most promising first."""
        known = self._relevances()
        wanted = {key: s.paper for key, s in self.local.items() if key not in known}
        mine = {part.key: [p for p in part.papers if _key(p) in wanted] for part in self.planned.parts(wanted.values())}
        parts = sorted(self.planned.parts(wanted.values()), key=lambda part: -self._promise(mine[part.key]))
        for n, part in enumerate(parts):
            try:
                if n and self.asker.budget.room(self.subscriber.id) < self._for_remarks():
                    raise OutOfMoney(Cap.COMMENTS)
                self._read(part, mine[part.key])
            except OutOfMoney as empty:
                self.unread = {_key(paper) for rest in parts[n:] for paper in mine[rest.key]}
                self.economies.append(Fault(Trouble.UNREAD, (len(self.unread), len(self.local)), empty.cap))
                return

    def _read(self, part: Part, mine: Sequence[Paper]) -> None:
        payers = self.planned.alike(part, self.subscriber.id, self.hash)
        question = self._question("relevance", payers)
        if part.several and not part.warm:
            with part.lock:  # one reader warms the cache, the others wait for that and then read it together
                if not part.warm:
                    unrated = self._unrated(part.papers)
                    sharers = self.planned.sharers(part) or payers
                    if unrated:
                        novelty = Question("novelty", "novelty", self.date, sharers)
                        self.asker.judge(novelty, unrated, part, self.cache_key(part))
                        part.warm = True
                    else:
                        self.asker.judge(replace(question, sharers=sharers), mine, part, self.cache_key(part))
                        part.warm = True
                        return
        elif not part.several and self._unrated(part.papers):
            question = replace(question, stage="both", task="both")
        self.asker.judge(question, mine, part, self.cache_key(part))

    def _unrated(self, papers: Sequence[Paper]) -> list[Paper]:
        rated = self.asker.store.scores.novelties(self.asker.recipe, map(_key, papers))
        return [paper for paper in papers if _key(paper) not in rated]

    def _rate_novelty(self, read: Mapping[int, Relevance]) -> None:
        """The novelty of papers that have a relevance only: another's call failed, or left them out."""
        rated = self._novelties()
        gaps = [s.paper for key, s in self.local.items() if key in read and key not in rated]
        if gaps:
            novelty = Question("novelty", "novelty", self.date, (self.subscriber.id,))
            self._unless_poor(lambda: self.asker.judge(novelty, gaps), Fault(Trouble.UNRATED, (len(gaps),)))

    def _read_again(self, read: Mapping[int, Relevance]) -> None:
        """Borderline and surprising papers once more, in another order; what a tricked call liked, one by one."""
        least = self.subscriber.wishes.min_relevance
        once = {key: r.value for key, r in read.items() if r.readings == 1}
        borderline = [key for key, value in once.items() if value in (least - 1, least)]
        surprising = [key for key, v in once.items() if v >= max(SURPRISING, least + 1) and self.place[key] > 0.5]
        again = [*borderline, *surprising][:READ_AGAIN_AT_MOST]
        random.Random(f"{self.hash} {self.date}").shuffle(again)  # noqa: S311 - an order, no secret
        alone = [
            key for key, r in read.items() if not r.readings and (r.value >= least - 1 or self.place[key] <= LIKELY)
        ][:ALONE_AT_MOST]

        def read_them() -> None:
            if again:
                question = replace(self._question("again"), final=True, before={key: once[key] for key in again})
                if self.asker.budget.room(self.subscriber.id) < self._for_remarks() + self._worst(len(again)):
                    raise OutOfMoney(Cap.COMMENTS)
                self.asker.judge(question, [self.local[key].paper for key in again])

        def read_alone() -> None:
            question = replace(self._question("alone"), final=True)
            for key in alone:
                self.asker.judge(question, [self.local[key].paper])

        self._unless_poor(read_alone, Fault(Trouble.NOT_READ_ALONE))
        self._unless_poor(read_them, Fault(Trouble.NOT_READ_AGAIN, (len(again),)))

    def _remark(self, shown: Sequence[Scored]) -> None:
        said = self._comments(s.paper for s in shown)
        wanted = [s.paper for s in shown if _key(s.paper) not in said]
        if not wanted:
            return
        language = self.subscriber.wishes.language
        question = self._question("comments")
        paid = self._unless_poor(lambda: self.asker.remark(question, wanted, language), Fault(Trouble.NO_COMMENTS))
        said = self._comments(wanted)
        if paid and (silent := [p for p in wanted if _key(p) not in said]):
            nothing = {_key(paper): Comment(0, "", "", "") for paper in silent}  # asked twice; not again
            self.asker.store.scores.keep(Bought(comments=nothing, language=language), self.asker.recipe, self.topics)

    def _unless_poor(self, ask: Callable[[], None], economy: Fault) -> bool:
        """Asks, or names the economy where money does not suffice."""
        try:
            ask()
        except OutOfMoney as empty:
            self.economies.append(replace(economy, cap=empty.cap))
            return False
        return True

    # What it comes to

    def _scored(self) -> list[Scored]:
        """All papers that have a score: the model's, or the local one where money did not suffice."""
        read, rated = self._trusted(), self._novelties()
        topics = {topic.number: topic.name for topic in self.subscriber.topics.topics}
        scored = []
        for key, by_words in self.local.items():
            if found := read.get(key):
                topic = topics.get(found.topic, by_words.score.topic)
                score = Score(found.value, rated.get(key), topic, local=by_words.score.local)
                scored.append(replace(by_words, score=score, reason=None))  # strength is for what no model graded
            elif key in self.unread:
                scored.append(by_words)
        return scored

    def _with_words(self, item: Scored, said: Comment | None) -> Scored:
        if said is None:
            return item
        topics = {topic.number: topic.name for topic in self.subscriber.topics.topics}
        score = replace(
            item.score,
            topic=topics.get(said.topic, item.score.topic),
            comment=said.comment,
            evidence=said.evidence,
            summary=said.summary,
        )
        return replace(item, score=score)

    def _comments(self, papers: Iterable[Paper]) -> dict[int, Comment]:
        language = self.subscriber.wishes.language
        return self.asker.store.scores.comments(self.topics, self.asker.recipe, language, map(_key, papers))

    def _result(self, ranked: Scores) -> Scores:
        scored = self._scored()
        found = {_key(s.paper) for s in scored}
        missing = [s.paper for key, s in self.local.items() if key not in found]
        common = replace(
            ranked,
            model=self.asker.model.settings.model,
            economies=tuple(self.economies),
            prompt=page(self.subscriber.topics.body, self.asker.prompts),
        )
        if len(missing) > max(1, MISSING_AT_MOST * len(self.local)):
            # What the endpoint said is for the operator, who was warned; it does not go to readers.
            if self.asker.model.stopped:
                return replace(common, fault=Fault(Trouble.MODEL_STOPPED))
            return replace(common, fault=Fault(Trouble.UNSCORED, (len(missing), len(self.local))))
        if len(self.unread) == len(self.local):
            return replace(common, fault=self.economies[0], economies=())
        return replace(common, scorer="openai", scored=tuple(scored), not_scored=tuple(missing))

    def _promise(self, papers: Sequence[Paper]) -> float:
        """How many good papers a block is likely to hold, by the local ranking."""
        return float(sum(self.local[_key(paper)].score.local ** 2 for paper in papers))

    def _for_remarks(self) -> int:
        return self._worst(min(REMARKS_SET_ASIDE, self.subscriber.wishes.max_papers), REMARK_TOKENS)

    def _worst(self, papers: int, tokens: int = 16) -> int:
        extra = len(self.subscriber.topics.body) + len(self.asker.prompts.texts["rubric"])
        return self.asker.worst(papers * REMARK_CHARS + extra, 64 + papers * tokens)


def _cost(total: int, completion: int) -> Cost:
    return Cost(prompt=shown_usd(total - completion), completion=shown_usd(completion), total=shown_usd(total))


def _key(paper: Paper) -> int:
    assert paper.key is not None, "the papers of a mailing are stored"
    return paper.key
