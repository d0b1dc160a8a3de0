"""Turns texts into numbers: TF-IDF of words and pairs of words, and their meaning by latent semantic analysis.

How rare a word is, and which words go together, comes from the archive as well as from the day (Deerwester et al.,
Indexing by Latent Semantic Analysis, 1990). The decomposition is a randomised one (Halko, Martinsson, Tropp, Finding
Structure with Randomness, 2011, algorithm 4.4); each word starts from its own number, whatever other words there are.
All texts are counted at once, as arrays.
Importing this module imports numpy and scipy: only what ranks does so.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the threads are ours, one reader each

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from newsletter.models.papers import Paper
from newsletter.scoring.words import Text, distinct, identity, read_paper

PAIR_WEIGHT = 0.5  # of a pair of words beside a word as rare
PAIRS_AT_LEAST = 2  # a pair that no second paper has says nothing
MEANINGS = 100
PAPERS_A_MEANING = 10  # fewer papers than that for each, and there is nothing to learn meanings from
MEANING_AT_LEAST = 3  # texts that hold a word, for it to have a meaning
OVERSAMPLING, PASSES = 20, 2  # of the decomposition
JUDGED_BY = 1000  # papers of the archive
TELLING = 64  # words and pairs of a paper that weigh most

Floats = np.ndarray[Any, np.dtype[np.float32]]
Dense = np.ndarray[Any, np.dtype[np.float64]]  # as an endpoint gives vectors
Integers = np.ndarray[Any, np.dtype[np.int64]]
Sparse = Any  # scipy.sparse.csr_matrix


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each text holds each word and each pair of neighbours: three arrays of equal length, twice.

    A pair is its two numbers in one: first * 2^32 + second, in 64 bits.
    """

    texts: int
    words: tuple[Integers, Integers, Floats]  # text, number, weight
    pairs: tuple[Integers, Integers, Floats]


def count(texts: Sequence[Text]) -> Counts:
    """Counts texts, all at once."""
    parts = [(text, part) for text, whole in enumerate(texts) for part in whole]
    lengths = np.array([len(part.numbers) for _, part in parts], np.int64)
    words = np.array([number for _, part in parts for number in part.numbers], np.int64)
    where = np.repeat(np.arange(len(parts)), lengths)
    text = np.array([text for text, _ in parts], np.int64)[where]
    weight = np.array([part.weight for _, part in parts], np.float32)[where]
    joined = where[1:] == where[:-1]
    pairs = ((words[:-1] << 32) + words[1:])[joined]
    return Counts(len(texts), (text, words, weight), (text[:-1][joined], pairs, weight[:-1][joined]))


@dataclass(frozen=True, slots=True, eq=False)  # one is like no other: what was read in it is cached by it
class Space:
    """What was learned of words and pairs: which there are (sorted), how rare they are, and which go together."""

    known_words: Integers
    known_pairs: Integers
    rarity: Floats  # of the words, then of the pairs
    basis: Floats  # words x meanings

    @property
    def width(self) -> int:
        return len(self.rarity)

    def words(self, texts: Sequence[Text]) -> Sparse:
        """One row of length 1 for each text; a word that the space does not know counts nothing."""
        return self.of(count(texts))

    def of(self, counts: Counts) -> Sparse:
        """The same, of texts that are counted."""
        found = [
            _placed(counts.words, self.known_words, 0),
            _placed(counts.pairs, self.known_pairs, len(self.known_words)),
        ]
        rows, columns, weights = (np.concatenate([part[n] for part in found]) for n in range(3))
        matrix = sparse.csr_matrix((weights, (rows, columns)), shape=(counts.texts, self.width), dtype=np.float32)
        matrix.data = (1 + np.log(matrix.data)) * self.rarity[matrix.indices]
        return unit_rows(matrix)

    def meaning(self, words: Sparse) -> Floats:
        """One row of length 1 for each row of words; zeros where nothing is known of it."""
        return unit(np.asarray(words[:, : len(self.known_words)] @ self.basis, np.float32))

    def place(self, number: int) -> int | None:
        """The column of a word; None where it is unknown."""
        at = int(np.searchsorted(self.known_words, number))
        return at if at < len(self.known_words) and self.known_words[at] == number else None

    def rarities(self, text: Text) -> dict[int, float]:
        """How rare each word of a text is, of those that are known."""
        numbers = np.unique(np.array([number for part in text for number in part.numbers], np.int64))
        at = np.searchsorted(self.known_words, numbers)
        known = np.isin(numbers, self.known_words, assume_unique=True)
        return dict(zip(numbers[known].tolist(), self.rarity[at[known]].tolist(), strict=True))


