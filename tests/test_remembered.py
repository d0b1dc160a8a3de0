"""What a reader's past teaches, from the store to the next morning's order."""

import json
import random
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from newsletter.models.papers import Paper
from newsletter.models.scores import Pool, Reading, Scored
from newsletter.models.subscribers import Mark, Subscriber
from newsletter.scoring import ranking
from newsletter.scoring.features import corpus
from newsletter.scoring.remembered import stored_archive, stored_past
from newsletter.scoring.similarity import Similarity
from newsletter.sources import mailing_file
from newsletter.store import Store
from newsletter.store.scores import Bought, Recipe, Relevance
from newsletter.store.subscribers import FileStamp
from newsletter.text.tex import displayed
from newsletter.topics.body import parse
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_topics_file
from tests.commands import Command
from tests.test_bad_input import a_line, a_listing, subscribe

THURSDAY = WEDNESDAY + timedelta(days=1)
BARRELS = [a_paper(n, title=f"Wide barrels {n}", abstract="Barrels are wide.") for n in range(1, 9)]
ROPES = [a_paper(n, title=f"Long ropes {n}", abstract="Ropes are long.") for n in range(11, 19)]
NEW_BARREL = a_paper(101, title="More wide barrels", abstract="A barrel was wide.")
NEW_ROPE = a_paper(102, title="More long ropes", abstract="A rope was long.")


def a_reader(store: Store, **front: str) -> Subscriber:
    file = parse(a_topics_file("ada", **front).encode(), "ada.md")
    return store.subscribers.save("ada", file, FileStamp(0, 0), NOON)


def stored(store: Store, day: date, *papers: Paper) -> list[Paper]:
    return [a.paper for a in store.mailings.save(a_mailing(*papers, day=day), NOON).announcements]


def by_id(store: Store, reader: Subscriber, papers: list[Paper]) -> dict[str, Scored]:
    local = Similarity(archive=stored_archive(store), past=stored_past(store))
    reading = Reading(reader, THURSDAY, tuple(papers), Pool(tuple(papers)))
    return {scored.paper.id: scored for scored in local.score(reading).scored}


def test_the_models_scores_of_earlier_days_order_the_next(store: Store) -> None:
    reader = a_reader(store)
    earlier = stored(store, WEDNESDAY, *BARRELS, *ROPES)
    today = stored(store, THURSDAY, NEW_BARREL, NEW_ROPE)
    recipe = store.scores.recipe_key(Recipe("m", "none", "1", "1"))
    graded = {paper.key: Relevance(9 if "arrel" in paper.title else 1) for paper in earlier if paper.key}
    store.scores.keep(Bought(relevances=graded), recipe, store.scores.topics_key(reader.topics))
    scores = by_id(store, reader, today)
    assert scores[NEW_BARREL.id].score.local > scores[NEW_ROPE.id].score.local


def test_a_mark_outweighs_the_models_score_and_is_named(store: Store) -> None:
    reader = a_reader(store)
    earlier = stored(store, WEDNESDAY, *BARRELS, *ROPES)
    today = stored(store, THURSDAY, NEW_BARREL, NEW_ROPE)
    recipe = store.scores.recipe_key(Recipe("m", "none", "1", "1"))
    barrel, rope = earlier[0].key, earlier[8].key
    assert barrel is not None
    assert rope is not None
    store.scores.keep(
        Bought(relevances={barrel: Relevance(9), rope: Relevance(1)}), recipe, store.scores.topics_key(reader.topics)
    )
    store.feedback.set(reader.id, barrel, Mark.LESS, NOON, "test")
    store.feedback.set(reader.id, rope, Mark.MORE, NOON, "test")
    scores = by_id(store, reader, today)
    assert scores[NEW_ROPE.id].score.local > scores[NEW_BARREL.id].score.local
    reason = scores[NEW_ROPE.id].reason
    assert reason is not None
    assert reason.liked == (earlier[8].id,)


def test_what_was_learned_survives_an_edit_of_the_topics(store: Store) -> None:
    reader = a_reader(store)
    earlier = stored(store, WEDNESDAY, *BARRELS)
    old = store.scores.topics_key(reader.topics)
    recipe = store.scores.recipe_key(Recipe("m", "none", "1", "1"))
    store.scores.keep(Bought(relevances={p.key: Relevance(9) for p in earlier if p.key}), recipe, old)
    edited = parse(a_topics_file("ada").replace("moss on stones", "moss on old stones").encode(), "ada.md")
    after = store.subscribers.save("ada", edited, FileStamp(1, 1), NOON)
    with store.database.writing() as db:
        db.conn.execute(
            "INSERT INTO editions (subscriber_id, date, kind, cadence, status, topics_key, facts, frozen_at) "
            "VALUES (?, ?, 'digest', 'daily', 'ok', ?, '{}', ?)",
            [reader.id, str(WEDNESDAY), old, NOON.isoformat()],
        )
    assert {said.relevance for said in stored_past(store)(after, THURSDAY)} == {9}


def test_only_earlier_days_are_learned_from(store: Store) -> None:
    reader = a_reader(store)
    today = stored(store, THURSDAY, *BARRELS)
    recipe = store.scores.recipe_key(Recipe("m", "none", "1", "1"))
    graded = {paper.key: Relevance(9) for paper in today if paper.key}
    store.scores.keep(Bought(relevances=graded), recipe, store.scores.topics_key(reader.topics))
    assert list(stored_past(store)(reader, THURSDAY)) == []
    assert list(stored_archive(store)(THURSDAY)) == []


