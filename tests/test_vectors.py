"""Vectors of papers and topics: bought once, kept for all, and words alone where there are none."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from newsletter.models.papers import Paper
from newsletter.models.scores import Pool, Reading
from newsletter.models.subscribers import Topic
from newsletter.scoring.model.client import Rejected
from newsletter.scoring.remembered import Judged
from newsletter.scoring.similarity import Similarity
from newsletter.scoring.vectors import Vectorised, text_of, vectorised
from newsletter.store import Store
from newsletter.store.vectors import VectorKind
from tests.builders import WEDNESDAY, a_paper, a_subscriber, some_topics
from tests.test_embeddings_client import MODEL, TEXTS, an_embedder, readers, well

READER = a_subscriber(topics=some_topics(Topic(1, "Moss", "how moss grows")))
LEDGER = a_paper(1, title="A ledger", abstract="Accounts of a harbour.")
BRYOPHYTES = a_paper(2, title="Bryophytes", abstract="Their spread on rocks.")
ROPES = a_paper(3, title="Ropes", abstract="Long and wet.")
PAPERS = (LEDGER, BRYOPHYTES, ROPES)


def vectors_by(of: Callable[[str], list[float]]) -> Vectorised:
    def rows(texts: Sequence[str], kind: VectorKind, payers: Sequence[int], day: date) -> np.ndarray:
        return np.array([of(text) for text in texts], np.float32)

    return rows


def order(vectors: Vectorised | None, papers: tuple[Paper, ...] = PAPERS) -> list[str]:
    local = Similarity(vectors=vectors)
    scored = local.score(Reading(READER, WEDNESDAY, papers, Pool(papers))).scored
    assert [item.paper for item in scored] == list(papers)
    return [item.paper.title for item in sorted(scored, key=lambda item: -item.score.local)]


def test_a_paper_that_says_the_same_in_other_words_comes_first_by_its_vector() -> None:
    about = vectors_by(lambda text: [1.0, 0.0] if "oss" in text or "Bryo" in text else [0.0, 1.0])
    assert order(about)[0] == "Bryophytes"


@pytest.mark.parametrize(
    "vectors",
    [
        vectors_by(lambda _: [0.0, 0.0]),
        vectors_by(lambda text: [1.0] if "moss" in text else [1.0, 2.0]),
        lambda *_: None,
    ],
    ids=["zeros", "topics of another length", "a fault"],
)
def test_vectors_of_no_use_leave_the_order_of_the_words(vectors: Vectorised) -> None:
    papers = (LEDGER, a_paper(2), ROPES)

    def whole(texts: Sequence[str], kind: VectorKind, payers: Sequence[int], day: date) -> np.ndarray | None:
        try:
            return vectors(texts, kind, payers, day)
        except ValueError:  # rows of several lengths are no array: numpy says so
            return vectors_by(lambda _: [1.0, 2.0] if kind == "paper" else [1.0])(texts, kind, payers, day)

    assert order(whole, papers) == order(None, papers)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_an_answer_with_what_is_no_number_is_a_fault(store: Store, broken: float) -> None:
    def halfway(body: dict[str, Any]) -> object:
        rows = [{"index": n, "embedding": [broken if n else 3.0, 4.0]} for n, _ in enumerate(body["input"])]
        return {"data": rows, "usage": {"prompt_tokens": 1}}

    told: list[str] = []
    rows = vectorised(store, an_embedder(store, halfway), told.append)
    assert rows(TEXTS, "paper", readers(store), WEDNESDAY) is None
    assert len(told) == 1
    assert "ranked by words instead" in told[0]


def test_what_was_learned_of_vectors_finds_a_paper_whose_words_are_new() -> None:
    def about(text: str) -> list[float]:
        return [1.0, 0.0] if "Bryo" in text or "Fern" in text else [0.0, 1.0]

    past = [Judged(a_paper(50 + n, title=f"Fern {n}", abstract="Leaves."), 9) for n in range(30)]
    past += [Judged(a_paper(90 + n, title=f"Anchor {n}", abstract="Iron."), 1) for n in range(30)]
    local = Similarity(vectors=vectors_by(about), past=lambda *_: past)
    reader = replace(READER, topics=some_topics(Topic(1, "Tides", "tidal currents")))
    scored = local.score(Reading(reader, WEDNESDAY, PAPERS, Pool(PAPERS))).scored
    assert max(scored, key=lambda item: item.score.local).paper is BRYOPHYTES


def test_a_text_is_paid_for_once_whoever_reads_it(store: Store) -> None:
    asked: list[int] = []

    def counted(body: dict[str, object]) -> object:
        asked.append(len(body["input"]))  # type: ignore[arg-type]
        return well(body)

    payers = readers(store)
    rows = vectorised(store, an_embedder(store, counted), pytest.fail)
    first = rows([*TEXTS, ""], "paper", payers, WEDNESDAY)
    again = rows(TEXTS[::-1], "paper", payers[:1], WEDNESDAY)
    assert asked == [2]
    assert first is not None
    assert again is not None
    assert np.array_equal(first[:2], again[::-1])
    assert not first[2].any()
    assert np.linalg.norm(first[0]) == pytest.approx(1, abs=1e-3)


def test_a_day_with_more_texts_than_a_call_holds_takes_several(store: Store) -> None:
    found = vectorised(store, an_embedder(store, well), pytest.fail)(
        [text_of(a_paper(n)) for n in range(150)], "paper", readers(store), WEDNESDAY
    )
    assert found is not None
    assert len(found) == 150


def test_after_a_fault_the_operator_is_told_once_and_words_rank_alone(store: Store) -> None:
    told: list[str] = []
    rows = vectorised(store, an_embedder(store, Rejected(500, "out of order")), told.append)
    (reader, *_) = readers(store)
    assert rows(TEXTS, "paper", [reader], WEDNESDAY) is None
    assert rows(["more"], "topics", [reader], WEDNESDAY) is None
    assert len(told) == 1
    assert MODEL in told[0]
    assert "ranked by words instead" in told[0]


def test_another_model_is_a_space_of_its_own(store: Store) -> None:
    readers_ = readers(store)
    vectorised(store, an_embedder(store, well), pytest.fail)(TEXTS, "paper", readers_, WEDNESDAY)
    assert set(store.vectors.known(MODEL, TEXTS)) == set(TEXTS)
    assert store.vectors.known("another", TEXTS) == {}


def test_papers_are_paid_for_by_all_readers_of_a_plan_and_topics_by_their_own() -> None:
    paid: dict[str, Sequence[int]] = {}

    def rows(texts: Sequence[str], kind: VectorKind, payers: Sequence[int], day: date) -> np.ndarray | None:
        paid[kind] = payers
        return vectors_by(lambda _: [1.0])(texts, kind, payers, day)

    local, pool = Similarity(vectors=rows), Pool(PAPERS)
    readings = [Reading(replace(READER, id=number), WEDNESDAY, PAPERS, pool) for number in (1, 2, 3)]
    for reading in readings:
        local.plan([reading])
    local.score(readings[1])
    assert paid == {"paper": [1, 2, 3], "topics": [2]}
