"""Decides what a reader's past says of today's papers: their model's scores and their own marks."""

from collections.abc import Collection, Sequence

import numpy as np

from newsletter.models.subscribers import Mark
from newsletter.scoring.features import Corpus, Dense, dense
from newsletter.scoring.learned import Learned, Lesson, learn
from newsletter.scoring.remembered import Past
from newsletter.scoring.words import identity, read_paper

MARK_WEIGHT = 5.0  # scores of a model that one mark is worth
PULL = 2.0  # deviations for a paper that is the same in all its words
ALIKE = 0.2  # a cosine of words from which a paper is like one that was marked
LIKED_SHOWN = 2


def taught(past: Past, corpus: Corpus) -> Learned | None:
    """What the past teaches; None where there is none."""
    if not past:
        return None
    words = corpus.space.words(read_paper(judged.paper).counts for judged in past)
    lessons = [Lesson(said.relevance, said.days_ago, MARK_WEIGHT if said.mark else 1.0) for said in past]
    return learn(words, corpus.space.meaning(words), lessons)


def pull(past: Past, rows: Sequence[int], corpus: Corpus) -> Dense:
    """How much the marks themselves move each row: up by the nearest liked paper, down by the nearest disliked one."""
    return PULL * (_nearest(past, (Mark.MORE, Mark.SAVED), rows, corpus) - _nearest(past, (Mark.LESS,), rows, corpus))


def _nearest(past: Past, marks: Collection[Mark], rows: Sequence[int], corpus: Corpus) -> Dense:
    papers = [read_paper(judged.paper).counts for judged in past if judged.mark in marks]
    if not papers:
        return np.zeros(len(rows))
    return np.asarray(dense(corpus.words[rows] @ corpus.space.words(papers).T).max(axis=1))


def liked(past: Past, rows: Sequence[int], corpus: Corpus) -> list[tuple[str, ...]]:
    """For each row, the ids of the papers that the reader liked and that are alike, the nearest first."""
    likes = [judged.paper for judged in past if judged.mark in (Mark.MORE, Mark.SAVED)]
    if not likes:
        return [()] * len(rows)
    liking = corpus.space.words(read_paper(paper).counts for paper in likes)
    alike = dense(corpus.words[rows] @ liking.T)
    for column, paper in enumerate(likes):  # a paper is not listed for being like itself
        alike[[place for place, row in enumerate(rows) if row == corpus.positions.get(identity(paper))], column] = 0.0
    order = np.argsort(-alike, axis=1, kind="stable")[:, :LIKED_SHOWN]
    return [
        tuple(likes[column].id for column in places if alike[row, column] >= ALIKE) for row, places in enumerate(order)
    ]
