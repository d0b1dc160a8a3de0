"""The database of the first release opens for ever: what it knew is still known, and nothing is sent again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from newsletter.models.scores import Fault, Trouble
from newsletter.models.sends import SendState
from newsletter.models.subscribers import Mark, SubscriberStatus
from newsletter.store import Store
from tests.builders import NOON

FIRST_RELEASE = Path(__file__).parent / "data" / "first_release.sql"


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[Store]:
    """The first release's database, opened by this one."""
    path = tmp_path / "newsletter.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_RELEASE.read_text(encoding="utf-8"))
        connection.execute(
            "UPDATE editions SET facts = json_set(facts, '$.fault', 'The model did not answer.') WHERE id = 6"
        )
        connection.commit()
    with Store.open(path) as store:
        yield store


def test_its_editions_and_sends_are_read(upgraded: Store) -> None:
    edition = upgraded.editions.load(1)
    assert (edition.subscriber, edition.date, len(edition.papers)) == ("emmy", date(2026, 11, 18), 5)
    assert edition.papers[0].score.comment
    assert edition.fault is None
    assert upgraded.sends.counts() == {SendState.ACCEPTED: 3, SendState.READY: 2, SendState.AMBIGUOUS: 1}


def test_what_an_edition_said_of_a_fault_is_still_a_fault(upgraded: Store) -> None:
    assert upgraded.editions.load(6).fault == Fault(Trouble.UNKNOWN)


def test_its_accounts_are_the_same(upgraded: Store) -> None:
    rows = {row["subscriber"]: row for row in upgraded.charges.grouped("subscriber")}
    assert {slug: row["prompt_tokens"] for slug, row in rows.items()} == {"ada": 16_841, "emmy": 16_142}


def test_the_new_tables_are_there_and_its_checks_are_wider(upgraded: Store) -> None:
    upgraded.feedback.set(1, 1, Mark.MORE, NOON, "command line")
    upgraded.feedback.set(1, 1, Mark.SAVED, NOON, "command line")
    upgraded.feedback.set(1, 1, Mark.LESS, NOON, "command line")
    assert {marked.mark for marked in upgraded.feedback.of(1)} == {Mark.LESS, Mark.SAVED}
    upgraded.feedback.undo(1, 1, Mark.SAVED)
    assert [marked.mark for marked in upgraded.feedback.of(1)] == [Mark.LESS]
    with upgraded.database.writing() as db:
        db.conn.execute("UPDATE editions SET kind = 'empty' WHERE id = 1")
        db.conn.execute("UPDATE subscribers SET status = 'pending' WHERE id = 1")
    found = upgraded.subscribers.load("ada")
    assert found is None or found.status in SubscriberStatus
    assert upgraded.database.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
