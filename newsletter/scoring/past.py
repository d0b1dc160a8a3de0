"""Decides what a reader's past says of today's papers: their model's scores and their own marks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from newsletter.models.papers import Paper
from newsletter.models.subscribers import Mark
from newsletter.scoring.features import Corpus, Floats, dense
from newsletter.scoring.learned import TAUGHT_FROM, Learned, Lessons, learn, sampled
from newsletter.scoring.ranking import Nearness, Wanted, likeness
from newsletter.scoring.remembered import Judged, Past
from newsletter.scoring.words import identity, spelling

MARK_WEIGHT = 5.0  # scores of a model that one mark is worth
PULL = 1.0  # deviations for a paper that is the same in all its words
ALIKE = 0.2  # a cosine of words from which a paper is like one that was marked
LIKED_SHOWN = 2
RELEVANT_FROM = 7  # the default threshold
RELEVANT_AT_LEAST = 10  # relevant papers, to judge a day by those of earlier days
LEAST_SHARE = 0.05
MARGIN = 1.5  # papers that pass for one that is expected to be relevant: the order is not perfect
WORDS_SHOWN, PAPERS_SHOWN = 12, 10


@dataclass(frozen=True, slots=True)
class Explained:
    """What was learned of a reader: words that speak for a paper and against it, and the papers that teach most."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    papers: tuple[tuple[Paper, float], ...]


def explained(past: Past, corpus: Corpus) -> Explained | None:
    """What the past teaches, the strongest first; None where it teaches nothing."""
    found = taught(past, corpus)
    if found is None or not found.evidence:
        return None
    written = {number: word for said in past for number, word in spelling(said.paper).items()}
    each = sorted(
        (
            (float(found.words[place]), word)
            for number, word in written.items()
            if (place := corpus.space.place(number)) is not None
        ),
        key=lambda pair: (-pair[0], pair[1]),
    )
    papers = sorted(
        ((said.paper, float(weight)) for said, weight in zip(_kept(past)[0], found.papers, strict=True)),
        key=lambda pair: (-abs(pair[1]), pair[0].id),
    )
    return Explained(
        tuple(word for weight, word in each[:WORDS_SHOWN] if weight > 0),
        tuple(word for weight, word in each[: -WORDS_SHOWN - 1 : -1] if weight < 0),
        tuple(papers[:PAPERS_SHOWN]),
    )


def teaching(past: Past) -> list[Paper]:
    """The papers that the past is learned from."""
    return [said.paper for said in _kept(past)[0]]


def _kept(past: Past) -> tuple[list[Judged], float]:
    """What is learned from, and how much each irrelevant paper of it stands for."""
    places, each = sampled(np.array([TAUGHT_FROM if said.mark else said.relevance for said in past], np.float64))
    return [past[place] for place in places.tolist()], each


def taught(past: Past, corpus: Corpus, vectors: Floats | None = None) -> Learned | None:
    """What the past teaches; None where there is none. `vectors` are those of the papers that it is learned from."""
    if not past:
        return None
    kept, each = _kept(past)
    relevance = np.array([said.relevance for said in kept], np.float64)
    weight = np.where(relevance < TAUGHT_FROM, each, 1.0)
    weight[[place for place, said in enumerate(kept) if said.mark]] = MARK_WEIGHT
    lessons = Lessons(relevance, np.array([said.days_ago for said in kept], np.float64), weight)
    earlier, places = corpus.earlier([said.paper for said in kept])
    return learn(earlier.telling[places], lessons, vectors)


def expected(past: Past, of: Wanted, near: Nearness, corpus: Corpus) -> int | None:
    """How many of today's papers pass, judging by how relevant earlier ones as near to the topics were.

    The share of relevant papers rises with nearness on the scale of the archive (isotonic regression); papers whose
    share is below LEAST_SHARE count none, and MARGIN pass for each relevant one. None where too little is known.
    """
    kept, each = _kept(past)
    said = [judged for judged in kept if judged.mark is None]
    relevant = np.array([judged.relevance >= RELEVANT_FROM for judged in said], np.float64)
    if relevant.sum() < RELEVANT_AT_LEAST or near.scale is None:
        return None
    weights = np.array([each if judged.relevance < TAUGHT_FROM else 1.0 for judged in said])
    earlier, rows = corpus.earlier([judged.paper for judged in said])
    reached = near.scale.judged(*likeness(earlier.words[rows], earlier.meaning[rows], of))
    order = np.argsort(reached, kind="stable")
    share = np.interp(near.cold, reached[order], isotonic_regression(relevant[order], weights=weights[order]).x)
    return round(MARGIN * float(share[share >= LEAST_SHARE].sum()))


def pull(past: Past, rows: Sequence[int], corpus: Corpus) -> Floats:
    """How much the marks themselves move each row: up by the nearest liked paper, down by the nearest disliked one."""
    return PULL * (_nearest(past, (Mark.MORE, Mark.SAVED), rows, corpus) - _nearest(past, (Mark.LESS,), rows, corpus))


def _nearest(past: Past, marks: Collection[Mark], rows: Sequence[int], corpus: Corpus) -> Floats:
    papers = [judged.paper for judged in past if judged.mark in marks]
    if not papers:
        return np.zeros(len(rows), np.float32)
    earlier, places = corpus.earlier(papers)
    return np.asarray(dense(corpus.words[rows] @ earlier.words[places].T).max(axis=1))


def liked(past: Past, rows: Sequence[int], corpus: Corpus) -> list[tuple[str, ...]]:
    """For each row, the ids of the papers that the reader liked and that are alike, the nearest first."""
    likes = [judged.paper for judged in past if judged.mark in (Mark.MORE, Mark.SAVED)]
    if not likes:
        return [()] * len(rows)
    earlier, places = corpus.earlier(likes)
    alike = dense(corpus.words[rows] @ earlier.words[places].T)
    for column, paper in enumerate(likes):  # a paper is not listed for being like itself
        alike[[place for place, row in enumerate(rows) if row == corpus.positions.get(identity(paper))], column] = 0.0
    order = np.argsort(-alike, axis=1, kind="stable")[:, :LIKED_SHOWN]
    return [
        tuple(likes[column].id for column in nearest if alike[row, column] >= ALIKE)
        for row, nearest in enumerate(order)
    ]
