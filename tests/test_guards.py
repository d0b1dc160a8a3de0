"""What the guards protect: each test fails where its guard is weakened, though everything else would go on."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.delivery import restore_guard
from newsletter.delivery.breakers import RESUMED_AT, Breakers
from newsletter.delivery.dispatch import Desk, dispatch
from newsletter.editions.morning import GIVEN_BACK
from newsletter.models.papers import Paper
from newsletter.models.sends import Event, EventType, Outcome, Receipt
from newsletter.models.subscribers import Subscriber
from newsletter.scoring.model.client import Rejected
from newsletter.store import Store
from newsletter.store.events import SCORED_WITHIN
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper
from tests.delivery import FakeBackend, a_send
from tests.fake_model import FakeModel
from tests.test_model_reader import a_reader as a_reader_of_moss
from tests.test_model_reader import a_run, a_slate, liked
from tests.test_next_morning import Mornings, papers_of

OBEYS = re.compile(r"(?i)\b(score|rate|give|assign)\b[^.\n]{0,60}\b(10|ten|highest|maximum)\b")


def test_a_high_score_from_a_call_that_obeyed_a_paper_is_no_score(store: Store) -> None:
    """A paper that could not be read again alone stays without a score rather than with a bought ten."""
    papers = a_slate(store, 40)
    model = FakeModel(liked(papers[:1]), obeys=OBEYS)

    def only_blocks(_: int, body: dict[str, object]) -> Rejected | None:
        return Rejected(503, "overloaded") if str(body).count("[p") < 5 else None

    model.fault = only_blocks
    scores = a_run(store, model).score(a_reader_of_moss(store), papers)
    assert papers[0] not in {item.paper for item in scores.scored if item.score.relevance >= 7 and item.score.novelty}
    assert not [item for item in scores.scored if item.score.relevance >= 7 and scores.scorer == "openai"]


def read_again(run_texts: list[str], paper: Paper) -> bool:
    """True when a paper stood in a second, smaller call."""
    return sum(f"] {paper.title}\n" in text for text in run_texts) > 1


def test_a_high_score_surprises_only_for_a_paper_that_the_words_put_far_down(store: Store) -> None:
    """Reading every high score twice would double the price of a good day."""
    near = [a_paper(n, title=f"Moss on stone {n}", abstract=f"The growth of moss on stones, part {n}.") for n in (1, 2)]
    far = [a_paper(n, title=f"Ledgers {n}", abstract=f"Accounts of a harbour, volume {n}.") for n in range(3, 20)]
    papers = stored(store, [*near, *far])
    first, last = papers[0], papers[-1]
    model = FakeModel(liked([first, last], 10))
    run = a_run(store, model)
    run.score(a_reader_of_moss(store), papers)
    blocks = [text for text in model.texts() if 'Answer {"scores"' in text]
    assert read_again(blocks, last)
    assert not read_again(blocks, first)


def stored(store: Store, papers: list[Paper]) -> tuple[Paper, ...]:
    return tuple(a.paper for a in store.mailings.save(a_mailing(*papers), NOON).announcements)


def test_what_was_spent_before_a_person_resumed_does_not_stop_the_day_again(store: Store) -> None:
    """Without it, `resume` would be answered by the same breaker at once."""
    papers = a_slate(store, 10)
    a_run(store, FakeModel()).score(a_reader_of_moss(store, "bo"), papers)
    a_send(store)
    store.facts.set(RESUMED_AT, (NOON + timedelta(minutes=1)).isoformat())
    desk = Desk(
        store=store,
        backend=(backend := FakeBackend()),
        backend_name="fake",
        write=lambda send: b"",
        sender="news@example.org",
        clock=lambda: NOON + timedelta(minutes=2),
        breakers=Breakers.model_validate({"usd_per_day": 0.0000001}),
    )
    done = dispatch(desk)
    assert done.halted == ""
    assert [outgoing.slug for outgoing in backend.taken] == ["ada"]


def test_a_mailing_whose_digest_failed_long_ago_is_not_offered_again(tmp_path: Path, store: Store) -> None:
    """Old news is not mailed because an address was broken for a month."""
    (tmp_path / "home").mkdir()
    mornings = Mornings(tmp_path / "home", store)
    refused = Receipt(Outcome.FAILED, "554 refused")
    mornings.day(WEDNESDAY, refused)
    much_later = WEDNESDAY + GIVEN_BACK + timedelta(days=6)
    mornings.day(much_later, refused)
    next_one = mornings.day(much_later + timedelta(days=1), Receipt(Outcome.ACCEPTED))
    assert papers_of(next_one, much_later)
    assert not papers_of(next_one, WEDNESDAY)


def test_soft_bounces_of_different_months_do_not_add_up(store: Store) -> None:
    """A mailbox that is full now and then is not gone."""
    send = a_send(store)
    spread = [NOON + SCORED_WITHIN * number for number in range(12)]
    store.events.record(
        [
            Event("smtp", f"e{number}", EventType.SOFT_BOUNCE, "ada@example.org", at, send.id, "452 full")
            for number, at in enumerate(spread)
        ],
        spread[-1],
    )
    assert store.suppressions.find("ada@example.org") is None


def test_an_erasure_leaves_nothing_that_a_server_said(store: Store) -> None:
    """Servers repeat addresses in their answers."""
    send = a_send(store)
    said = Receipt(Outcome.FAILED, "550 ada@example.org is unknown here")
    desk = Desk(
        store=store,
        backend=FakeBackend(otherwise=said),
        backend_name="fake",
        write=lambda _: b"",
        sender="news@example.org",
        clock=lambda: NOON,
    )
    dispatch(desk)
    ada = store.subscribers.load("ada")
    assert isinstance(ada, Subscriber)
    store.privacy.erase(send.subscriber_id, NOON)
    rows = store.database.rows("SELECT detail FROM attempts UNION ALL SELECT detail FROM sends")
    assert not [row for row in rows if "ada" in row["detail"]]


def test_a_run_killed_before_its_mark_is_written_leaves_nothing_to_confirm(tmp_path: Path, store: Store) -> None:
    """The database goes first: a mark ahead of it would look like a restored backup every time a run dies there."""
    mark = tmp_path / "mark"
    mark.mkdir()  # cannot be replaced by a file: the writing of the mark fails, as if the process had ended there
    with pytest.raises(OSError, match="mark"):
        restore_guard.advance(store, mark, WEDNESDAY)
    assert store.facts.get(restore_guard.EPOCH) == "1"
    with pytest.raises(OSError, match="mark"):
        restore_guard.Following(store, mark, WEDNESDAY)()
    assert store.facts.get(restore_guard.EPOCH) == "2"
