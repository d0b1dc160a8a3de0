"""Learning from judged papers."""

from newsletter.scoring.learned import NOTHING_LEARNED, dot, learn

LIKED, DISLIKED = {"moss": 1.0}, {"tax": 1.0}


def test_words_of_relevant_papers_gain_and_those_of_irrelevant_ones_lose() -> None:
    learned = learn([(LIKED, 9), (DISLIKED, 1)] * 10)
    assert dot(learned.weights, LIKED) > 0 > dot(learned.weights, DISLIKED)


def test_equal_history_teaches_the_same() -> None:
    history = [(LIKED, 9), (DISLIKED, 1), ({"moss": 0.6, "tax": 0.8}, 4)] * 5
    assert learn(history) == learn(history)


def test_evidence_is_about_the_number_of_relevant_papers() -> None:
    assert learn([(LIKED, 10)] * 3 + [(DISLIKED, 1)] * 20).evidence == 3


def test_nothing_is_learned_from_nothing_or_from_one_opinion() -> None:
    assert learn([]) == NOTHING_LEARNED
    assert learn([(DISLIKED, 1)] * 5) == NOTHING_LEARNED
    assert learn([(LIKED, 10)] * 5) == NOTHING_LEARNED
