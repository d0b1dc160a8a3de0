"""Decides how near the papers of a day are to one reader's topics: one number a paper. Calls nothing.

A paper is as near as it is to its best topic, plus a little of the mean over all, minus a share of what the topics call
irrelevant: in its words and in its meaning, each standardised, added. The best ten then speak for the topics as well,
which finds those that say the same in other words (pseudo-relevance feedback: Rocchio 1971; Manning, Raghavan, Schütze,
Introduction to Information Retrieval, §9.1.6). What was learned of the reader is mixed in by how much there was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from scipy import sparse

from newsletter.models.subscribers import Topics
from newsletter.scoring.features import Corpus, Floats, Sparse, dense, unit
from newsletter.scoring.learned import Learned
from newsletter.scoring.strength import KNOWN_AT_LEAST, SHARED_A_STEP
from newsletter.scoring.words import Text, read

MEAN_WEIGHT = 0.5
IRRELEVANT_WEIGHT = 0.5
MEANING_WEIGHT = 0.5
VECTOR_WEIGHT = 1.0
FEEDBACK_PAPERS = 10
FEEDBACK_WORDS = 100
FEEDBACK_WEIGHT = 0.5
FEEDBACK_WITH_VECTORS = 0.25  # which find other words for the same without it
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


def wanted(readers: Sequence[Topics], corpus: Corpus) -> list[Wanted]:
    """The topics of several readers as rows; all texts are counted at once."""
    texts = [topics_read(topics) for topics in readers]
    rows = corpus.space.words([text for each in texts for text in each])
    ends = list(accumulate(map(len, texts)))
    parts = [rows[end - len(each) : end] for each, end in zip(texts, ends, strict=True)]
    return [
        Wanted(part, corpus.space.meaning(part), len(topics.topics))
        for part, topics in zip(parts, readers, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one reader asks: how near are the papers in these rows of the corpus?

    `boost` is added to each. `vectors` are those of the topics, the keywords and what is not wanted, where the corpus
    has vectors too.
    """

    of: Wanted
    places: Places
    boost: Floats
    learned: Learned | None = None
    vectors: Floats | None = None


@dataclass(frozen=True, slots=True)
class _ByTopics:
    """One reader's papers by the topics alone: in words, a row a topic, and all in one number each."""

    in_words: Floats
    words: Floats
    meant: Floats
    value: Floats


def nearness(readers: Sequence[Asked], corpus: Corpus) -> list[Nearness]:
    """How near the papers are to each reader's topics; the sparse products are made for all readers at once."""
    if not readers:
        return []
    all_words = dense(sparse.vstack([asked.of.words for asked in readers], format="csr") @ corpus.across)
    ends = accumulate(asked.of.words.shape[0] for asked in readers)
    first = [
        _by_topics(asked, all_words[end - asked.of.words.shape[0] : end], corpus)
        for asked, end in zip(readers, ends, strict=True)
    ]
    best = [
        asked.places[np.argsort(-by.value, kind="stable")[:FEEDBACK_PAPERS]]
        for asked, by in zip(readers, first, strict=True)
    ]
    return [
        _nearness(asked, by, papers, shared, corpus)
        for asked, by, papers, shared in zip(readers, first, best, _words_of(best, corpus), strict=True)
    ]


def _by_topics(asked: Asked, in_words: Floats, corpus: Corpus) -> _ByTopics:
    of, places = asked.of, asked.places
    words, meant = _combined(in_words, of.topics), _combined(of.meaning @ corpus.meaning.T, of.topics)
    value = standard(words[places]) + MEANING_WEIGHT * standard(meant[places]) + asked.boost
    if asked.vectors is not None and corpus.vectors is not None:
        each = asked.vectors[: of.topics] @ corpus.vectors[places].T
        value = value + VECTOR_WEIGHT * standard(each.max(axis=0) + each.mean(axis=0))
    return _ByTopics(in_words[:, places], words, meant, value)


def _nearness(asked: Asked, by: _ByTopics, best: Places, shared: Floats, corpus: Corpus) -> Nearness:
    places, topics = asked.places, asked.of.topics
    known = corpus.archived >= KNOWN_AT_LEAST
    judges = np.arange(len(corpus.papers), len(by.words)) if known else places
    with_vectors = asked.vectors is not None and corpus.vectors is not None
    weight = FEEDBACK_WITH_VECTORS if with_vectors else FEEDBACK_WEIGHT
    value = by.value + weight * _feedback(asked, best, shared[places], corpus)
    each = by.in_words[:topics]
    judged = (
        standard(by.words[places], by.words[judges])
        + MEANING_WEIGHT * standard(by.meant[places], by.meant[judges])
        + asked.boost
        if known
        else each.max(axis=0) / SHARED_A_STEP + asked.boost
    )
    cold, learned = judged, asked.learned
    if learned is not None and learned.evidence:
        share = learned.evidence / (learned.evidence + LEARNING_HALF)
        taught = learned.of(corpus.words, corpus.meaning)
        thought = taught[places]
        if corpus.vectors is not None:
            thought = thought + learned.by_vectors(corpus.vectors[places])
        value = (1 - share) * standard(value) + share * standard(thought)
        if known:
            judged = (1 - share) * judged + share * standard(taught[places], taught[judges])
    matched = (by.in_words[: topics + 1] > 0).any(axis=0)
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


def _words_of(best: Sequence[Places], corpus: Corpus) -> Floats:
    """How alike every paper is in words to some papers of each reader, by the words that count most in those."""
    ends = np.cumsum([0, *map(len, best)])
    held = sparse.csr_matrix(
        (np.ones(ends[-1], np.float32), np.concatenate(best), ends), shape=(len(best), corpus.words.shape[0])
    )
    shared = held @ corpus.words
    shared.sort_indices()
    for start, end in pairwise(shared.indptr):
        if end - start > FEEDBACK_WORDS:
            row = shared.data[start:end]
            row[np.argpartition(-row, FEEDBACK_WORDS)[FEEDBACK_WORDS:]] = 0.0
    shared.eliminate_zeros()
    return dense(shared @ corpus.across)


def _feedback(asked: Asked, best: Places, in_words: Floats, corpus: Corpus) -> Floats:
    """How alike each paper is to the best ones, in words, in meaning and in vectors."""
    centre = unit(corpus.meaning[best].sum(axis=0, keepdims=True))
    alike = standard(in_words) + MEANING_WEIGHT * standard(corpus.meaning[asked.places] @ centre[0])
    if asked.vectors is not None and corpus.vectors is not None:
        alike = alike + VECTOR_WEIGHT * standard(corpus.vectors[asked.places] @ corpus.vectors[best].sum(axis=0))
    return np.asarray(alike)