def _placed(found: tuple[Integers, Integers, Floats], known: Integers, first: int) -> tuple[Integers, Integers, Floats]:
    texts, keys, weights = found
    if not len(known):
        return texts[:0], keys[:0], weights[:0]
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    hit = known[at] == keys
    return texts[hit], at[hit] + first, weights[hit]


def learn_space(counts: Counts, pairs_at_least: int = PAIRS_AT_LEAST, meanings: int = MEANINGS) -> Space:
    """What some texts teach of words; the same texts teach the same."""
    words, holding = _held(counts.words, 1)
    pairs, holding_pairs = _held(counts.pairs, pairs_at_least)
    held = np.concatenate([holding, holding_pairs])
    rarity = (np.log((1 + counts.texts) / (1 + held)) + 1).astype(np.float32)
    rarity[len(words) :] *= PAIR_WEIGHT
    bare = Space(words, pairs, rarity, np.zeros((len(words), 0), np.float32))
    common = np.flatnonzero(holding >= MEANING_AT_LEAST)
    meanings = min(meanings, counts.texts // PAPERS_A_MEANING, len(common) - 1)
    if meanings < 2:
        return bare
    basis = np.zeros((len(words), meanings), np.float32)
    basis[common] = _directions(bare.of(counts)[:, common], words[common], meanings)
    return Space(words, pairs, rarity, basis)


def _held(found: tuple[Integers, Integers, Floats], at_least: int) -> tuple[Integers, Integers]:
    """The keys that at least so many texts hold, sorted, and how many do."""
    texts, keys, _ = found
    order = np.lexsort((texts, keys))
    keys, texts = keys[order], texts[order]
    new_key = np.diff(keys, prepend=-1) != 0
    once = new_key | (np.diff(texts, prepend=-1) != 0)
    known = keys[new_key]
    holding = np.bincount((np.cumsum(new_key) - 1)[once], minlength=len(known))
    kept = holding >= at_least
    return known[kept], holding[kept]


def _directions(matrix: Sparse, words: Integers, most: int) -> Floats:
    """The strongest right singular vectors of rows of words, each the shorter the nearer it is to those left out.

    Which of two directions of equal strength comes last is chance; a soft end makes that not matter.
    """
    across = sparse.csr_matrix(matrix.T)
    range_ = matrix @ _start(words, most + OVERSAMPLING)
    for _ in range(PASSES):
        range_ = matrix @ (across @ np.linalg.qr(range_)[0])
    small = np.ascontiguousarray(across @ np.linalg.qr(range_)[0])
    strength, turn = np.linalg.eigh(small.T @ small)
    order = np.argsort(-strength, kind="stable")
    kept, first_left_out = order[:most], strength[order[most]]
    power = np.maximum(strength[kept], 1e-12)
    softened = np.sqrt(np.maximum(1 - first_left_out / power, 0.0) / power)
    return np.asarray(small @ turn[:, kept] * softened, np.float32)


def _start(words: Integers, columns: int) -> Floats:
    """A row of signs for each word, drawn by its number (the last step of splitmix64, a public mixer of bits)."""
    mixed = words.astype(np.uint64)[:, None] + np.arange(1, columns + 1, dtype=np.uint64) * np.uint64(
        0x9E3779B97F4A7C15
    )
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.where(mixed >> np.uint64(63), np.float32(1.0), np.float32(-1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """Papers of other days, a row each: their words, the `telling` ones that weigh most alone, and their meaning."""

    places: Mapping[str, int]
    words: Sparse
    telling: Sparse
    meaning: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """The papers of a day in their space, and after them papers of the archive to judge a day by.

    `words` and `meaning` have a row for each of both; `across` is `words` with rows and columns exchanged, `across_day`
    the same of the day alone.
    """

    space: Space
    positions: Mapping[str, int]
    papers: Sequence[Paper]
    words: Sparse
    across: Sparse
    across_day: Sparse
    meaning: Floats
    vectors: Floats | None = None  # of the day alone, where an embeddings model made some
    _earlier: list[Earlier] = field(default_factory=list, repr=False)  # one at most; replaced, so that threads may read

    def rows(self, papers: Iterable[Paper]) -> list[int]:
        """Where some papers of the day stand."""
        return [self.positions[identity(paper)] for paper in papers]

    def earlier(self, papers: Sequence[Paper]) -> tuple[Earlier, Integers]:
        """Papers of other days, and where in that these stand; each is read once for all readers."""
        names = [identity(paper) for paper in papers]
        known = self._earlier[0] if self._earlier else None
        places = known.places if known else {}
        if known is None or not all(name in places for name in names):
            known = self._with(known, [paper for name, paper in zip(names, papers, strict=True) if name not in places])
            self._earlier[:] = [known]
        return known, np.array([known.places[name] for name in names], np.int64)

    def _with(self, known: Earlier | None, papers: Iterable[Paper]) -> Earlier:
        """What is known, and more papers."""
        more = distinct(papers)
        words = self.space.words([read_paper(paper) for paper in more.values()])
        telling, meaning = heaviest(words.copy(), TELLING), self.space.meaning(words)
        if known is None:
            return Earlier({name: place for place, name in enumerate(more)}, words, telling, meaning)
        return Earlier(
            {**known.places, **{name: place for place, name in enumerate(more, len(known.places))}},
            sparse.vstack([known.words, words], format="csr"),
            sparse.vstack([known.telling, telling], format="csr"),
            np.concatenate([known.meaning, meaning]),
        )

    @property
    def archived(self) -> int:
        """How many papers of the archive there are to judge by."""
        return len(self.meaning) - len(self.papers)


def corpus(day: Iterable[Paper], archive: Iterable[Paper] = (), judged_by: int = JUDGED_BY) -> Corpus:
    """Reads the papers of a day, once for all subscribers; `judged_by` papers of the archive are kept."""
    today = distinct(day)
    earlier = [paper for name, paper in distinct(archive).items() if name not in today]
    texts = [read_paper(paper) for paper in today.values()]
    before = [read_paper(paper) for paper in earlier]
    space = learn_space(count([*texts, *before]))
    words = space.words([*texts, *before[:: max(1, -(-len(before) // judged_by))]])
    return Corpus(
        space=space,
        positions={name: position for position, name in enumerate(today)},
        papers=tuple(today.values()),
        words=words,
        across=sparse.csr_matrix(words.T),
        across_day=sparse.csr_matrix(words[: len(today)].T),
        meaning=space.meaning(words),
    )


def neighbours(papers: Iterable[Paper]) -> Sparse:
    """A row of words for each paper, by these papers alone: the product of two rows is how alike they are."""
    counts = count([read_paper(paper) for paper in papers])
    return learn_space(counts, pairs_at_least=1, meanings=0).of(counts)


def heaviest(matrix: Sparse, most: int) -> Sparse:
    """The same matrix, of each row only so many numbers, the largest."""
    for start, end in pairwise(matrix.indptr):
        if end - start > most:
            row = matrix.data[start:end]
            row[np.argpartition(-row, most)[most:]] = 0.0
    matrix.eliminate_zeros()
    return matrix


def unit_rows(matrix: Sparse) -> Sparse:
    """The rows with length 1; an empty row stays empty."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix.data /= np.repeat(np.where(lengths > 0, lengths, 1.0), np.diff(matrix.indptr)).astype(np.float32)
    return matrix


def unit(rows: Floats) -> Floats:
    """The rows with length 1; a row of zeros, or one that is no number, is zeros."""
    rows = np.where(np.isfinite(rows), rows, 0.0).astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), np.float32)


def dense(matrix: Sparse) -> Floats:
    """A product as an array, whether the factors were sparse or not."""
    return np.asarray(matrix.todense() if sparse.issparse(matrix) else matrix, np.float32)
