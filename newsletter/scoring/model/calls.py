"""Calls the model about papers and saves what it bought: each call's charge and scores in one transaction.

Money is reserved before a call and settled after. What an answer leaves out is asked for again; a prompt that is too
long, refused or cut off is asked in halves, down to the single paper.
"""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from newsletter.models.papers import Clock, Paper
from newsletter.models.scores import Cap
from newsletter.models.subscribers import Topics
from newsletter.money import split
from newsletter.scoring.model import answers as read
from newsletter.scoring.model import prompts as words
from newsletter.scoring.model.budget import Budget, OutOfMoney, Reservation
from newsletter.scoring.model.client import Model, ModelStopped, Prompt, Reply, TooLong, Unanswered
from newsletter.scoring.model.prices import Prices
from newsletter.scoring.model.prompts import AXES, Prompts, Shown, Task
from newsletter.scoring.model.sharing import Part, nonce_of
from newsletter.store import Store
from newsletter.store.charges import Charge
from newsletter.store.scores import Bought, Comment, Relevance

ROUNDS = 2  # how often what is missing is asked for again
REMARKS_A_CALL = 20
CANARY_AT_MOST = 3  # a canary that scores more was obeyed
USELESS_IN_A_ROW = 40  # answers that bought nothing, before the run stops calling
# A prompt of more characters a token than any tokenizer makes of prose was cut by the server without a word.
MOST_CHARS_A_TOKEN = 7.0
FEWEST_BYTES_A_TOKEN = 3.2  # for what fits into a context
WORST_BYTES_A_TOKEN = 2  # for what a call may cost


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and who pays. `sharers` split what the call writes to the cache.

    A `final` reading is not followed by another; with `before`, it is averaged with what was read then.
    """

    stage: str
    task: Task
    date: date
    payers: tuple[int, ...]
    topics: Topics | None = None
    topics_key: int | None = None
    sharers: tuple[int, ...] = ()
    final: bool = False
    before: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Answered:
    reply: Reply
    bought: Bought
    usable: bool
    cut: bool


class Asker:
    """Asks one model in one run; safe to use from several threads."""

    def __init__(
        self,
        *,
        store: Store,
        model: Model,
        prices: Prices,
        budget: Budget,
        prompts: Prompts,
        recipe: int,
        clock: Clock,
        warn: Callable[[str], None],
        context: int | None = None,
        learn: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.model = model
        self.budget = budget
        self.prompts = prompts
        self.recipe = recipe
        self._prices = prices
        self._clock = clock
        self._warn = warn
        self._lock = threading.Lock()
        self._context = min(model.settings.context_tokens, context or model.settings.context_tokens)
        self._learn = learn
        self._useless = 0
        self._seed = secrets.token_hex(16)

    def judge(self, question: Question, wanted: Sequence[Paper], part: Part | None = None, key: str = "") -> None:
        """Asks for the scores of `wanted` and saves what comes; with `part`, by the block's own prompt.

        What stays unanswered stays unsaved. Raises OutOfMoney, ModelStopped.
        """
        self._judge(question, wanted, part, key, ROUNDS)

    def _judge(self, q: Question, wanted: Sequence[Paper], part: Part | None, key: str, rounds: int) -> None:
        shown = part.shown if part else self._show(wanted)
        prompt = words.judge(q.task, shown, q.topics, self.prompts, self.model.settings.effort)
        prompt = self.model.roomy(prompt)
        if part:
            prompt = replace(prompt, cached=part.several or part.warm, cache_key=key)
        if self._too_long(prompt) and (part or len(wanted) > 1):
            return self._in_halves(q, wanted, rounds)

        def bought(text: str) -> Bought:
            return _scores(q, shown, text)

        try:
            answer = self._call(q, prompt, len(shown.labels), part.key if part else None, bought)
        except TooLong as long:
            self._holds(long.context)
            return self._in_halves(q, wanted, rounds) if len(wanted) > 1 else None
        except Unanswered:
            return None
        if answer.cut and len(wanted) > 1:
            return self._in_halves(q, wanted, rounds)
        if not answer.usable and len(wanted) > 1:
            return self._in_halves(replace(q, sharers=()), wanted, rounds)
        found = answer.bought.novelties if q.task == "novelty" else answer.bought.relevances
        missing = [paper for paper in wanted if paper.key not in found]
        if missing and rounds:
            most = (
                part if answer.usable and len(missing) * 2 > len(wanted) else None
            )  # the cached block is cheaper than half of it anew
            self._judge(replace(q, sharers=()), missing, most, key, rounds - 1)
        elif found and len(missing) > 1:  # a small model loses its way in long lists
            self._in_halves(replace(q, sharers=()), missing, 0)
        return None

    def _holds(self, context: int | None) -> None:
        """Takes an endpoint at its word about what it can read."""
        with self._lock:
            news = context is not None and context < self._context
            self._context = min(self._context, context or self._context)
        if news:
            self._learn(self._context)

    def _in_halves(self, q: Question, wanted: Sequence[Paper], rounds: int) -> None:
        middle = (len(wanted) + 1) // 2
        for half in (wanted[:middle], wanted[middle:]):
            if half:
                self._judge(q, half, None, "", rounds)

    def remark(self, q: Question, wanted: Sequence[Paper], language: str, again: bool = True) -> None:
        """Asks for comments and saves those that are true; each paper is asked about twice at most."""
        for start in range(0, len(wanted), REMARKS_A_CALL):
            self._remark(q, wanted[start : start + REMARKS_A_CALL], language, again)

    def _remark(self, q: Question, papers: Sequence[Paper], language: str, again: bool) -> None:
        topics = q.topics
        assert topics is not None, "comments are for one reader"
        shown = self._show(papers)
        prompt = self.model.roomy(words.remark(shown, topics, self.prompts, language, self.model.settings.effort))
        halves = (papers[: len(papers) // 2], papers[len(papers) // 2 :]) if len(papers) > 1 else ()
        answer = None
        if not (self._too_long(prompt) and halves):
            try:
                answer = self._call(q, prompt, len(papers), None, lambda text: _remarks(shown, text, topics, language))
            except TooLong as long:
                self._holds(long.context)
            except Unanswered:
                return
        if halves and not (answer and answer.usable):
            for half in halves:
                self._remark(q, half, language, again)
        elif answer and again and (missing := [p for p in papers if p.key not in answer.bought.comments]):
            self._remark(q, missing, language, again=False)

    def worst(self, chars: int, answer_tokens: int) -> int:
        """The most that a call with so many characters of papers may cost, on the standard tier."""
        return self._prices.standard.worst(chars // WORST_BYTES_A_TOKEN, answer_tokens)

    def _call(
        self, q: Question, prompt: Prompt, items: int, block_key: int | None, buy: Callable[[str], Bought]
    ) -> _Answered:
        """One call, billed. Raises Unanswered, ModelStopped and OutOfMoney, all of them unbilled."""
        reservation, q = self._reserve(q, prompt)
        try:
            reply = self.model.ask(prompt, lost=lambda: self.budget.lost(reservation))
        except (Unanswered, ModelStopped):
            self.budget.release(reservation)
            raise
        cut = self._was_cut(prompt, reply)
        usable = not cut and reply.finish not in ("length", "filter", "refusal")
        bought = buy(reply.text) if usable else Bought()
        price = self._prices.of(reply.tier)
        completion = price.completion(reply.tokens)
        total = price.prompt(reply.tokens) + completion
        paid = _parts(total, price.written(reply.tokens), q)
        charge = Charge(
            run_id=self.budget.run_id,
            date=q.date,
            at=self._clock(),
            stage=q.stage,
            block_key=block_key,
            model=self.model.settings.model,
            tier=reply.tier,
            request_id=reply.request_id,
            tokens=reply.tokens,
            prices=self._prices.version,
            picodollars=total,
            completion_picodollars=completion,
            estimated_picodollars=sum(reservation.amounts.values()),
            finish=reply.finish,
            items_in=items,
            items_out=len(bought),
            retries=reply.retries,
            latency_ms=reply.latency_ms,
            payers=paid,
            estimated=reply.estimated,
        )
        self.store.scores.save(charge, reservation.rows, bought, self.recipe, q.topics_key)
        self.budget.settled(reservation, paid)
        self._count(useful=len(bought) > 0 or cut)
        return _Answered(reply, bought, usable, cut)

    def _reserve(self, q: Question, prompt: Prompt) -> tuple[Reservation, Question]:
        """Sets the worst case aside for those who can pay their part; the others drop out of the question."""
        tokens = prompt.size // WORST_BYTES_A_TOKEN
        worst = self._prices.standard.worst(tokens, prompt.max_tokens)
        written = self._prices.standard.worst(tokens, 0) if q.sharers else 0
        payers, sharers = q.payers, q.sharers
        while payers:
            amounts = dict(zip(payers, _evenly(worst, payers), strict=True))
            for who, part in zip(sharers, _evenly(written, sharers), strict=True):
                amounts[who] = amounts.get(who, 0) + part
            poor = self.budget.unable(amounts)
            if not poor:
                reserved = self.budget.reserve(amounts, self._clock(), q.stage, self.model.settings.model)
                return reserved, replace(q, payers=payers, sharers=sharers)
            payers = tuple(who for who in payers if who not in poor)
            sharers = tuple(who for who in sharers if who not in poor)
        raise OutOfMoney(Cap.OWN_MONTH)

    def _was_cut(self, prompt: Prompt, reply: Reply) -> bool:
        if reply.estimated or prompt.chars <= MOST_CHARS_A_TOKEN * reply.tokens.prompt:
            return False
        with self._lock:
            first = reply.tokens.prompt < self._context
            self._context = min(self._context, reply.tokens.prompt)
        if first:
            self._warn(
                f"the server read {reply.tokens.prompt} tokens of a prompt of {prompt.chars} characters and said "
                "nothing: smaller prompts from now on; set openai.context_tokens to what it can read"
            )
        return True

    def _too_long(self, prompt: Prompt) -> bool:
        return prompt.size / FEWEST_BYTES_A_TOKEN + prompt.max_tokens > self._context

    def _count(self, *, useful: bool) -> None:
        with self._lock:
            self._useless = 0 if useful else self._useless + 1
            stop = self._useless >= USELESS_IN_A_ROW
        if stop:
            self.model.stop(f"{self.model.settings.model} gave {USELESS_IN_A_ROW} answers in a row without a score")

    def _show(self, papers: Sequence[Paper]) -> Shown:
        return words.show(papers, nonce_of(papers, self._seed), self.prompts)


def _parts(total: int, written: int, q: Question) -> dict[int, int]:
    """Who pays what of a call: what it wrote to the cache is split over the sharers, the rest over the payers."""
    shared = written if q.sharers else 0
    parts = dict(zip(q.payers, _evenly(total - shared, q.payers), strict=True))
    for who, part in zip(q.sharers, _evenly(shared, q.sharers), strict=True):
        parts[who] = parts.get(who, 0) + part
    return parts


def _evenly(total: int, among: Sequence[int]) -> list[int]:
    return split(total, [1] * len(among)) if among else []


def _scores(q: Question, shown: Shown, text: str) -> Bought:
    axes = AXES[q.task]
    found = read.scores(text, shown.asked, axes)
    obeyed = q.task != "novelty" and found.get(shown.canary, (0,))[0] > CANARY_AT_MOST
    readings = 2 if q.final else 0 if obeyed else 1
    by_paper: Mapping[int, tuple[int, ...]] = {
        paper.key: found[label] for label, paper in shown.labels.items() if label in found and paper.key is not None
    }
    return Bought(
        relevances={
            key: Relevance((values[0] + q.before.get(key, values[0]) + 1) // 2, readings)
            for key, values in by_paper.items()
        }
        if "relevance" in axes
        else {},
        novelties={key: values[-1] for key, values in by_paper.items()} if "novelty" in axes else {},
    )


def _remarks(shown: Shown, text: str, topics: Topics, language: str) -> Bought:
    abstracts = {label: f"{paper.title} {paper.abstract}" for label, paper in shown.labels.items()}
    found = read.remarks(text, abstracts, [topic.number for topic in topics.topics])
    return Bought(
        comments={
            key: Comment(said.topic, said.comment, said.evidence, said.summary)
            for label, said in found.items()
            if (key := shown.labels[label].key) is not None
        },
        language=language,
    )
