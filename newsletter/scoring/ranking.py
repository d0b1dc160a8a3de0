"""Decides how near the papers of a day are to one reader's topics: one number a paper. Calls nothing.

A paper is as near as it is to its best topic, plus a little of the mean over all, minus a share of what the topics call
irrelevant: in its words and in its meaning, each standardised, added. The best ten then speak for the topics as well,
which finds those that say the same in other words (pseudo-relevance feedback: Rocchio 1971; Manning, Raghavan, Schütze,
Introduction to Information Retrieval, §9.1.6). What was learned of the reader is mixed in by how much there was.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
from scipy import sparse

from newsletter.models.subscribers import Topics
from newsletter.scoring.features import Corpus, Floats, Sparse, dense, heaviest, unit
from newsletter.scoring.learned import Learned
from newsletter.scoring.strength import KNOWN_AT_LEAST, SHARED_A_STEP
from newsletter.scoring.words import Text, read

MEAN_WEIGHT = 0.5
IRRELEVANT_WEIGHT = 0.5
MEANING_WEIGHT = 0.6
VECTOR_WEIGHT = 1.0
FEEDBACK_PAPERS = 10
FEEDBACK_A_TOPIC = 4  # of them, at most
CONSIDERED = 50  # papers, for those ten
FEEDBACK_WORDS = 100
FEEDBACK_WEIGHT = 0.5
FEEDBACK_WITH_VECTORS = 0.25  # which find other words for the same without it
LEARNING_HALF = 20  # with so many relevant papers in the history, it counts as much as the topics
LEAST_DEVIATION = 0.02  # of an archive that knows nothing of a subject
LEAST = 1e-6  # a deviation that is none
TOPICS_KEPT = 1024  # topics files that are not read again

Places = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reader's topics in a space: a row for each topic, one for the keywords, one for what is not wanted.

    They are rows of `every`, which holds those of all readers that were read together, from `first` on.
    """

    every: Sparse
    first: int
    meaning: Floats
    topics: int

    @property
    def words(self) -> Sparse:
        return self.every[self.first : self.first + self.topics + 2]


@dataclass(frozen=True, slots=True)
class Scale:
    """What one reader's topics reach on the archive, in words and in meaning: each a mean and a deviation."""

    words: tuple[float, float]
    meant: tuple[float, float]

    def judged(self, words: Floats, meant: Floats) -> Floats:
        """Likenesses to the topics in deviations above the archive's mean."""
        (mean, deviation), (mean_meant, deviation_meant) = self.words, self.meant
        return (words - mean) / deviation + MEANING_WEIGHT * (meant - mean_meant) / deviation_meant


