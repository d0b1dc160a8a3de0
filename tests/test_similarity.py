"""The local scorer: an order by similarity, honest about what it is."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from newsletter.editions.selection import rank
from newsletter.models.papers import Paper
from newsletter.models.scores import Scored, Scores, Strength
from newsletter.models.subscribers import Mark, Subscriber, Topic, Topics
from newsletter.scoring import ranking, similarity
from newsletter.scoring.features import Floats, corpus
from newsletter.scoring.remembered import Judged
from newsletter.scoring.words import read_paper
from newsletter.text.tex import displayed
from tests.builders import a_paper, a_subscriber, some_topics

MOSS = Topic(1, "Moss", "how moss grows on wet stones", "trees and forests")
TIDES = Topic(2, "Tides", "tidal currents in narrow straits")
FILLER = [
    a_paper(100 + n, title=f"Ledger {n}", abstract=f"Accounts of harbour number {n} with ropes and barrels.")
    for n in range(40)
]


def scores_of(papers: list[Paper], subscriber: Subscriber, *past: Judged, archive: Sequence[Paper] = ()) -> Scores:
    return similarity.score([similarity.Ask(subscriber, papers, past)], corpus(papers, archive))[0]


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


def many(first: int, subject: str, count: int = 150) -> list[Paper]:
    """Papers of one field, each with a word of its own."""
    words = subject.split()
    return [
        a_paper(
            first + n,
            title=f"{words[n % len(words)]} {words[(n // 3) % len(words)]}",
            abstract=f"About {words[(n * 7) % len(words)]}, {words[(n * 5 + 1) % len(words)]} and {chr(97 + n % 26) * 4}.",
        )
        for n in range(count)
    ]


HARBOURS = "ropes barrels harbour ledger crane cargo anchor freight quay tonnage customs pilot dredging wharf"


def test_on_a_dull_day_nothing_passes() -> None:
    archive = [*many(1000, HARBOURS), *many(2000, "moss stones lichen wet growth spores", 20)]
    scores = scores_of(many(3000, HARBOURS, 60), a_subscriber(topics=some_topics(MOSS)), archive=archive)
    assert max(s.score.relevance for s in scores.scored) < 7


def test_on_a_day_full_of_the_subject_more_than_a_share_passes() -> None:
    day = [a_paper(n, title="Wet moss on stones", abstract=f"Moss grows on wet stones near {n}.") for n in range(10)]
    scores = scores_of([*day, *FILLER[:10]], a_subscriber(topics=some_topics(MOSS)), archive=many(1000, HARBOURS))
    assert [s.score.relevance >= 7 for s in scores.scored] == [True] * 10 + [False] * 10


def test_the_only_paper_of_a_small_day_passes_by_the_words_it_shares() -> None:
    moss = a_paper(1, title="Moss on wet stones")
    scores = by_id(scores_of([*FILLER[:3], moss], a_subscriber(topics=some_topics(MOSS))))
    assert scores[moss.id].score.relevance >= 7
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


ROPE = a_paper(1, title="A ledger of ropes", abstract="Long ropes.")
BARREL = a_paper(2, title="A ledger of barrels", abstract="Wide barrels.")


def test_earlier_judgements_change_the_order() -> None:
    past = [Judged(a_paper(200 + n, title="Wide barrels", abstract="barrels"), 9) for n in range(30)]
    past += [Judged(a_paper(300 + n, title="Long ropes", abstract="ropes"), 1) for n in range(30)]
    scores = by_id(scores_of([*FILLER, ROPE, BARREL], a_subscriber(topics=some_topics(TIDES)), *past))
    assert scores[BARREL.id].score.local > scores[ROPE.id].score.local


def test_what_the_best_papers_say_in_other_words_counts_too() -> None:
    moss = [
        a_paper(
            10 + n, title=f"Moss on wet stones {n}", abstract=f"Moss grows on stones by sphagnum and peat, case {n}."
        )
        for n in range(10)
    ]
    akin = a_paper(50, title="Sphagnum and peat", abstract="Sphagnum beside peat.")
    other = a_paper(51, title="Copper and zinc", abstract="Copper beside zinc.")
    scores = by_id(scores_of([*FILLER, *moss, akin, other], a_subscriber(topics=some_topics(MOSS, TIDES))))
    assert scores[akin.id].score.local > scores[other.id].score.local + 0.05


def test_history_counts_the_more_the_more_there_is_of_it() -> None:
    wet = a_paper(3, title="Moss", abstract="How moss grows on wet stones.")

    def barrels_after(judged: int) -> float:
        past = [Judged(a_paper(200 + n, title="Wide barrels", abstract="barrels"), 9) for n in range(judged)]
        past += [Judged(a_paper(400 + n, title="Ledger", abstract="harbour"), 1) for n in range(judged)]
        scores = by_id(scores_of([*FILLER, BARREL, wet], a_subscriber(topics=some_topics(MOSS)), *past))
        return scores[BARREL.id].score.local

    assert barrels_after(1) < 0.3
    assert barrels_after(60) > 0.7


def test_what_a_reader_marked_moves_its_like_and_is_named() -> None:
    papers = [*FILLER, ROPE, BARREL]
    reader = a_subscriber(topics=some_topics(TIDES))
    barrels = a_paper(200, title="Barrels, wide ones", abstract="Wide barrels.")
    ropes = a_paper(201, title="Ropes, long ones", abstract="Long ropes.")
    marks = [Judged(barrels, 10, mark=Mark.MORE), Judged(ropes, 1, mark=Mark.LESS)]
    before, after = by_id(scores_of(papers, reader)), by_id(scores_of(papers, reader, *marks))
    assert after[BARREL.id].score.local > before[BARREL.id].score.local
    assert after[BARREL.id].score.local > after[ROPE.id].score.local
    said = after[BARREL.id].reason
    assert said is not None
    assert said.liked == (barrels.id,)
    other = after[ROPE.id].reason
    assert other is not None
    assert other.liked == ()


def test_the_first_mark_alone_moves_its_like() -> None:
    papers = [*FILLER, ROPE, BARREL]
    reader = a_subscriber(topics=some_topics(TIDES))
    ropes = Judged(a_paper(201, title="Ropes, long ones", abstract="Long ropes."), 1, mark=Mark.LESS)
    before, after = by_id(scores_of(papers, reader)), by_id(scores_of(papers, reader, ropes))
    fall = after[ROPE.id].score.local - after[BARREL.id].score.local
    assert fall < before[ROPE.id].score.local - before[BARREL.id].score.local


def test_the_reason_quotes_the_sentence_closest_to_the_topic() -> None:
    paper = a_paper(
        1,
        title="Moss",
        abstract="We went for a walk, e.g. by night. Moss grows on wet stones by 3.5 mm. Trees are not looked at.",
    )
    reason = by_id(scores_of([*FILLER, paper], a_subscriber(topics=some_topics(MOSS))))[paper.id].reason
    assert reason is not None
    assert reason.sentence == "Moss grows on wet stones by 3.5 mm."


@pytest.mark.parametrize(
    "relevant",
    ["Мхи на камнях", "moss", "moss " + "wet stones and moss " * 1600, "\u200b", "1 2 3"],
    ids=["another language", "one word", "32 kB", "nothing to see", "numbers"],
)
def test_odd_topics_still_give_every_paper_a_finite_score(relevant: str) -> None:
    papers = [*FILLER, a_paper(1, title="Moss on wet stones"), a_paper(2, abstract="")]
    scored = scores_of(papers, a_subscriber(topics=some_topics(Topic(1, "x", relevant)))).scored
    assert [s.paper.id for s in scored] == [p.id for p in papers]
    assert all(0 <= s.score.local <= 1 and 1 <= s.score.relevance <= 10 for s in scored)


def test_a_mailing_of_one_paper_is_scored() -> None:
    (only,) = scores_of([a_paper(1)], a_subscriber()).scored
    assert only.score.relevance >= 7
    (other,) = scores_of([FILLER[0]], a_subscriber(), archive=many(1000, HARBOURS)).scored
    assert other.score.relevance == 1


def test_equal_papers_and_topics_are_scored_alike_in_every_thread() -> None:
    papers = [*many(1, HARBOURS), a_paper(999, title="Moss on wet stones")]
    reader = a_subscriber(topics=some_topics(MOSS))
    alone = scores_of(papers, reader)
    with ThreadPoolExecutor(4) as pool:
        assert all(scores == alone for scores in pool.map(lambda _: scores_of(papers, reader), range(8)))


def test_the_best_papers_speak_for_the_topics_too() -> None:
    mossy = [
        a_paper(n, title="Moss on wet stones", abstract=f"The sporophyte of {'abcdefghijkl'[n] * 3}.")
        for n in range(12)
    ]
    spores = a_paper(90, title="A sporophyte", abstract="Its capsule.")
    scores = by_id(scores_of([*mossy, *FILLER[:5], spores], a_subscriber(topics=some_topics(MOSS))))
    assert scores[spores.id].score.local > max(scores[paper.id].score.local for paper in FILLER[:5])


def test_how_much_the_past_counts_grows_with_the_past() -> None:
    tide = a_paper(1, title="Tidal currents", abstract="Narrow straits.")
    reader = a_subscriber(topics=some_topics(TIDES))

    def barrel_leads_with(likes: int) -> bool:
        past = [Judged(a_paper(200 + n, title="Wide barrels", abstract="barrels"), 10) for n in range(likes)]
        past += [Judged(a_paper(400 + n, title="Tidal currents", abstract="straits"), 1) for n in range(likes)]
        scores = by_id(scores_of([*FILLER, tide, BARREL], reader, *past))
        return scores[BARREL.id].score.local > scores[tide.id].score.local

    assert not barrel_leads_with(1)
    assert barrel_leads_with(100)


@pytest.mark.parametrize("relevance", [1, 5, 10])
def test_equal_judgements_of_all_papers_still_give_a_sane_order(relevance: int) -> None:
    moss = a_paper(1, title="Moss on wet stones")
    past = [Judged(a_paper(200 + n, title="Wide barrels", abstract="barrels"), relevance) for n in range(20)]
    best = rank(scores_of([*FILLER, moss], a_subscriber(topics=some_topics(MOSS)), *past).scored)[0]
    assert best.paper.id == moss.id


def test_the_relevance_never_contradicts_the_order() -> None:
    papers = [*many(1, HARBOURS, 80), *many(200, "moss stones lichen wet growth spores", 40)]
    past = [Judged(a_paper(900 + n, title="Lichen spores", abstract="lichen"), 9) for n in range(10)]
    past += [Judged(a_paper(950 + n, title="Wet stones", abstract="wet"), 1) for n in range(30)]
    scores = scores_of(papers, a_subscriber(topics=some_topics(MOSS)), *past, archive=many(1000, HARBOURS))
    found = sorted((s.score for s in scores.scored if s.score.topic), key=lambda score: -score.local)
    assert [score.relevance for score in found] == sorted((score.relevance for score in found), reverse=True)
    assert len({score.relevance for score in found}) > 1


LICHEN = "moss stones lichen wet growth spores"


def a_past(relevant: int) -> list[Judged]:
    """Mossy papers, all judged relevant, and those of harbours, which nobody wanted."""
    mossy = [Judged(paper, 9) for paper in many(4000, LICHEN, relevant)]
    return [*mossy, *(Judged(paper, 1) for paper in many(5000, HARBOURS, 100))]


def passing(scores: Scores) -> list[str]:
    return [s.paper.title for s in scores.scored if s.score.relevance >= 7]


def test_as_many_papers_pass_as_were_relevant_among_those_that_were_as_near() -> None:
    archive = [*many(1000, HARBOURS), *many(2000, LICHEN, 20)]
    day = [*many(3000, HARBOURS, 60), *many(3500, LICHEN, 12)]
    scores = scores_of(day, a_subscriber(topics=some_topics(MOSS)), *a_past(40), archive=archive)
    assert 8 <= len(passing(scores)) <= 14


def test_with_a_past_a_dull_day_stays_dull() -> None:
    archive = [*many(1000, HARBOURS), *many(2000, LICHEN, 20)]
    scores = scores_of(many(3000, HARBOURS, 60), a_subscriber(topics=some_topics(MOSS)), *a_past(40), archive=archive)
    assert passing(scores) == []


def test_a_paper_of_another_day_is_read_the_same_whoever_read_it_before() -> None:
    earlier = [*many(5000, HARBOURS, 5), a_paper(1, abstract="")]
    first, second = corpus(FILLER, earlier), corpus(FILLER, earlier)
    first.earlier(earlier[3:])
    (after_others, places), (alone, in_order) = first.earlier(earlier), second.earlier(earlier)
    assert (after_others.words[places] != alone.words[in_order]).nnz == 0
    assert (after_others.telling[places] != alone.telling[in_order]).nnz == 0
    assert (alone.words != second.space.words([read_paper(paper) for paper in earlier])).nnz == 0
    assert np.array_equal(after_others.meaning[places], alone.meaning[in_order])


def test_a_word_more_in_three_papers_of_the_archive_moves_no_paper_far() -> None:
    draw = random.Random(1)
    words = ["".join(draw.choice(letters) for letters in ("bdgklmnprt", "aeiou") * 3) for _ in range(300)]
    papers = [
        a_paper(n, title=" ".join(draw.sample(words, 4)), abstract=" ".join(draw.choices(words, k=30)))
        for n in range(1, 301)
    ]
    day, archive = papers[:60], papers[60:]
    other = [replace(paper, abstract=f"{paper.abstract} elsewhere") for paper in archive[:3]] + archive[3:]
    topics = some_topics(Topic(1, " ".join(words[:3]), " ".join(words[3:9])))

    def values(earlier: Sequence[Paper]) -> Floats:
        known = corpus(day, earlier)
        (of,) = ranking.wanted([topics], known)
        (near,) = ranking.nearness([ranking.Asked(of, np.arange(60), np.zeros(60, np.float32))], known)
        return near.value

    assert np.abs(values(archive) - values(other)).max() < 0.1 < values(archive).std()


def test_a_paper_made_readable_is_not_read_as_the_raw_one() -> None:
    raw = a_paper(1, title="Moss", abstract="{M}oss on {V}elvet")
    assert read_paper(displayed(raw)) != read_paper(raw) != read_paper(displayed(raw))
    assert read_paper(displayed(raw)) == read_paper(a_paper(1, title="Moss", abstract="Moss on Velvet"))


def test_who_else_is_ranked_changes_no_number() -> None:
    papers = [*FILLER, BARREL, *many(5000, HARBOURS, 60)]
    known = corpus(papers, many(6000, HARBOURS, 120))
    readers = [
        some_topics(*(replace(MOSS, relevant=f"{word} on harbour {n} ropes") for n in range(5)))
        for word in ("barrels", "ledgers", "tides")
        for _ in range(9)
    ]

    def values(asked: Sequence[Topics]) -> list[Floats]:
        of = ranking.wanted(asked, known)
        places = np.arange(len(known.papers))
        found = ranking.nearness([ranking.Asked(each, places, np.zeros(len(places), np.float32)) for each in of], known)
        return [near.value for near in found]

    together = values(readers)
    assert all(np.array_equal(values([one])[0], near) for one, near in zip(readers, together, strict=True))
