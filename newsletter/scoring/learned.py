"""Decides what earlier judgements teach: one logistic regression per subscriber on the words of judged papers.

Relevance is learned as a grade, not as yes or no: 1 counts as 0, 10 as 1. Stochastic gradient descent on sparse unit
vectors (Bottou, Large-Scale Machine Learning with Stochastic Gradient Descent, 2010); relevant papers are rare and
weigh more, by the square root of the imbalance. The order of the steps is seeded: equal history, equal ranking.
"""

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EPOCHS = 5
RATE = 2.0
INTERCEPT_RATE = 0.1  # of RATE


@dataclass(frozen=True, slots=True)
class Learned:
    """A weight for each stem; `evidence` is the sum of the grades, about the number of relevant papers seen."""

    weights: Mapping[str, float]
    evidence: float


NOTHING_LEARNED = Learned({}, 0.0)


def learn(judged: Sequence[tuple[Mapping[str, float], int]], seed: int = 0) -> Learned:
    """What judged papers teach; each is a vector of stems with its relevance 1-10."""
    examples = [(vector, (relevance - 1) / 9) for vector, relevance in judged]
    evidence = sum(grade for _, grade in examples)
    if evidence <= 0 or evidence >= len(examples):
        return NOTHING_LEARNED
    positive_weight = math.sqrt((len(examples) - evidence) / evidence)
    weights: dict[str, float] = defaultdict(float)
    intercept = 0.0
    shuffle = random.Random(seed).shuffle  # noqa: S311 - not for secrets
    for epoch in range(EPOCHS):
        shuffle(examples)
        rate = RATE / (1 + epoch)
        for vector, grade in examples:
            chance = 1 / (1 + math.exp(-intercept - dot(weights, vector)))
            step = rate * (positive_weight * grade * (1 - chance) - (1 - grade) * chance)
            intercept += INTERCEPT_RATE * step
            for stem, weight in vector.items():
                weights[stem] += step * weight
    return Learned(dict(weights), evidence)


def dot(weights: Mapping[str, float], vector: Mapping[str, float]) -> float:
    """The sum over the stems that both hold."""
    return sum(weights[stem] * value for stem, value in vector.items() if stem in weights)
