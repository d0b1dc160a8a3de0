"""Asks an embeddings endpoint for vectors of texts; each call is reserved, billed and retried as the model's are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field, ValidationError

from newsletter.models.papers import Clock
from newsletter.models.scores import Tokens
from newsletter.scoring.model import replies
from newsletter.scoring.model.billing import Called, bill, evenly
from newsletter.scoring.model.budget import Budget
from newsletter.scoring.model.client import ModelStopped, Post, Rejected, Reply, Tries, Unanswered
from newsletter.scoring.model.prices import STANDARD, Prices
from newsletter.settings import Section
from newsletter.store import Store
from newsletter.store.charges import Keep

if TYPE_CHECKING:
    from newsletter.scoring.features import Dense

STAGE = "vectors"
MOST_TEXTS = 64  # texts a call
WORST_BYTES_A_TOKEN = 2


class EmbeddingsSettings(Section):
    """Which model makes vectors of papers, and where; without a model there are none, without a URL OPENAI_BASE_URL."""

    section: ClassVar[str] = "embeddings"
    model: str = ""
    base_url: str = ""


class _Item(BaseModel):
    index: int
    embedding: list[float] = Field(min_length=1)


class _Body(BaseModel):
    data: list[_Item]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A row for each text, as the model gave it; `tokens` is what the call used."""

    vectors: "Dense"
    tokens: int


class Embedder:
    """One embeddings model in one run; safe to use from several threads."""

    def __init__(
        self, *, store: Store, model: str, post: Post, tries: Tries, prices: Prices, budget: Budget, clock: Clock
    ) -> None:
        self.model = model
        self._store = store
        self._post = post
        self._tries = tries
        self._prices = prices
        self._budget = budget
        self._clock = clock

    def embed(
        self, texts: Sequence[str], payers: Sequence[int], day: date, keep: Callable[["Dense"], Keep]
    ) -> Embedded:
        """The vectors of at most MOST_TEXTS texts, by one call that the payers (subscribers' ids) share evenly.

        `keep(vectors)` gives the function that saves them within the charge's transaction: nothing paid for is lost.
        Raises OutOfMoney, Unanswered and ModelStopped; nothing is billed then.
        """
        assert payers, "every call is on an account"
        worst = self._prices.standard.worst(sum(len(text.encode()) for text in texts) // WORST_BYTES_A_TOKEN, 0)
        reservation = self._budget.reserve(evenly(worst, payers), self._clock(), STAGE, self.model)
        started = monotonic()
        try:
            vectors, body, request_id, retries = self._ask(texts, lambda: self._budget.lost(reservation))
        except (Unanswered, ModelStopped):
            self._budget.release(reservation)
            raise
        tokens, estimated = replies.embedding_tokens(body, texts)
        took = round((monotonic() - started) * 1000)
        reply = Reply("", "stop", Tokens(prompt=tokens), STANDARD, request_id, retries, took, estimated)
        called = Called(self._budget.run_id, day, STAGE, self.model, reserved=worst, items=len(texts), payers=payers)
        charge = bill(called, reply, self._prices, useful=len(vectors), at=self._clock())
        self._store.charges.save(charge, reservation.rows, keep(vectors))
        self._budget.settled(reservation, charge.payers)
        return Embedded(vectors, tokens)

    def _ask(self, texts: Sequence[str], lost: Callable[[], None]) -> tuple["Dense", object, str, int]:
        attempt = 0
        while True:
            self._tries.check()
            try:
                posted = self._post({"model": self.model, "input": list(texts), "encoding_format": "float"})
                vectors = _vectors(posted.body, len(texts))
            except Rejected as error:
                if error.lost:
                    lost()
                attempt += 1
                self._tries.failed(error, attempt)
            else:
                self._tries.answered()
                return vectors, posted.body, posted.request_id, attempt


def _vectors(body: Any, count: int) -> "Dense":
    """A row for each text, in the order asked. Raises Rejected where one is missing or of another length."""
    import numpy as np  # noqa: PLC0415 - only where vectors are asked for

    try:
        found = {item.index: item.embedding for item in _Body.model_validate(body).data}
    except ValidationError:
        raise Rejected(502, "the answer holds no embeddings") from None
    lengths = {len(vector) for vector in found.values()}
    if set(found) != set(range(count)) or len(lengths) != 1:
        raise Rejected(502, f"the answer holds {len(found)} embeddings for {count} texts")
    vectors = np.array([found[place] for place in range(count)])
    if not np.isfinite(vectors).all():
        raise Rejected(502, "the answer holds embeddings that are no numbers")
    return vectors
