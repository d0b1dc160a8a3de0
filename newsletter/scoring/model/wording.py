"""Asks the model to word the topics of a draft; the call is reserved and billed like any other.

What it says is taken where it is a line of plain words of a bearable length; the rest stays as drafted.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from newsletter.errors import NewsletterError
from newsletter.files import find
from newsletter.models.papers import Clock
from newsletter.models.scores import Usage
from newsletter.scoring.model.answers import entries, line
from newsletter.scoring.model.billing import Called, bill, evenly
from newsletter.scoring.model.budget import Budget, OutOfMoney
from newsletter.scoring.model.client import Model, Reply, Unanswered
from newsletter.scoring.model.dialect import Prompt
from newsletter.scoring.model.prices import Prices
from newsletter.scoring.model.prompts import cleaned, listed
from newsletter.store import Store
from newsletter.topics.draft import Drafted, Wording

STAGE = "draft"
MOST_PAPERS = 12  # of a topic
MOST_OF_AN_ABSTRACT = 600  # characters
WITH_ABSTRACT = 4  # papers of a topic
MOST = {"name": 80, "relevant": 400, "irrelevant": 300}  # characters that are taken
ANSWER_TOKENS = 300  # a topic, at most
WORST_BYTES_A_TOKEN = 2
_MARKS = frozenset("@<>[]`*_#|\\")  # addresses, links and Markdown have no place in a wish


@dataclass(frozen=True, slots=True)
class Worded:
    """The topics as far as they could be worded, and what that took (picodollars)."""

    topics: tuple[Drafted, ...]
    model: str
    usage: Usage
    picodollars: int


class Wordsmith:
    """One model in one run, asked for words instead of scores."""

    def __init__(
        self, *, store: Store, model: Model, prices: Prices, budget: Budget, home: Path | None, clock: Clock
    ) -> None:
        self._store = store
        self._model = model
        self._prices = prices
        self._budget = budget
        self._home = home
        self._clock = clock

    def word(self, topics: Sequence[Drafted], payers: Sequence[int], day: date) -> Worded:
        """The topics in the model's words, by one call that the payers (subscribers' ids) share evenly.

        Raises NewsletterError where there is no money, no answer, or none that can be used.
        """
        assert payers, "every call is on an account"
        task = find("prompts/draft.md", self._home).read_text(encoding="utf-8")
        prompt = self._model.roomy(prompt_for(topics, task, secrets.token_hex(8)))
        worst = self._prices.standard.worst(prompt.size // WORST_BYTES_A_TOKEN, prompt.max_tokens)
        reply, paid = self._asked(prompt, worst, payers, day, len(topics))
        worded = tuple(read(reply.text, topics)) if reply.finish == "stop" else tuple(topics)
        if not any(topic.wording for topic in worded):
            raise NewsletterError(f"{self._model.settings.model} gave no words that can be used")
        tokens = reply.tokens
        return Worded(worded, self._model.settings.model, Usage(tokens.prompt, tokens.cached, tokens.completion), paid)

    def _asked(self, prompt: Prompt, worst: int, payers: Sequence[int], day: date, topics: int) -> tuple[Reply, int]:
        model = self._model.settings.model
        amounts = evenly(worst, payers)
        try:
            reservation = self._budget.reserve(amounts, self._clock(), STAGE, model)
        except OutOfMoney as error:
            raise NewsletterError(f"no money is left for it ({error.cap})") from None
        try:
            reply = self._model.ask(prompt, lost=lambda: self._budget.lost(reservation))
        except BaseException as error:
            self._budget.release(reservation)
            if isinstance(error, Unanswered):
                raise NewsletterError(f"{model} gave no answer: {error}") from None
            raise
        called = Called(self._budget.run_id, day, STAGE, model, reserved=worst, items=topics, payers=payers)
        useful = topics if reply.finish == "stop" else 0
        charge = bill(called, reply, self._prices, useful=useful, at=self._clock())
        self._store.charges.save(charge, reservation.rows, lambda _: None)
        self._budget.settled(reservation, charge.payers)
        return reply, charge.picodollars


def prompt_for(topics: Sequence[Drafted], task: str, nonce: str) -> Prompt:
    """The call that asks for the words of all topics; their papers stand within fences that carry `nonce`."""
    shown = "\n\n".join(_shown(label, topic) for label, topic in _labelled(topics).items())
    texts = {name: {"type": "string"} for name in MOST}
    return Prompt(
        system=task.strip(),
        shared=f"<papers {nonce}>\n{shown}\n</papers {nonce}>",
        own="Write the topics.",
        schema=listed("topics", list(_labelled(topics)), texts),
        max_tokens=200 + ANSWER_TOKENS * len(topics),
        usual_tokens=100 * len(topics),
    )


def read(answer: str, topics: Sequence[Drafted]) -> Iterator[Drafted]:
    """The topics with their words, in the same order, as far as an answer has words that can be taken."""
    labels = _labelled(topics)
    said: dict[str, Wording | None] = {}
    for label, entry in entries(answer, labels):
        said[label] = None if label in said else _wording(entry)
    for label, topic in labels.items():
        yield replace(topic, wording=said.get(label))


def _labelled(topics: Iterable[Drafted]) -> Mapping[str, Drafted]:
    return {f"t{number:02}": topic for number, topic in enumerate(topics, 1)}


def _shown(label: str, topic: Drafted) -> str:
    lines = [f"[{label}] {cleaned(topic.name)}"]
    lines += [f"shared: {cleaned(', '.join(topic.wanted))}"] if topic.wanted else []
    lines += [f"not collected: {cleaned(', '.join(topic.unwanted))}"] if topic.unwanted else []
    for place, paper in enumerate(topic.papers[:MOST_PAPERS]):
        abstract = cleaned(paper.abstract)[:MOST_OF_AN_ABSTRACT] if place < WITH_ABSTRACT else ""
        lines.append(f"- {cleaned(paper.title)}{': ' if abstract else ''}{abstract}")
    return "\n".join(lines)


def _wording(entry: Mapping[str, Any]) -> Wording | None:
    """What an entry says; None where anything is missing, too long, or is not plain words."""
    texts = {name: cleaned(line(entry.get(name))).strip(" .;:-") for name in MOST}
    is_whole = isinstance(entry.get("irrelevant"), str) and texts["name"] and texts["relevant"]
    is_short = all(len(texts[name]) <= most for name, most in MOST.items())
    is_plain = not any(_MARKS.intersection(text) or "://" in text for text in texts.values())
    return Wording(**texts) if is_whole and is_short and is_plain else None