def test_feedback_is_kept_shown_and_taken_back(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    newsletter("run", "--listing", a_listing(home, a_line()))
    assert newsletter("feedback", "ada", "2611.00001v1", "save").code == 0
    assert newsletter("feedback", "ada", "2611.00001", "more").code == 0
    assert "more" in newsletter("feedback", "ada").out
    assert newsletter("feedback", "ada", "2611.00001", "less").code == 0
    marks = newsletter("feedback", "ada").out
    assert ("less" in marks, "more" in marks, "saved" in marks) == (True, False, True)
    newsletter("feedback", "ada", "2611.00001", "less", "--undo")
    assert "less" not in newsletter("feedback", "ada").out


def test_feedback_on_an_unknown_paper_or_without_a_mark_is_one_sentence(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    newsletter("run", "--listing", a_listing(home, a_line()))
    unknown = newsletter("feedback", "ada", "2611.99999", "more")
    assert unknown.code == 2
    assert "2611.99999: no stored mailing has this paper" in unknown.err
    assert newsletter("feedback", "ada", "2611.00001").code == 2


def test_rank_takes_archives_a_limit_and_only_the_categories_of_the_file(newsletter: Command, home: Path) -> None:
    topics = subscribe(home, "ada")
    listing = a_listing(home, a_line(), a_line(2, categories=["cs.LG"], primary_category="cs.LG"), a_line(3))
    empty, earlier = home / "empty.jsonl", home / "earlier.jsonl"
    empty.touch()
    earlier.write_text("\n".join(a_line(n, title=f"Ledger {n}", abstract="Ropes.") for n in range(50, 99)))
    said = ("rank", "--listing", listing, "--topics", topics, "--format", "jsonl")
    ranked = newsletter(*said, "--archive", empty, "--archive", earlier, "--in-categories")
    assert ranked.code == 0
    assert {json.loads(line)["id"] for line in ranked.out.splitlines()} == {"2611.00001", "2611.00003"}
    assert len(newsletter(*said, "--limit", "1").out.splitlines()) == 1


def test_topics_are_tried_on_the_stored_mailings(newsletter: Command, home: Path) -> None:
    topics = subscribe(home, "ada")
    assert newsletter("topics", "try", topics).code == 2
    lines = [a_line(1), *(a_line(n, title=f"Ledger {n}", abstract="Wide barrels.") for n in range(2, 6))]
    newsletter("run", "--listing", a_listing(home, *lines))
    tried = newsletter("topics", "try", topics, "--days", "1")
    assert tried.code == 0
    assert "1 of 5 papers" in tried.out
    assert "2611.00001" in tried.out
    assert "2611.00003" not in tried.out


def test_what_was_learned_is_shown_and_reset(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    lines = [a_line(1), *(a_line(n, title=f"Ledger {n}", abstract="Wide barrels.") for n in range(2, 6))]
    newsletter("run", "--listing", a_listing(home, *lines))
    assert "nothing is learned yet" in newsletter("feedback", "ada", "--learned").out
    newsletter("feedback", "ada", "2611.00001", "less")
    newsletter("feedback", "ada", "2611.00003", "more")
    shown = newsletter("feedback", "ada", "--learned").out
    assert "barrels" in shown.splitlines()[0]
    assert "2611.00003" in shown
    assert "2 marks forgotten" in newsletter("feedback", "ada", "--reset").out
    assert "nothing is learned yet" in newsletter("feedback", "ada", "--learned").out
    assert newsletter("feedback", "ada", "2611.00001", "more", "--reset").code == 2


def test_a_reset_forgets_the_models_scores_too(store: Store) -> None:
    reader = a_reader(store)
    earlier = stored(store, WEDNESDAY, *BARRELS)
    recipe = store.scores.recipe_key(Recipe("m", "none", "1", "1"))
    graded = {paper.key: Relevance(9) for paper in earlier if paper.key}
    store.scores.keep(Bought(relevances=graded), recipe, store.scores.topics_key(reader.topics))
    assert stored_past(store)(reader, THURSDAY)
    store.feedback.forget(reader.id, WEDNESDAY)
    assert list(stored_past(store)(reader, THURSDAY)) == []


def test_the_command_ranks_as_a_service_that_stored_the_same_mailings(newsletter: Command, home: Path) -> None:
    draw = random.Random(4)
    words = "moss stones colour velvet barrel rope clamp winter summer harbour ledger anchor".split()
    lines = [
        a_line(n, title=" ".join(draw.sample(words, 4)), abstract="{M}oss at $x^2$." if n > 40 else "Of it.")
        for n in range(1, 161)
    ]
    topics = subscribe(home, "ada")
    listing, earlier = a_listing(home, *lines[:40]), home / "earlier.jsonl"
    earlier.write_text("\n".join(lines[40:]), encoding="utf-8")
    ranked = newsletter("rank", "--listing", listing, "--topics", topics, "--archive", earlier, "--format", "jsonl")

    papers = [
        displayed(announcement.paper) for announcement in mailing_file.read(listing, WEDNESDAY).mailing.announcements
    ]
    known = corpus(papers, [displayed(paper) for paper in mailing_file.read_archive(earlier)[0]])
    file = parse(topics.read_bytes(), "ada.md")
    (of,) = ranking.wanted([file.topics], known)
    asked = ranking.Asked(of, np.arange(40), np.zeros(40, np.float32))
    order = np.argsort(-ranking.nearness([asked], known)[0].value, kind="stable")
    assert [json.loads(line)["id"] for line in ranked.out.splitlines()] == [papers[place].id for place in order]
