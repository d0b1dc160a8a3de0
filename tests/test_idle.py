"""Who has nothing due is known without being read; whoever may have something due is not among them."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from newsletter import pipeline
from newsletter.editions.compose import up_to_date
from newsletter.models.sends import Outcome, Receipt
from newsletter.models.subscribers import Idle, Subscriber
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import awake, roster
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_topics_file
from tests.days import services
from tests.delivery import FakeBackend

THURSDAY = WEDNESDAY + timedelta(days=1)
LATER = NOON + timedelta(days=2)


def a_day(store: Store, folder: Path, day: date, backend: FakeBackend | None = None) -> None:
    backend = backend or FakeBackend(reaches_people=False)
    pipeline.run(partial(roster, folder, store, taxonomy(), NOON), services(store, backend), only=day)


def idle(store: Store) -> set[str]:
    """The slugs of those to whom nothing can be due two days later."""
    ids = up_to_date(services(store, FakeBackend(reaches_people=False)).composing, LATER)
    return {known.slug for known in store.subscribers.known() if known.id in ids}


def subscribe(folder: Path, *slugs: str) -> None:
    for slug in slugs:
        (folder / f"{slug}.md").write_text(a_topics_file(slug), encoding="utf-8")


def test_who_has_all_that_was_announced_is_idle(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper(1)), NOON)
    subscribe(folder, "ada", "bo")
    assert idle(store) == set()
    a_day(store, folder, WEDNESDAY)
    assert idle(store) == {"ada", "bo"}


def test_a_newer_mailing_makes_all_due(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper(1)), NOON)
    subscribe(folder, "ada")
    a_day(store, folder, WEDNESDAY)
    store.mailings.save(a_mailing(a_paper(2), day=THURSDAY), NOON)
    assert idle(store) == set()


def test_a_mailing_that_was_left_out_keeps_its_reader_awake(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper(1)), NOON)
    store.mailings.save(a_mailing(a_paper(2), day=THURSDAY), NOON)
    subscribe(folder, "ada")
    a_day(store, folder, THURSDAY)
    assert idle(store) == set()


def test_a_digest_that_was_refused_keeps_its_reader_awake(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper(1)), NOON)
    subscribe(folder, "ada")
    refuses = FakeBackend(reaches_people=False, otherwise=Receipt(Outcome.FAILED, "no such mail"))
    a_day(store, folder, WEDNESDAY, refuses)
    assert idle(store) == set()


def test_of_an_idle_reader_nothing_is_loaded_until_the_file_changes(store: Store, folder: Path) -> None:
    subscribe(folder, "ada", "bo")
    readers = [entry for entry in roster(folder, store, taxonomy(), NOON) if isinstance(entry, Subscriber)]
    ids = {reader.id for reader in readers}
    assert list(awake(folder, store, taxonomy(), NOON, ids)) == [Idle("ada"), Idle("bo")]
    (folder / "bo.md").write_text(a_topics_file("bo", language="de"), encoding="utf-8")
    ada, bo = awake(folder, store, taxonomy(), NOON, ids)
    assert ada == Idle("ada")
    assert isinstance(bo, Subscriber)
    assert bo.wishes.language == "de"


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (lambda store: store.sends.drop_messages(NOON), "sends_kept"),
        (lambda store: store.sends.counts(NOON), "COVERING INDEX sends_changed"),
    ],
    ids=["dropping old messages", "what became of the last days' mail"],
)
def test_each_run_reads_indexes_and_no_message(store: Store, asked: Callable[[Store], object], index: str) -> None:
    plans: list[str] = []
    connection = store.database.utils.conn
    connection.set_trace_callback(plans.append)
    asked(store)
    connection.set_trace_callback(None)
    (statement,) = [said for said in plans if "sends" in said]
    assert index in " ".join(row["detail"] for row in store.database.rows(f"EXPLAIN QUERY PLAN {statement}"))
