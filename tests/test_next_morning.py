"""What a mail that did not arrive means for the reader's next edition."""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from newsletter import pipeline
from newsletter.delivery import restore_guard
from newsletter.links import Purpose, Signer
from newsletter.models.sends import Outcome, Receipt, SendState
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import roster
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_topics_file, an_edition
from tests.days import services
from tests.delivery import FakeBackend, Ticking

THURSDAY, FRIDAY = WEDNESDAY + timedelta(days=1), WEDNESDAY + timedelta(days=2)
LOST = Receipt(Outcome.AMBIGUOUS, "the connection was lost")
REFUSED = Receipt(Outcome.FAILED, "554 refused")
TAKEN = Receipt(Outcome.ACCEPTED)


class Mornings:
    """One reader, a mailing of 30 papers each day, and what becomes of each day's mail."""

    def __init__(self, home: Path, store: Store) -> None:
        self.folder, self.store, self.mark = home / "subscribers", store, home / "dispatch.mark"
        self.folder.mkdir()
        (self.folder / "ada.md").write_text(a_topics_file("ada"), encoding="utf-8")
        self.clock, self.signer = Ticking(), Signer("https://news.example.org", [b"key"])

    def day(self, day: date, receipt: Receipt, *, mark: bool = False) -> FakeBackend:
        first = 100 * day.day
        self.store.mailings.save(a_mailing(*map(a_paper, range(first, first + 30)), day=day), NOON)
        self.clock.now = datetime.combine(day, NOON.timetz())
        backend = FakeBackend(otherwise=receipt, reaches_people=False)
        of_day = services(self.store, backend, signer=self.signer, clock=self.clock, mark=self.mark if mark else None)
        pipeline.run(partial(roster, self.folder, self.store, taxonomy(), self.clock()), of_day)
        return backend

    def covered(self) -> tuple[date, ...]:
        """The mailings of the newest edition."""
        newest = self.store.editions.newest_id("ada")
        assert newest
        return self.store.editions.load(newest).mailings

    def web_copy(self, day: date) -> str:
        row = self.store.database.row("SELECT id FROM editions WHERE date = ?", [day.isoformat()])
        assert row
        return self.signer.url(Purpose.EDITION, row["id"])


@pytest.fixture
def mornings(tmp_path: Path) -> Iterator[Mornings]:
    with Store.open(tmp_path / "newsletter.db") as store:
        yield Mornings(tmp_path, store)


def text(backend: FakeBackend) -> str:
    (outgoing,) = backend.taken
    return outgoing.eml.decode().replace("=\r\n", "").replace("=3D", "=")


def papers_of(backend: FakeBackend, day: date) -> bool:
    """Whether a mail shows papers of a day's mailing."""
    return f"moss number {day.day}" in text(backend)


def test_mail_of_unknown_outcome_is_linked_from_the_next_edition(mornings: Mornings) -> None:
    mornings.day(WEDNESDAY, LOST)
    thursday = mornings.day(THURSDAY, TAKEN)
    assert mornings.web_copy(WEDNESDAY) in text(thursday)
    assert not papers_of(thursday, WEDNESDAY), "it may have arrived: its papers are not sent again"
    friday = mornings.day(FRIDAY, TAKEN)
    assert mornings.web_copy(WEDNESDAY) not in text(friday)


def test_mail_that_arrived_is_not_mentioned(mornings: Mornings) -> None:
    mornings.day(WEDNESDAY, TAKEN)
    assert mornings.web_copy(WEDNESDAY) not in text(mornings.day(THURSDAY, TAKEN))


def test_the_papers_of_mail_that_was_refused_come_with_the_next_edition(mornings: Mornings) -> None:
    mornings.day(WEDNESDAY, REFUSED)
    assert papers_of(mornings.day(THURSDAY, TAKEN), WEDNESDAY)
    assert mornings.covered() == (WEDNESDAY, THURSDAY)
    mornings.day(FRIDAY, TAKEN)
    assert mornings.covered() == (FRIDAY,), "and only with that one"