@dataclass(frozen=True, slots=True)
class Nearness:
    """Of each paper: `value` orders the day; `judged` is the same on the scale of the archive, where 0 is its mean.

    `cold` is that without what was learned; `topic` is the place of the best one, -1 where no word of any topic occurs;
    `shared` how alike in words. `scale` is None where too few papers are known to judge by.
    """

    value: Floats
    judged: Floats
    cold: Floats
    topic: Places
    shared: Floats
    scale: Scale | None


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
    every = corpus.space.words([text for each in texts for text in each])
    meaning = corpus.space.meaning(every)
    ends = accumulate(map(len, texts))
    return [
        Wanted(every, end - len(each), meaning[end - len(each) : end], len(each) - 2)
        for each, end in zip(texts, ends, strict=True)
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
class _Alike:
    """How alike papers are to the topics of some readers: one number a reader (row) and paper (column).

    `words` and `meant` are of the day and the archive; of the day alone are `best`, the likeness in words to the best
    topic, `topic`, the place of that, and `keyed`, the likeness to the keywords.
    """

    words: Floats
    meant: Floats
    best: Floats
    topic: Places
    keyed: Floats

    def of(self, row: int, places: Places) -> "_Alike":
        """That of one reader and some papers of the day."""
        every = (self.words, self.meant, self.best, self.topic, self.keyed)
        return _Alike(*(each[row, places] for each in every))


def nearness(readers: Sequence[Asked], corpus: Corpus) -> list[Nearness]:
    """How near the papers are to each reader's topics, for all readers at once, in arrays of readers x papers.

    Products of dense numbers are made reader by reader: BLAS adds in another order where there are more rows, and no
    reader's scores may depend on who else is asked about.
    """
    if not readers:
        return []
    day = len(corpus.papers)
    asks, boost = _spread(readers, day)
    alike = _alike([asked.of for asked in readers], corpus)
    value = standard(alike.words[:, :day], asks) + MEANING_WEIGHT * standard(alike.meant[:, :day], asks) + boost
    if corpus.vectors is not None:
        value += VECTOR_WEIGHT * standard(_by_vectors(readers, corpus.vectors), asks)
    value += _feedback(readers, value, asks, alike.topic, corpus)
    scales = _scales(alike, day) if corpus.archived >= KNOWN_AT_LEAST else [None] * len(readers)
    return [
        _nearness(asked, value[row], alike.of(row, asked.places), scale, corpus)
        for row, (asked, scale) in enumerate(zip(readers, scales, strict=True))
    ]


def _spread(readers: Sequence[Asked], day: int) -> tuple[Floats, Floats]:
    """Readers x papers of the day: 1 where a reader asks about a paper, and the boosts."""
    asks, boost = np.zeros((2, len(readers), day), np.float32)
    for row, asked in enumerate(readers):
        asks[row, asked.places] = 1.0
        boost[row, asked.places] = asked.boost
    return asks, boost


def _alike(of: Sequence[Wanted], corpus: Corpus) -> _Alike:
    day = len(corpus.papers)
    in_words = {
        id(every): dense(every @ corpus.across) for every in {id(each.every): each.every for each in of}.values()
    }
    parts = [(in_words[id(each.every)][each.first : each.first + each.topics + 2], each.topics) for each in of]
    across = np.ascontiguousarray(corpus.meaning.T)
    in_meaning = [each.meaning @ across for each in of]
    return _Alike(
        words=np.array([_combined(part, topics) for part, topics in parts]),
        meant=np.array([_combined(part, each.topics) for part, each in zip(in_meaning, of, strict=True)]),
        best=np.array([part[:topics, :day].max(axis=0) for part, topics in parts]),
        topic=np.array([part[:topics, :day].argmax(axis=0) for part, topics in parts]),
        keyed=np.array([part[topics, :day] for part, topics in parts]),
    )


def _combined(alike: Floats, topics: int) -> Floats:
    """A row a topic, one for the keywords and one for what is not wanted: all in one row."""
    weights = np.full(topics + 2, MEAN_WEIGHT / topics, np.float32)
    weights[topics:] = MEAN_WEIGHT, -IRRELEVANT_WEIGHT
    return np.asarray(alike[:topics].max(axis=0) + weights @ alike)


def _by_vectors(readers: Sequence[Asked], papers: Floats) -> Floats:
    """How alike the papers are to the topics by their vectors; zeros for a reader whose topics have none."""
    found = np.zeros((len(readers), len(papers)), np.float32)
    for row, asked in enumerate(readers):
        if asked.vectors is not None:
            each = asked.vectors[: asked.of.topics] @ papers.T
            found[row] = each.max(axis=0) + each.mean(axis=0)
    return found


def _feedback(readers: Sequence[Asked], value: Floats, asks: Floats, topic: Places, corpus: Corpus) -> Floats:
    """What the best papers add to each, by how alike it is to them in words, in meaning and in vectors."""
    best = [_best(value[row], asked.places, topic[row]) for row, asked in enumerate(readers)]
    meaning = corpus.meaning[: len(corpus.papers)]
    centres = unit(np.array([meaning[of].sum(axis=0) for of in best]))
    meant = np.array([meaning @ centre for centre in centres])
    alike = standard(_words_of(best, corpus), asks) + MEANING_WEIGHT * standard(meant, asks)
    if (papers := corpus.vectors) is None:
        return np.asarray(FEEDBACK_WEIGHT * alike)
    has_vectors = np.array([asked.vectors is not None for asked in readers])[:, None]
    seen = standard(np.array([papers @ papers[of].sum(axis=0) for of in best]), asks)
    return np.where(has_vectors, FEEDBACK_WITH_VECTORS * (alike + VECTOR_WEIGHT * seen), FEEDBACK_WEIGHT * alike)


def _best(value: Floats, places: Places, topic: Places) -> Places:
    """The best of one reader's papers, of each topic a few at most."""
    chosen: list[int] = []
    of_topic: Counter[int] = Counter()
    order = places[np.argsort(-value[places], kind="stable")[:CONSIDERED]]
    for place, which in zip(order.tolist(), topic[order].tolist(), strict=True):
        if of_topic[which] < FEEDBACK_A_TOPIC:
            of_topic[which] += 1
            chosen.append(place)
    return np.array(chosen[:FEEDBACK_PAPERS], np.intp)


def _words_of(best: Sequence[Places], corpus: Corpus) -> Floats:
    """How alike the papers of the day are in words to some of each reader, by the words that count most in those."""
    ends = np.cumsum([0, *map(len, best)])
    held = sparse.csr_matrix(
        (np.ones(ends[-1], np.float32), np.concatenate(best), ends), shape=(len(best), corpus.words.shape[0])
    )
    return dense(heaviest(held @ corpus.words, FEEDBACK_WORDS) @ corpus.across_day)


def _scales(alike: _Alike, day: int) -> list[Scale | None]:
    words, by_words, meant, by_meant = (
        found.tolist()
        for of in (alike.words[:, day:], alike.meant[:, day:])
        for found in (of.mean(axis=1), np.maximum(of.std(axis=1), LEAST_DEVIATION))
    )
    return [Scale(each[:2], each[2:]) for each in zip(words, by_words, meant, by_meant, strict=True)]


def _nearness(asked: Asked, value: Floats, alike: _Alike, scale: Scale | None, corpus: Corpus) -> Nearness:
    """One reader's; `value` is of the whole day, `alike` of the papers that are asked about."""
    value, learned, day = value[asked.places], asked.learned, len(corpus.papers)
    judged = scale.judged(alike.words, alike.meant) if scale else alike.best / SHARED_A_STEP
    judged = cold = judged + asked.boost
    if learned is not None and learned.evidence:
        share = learned.evidence / (learned.evidence + LEARNING_HALF)
        taught = learned.of(corpus.words)
        thought, archive = taught[asked.places], taught[day:]
        if scale:
            above = (thought - archive.mean()) / max(float(archive.std()), LEAST_DEVIATION)
            judged = (1 - share) * judged + share * above
        if corpus.vectors is not None:
            thought = thought + learned.by_vectors(corpus.vectors[asked.places])
        value = (1 - share) * standard(value) + share * standard(thought)
    topic = np.where((alike.best > 0) | (alike.keyed > 0), alike.topic, -1)
    return Nearness(value, judged, cold, topic, alike.best, scale)


def likeness(words: Sparse, meaning: Floats, of: Wanted) -> tuple[Floats, Floats]:
    """How alike some papers are to one reader's topics, in words and in meaning."""
    return _combined(dense(words @ of.words.T).T, of.topics), _combined(of.meaning @ meaning.T, of.topics)


def standard(values: Floats, among: Floats | None = None) -> Floats:
    """The values of each row with mean 0 and deviation 1, of those that count among them (1, the others 0)."""
    counts = np.ones_like(values) if among is None else among
    number = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    off = values - (values * counts).sum(axis=-1, keepdims=True) / number
    deviation = np.sqrt((off * off * counts).sum(axis=-1, keepdims=True) / number)
    return np.asarray(off / np.where(deviation > LEAST, deviation, np.inf), np.float32)
