"""Decides how near the papers of a day are to one reader's topics: one number a paper. Calls nothing.

A paper is as near as it is to its best topic, plus a little of the mean over all, minus a share of what the topics call
irrelevant: in its words and in its meaning, each standardised, added. The best ten then speak for the topics as well,
which finds those that say the same in other words (pseudo-relevance feedback: Rocchio 1971; Manning, Raghavan, Schütze,
Introduction to Information Retrieval, §9.1.6). What was learned of the reader is mixed in by how much there was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from newsletter.models.subscribers import Subscriber, Topics
from newsletter.scoring.features import Corpus, Floats, Sparse, dense, unit
from newsletter.scoring.learned import Learned
from newsletter.scoring.strength import KNOWN_AT_LEAST, SHARED_A_STEP
from newsletter.scoring.words import Text, read

MEAN_WEIGHT = 0.5
IRRELEVANT_WEIGHT = 0.5
MEANING_WEIGHT = 0.5
VECTOR_WEIGHT = 1.5
FEEDBACK_PAPERS = 10
FEEDBACK_WORDS = 100
FEEDBACK_WEIGHT = 0.5
LEARNING_HALF = 20  # with so many relevant papers in the history, it counts as much as the topics
LEAST_DEVIATION = 0.02  # of an archive that knows nothing of a subject
TOPICS_KEPT = 1024  # topics files that are not read again

Places = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reader's topics in a space: a row for each topic, one for the keywords, one for what is not wanted."""

    words: Sparse
    meaning: Floats
    topics: int


@dataclass(frozen=True, slots=True)
class Nearness:
    """Of each paper: `value` orders the day; `judged` is the same on the scale of the archive, where 0 is its mean.

    `cold` is that without what was learned; `topic` is the place of the best one, -1 where no word of any topic occurs;
    `shared` how alike in words.
    """

    value: Floats
    judged: Floats
    cold: Floats
    topic: Places
    shared: Floats


@lru_cache(maxsize=TOPICS_KEPT)
def topics_read(topics: Topics) -> tuple[Text, ...]:
    """A reader's topics as they are compared."""
    return tuple(read(text) for text in topics_texts(topics))


def topics_texts(topics: Topics) -> tuple[str, ...]:
    """The texts that a reader's topics are compared by: each topic, the keywords, what is not wanted."""
    unwanted = " ".join([*(topic.irrelevant for topic in topics.topics), *topics.irrelevant_keywords])
    return (
        *(f"{topic.name} {topic.relevant}" for topic in topics.topics),
        " ".join(topics.relevant_keywords),
        unwanted,
    )


def wanted(topics: Topics, corpus: Corpus) -> Wanted:
    """The topics as rows."""
    rows = corpus.space.words(topics_read(topics))
    return Wanted(rows, corpus.space.meaning(rows), len(topics.topics))


def nearness(
    subscriber: Subscriber,
    rows: Sequence[int],
    corpus: Corpus,
    learned: Learned | None,
    boost: Floats | None = None,
    *,
    vectors: Floats | None = None,
) -> Nearness:
    """How near the papers in these rows of the corpus are; `boost` is added to each.

    `vectors` are those of the topics, the keywords and what is not wanted, where the corpus has vectors too.
    """
    of = wanted(subscriber.topics, corpus)
    places, added = np.asarray(rows, np.intp), np.zeros(len(rows), np.float32) if boost is None else boost
    in_words, in_meaning = dense(of.words @ corpus.across), of.meaning @ corpus.meaning.T
    words, meant = _combined(in_words, of.topics), _combined(in_meaning, of.topics)
    known = corpus.archived >= KNOWN_AT_LEAST
    judges = np.arange(len(corpus.papers), len(words)) if known else places
    value = standard(words[places]) + MEANING_WEIGHT * standard(meant[places]) + added
    if vectors is not None and corpus.vectors is not None:
        each_vector = vectors[: of.topics] @ corpus.vectors[places].T
        value = value + VECTOR_WEIGHT * standard(each_vector.max(axis=0) + each_vector.mean(axis=0))
    value = value + FEEDBACK_WEIGHT * _feedback(value, places, corpus, with_vectors=vectors is not None)
    each = in_words[: of.topics, places]
    judged = (
        standard(words[places], words[judges]) + MEANING_WEIGHT * standard(meant[places], meant[judges]) + added
        if known
        else each.max(axis=0) / SHARED_A_STEP + added
    )
    cold = judged
    if learned is not None and learned.evidence:
        share = learned.evidence / (learned.evidence + LEARNING_HALF)
        taught = learned.of(corpus.words, corpus.meaning)
        value = (1 - share) * standard(value) + share * standard(taught[places])
        if known:
            judged = (1 - share) * judged + share * standard(taught[places], taught[judges])
    matched = (in_words[: of.topics + 1, places] > 0).any(axis=0)
    return Nearness(value, judged, cold, np.where(matched, each.argmax(axis=0), -1), each.max(axis=0))


def on_archive(words: Sparse, meaning: Floats, of: Wanted, corpus: Corpus) -> Floats:
    """How near some papers of other days are, on the scale of the archive."""
    day = len(corpus.papers)
    in_words = _combined(dense(of.words @ corpus.across[:, day:]), of.topics)
    meant = _combined(of.meaning @ corpus.meaning[day:].T, of.topics)
    return np.asarray(
        standard(_combined(dense(of.words @ words.T), of.topics), in_words)
        + MEANING_WEIGHT * standard(_combined(of.meaning @ meaning.T, of.topics), meant)
    )


def standard(values: Floats, by: Floats | None = None) -> Floats:
    """The values with mean 0 and deviation 1; those of `by` where it is given, which may be all but equal."""
    known = values if by is None else by
    if not len(known):
        return values
    deviation = float(known.std())
    if by is not None:
        deviation = max(deviation, LEAST_DEVIATION)
    return np.zeros_like(values) if deviation <= 1e-6 else np.asarray((values - known.mean()) / deviation)


def _combined(alike: Floats, topics: int) -> Floats:
    each = alike[:topics]
    return np.asarray(
        each.max(axis=0) + MEAN_WEIGHT * (each.mean(axis=0) + alike[topics]) - IRRELEVANT_WEIGHT * alike[topics + 1]
    )


def _feedback(value: Floats, places: Places, corpus: Corpus, *, with_vectors: bool) -> Floats:
    """How alike each paper is to the best ones, in words and in meaning."""
    best = places[np.argsort(-value, kind="stable")[:FEEDBACK_PAPERS]]
    shared = corpus.words[best].sum(axis=0)
    row = np.asarray(shared, np.float32).ravel()
    held = np.flatnonzero(row)
    if len(held) > FEEDBACK_WORDS:
        held = held[np.argpartition(-row[held], FEEDBACK_WORDS)[:FEEDBACK_WORDS]]
    in_words = np.zeros(corpus.words.shape[0], np.float32)
    for column, weight in zip(held, row[held], strict=True):
        start, end = corpus.across.indptr[column], corpus.across.indptr[column + 1]
        in_words[corpus.across.indices[start:end]] += weight * corpus.across.data[start:end]
    centre = unit(corpus.meaning[best].sum(axis=0, keepdims=True))
    in_meaning = corpus.meaning[places] @ centre[0]
    alike = standard(in_words[places]) + MEANING_WEIGHT * standard(in_meaning)
    if with_vectors and corpus.vectors is not None:
        alike = alike + VECTOR_WEIGHT * standard(corpus.vectors[places] @ corpus.vectors[best].sum(axis=0))
    return np.asarray(alike)
