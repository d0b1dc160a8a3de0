"""Decides, before the first call of a run, which blocks there are and who reads which: so shared costs are split once.

Keeps a mask of candidates for each subscriber, not their papers: there may be many subscribers.
"""

import hmac
import secrets
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from newsletter.models.papers import Paper
from newsletter.models.scores import Reading
from newsletter.models.subscribers import Subscriber
from newsletter.scoring.model.blocks import MOST, cut
from newsletter.scoring.model.prompts import Prompts, Shown, show
from newsletter.store import Store

ROOM_A_PAPER = 900  # tokens of context for each paper of a block: a long abstract, twice


@dataclass
class Part:
    """One block in one run. `warm` once its papers are in the provider's cache; `lock` lets one reader warm it."""

    key: int
    nonce: str
    papers: tuple[Paper, ...]
    shown: Shown
    readers: dict[str, dict[int, None]] = field(
        default_factory=dict
    )  # planned subscribers, by the hash of their topics
    warm: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def several(self) -> bool:
        """True when readers with different topics share the block."""
        return len(self.readers) > 1


class Planned:
    """The blocks of a run and their planned readers; grows by what `add` is told."""

    def __init__(self, store: Store, prompts: Prompts, context_tokens: int, warm: Collection[int] = ()) -> None:
        self._store = store
        self._prompts = prompts
        self._most = max(4, min(MOST, context_tokens // ROOM_A_PAPER))
        self._warm = warm
        self._parts: dict[int, Part] = {}  # by paper
        self._known: set[int] = set()
        self._done: set[int] = set()
        self._lock = threading.RLock()

    def add(
        self, readings: Iterable[Reading], wants: Callable[[Subscriber], bool] = lambda _: True
    ) -> dict[int, float]:
        """Plans these readings; blocks for papers that are in none yet are cut and saved.

        Returns the monthly budget, in USD, of each subscriber heard of.
        """
        budgets: dict[int, float] = {}
        places: dict[int, int] = {}
        papers: dict[int, Paper] = {}
        masks: list[tuple[int, str, int]] = []
        with self._lock:
            for reading in readings:
                budgets[reading.subscriber.id] = reading.subscriber.wishes.budget_usd_per_month
                if not wants(reading.subscriber):
                    continue
                mask = 0
                for paper in reading.papers:
                    key = _key(paper)
                    papers.setdefault(key, paper)
                    mask |= 1 << places.setdefault(key, len(places))
                masks.append((reading.subscriber.id, reading.subscriber.topics.hash, mask))
                self._known.add(reading.subscriber.id)
                self._done.discard(reading.subscriber.id)
            self._cut([paper for paper in papers.values() if _key(paper) not in self._parts])
            for part in self._of(papers):
                held = sum(1 << places[_key(paper)] for paper in part.papers if _key(paper) in places)
                for who, topics, mask in masks:
                    if mask & held:
                        part.readers.setdefault(topics, {})[who] = None
        return budgets

    def knows(self, subscriber_id: int) -> bool:
        """True when the subscriber was planned."""
        return subscriber_id in self._known

    def parts(self, papers: Iterable[Paper]) -> list[Part]:
        """The blocks that hold any of these papers."""
        with self._lock:
            return self._of(_key(paper) for paper in papers)

    def finish(self, subscriber_id: int) -> None:
        """Says that a subscriber's edition is about to be frozen: nothing more is shared with them."""
        with self._lock:
            self._done.add(subscriber_id)

    def sharers(self, part: Part) -> tuple[int, ...]:
        """The planned readers of a block whose editions are still open."""
        with self._lock:
            return tuple(who for alike in part.readers.values() for who in alike if who not in self._done)

    def alike(self, part: Part, subscriber_id: int, topics: str) -> tuple[int, ...]:
        """Those who pay for one reading of a block by these topics: all planned readers with the same ones."""
        with self._lock:
            same = [who for who in part.readers.get(topics, ()) if who not in self._done]
        return tuple(dict.fromkeys([subscriber_id, *same]))

    def _of(self, keys: Iterable[int]) -> list[Part]:
        found = {part.key: part for key in keys if (part := self._parts.get(key))}
        return [found[key] for key in sorted(found)]

    def _cut(self, papers: list[Paper]) -> None:
        """Finds the blocks of these papers in the store; papers that came later make new ones."""
        stored = self._store.blocks.of(_key(paper) for paper in papers)
        held = {key for block in stored for key in block.papers}
        new = [paper for paper in papers if _key(paper) not in held]
        if new:
            blocks = cut(new, self._most)
            nonces = [secrets.token_hex(8) for _ in blocks]
            stored += self._store.blocks.add(
                [(nonce, [_key(p) for p in block]) for nonce, block in zip(nonces, blocks, strict=True)]
            )
        texts = self._store.papers.by_keys({key for block in stored for key in block.papers})
        for block in stored:
            in_order = tuple(texts[key] for key in block.papers)
            shown = show(in_order, block.nonce, self._prompts, canary=True)
            part = Part(block.key, block.nonce, in_order, shown, warm=block.key in self._warm)
            for key in block.papers:
                self._parts.setdefault(key, part)


def nonce_of(papers: Iterable[Paper], seed: str) -> str:
    """A fence for papers outside their block: the same for the same papers, not to be guessed without the seed."""
    named = " ".join(f"{paper.id}v{paper.version}" for paper in papers)
    return hmac.digest(seed.encode(), named.encode(), "sha256").hex()[:16]


def _key(paper: Paper) -> int:
    assert paper.key is not None, "the papers of a mailing are stored"
    return paper.key
