"""Decides, before the first call of a run, which blocks there are and who reads which: so shared costs are split once.

Keeps a mask of candidates for each subscriber, not their papers: there may be many subscribers.
"""

import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable

from newsletter.models.papers import Day, Paper
from newsletter.models.scores import Reading
from newsletter.scoring.model.blocks import MOST, cut
from newsletter.scoring.model.prompts import Prompts, Shown, show
from newsletter.store import Store

ROOM_A_PAPER = 900  # tokens of context for each paper of a block: a long abstract, twice


class Part:
    """One block in one run; `readers` are its planned subscribers, by the hash of their topics."""

    def __init__(self, key: int, nonce: str, papers: tuple[Paper, ...], shown: Shown, *, warm: bool = False) -> None:
        self.key = key
        self.nonce = nonce
        self.papers = papers
        self.shown = shown
        self.readers: dict[str, dict[int, None]] = {}
        self.warm = warm  # its papers are in the provider's cache
        self._warming = False
        self._calls: deque[float] = deque()  # of the last minute
        self._changed = threading.Condition()

    @property
    def several(self) -> bool:
        """True when readers with different topics share the block."""
        return len(self.readers) > 1

    def cache_key(self, per_minute: int, now: float) -> str:
        """The block's name in the provider's cache: a further one after so many calls a minute; 0: one for all."""
        if not per_minute:
            return self.nonce
        with self._changed:
            while self._calls and self._calls[0] < now - 60:
                self._calls.popleft()
            self._calls.append(now)
            return f"{self.nonce}-{(len(self._calls) - 1) // per_minute}"

    def begin_warming(self) -> bool:
        """True for the one whose call writes the block to the cache; the others wait for that, then read it."""
        with self._changed:
            while self._warming:
                self._changed.wait()
            self._warming = not self.warm
            return self._warming

    def end_warming(self, *, warm: bool) -> None:
        """Says whether the block was written; where it was not, the next one who waits has to."""
        with self._changed:
            self._warming, self.warm = False, warm
            self._changed.notify_all()


class Planned:
    """The blocks of a run and their planned readers; grows by what `add` is told."""

    def __init__(
        self, store: Store, prompts: Prompts, context_tokens: int, warm: Collection[int] = (), prefix_rpm: int = 0
    ) -> None:
        self._store = store
        self._prompts = prompts
        self._most = max(4, min(MOST, context_tokens // ROOM_A_PAPER))
        self._warm = warm
        self._prefix_rpm = prefix_rpm
        self._parts: dict[int, Part] = {}  # by paper
        self._known: set[int] = set()
        self._done: set[int] = set()
        self._lock = threading.RLock()
        self.date: Day | None = None  # of the newest edition that was planned

    def add(
        self,
        readings: Iterable[Reading],
        wants: Callable[[Reading], bool] = lambda _: True,
        affords: Callable[[Reading], bool] = lambda _: True,
    ) -> None:
        """Plans the readings that want a model; blocks for papers that are in none yet are cut and saved.

        Only those who can afford every block of theirs share its cost: the others may not come to it.
        """
        places: dict[int, int] = {}
        papers: dict[int, Paper] = {}
        masks: list[tuple[int, str, int]] = []
        with self._lock:
            for reading in readings:
                if not wants(reading):
                    continue
                self.date = max(self.date or reading.date, reading.date)
                mask = 0
                for paper in reading.papers:
                    key = key_of(paper)
                    papers.setdefault(key, paper)
                    mask |= 1 << places.setdefault(key, len(places))
                self._known.add(reading.subscriber.id)
                self._done.discard(reading.subscriber.id)
                if affords(reading):
                    masks.append((reading.subscriber.id, reading.subscriber.topics.hash, mask))
            self._cut([paper for paper in papers.values() if key_of(paper) not in self._parts])
            for part in self._of(papers):
                held = sum(1 << places[key_of(paper)] for paper in part.papers if key_of(paper) in places)
                for who, topics, mask in masks:
                    if mask & held:
                        part.readers.setdefault(topics, {})[who] = None

    def cold(self) -> list[Part]:
        """The blocks that several readers share and that are not in the provider's cache."""
        with self._lock:
            parts = {part.key: part for part in self._parts.values()}
        return [part for part in parts.values() if part.several and not part.warm]

    def cache_key(self, part: Part) -> str:
        """The name under which a call on a block is cached."""
        return part.cache_key(self._prefix_rpm, time.monotonic())

    def knows(self, subscriber_id: int) -> bool:
        """True when the subscriber was planned."""
        return subscriber_id in self._known

    def parts(self, papers: Iterable[Paper]) -> list[Part]:
        """The blocks that hold any of these papers."""
        with self._lock:
            return self._of(key_of(paper) for paper in papers)

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
        stored = self._store.blocks.of(key_of(paper) for paper in papers)
        held = {key for block in stored for key in block.papers}
        new = [paper for paper in papers if key_of(paper) not in held]
        if new:
            blocks = cut(new, self._most)
            nonces = [secrets.token_hex(8) for _ in blocks]
            stored += self._store.blocks.add(
                [(nonce, [key_of(p) for p in block]) for nonce, block in zip(nonces, blocks, strict=True)]
            )
        texts = self._store.papers.by_keys({key for block in stored for key in block.papers})
        for block in stored:
            in_order = tuple(texts[key] for key in block.papers)
            shown = show(in_order, block.nonce, self._prompts, bait=True)
            part = Part(block.key, block.nonce, in_order, shown, warm=block.key in self._warm)
            for key in block.papers:
                self._parts.setdefault(key, part)


def nonce_of(papers: Iterable[Paper], seed: str) -> str:
    """A fence for papers outside their block: the same for the same papers, not to be guessed without the seed."""
    named = " ".join(f"{paper.id}v{paper.version}" for paper in papers)
    return hmac.digest(seed.encode(), named.encode(), "sha256").hex()[:16]


def key_of(paper: Paper) -> int:
    """The key of a paper that is stored."""
    assert paper.key is not None, "the papers of a mailing are stored"
    return paper.key
