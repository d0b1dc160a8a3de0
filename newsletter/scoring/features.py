"""Turns texts into numbers: TF-IDF of words and pairs of words, and their meaning by latent semantic analysis.

How rare a word is, and which words go together, comes from the archive as well as from the day (Deerwester et al.,
Indexing by Latent Semantic Analysis, 1990). Importing this module imports numpy and scipy: only what ranks does so.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the threads are ours, one reader each

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from newsletter.models.papers import Paper
from newsletter.scoring.words import Text, distinct, identity, read_paper

PAIR_WEIGHT = 0.5  # of a pair of words beside a word as rare
PAIRS_AT_LEAST = 2  # a pair that no second paper has says nothing
MEANINGS = 100
LEAST_DEVIATION = 0.02  # of an archive that knows nothing of a subject
PAPERS_A_MEANING = 10  # fewer papers than that for each, and there is nothing to learn meanings from

Dense = np.ndarray[Any, np.dtype[np.float64]]
Sparse = Any  # scipy.sparse.csr_matrix


@dataclass(frozen=True, slots=True)
class Space:
    """What was learned of words: their places, how rare they are, and which go together."""

    places: Mapping[str, int]
    rarity: Dense
    basis: Dense  # words x meanings

    def words(self, texts: Iterable[Mapping[str, int]]) -> Sparse:
        """One row of length 1 for each text; a word that the space does not know counts nothing."""
        starts, columns, values = [0], list[int](), list[float]()
        for counts in texts:
            for term, times in counts.items():
                if (place := self.places.get(term)) is not None:
                    columns.append(place)
                    values.append((1 + math.log(times)) * self.rarity[place])
            starts.append(len(columns))
        shape = (len(starts) - 1, len(self.places))
        matrix = sparse.csr_matrix(
            (np.array(values, np.float64), np.array(columns, np.int32), np.array(starts, np.int32)), shape=shape
        )
        matrix.sort_indices()
        return unit_rows(matrix)

    def meaning(self, words: Sparse) -> Dense:
        """One row of length 1 for each row of words; zeros where nothing is known of it."""
        rows: Dense = np.asarray(words @ self.basis, np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(lengths > 0, lengths, 1.0)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The papers of a day in their space, and papers of the archive beside them to judge a day by."""

    space: Space
    positions: Mapping[str, int]
    texts: Sequence[Text]
    words: Sparse
    meaning: Dense
    archive_words: Sparse
    archive_meaning: Dense

    def rows(self, papers: Iterable[Paper]) -> list[int]:
        """Where some papers of the day stand."""
        return [self.positions[identity(paper)] for paper in papers]


def corpus(day: Iterable[Paper], archive: Iterable[Paper] = (), judged_by: int = 1000) -> Corpus:
    """Reads the papers of a day, once for all subscribers; `judged_by` papers of the archive are kept."""
    today = distinct(day)
    earlier = {name: paper for name, paper in distinct(archive).items() if name not in today}
    texts = [read_paper(paper) for paper in today.values()]
    before = [read_paper(paper).counts for paper in earlier.values()]
    space = learn_space([text.counts for text in texts] + before)
    words = space.words(text.counts for text in texts)
    kept = space.words(before[:: max(1, -(-len(before) // judged_by))])
    return Corpus(
        space=space,
        positions={name: position for position, name in enumerate(today)},
        texts=texts,
        words=words,
        meaning=space.meaning(words),
        archive_words=kept,
        archive_meaning=space.meaning(kept),
    )


def learn_space(texts: Sequence[Mapping[str, int]]) -> Space:
    """What some texts teach of words; the same texts teach the same."""
    held: Counter[str] = Counter()
    for counts in texts:
        held.update(counts.keys())
    terms = [term for term, times in held.items() if " " not in term or times >= PAIRS_AT_LEAST]
    places = {term: place for place, term in enumerate(terms)}
    rarity = np.array(
        [(math.log((1 + len(texts)) / (1 + held[term])) + 1) * (PAIR_WEIGHT if " " in term else 1.0) for term in terms],
        np.float64,
    )
    bare = Space(places, rarity, np.zeros((len(terms), 0)))
    meanings = min(MEANINGS, len(texts) // PAPERS_A_MEANING, len(terms) - 1)
    if meanings < 2:
        return bare
    matrix = bare.words(texts)
    _, _, basis = svds(matrix, k=meanings, v0=np.full(min(matrix.shape), 1.0))
    return Space(places, rarity, np.ascontiguousarray(basis.T))


def neighbours(papers: Iterable[Paper]) -> Sparse:
    """A row of words for each paper, by these papers alone: the product of two rows is how alike they are."""
    texts = [read_paper(paper).counts for paper in papers]
    held: Counter[str] = Counter()
    for counts in texts:
        held.update(counts.keys())
    terms = {term: place for place, term in enumerate(held)}
    rarity = np.array([math.log((1 + len(texts)) / (1 + times)) + 1 for times in held.values()], np.float64)
    return Space(terms, rarity, np.zeros((len(terms), 0))).words(texts)


def unit_rows(matrix: Sparse) -> Sparse:
    """The rows with length 1; an empty row stays empty."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.where(lengths > 0, lengths, 1.0)) @ matrix)


def dense(matrix: Sparse) -> Dense:
    """A product as an array, whether the factors were sparse or not."""
    return np.asarray(matrix.todense() if sparse.issparse(matrix) else matrix, np.float64)


def standard(values: Dense, by: Dense | None = None) -> Dense:
    """The values with mean 0 and deviation 1; those of `by` where it is given, which may be all but equal."""
    known = values if by is None else by
    if not len(known):
        return values
    deviation = float(known.std())
    if by is not None:
        deviation = max(deviation, LEAST_DEVIATION)
    return np.zeros_like(values) if deviation <= 1e-12 else np.asarray((values - known.mean()) / deviation)
