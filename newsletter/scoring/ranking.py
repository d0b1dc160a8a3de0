"""Decides how near the papers of a day are to one reader's topics: one number a paper. Calls nothing.

A paper is as near as it is to its best topic, plus a little of the mean over all, minus a share of what the topics call
irrelevant: in its words and in its meaning, each standardised, added. The best ten then speak for the topics as well,
which finds those that say the same in other words (pseudo-relevance feedback: Rocchio 1971; Manning, Raghavan, Schütze,
Introduction to Information Retrieval, §9.1.6). What was learned of the reader is mixed in by how much there was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from newsletter.models.subscribers import Subscriber, Topics
from newsletter.scoring.features import Corpus, Dense, Sparse, dense, standard
from newsletter.scoring.learned import Learned
from newsletter.scoring.strength import KNOWN_AT_LEAST, SHARED_A_STEP
from newsletter.scoring.words import read

MEAN_WEIGHT = 0.5
IRRELEVANT_WEIGHT = 0.5
MEANING_WEIGHT = 0.5
FEEDBACK_PAPERS = 10
FEEDBACK_WORDS = 100
FEEDBACK_WEIGHT = 0.5
LEARNING_HALF = 20  # with so many relevant papers in the history, it counts as much as the topics

Places = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reader's topics in a space: a row for each topic, one for the keywords, one for what is not wanted."""

    words: Sparse
    meaning: Dense
    topics: int


@dataclass(frozen=True, slots=True)
class Nearness:
    """Of each paper: `value` orders the day; `judged` is the same on the scale of the archive, where 0 is its mean;
    `topic` is the place of the best one, -1 where no word of any topic occurs; `shared` how alike in words."""

    value: Dense
    judged: Dense
    topic: Places
    shared: Dense


def wanted(topics: Topics, corpus: Corpus) -> Wanted:
    """The topics as rows."""
    unwanted = " ".join([*(topic.irrelevant for topic in topics.topics), *topics.irrelevant_keywords])
    texts = [
        *(f"{topic.name} {topic.relevant}" for topic in topics.topics),
        " ".join(topics.relevant_keywords),
        unwanted,
    ]
    rows = corpus.space.words(read((text, 1)).counts for text in texts)
    return Wanted(rows, corpus.space.meaning(rows), len(topics.topics))


def nearness(
    subscriber: Subscriber, rows: Sequence[int], corpus: Corpus, learned: Learned | None, boost: Dense | None = None
) -> Nearness:
    """How near the papers in these rows of the corpus are; `boost` is added to each."""
    of = wanted(subscriber.topics, corpus)
    words, meaning = corpus.words[rows], corpus.meaning[rows]
    in_words = dense(words @ of.words.T)
    today = _Side(words, meaning, in_words, meaning @ of.meaning.T)
    archive = _judges(corpus, of)
    each = in_words[:, : of.topics]
    matched = (in_words[:, : of.topics + 1] > 0).any(axis=1)
    value, judged = _ordered(today, archive, of.topics, np.zeros(len(rows)) if boost is None else boost)
    if learned is not None and learned.evidence:
        share = learned.evidence / (learned.evidence + LEARNING_HALF)
        taught, known = learned.of(words, meaning), learned.of(archive.words, archive.meaning)
        value = (1 - share) * standard(value) + share * standard(taught)
        judged = (1 - share) * judged + share * standard(taught, known)
    if corpus.archive_words.shape[0] < KNOWN_AT_LEAST:
        judged = each.max(axis=1) / SHARED_A_STEP + (0 if boost is None else boost)
    topic = np.where(matched, each.argmax(axis=1), -1)
    return Nearness(value, judged, topic, each.max(axis=1))


@dataclass(frozen=True, slots=True)
class _Side:
    """Some papers: their rows, and how alike they are to each row of what is wanted."""

    words: Sparse
    meaning: Dense
    in_words: Dense
    in_meaning: Dense


def _judges(corpus: Corpus, of: Wanted) -> _Side:
    """The papers that a day is judged by: those of the archive, or the day itself where there are too few."""
    few = corpus.archive_words.shape[0] < KNOWN_AT_LEAST
    words, meaning = (corpus.words, corpus.meaning) if few else (corpus.archive_words, corpus.archive_meaning)
    return _Side(words, meaning, dense(words @ of.words.T), meaning @ of.meaning.T)


def _ordered(today: _Side, archive: _Side, topics: int, boost: Dense) -> tuple[Dense, Dense]:
    """The values in the order of the day, and on the scale of the archive."""
    words, words_before = _combined(today.in_words, topics), _combined(archive.in_words, topics)
    meant, meant_before = _combined(today.in_meaning, topics), _combined(archive.in_meaning, topics)
    value = standard(words) + MEANING_WEIGHT * standard(meant) + boost
    fed = _feedback(value, today)
    ordered = value + FEEDBACK_WEIGHT * (standard(fed[0]) + MEANING_WEIGHT * standard(fed[1]))
    judged = standard(words, words_before) + MEANING_WEIGHT * standard(meant, meant_before) + boost
    return ordered, judged


def _combined(alike: Dense, topics: int) -> Dense:
    each = alike[:, :topics]
    return np.asarray(
        each.max(axis=1)
        + MEAN_WEIGHT * (each.mean(axis=1) + alike[:, topics])
        - IRRELEVANT_WEIGHT * alike[:, topics + 1]
    )


def _feedback(value: Dense, papers: _Side) -> tuple[Dense, Dense]:
    """How alike each paper is to the best ones, in words and in meaning."""
    best = np.argsort(-value, kind="stable")[:FEEDBACK_PAPERS]
    shared = np.asarray(papers.words[best].sum(axis=0)).ravel()
    held = shared[shared > 0]
    if len(held) > FEEDBACK_WORDS:
        shared[shared < np.partition(held, -FEEDBACK_WORDS)[-FEEDBACK_WORDS]] = 0.0
    centre = papers.meaning[best].sum(axis=0)
    return papers.words @ _unit(shared), papers.meaning @ _unit(centre)


def _unit(row: Dense) -> Dense:
    length = float(np.linalg.norm(row))
    return row / length if length > 0 else row
