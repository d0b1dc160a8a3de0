"""Calls the model about papers and saves what it bought: each call's charge and scores in one transaction.

Money is reserved in the thread that asks, in the order of the asks; the calls themselves run in one pool of threads
that all readers share. Money is settled after each call, before what follows from its answer is asked.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from newsletter.models.papers import Clock
from newsletter.models.scores import Cap
from newsletter.models.subscribers import Topics
from newsletter.scoring.model import answers as read
from newsletter.scoring.model import prompts as words
from newsletter.scoring.model.asking import Ask, Came, Question, follow_ups, halves
from newsletter.scoring.model.billing import Called, bill, evenly, together
from newsletter.scoring.model.budget import Budget, OutOfMoney, Purse, Reservation
from newsletter.scoring.model.client import Model, Reply, TooLong, Unanswered
from newsletter.scoring.model.dialect import Prompt
from newsletter.scoring.model.pace import usual
from newsletter.scoring.model.prices import FLEX, STANDARD, Prices
from newsletter.scoring.model.prompts import AXES, Prompts, Shown
from newsletter.scoring.model.sharing import nonce_of
from newsletter.store import Store
from newsletter.store.scores import Bought, Comment, Relevance

BAIT_AT_MOST = 3  # a bait that scores more was obeyed
USELESS_IN_A_ROW = 40  # answers that bought nothing, before the run stops calling
# A prompt of more characters a token than any tokenizer makes of prose was cut by the server without a word.
MOST_CHARS_A_TOKEN = 7.0
FEWEST_BYTES_A_TOKEN = 3.2  # for what fits into a context
WORST_BYTES_A_TOKEN = 2  # for what a call may cost


@dataclass(frozen=True, slots=True)
class Left:
    """The asks that money did not reach, in order, and the cap that was passed."""

    asks: tuple[Ask, ...] = ()
    cap: Cap | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    """An ask with all that its call takes; `warms`: it writes its block to the cache for the others who wait."""

    ask: Ask
    shown: Shown
    prompt: Prompt
    reservation: Reservation
    expected: int
    warms: bool


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
        self._store = store
        self._model = model
        self._budget = budget
        self._prompts = prompts
        self._recipe = recipe
        self._prices = prices
        self._clock = clock
        self.warn = warn
        self._lock = threading.Lock()
        self._context = min(model.settings.context_tokens, context or model.settings.context_tokens)
        self._learn = learn
        self._useless = 0
        self._tier: str = model.settings.service_tier
        self._seed = secrets.token_hex(16)
        # A reservation is made with a ticket in hand: no more money is set aside than for the calls under way.
        self._tickets = threading.Semaphore(model.settings.concurrency)
        self._pool = ThreadPoolExecutor(model.settings.concurrency, thread_name_prefix="call")

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.settings.model

    @property
    def stopped(self) -> str:
        """Why nothing is asked any more in this run; empty while all is well."""
        return self._model.stopped

    def ask(self, asks: Iterable[Ask], purse: Purse | None = None) -> Left:
        """Makes these calls side by side, then those that follow from their answers; saves what comes.

        What stays unanswered stays unsaved. `purse` says whose allowance for the day is kept to. Raises ModelStopped
        and Stopped, both after the calls under way.
        """
        waiting, under_way = deque(asks), dict[Future[list[Ask]], int]()
        later = purse
        if purse and purse.the_first:
            purse = replace(purse, kept=0, kept_today=0)
        begun: _Call | Sequence[Ask] | Cap = ()
        try:
            while True:
                while waiting and not isinstance(begun := self._begun(waiting[0], purse, under_way.values()), Cap):
                    waiting.popleft()
                    if isinstance(begun, _Call):
                        under_way[self._pool.submit(self._made, begun)] = begun.expected
                        purse = later
                    else:
                        waiting.extendleft(reversed(begun))
                if not under_way:
                    return Left(tuple(waiting), begun if isinstance(begun, Cap) and waiting else None)
                for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                    del under_way[done]
                    waiting.extendleft(reversed(done.result()))
        finally:
            wait(under_way)

    def left_today(self, subscriber_id: int) -> int | None:
        """What is left of a subscriber's allowance for the day (picodollars); None where there is none."""
        return self._budget.left_today(subscriber_id)

    def worst(self, size: int, answer_tokens: int) -> int:
        """The most that a call with so many bytes may cost, on the standard tier (picodollars)."""
        return self._prices.standard.worst(size // WORST_BYTES_A_TOKEN, answer_tokens)

    def usual(self, size: int, answer_tokens: int, cached: int = 0) -> int:
        """What a call is expected to cost, with `cached` of its bytes read from the cache (picodollars)."""
        return usual(self._prices.of(self._tier), size, answer_tokens, cached)

    def _begun(self, ask: Ask, purse: Purse | None, under_way: Iterable[int]) -> _Call | Sequence[Ask] | Cap:
        """The call with its money set aside, or what has to be asked instead, or the cap that leaves no room for it."""
        part = ask.part
        shown = part.shown if part else self._show(ask)
        prompt = self._model.roomy(self._prompt(ask, shown))
        if self._too_long(prompt) and (part or len(ask.papers) > 1):
            return halves(ask)
        cached = len(shown.text) if part and part.warm else 0
        expected = self.usual(prompt.size, prompt.usual_tokens, cached) // len(ask.question.payers)
        left = self._budget.left_today(purse.who) if purse else None
        if purse and left is not None and sum(under_way) + expected + purse.kept_today > left:
            poor = self._budget.unable({purse.who: self._worst(prompt) // len(ask.question.payers)})
            return Cap.OWN_MONTH if poor else Cap.DAY
        warms = part is not None and part.several and part.begin_warming()
        self._tickets.acquire()
        try:
            self._model.check()
            sharers = ask.sharers if warms else ask.question.sharers
            question = replace(ask.question, sharers=sharers)
            reservation, question = self._reserve(question, prompt, purse)
        except BaseException as error:
            self._tickets.release()
            if warms and part:
                part.end_warming(warm=False)
            if isinstance(error, OutOfMoney):
                return error.cap
            raise
        return _Call(replace(ask, question=question), shown, prompt, reservation, expected, warms)

    def _made(self, call: _Call) -> list[Ask]:
        """Makes a call, in a thread of the pool; what follows from its answer."""
        came, bought = Came.NOTHING, Bought()
        try:
            came, bought = self._answer(call)
        except TooLong as long:
            self._holds(long.context)
            came = Came.TOO_LONG
        except Unanswered:
            pass
        finally:
            self._tickets.release()
            if call.warms and call.ask.part:
                call.ask.part.end_warming(warm=came in (Came.READ, Came.UNUSABLE))
        found = {*bought.novelties, *bought.relevances, *bought.comments}
        return follow_ups(call.ask, came, found)

    def _answer(self, call: _Call) -> tuple[Came, Bought]:
        """One call, billed. Raises Unanswered, ModelStopped and Stopped, all of them unbilled."""
        prompt, q = call.prompt, call.ask.question
        try:
            reply = self._model.ask(prompt, lost=lambda: self._budget.lost(call.reservation))
        except BaseException:
            self._budget.release(call.reservation)
            raise
        cut = self._was_cut(prompt, reply)
        usable = not cut and reply.finish not in ("length", "filter", "refusal")
        bought = _bought(q, call.shown, reply.text) if usable else Bought()
        called = Called(
            run_id=self._budget.run_id,
            date=q.date,
            stage=q.stage,
            model=self.name,
            reserved=sum(call.reservation.amounts.values()),
            items=len(call.shown.labels),
            payers=q.payers,
            sharers=q.sharers,
            block_key=call.ask.part.key if call.ask.part else None,
        )
        charge = bill(called, reply, self._prices, useful=len(bought), at=self._clock())
        try:
            self._store.scores.save(charge, call.reservation.rows, bought, self._recipe, q.topics_key)
        finally:
            self._budget.settled(call.reservation, charge.payers)
        self._tier = reply.tier if reply.tier == FLEX else STANDARD
        self._count(useful=len(bought) > 0 or cut)
        return Came.TOO_LONG if cut else Came.READ if usable else Came.UNUSABLE, bought

    def _prompt(self, ask: Ask, shown: Shown) -> Prompt:
        q, effort, part = ask.question, self._model.settings.effort, ask.part
        if q.task == "comments":
            assert q.topics is not None, "comments are for one reader"
            return words.remarks_prompt(shown, q.topics, self._prompts, q.language, effort)
        prompt = words.scores_prompt(q.task, shown, q.topics, self._prompts, effort)
        return replace(prompt, cached=part.several or part.warm, cache_key=ask.cache_key) if part else prompt

    def _reserve(self, q: Question, prompt: Prompt, purse: Purse | None) -> tuple[Reservation, Question]:
        """Sets the worst case aside for those who can pay their part; the others drop out of the question."""
        worst = self._worst(prompt)
        written = self.worst(prompt.size, 0) if q.sharers else 0
        payers, sharers = q.payers, q.sharers
        while payers:
            amounts = together(evenly(worst, payers), evenly(written, sharers))
            poor = self._budget.unable(amounts)
            if not poor:
                reserved = self._budget.reserve(amounts, self._clock(), q.stage, self.name, purse)
                return reserved, replace(q, payers=payers, sharers=sharers)
            payers = tuple(who for who in payers if who not in poor)
            sharers = tuple(who for who in sharers if who not in poor)
        raise OutOfMoney(Cap.OWN_MONTH)

    def _worst(self, prompt: Prompt) -> int:
        return self.worst(prompt.size, prompt.max_tokens)

    def _holds(self, context: int | None) -> None:
        """Takes an endpoint at its word about what it can read."""
        with self._lock:
            news = context is not None and context < self._context
            self._context = min(self._context, context or self._context)
        if news:
            self._learn(self._context)

    def _was_cut(self, prompt: Prompt, reply: Reply) -> bool:
        if reply.estimated or prompt.chars <= MOST_CHARS_A_TOKEN * reply.tokens.prompt:
            return False
        with self._lock:
            first = reply.tokens.prompt < self._context
            self._context = min(self._context, reply.tokens.prompt)
        if first:
            self.warn(
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
            self._model.stop(f"{self._model.settings.model} gave {USELESS_IN_A_ROW} answers in a row without a score")

    def _show(self, ask: Ask) -> Shown:
        return words.show(ask.papers, nonce_of(ask.papers, self._seed), self._prompts, bait=ask.baited)


def _bought(q: Question, shown: Shown, text: str) -> Bought:
    if q.task == "comments":
        assert q.topics is not None, "comments are for one reader"
        return _remarks(shown, text, q.topics, q.language)
    return _scores(q, shown, text)


def _scores(q: Question, shown: Shown, text: str) -> Bought:
    axes = AXES[q.task]
    found = read.scores(text, shown.asked, axes)
    obeyed = q.task != "novelty" and found.get(shown.bait, (0,))[0] > BAIT_AT_MOST
    readings = 2 if q.final else 0 if obeyed else 1
    by_paper: Mapping[int, tuple[int, ...]] = {
        paper.key: found[label] for label, paper in shown.labels.items() if label in found and paper.key is not None
    }
    return Bought(
        relevances={
            key: Relevance((values[0] + q.before.get(key, values[0])) // 2, readings)
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
