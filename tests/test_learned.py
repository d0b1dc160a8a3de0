"""Learning from judged papers."""

from dataclasses import astuple, dataclass

import numpy as np
from scipy.sparse import csr_matrix

from newsletter.scoring.learned import SAMPLE, Learned, Lessons, learn, sampled

LIKED, DISLIKED = [1.0, 0.0], [0.0, 1.0]


@dataclass(frozen=True)
class Lesson:
    relevance: int
    days_ago: int = 0
    weight: float = 1.0


def together(*each: Lesson) -> Lessons:
    return Lessons(*np.array([astuple(one) for one in each], np.float64).reshape(-1, 3).T)


def taught(*said: tuple[list[float], Lesson]) -> Learned:
    """What lessons on papers of two words teach."""
    rows = np.array([row for row, _ in said], np.float32).reshape(-1, 2)
    return learn(csr_matrix(rows), together(*(lesson for _, lesson in said)))


def opinion(learned: Learned, row: list[float]) -> float:
    return float(learned.of(csr_matrix([row]))[0])


def test_words_of_relevant_papers_gain_and_those_of_irrelevant_ones_lose() -> None:
    learned = taught(*[(LIKED, Lesson(9)), (DISLIKED, Lesson(1))] * 10)
    assert opinion(learned, LIKED) > 0 > opinion(learned, DISLIKED)


def test_equal_history_teaches_the_same() -> None:
    history = [(LIKED, Lesson(9)), (DISLIKED, Lesson(1)), ([0.6, 0.8], Lesson(4))] * 5
    assert np.array_equal(taught(*history).words, taught(*history).words)


def test_evidence_is_about_the_number_of_relevant_papers() -> None:
    assert taught(*[(LIKED, Lesson(10))] * 3, *[(DISLIKED, Lesson(1))] * 20).evidence == 3


def test_older_days_fade() -> None:
    learned = taught(
        (LIKED, Lesson(10)), (LIKED, Lesson(1, days_ago=60)), (DISLIKED, Lesson(1)), (DISLIKED, Lesson(10, days_ago=60))
    )
    assert opinion(learned, LIKED) > opinion(learned, DISLIKED)


def test_what_weighs_more_wins() -> None:
    learned = taught(
        (LIKED, Lesson(10, weight=5.0)), (LIKED, Lesson(1)), (DISLIKED, Lesson(1, weight=5.0)), (DISLIKED, Lesson(10))
    )
    assert opinion(learned, LIKED) > opinion(learned, DISLIKED)


def test_a_relevant_paper_teaches_the_more_the_rarer_it_is() -> None:
    one, among_many = (taught((LIKED, Lesson(10)), *[(DISLIKED, Lesson(1))] * others) for others in (1, 100))
    assert opinion(among_many, LIKED) > 2 * opinion(one, LIKED)


def test_nothing_is_learned_from_nothing() -> None:
    assert taught().evidence == 0
    assert taught(*[(DISLIKED, Lesson(1))] * 5).evidence == 0


def test_of_many_unwanted_papers_an_even_sample_stands_for_all() -> None:
    kept, each = sampled(np.array([9, *[1] * (3 * SAMPLE), 8]))
    assert (kept[0], kept[-1], len(kept)) == (0, 3 * SAMPLE + 1, SAMPLE + 2)
    assert each == 3
    few, alone = sampled(np.array([9, 1, 1]))
    assert (few.tolist(), alone) == ([0, 1, 2], 1.0)


def test_what_weighs_more_is_no_more_evidence() -> None:
    assert taught((LIKED, Lesson(10, weight=5.0)), (DISLIKED, Lesson(1, weight=5.0))).evidence == 1


def test_vectors_teach_what_words_do_not_say() -> None:
    rows = csr_matrix(np.ones((4, 1), np.float32))
    vectors = np.array([LIKED, LIKED, DISLIKED, DISLIKED], np.float32)
    lessons = together(Lesson(9), Lesson(9), Lesson(1), Lesson(1))
    learned = learn(rows, lessons, vectors)
    liked, disliked = learned.by_vectors(np.array([LIKED, DISLIKED], np.float32))
    assert liked > 0 > disliked


def test_vectors_of_another_length_than_the_lessons_add_nothing() -> None:
    learned = taught((LIKED, Lesson(9)), (DISLIKED, Lesson(1)))
    assert learned.by_vectors(np.ones((3, 5), np.float32)).tolist() == [0, 0, 0]
