"""The local scorer: an order by similarity, honest about what it is."""

from newsletter.editions.selection import rank
from newsletter.models.papers import Paper
from newsletter.models.scores import Scored, Scores, Strength
from newsletter.models.subscribers import Subscriber, Topic
from newsletter.scoring import similarity
from newsletter.scoring.learned import learn
from tests.builders import a_paper, a_subscriber, some_topics

MOSS = Topic(1, "Moss", "how moss grows on wet stones", "trees and forests")
TIDES = Topic(2, "Tides", "tidal currents in narrow straits")
FILLER = [
    a_paper(100 + n, title=f"Ledger {n}", abstract=f"Accounts of harbour number {n} with ropes and barrels.")
    for n in range(40)
]


def scores_of(papers: list[Paper], subscriber: Subscriber) -> Scores:
    return similarity.score(subscriber, papers, similarity.index(papers))


def by_id(scores: Scores) -> dict[str, Scored]:
    return {scored.paper.id: scored for scored in scores.scored}


def test_a_paper_on_a_topic_comes_first_with_the_topic_named() -> None:
    moss = a_paper(1, title="Moss on wet stones", abstract="How it grows.")
    reader = a_subscriber(topics=some_topics(MOSS, TIDES))
    best = rank(scores_of([*FILLER, moss], reader).scored)[0]
    assert (best.paper.id, best.score.topic) == (moss.id, "Moss")


def test_words_are_compared_by_their_stems() -> None:
    reader = a_subscriber(topics=some_topics(TIDES))
    paper = a_paper(1, title="A tide in the strait", abstract="The current was narrow.")
    assert rank(scores_of([*FILLER, paper], reader).scored)[0].paper.id == paper.id


def test_what_is_called_irrelevant_ranks_lower() -> None:
    wet = a_paper(1, title="Moss grows on stones", abstract="Near brooks and rivers.")
    woody = a_paper(2, title="Moss grows on stones", abstract="Near trees and forests.")
    scores = by_id(scores_of([*FILLER, wet, woody], a_subscriber(topics=some_topics(MOSS))))
    assert scores[wet.id].score.local > scores[woody.id].score.local


def test_a_paper_without_any_matching_word_is_irrelevant_and_has_no_topic() -> None:
    paper = FILLER[0]
    score = by_id(scores_of(FILLER, a_subscriber(topics=some_topics(MOSS))))[paper.id].score
    assert (score.relevance, score.topic) == (1, "")


def test_the_best_eight_percent_reach_seven() -> None:
    papers = [
        a_paper(n, title="Moss " * (1 + n % 5), abstract="stones " * (1 + n % 7) + f"word{n}") for n in range(1, 101)
    ]
    scores = scores_of(papers, a_subscriber(topics=some_topics(MOSS)))
    assert sum(scored.score.relevance >= 7 for scored in scores.scored) == 8


def test_the_best_of_a_small_day_reaches_seven_if_it_matches_at_all() -> None:
    moss = a_paper(1, title="Moss on wet stones")
    scores = by_id(scores_of([*FILLER[:3], moss], a_subscriber(topics=some_topics(MOSS))))
    assert [scored.score.relevance for scored in scores.values()] == [1, 1, 1, 7]
    assert {s.score.relevance for s in scores_of(FILLER[:3], a_subscriber(topics=some_topics(MOSS))).scored} == {1}


def test_novelty_is_not_rated() -> None:
    scores = scores_of([a_paper()], a_subscriber())
    assert scores.scored[0].score.novelty is None


def test_the_reason_names_the_topic_and_the_words_that_match() -> None:
    moss = a_paper(1, title="Mosses", abstract="They grow on a stone.")
    reason = by_id(scores_of([*FILLER, moss], a_subscriber(topics=some_topics(MOSS))))[moss.id].reason
    assert reason is not None
    assert reason.topic == 1
    assert {"mosses", "stone"} <= set(reason.words)
    assert reason.strength is not Strength.NEAR


def test_every_paper_gets_a_score_also_when_texts_are_empty_or_equal() -> None:
    papers = [a_paper(1, title="0", abstract=""), a_paper(2, title="…", abstract=""), a_paper(3), a_paper(4)]
    scores = scores_of(papers, a_subscriber())
    assert [scored.paper.id for scored in scores.scored] == [paper.id for paper in papers]
    assert scores_of([], a_subscriber()).scored == ()


def test_earlier_judgements_change_the_order() -> None:
    rope, barrel = (
        a_paper(1, title="A ledger of ropes", abstract="Long ropes."),
        a_paper(2, title="A ledger of barrels", abstract="Wide barrels."),
    )
    papers = [*FILLER, rope, barrel]
    words = similarity.index(papers)
    judged = [(words.vector(a_paper(200 + n, title="Wide barrels", abstract="barrels")), 9) for n in range(30)]
    judged += [(words.vector(a_paper(300 + n, title="Long ropes", abstract="ropes")), 1) for n in range(30)]
    reader = a_subscriber(topics=some_topics(TIDES))
    scores = by_id(similarity.score(reader, papers, words, learn(judged)))
    assert scores[barrel.id].score.local > scores[rope.id].score.local
