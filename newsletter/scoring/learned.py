"""Decides what earlier judgements teach of one reader: a logistic regression on what papers say and mean.

Relevance is learned as a grade, not as yes or no: 1 counts as 0, 10 as 1. Relevant papers are rare and weigh more, by
the square root of the imbalance; older days fade; a mark of the reader's own weighs as several of a model's scores.
Fitted by L-BFGS, from the same start: equal history, equal ranking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit

from newsletter.scoring.features import Dense, Sparse

STEPS = 30
PENALTY = 0.1
MEANING_SCALE = 0.3  # of meanings beside words
FADING = 0.93  # a day


@dataclass(frozen=True, slots=True)
class Learned:
    """A weight for each word and each meaning; `evidence` is the sum of the grades, about the relevant papers seen."""

    words: Dense
    meaning: Dense
    evidence: float

    def of(self, words: Sparse, meaning: Dense) -> Dense:
        """What is thought of papers: more is nearer."""
        return np.asarray(words @ self.words + MEANING_SCALE * (meaning @ self.meaning))


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was said of one paper: its relevance 1-10, how many days ago, and how much that weighs."""

    relevance: int
    days_ago: int = 0
    weight: float = 1.0


def learn(words: Sparse, meaning: Dense, lessons: Sequence[Lesson]) -> Learned:
    """What lessons teach of the papers in these rows."""
    grades = np.array([(lesson.relevance - 1) / 9 for lesson in lessons])
    weights = np.array([lesson.weight * FADING**lesson.days_ago for lesson in lessons])
    evidence, total = float(grades @ weights), float(weights.sum())
    width = words.shape[1]
    if evidence <= 0 or evidence >= total:
        return Learned(np.zeros(width), np.zeros(meaning.shape[1]), 0.0)
    favour = weights * np.sqrt((total - evidence) / evidence) * grades
    against = weights * (1 - grades)
    rows, across = csr_matrix(words), csr_matrix(words.T)

    def loss(at: Dense) -> tuple[float, Dense]:
        scores = rows @ at[:width] + MEANING_SCALE * (meaning @ at[width:-1]) + at[-1]
        value = favour @ np.logaddexp(0, -scores) + against @ np.logaddexp(0, scores)
        slope = against * expit(scores) - favour * expit(-scores)
        gradient = np.concatenate([across @ slope, MEANING_SCALE * (meaning.T @ slope), [slope.sum()]])
        gradient[:-1] += PENALTY * at[:-1]
        return float(value + PENALTY / 2 * (at[:-1] @ at[:-1])), gradient

    start = np.zeros(width + meaning.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return Learned(found[:width], found[width:-1], evidence)
