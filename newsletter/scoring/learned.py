"""Decides what earlier judgements teach of one reader: a logistic regression on the words that tell papers apart.

Relevance is learned as a grade, not as yes or no: 1 counts as 0, 10 as 1. Relevant papers are rare and weigh more, by
the square root of the imbalance; older days fade; a mark of the reader's own weighs as several of a model's scores. Of
papers that nobody wanted only an even sample is kept, and stands for all. What is sought is a weight a paper rather
than a weight a word (the dual; Schölkopf, Herbrich, Smola, A Generalized Representer Theorem, 2001): the papers that
count are few, the words many. Equal history, equal ranking.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from newsletter.scoring.features import Dense, Floats, Integers, Sparse

STEPS = 12  # of the solver
STRIDES = 8  # of each step at most, to find how far it goes: Newton's, between what is too near and too far
LEVEL = 0.1  # of the first slope
PENALTY = 0.03
VECTOR_SCALE = 0.3  # of vectors beside words
FADING = 0.93  # a day
TAUGHT_FROM = 4  # a relevance from which a paper is always looked at
SAMPLE = 500  # papers below it
ENOUGH = 1e-6  # of a slope, to be level


@dataclass(frozen=True, slots=True)
class Learned:
    """A weight for each word; `evidence` is the sum of the grades, about the relevant papers seen.

    `papers` says how much each paper of the lessons adds to what is like it; `vectors` has a weight for each number of
    a vector, and is empty where there were none.
    """

    words: Floats
    evidence: float
    papers: Floats
    vectors: Floats

    def of(self, words: Sparse) -> Floats:
        """What is thought of papers by their words: more is nearer."""
        return np.asarray(words @ self.words, np.float32)

    def by_vectors(self, vectors: Floats) -> Floats:
        """What their vectors add to that; nothing where those are of another length than the lessons' were."""
        known = vectors.shape[1] == len(self.vectors)
        return VECTOR_SCALE * (vectors @ self.vectors) if known else np.zeros(len(vectors), np.float32)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was said of some papers: of each its relevance 1-10, how many days ago, and how much that weighs."""

    relevance: Dense
    days_ago: Dense
    weight: Dense


def sampled(relevance: Dense) -> tuple[Integers, float]:
    """The places of the papers to learn from, and how much each of the irrelevant ones stands for."""
    others = np.flatnonzero(relevance < TAUGHT_FROM)
    kept = others[np.arange(SAMPLE) * len(others) // SAMPLE] if len(others) > SAMPLE else others
    places = np.union1d(np.flatnonzero(relevance >= TAUGHT_FROM), kept)
    return places, len(others) / len(kept) if len(kept) else 1.0


def learn(words: Sparse, lessons: Lessons, vectors: Floats | None = None) -> Learned:
    """What lessons teach of the papers in these rows."""
    grades = (lessons.relevance - 1) / 9
    if vectors is None:
        vectors = np.zeros((len(grades), 0), np.float32)
    weights = lessons.weight * FADING**lessons.days_ago
    wanted, total = float(grades @ weights), float(weights.sum())
    if wanted <= 0 or wanted >= total:
        nothing = np.zeros(len(grades), np.float32)
        return Learned(words.T @ nothing, 0.0, nothing, nothing @ vectors)
    favour = weights * np.sqrt((total - wanted) / wanted) * grades
    against = weights * (1 - grades)
    across = words.T

    def spread(each: Floats) -> Floats:
        alike = words @ (across @ each) + each.sum()  # a word that all papers have: how many are wanted
        return np.asarray(alike + VECTOR_SCALE**2 * (vectors @ (each @ vectors)) if vectors.size else alike)

    each = _fitted(spread, favour.astype(np.float32), against.astype(np.float32))
    # A mark weighs more than a score, but is one judgement; an unwanted paper stands for those that were left out.
    known = np.where(lessons.relevance < TAUGHT_FROM, weights, np.minimum(weights, 1.0))
    evidence = float(grades @ known)
    return Learned(across @ each, evidence, each, VECTOR_SCALE * (each @ vectors))


def _fitted(spread: Callable[[Floats], Floats], favour: Floats, against: Floats) -> Floats:
    """How much each paper adds to what is like it; `spread` gives what these weights make of the papers themselves.

    Conjugate gradients (Polak, Ribière, Note sur la convergence de méthodes de directions conjuguées, 1969) in the
    metric of the papers' likeness, which takes one `spread` a step.
    """
    both = favour + against
    each, way, way_reaches = np.zeros((3, len(both)), np.float32)
    reached = np.full(len(both), np.log(favour.sum() / against.sum()), np.float32)
    length_before, reaches_before = math.inf, way_reaches
    for _ in range(STEPS):
        steep = both * expit(reached) - favour + PENALTY * each
        reaches = spread(steep)
        length = float(steep @ reaches)
        if length <= ENOUGH:
            break
        turn = np.float32(max(0.0, (length - float(steep @ reaches_before)) / length_before))
        length_before, reaches_before = length, reaches
        way, way_reaches = turn * way - steep, turn * way_reaches - reaches
        far = np.float32(
            _far(both, favour, reached, way_reaches, (float(each @ way_reaches), float(way @ way_reaches)))
        )
        each, reached = each + far * way, reached + far * way_reaches
    return each


def _far(both: Floats, favour: Floats, at: Floats, towards: Floats, penalty: tuple[float, float]) -> float:
    """How far to go from `at`, until it is all but level; the penalty's slope is PENALTY * (first + far * second)."""
    first, second = penalty
    far = near_side = steepest = 0.0
    far_side = math.inf
    for _ in range(STRIDES):
        odds = expit(at + np.float32(far) * towards)
        slope = float((both * odds - favour) @ towards) + PENALTY * (first + far * second)
        if abs(slope) <= LEVEL * steepest:
            return far
        steepest = steepest or abs(slope)
        near_side, far_side = (far, far_side) if slope < 0 else (near_side, far)
        far -= slope / (float((both * odds * (1 - odds)) @ (towards * towards)) + PENALTY * second)
        if not near_side < far < far_side:
            far = (near_side + far_side) / 2
    return near_side or far