def test_a_second_run_after_a_refusal_makes_no_second_edition_of_the_day(mornings: Mornings) -> None:
    mornings.day(WEDNESDAY, REFUSED)
    assert mornings.day(WEDNESDAY, TAKEN).taken == []
    assert mornings.store.sends.counts() == {SendState.FAILED: 1}


def test_what_was_mailed_after_a_backup_is_not_mailed_again_from_it(mornings: Mornings, tmp_path: Path) -> None:
    mornings.day(WEDNESDAY, TAKEN, mark=True)
    restore_guard.advance(mornings.store, mornings.mark, WEDNESDAY)
    saturday = FRIDAY + timedelta(days=1)
    restore_guard.write(mornings.mark, restore_guard.DispatchMark(epoch=9, through=FRIDAY))  # what the lost runs left
    with pytest.raises(restore_guard.Restored):
        restore_guard.check(mornings.store, mornings.mark, NOON, confirmed=False)
    restore_guard.check(mornings.store, mornings.mark, NOON, confirmed=True)
    assert mornings.day(THURSDAY, TAKEN).taken == []
    assert mornings.day(FRIDAY, TAKEN).taken == []
    monday = saturday + timedelta(days=2)
    assert papers_of(mornings.day(monday, TAKEN), monday)


def test_a_backup_taken_during_a_run_is_seen_as_old(mornings: Mornings) -> None:
    mornings.day(WEDNESDAY, TAKEN, mark=True)
    in_the_backup = int(mornings.store.facts.get(restore_guard.EPOCH)) - 1  # taken before the run's last message
    mornings.store.facts.set(restore_guard.EPOCH, str(in_the_backup))
    with pytest.raises(restore_guard.Restored, match="looks like a restored backup"):
        restore_guard.check(mornings.store, mornings.mark, NOON, confirmed=False)


def test_a_confirmed_restore_does_not_offer_again_what_an_older_digest_gave_back(mornings: Mornings) -> None:
    mornings.day(WEDNESDAY, REFUSED, mark=True)
    restore_guard.write(
        mornings.mark, restore_guard.DispatchMark(epoch=99, through=THURSDAY)
    )  # it was mailed on Thursday
    restore_guard.check(mornings.store, mornings.mark, NOON, confirmed=True)
    assert not papers_of(mornings.day(FRIDAY, TAKEN), WEDNESDAY)


def test_a_confirmation_killed_on_the_way_is_asked_for_again(mornings: Mornings) -> None:
    """Either all of it is on record, or nothing: never a database that looks current and still sends."""
    mornings.day(WEDNESDAY, TAKEN, mark=True)
    restore_guard.write(mornings.mark, restore_guard.DispatchMark(epoch=99, through=THURSDAY))
    with mornings.store.database.writing() as db:
        db.conn.execute("CREATE TRIGGER killed BEFORE UPDATE ON sends BEGIN SELECT raise(ABORT, 'killed'); END")
        db.conn.execute("UPDATE sends SET state = state WHERE 0")
    mornings.store.facts.set("unrelated", "1")
    a_waiting_send(mornings)
    with pytest.raises(sqlite3.IntegrityError):
        restore_guard.check(mornings.store, mornings.mark, NOON, confirmed=True)
    assert mornings.store.facts.get(restore_guard.COVERED) == ""
    with pytest.raises(restore_guard.Restored):
        restore_guard.check(mornings.store, mornings.mark, NOON, confirmed=False)


def a_waiting_send(mornings: Mornings) -> None:
    """A send that the restored database still wants to make."""
    ada = mornings.store.subscribers.load("ada")
    assert ada
    mornings.store.editions.freeze(an_edition(date=THURSDAY), ada, "z1y2x3w4v5", NOON)
