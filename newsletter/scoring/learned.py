"""Decides what earlier judgements teach of one reader: a logistic regression on what papers say and mean.

Relevance is learned as a grade, not as yes or no: 1 counts as 0, 10 as 1. Relevant papers are rare and weigh more, by
the square root of the imbalance; older days fade; a mark of the reader's own weighs as several of a model's scores.
Solved by the papers' likeness to each other rather than by a weight a word (the dual; Schölkopf, Herbrich, Smola, A
Generalized Representer Theorem, 2001): the papers that count are few, the words many. Of papers that nobody wanted only
an even sample is kept, and stands for all. Fitted by L-BFGS, from the same start: equal history, equal ranking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from newsletter.scoring.features import Floats, Sparse, dense

STEPS = 30
PENALTY = 0.03
MEANING_SCALE = 0.3  # of meanings beside words
VECTOR_SCALE = 0.3  # of vectors beside words
FADING = 0.93  # a day
TAUGHT_FROM = 4  # a relevance from which a paper is always looked at
SAMPLE = 500  # papers below it


@dataclass(frozen=True, slots=True)
class Learned:
    """A weight for each word and each meaning; `evidence` is the sum of the grades, about the relevant papers seen.

    `papers` says how much each paper of the lessons adds to what is like it; `vectors` has a weight for each number of
    a vector, and is empty where there were none.
    """

    words: Floats
    meaning: Floats
    evidence: float
    papers: Floats
    vectors: Floats

    def of(self, words: Sparse, meaning: Floats) -> Floats:
        """What is thought of papers: more is nearer."""
        return np.asarray(words @ self.words + MEANING_SCALE * (meaning @ self.meaning), np.float32)

    def by_vectors(self, vectors: Floats) -> Floats:
        """What their vectors add to that; nothing where those are of another length than the lessons' were."""
        known = vectors.shape[1] == len(self.vectors)
        return VECTOR_SCALE * (vectors @ self.vectors) if known else np.zeros(len(vectors), np.float32)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was said of one paper: its relevance 1-10, how many days ago, and how much that weighs."""

    relevance: int
    days_ago: int = 0
    weight: float = 1.0


def sampled(relevances: Sequence[int]) -> tuple[list[int], float]:
    """The places of the papers to learn from, and how much each of the irrelevant ones stands for."""
    wanted = [place for place, relevance in enumerate(relevances) if relevance >= TAUGHT_FROM]
    others = [place for place, relevance in enumerate(relevances) if relevance < TAUGHT_FROM]
    kept = [others[n * len(others) // SAMPLE] for n in range(SAMPLE)] if len(others) > SAMPLE else others
    return sorted([*wanted, *kept]), len(others) / len(kept) if kept else 1.0


def learn(words: Sparse, meaning: Floats, lessons: Sequence[Lesson], vectors: Floats | None = None) -> Learned:
    """What lessons teach of the papers in these rows."""
    if vectors is None:
        vectors = np.zeros((len(lessons), 0), np.float32)
    grades = np.array([(lesson.relevance - 1) / 9 for lesson in lessons])
    weights = np.array([lesson.weight * FADING**lesson.days_ago for lesson in lessons])
    evidence, total = float(grades @ weights), float(weights.sum())
    if evidence <= 0 or evidence >= total:
        nothing = np.zeros(len(lessons), np.float32)
        return Learned(words.T @ nothing, nothing @ meaning, 0.0, nothing, nothing @ vectors)
    favour = weights * np.sqrt((total - evidence) / evidence) * grades
    against = weights * (1 - grades)
    alike = dense(words @ words.T) + MEANING_SCALE**2 * (meaning @ meaning.T) + VECTOR_SCALE**2 * (vectors @ vectors.T)

    def loss(at: Floats) -> tuple[float, Floats]:
        pulled = alike @ at[:-1].astype(np.float32)
        scores = pulled + at[-1]
        odds = expit(scores)
        value = favour @ np.logaddexp(0, -scores) + against @ np.logaddexp(0, scores)
        slope = against * odds - favour * (1 - odds)
        gradient = np.append(alike @ (slope + PENALTY * at[:-1]).astype(np.float32), slope.sum())
        return float(value + PENALTY / 2 * (at[:-1] @ pulled)), gradient

    found = minimize(loss, np.zeros(len(lessons) + 1), jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x[:-1]
    each = found.astype(np.float32)
    return Learned(words.T @ each, MEANING_SCALE * (each @ meaning), evidence, each, VECTOR_SCALE * (each @ vectors))
