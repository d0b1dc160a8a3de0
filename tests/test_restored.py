"""A database file that is replaced under a living process, and what a restored one learns of those who left."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.delivery import restore_guard
from newsletter.errors import StoreError
from newsletter.links import Purpose, Signer
from newsletter.models.subscribers import SubscriberStatus
from newsletter.rendering.templates import load_templates
from newsletter.sources import origins
from newsletter.store import Store
from newsletter.web.services import Rooms
from tests.builders import NOON
from tests.delivery import a_reader, a_send
from tests.web import ask

SIGNER = Signer("https://news.example.org", [b"key"])
TEMPLATES = load_templates(None, origins())
LATER = NOON + timedelta(hours=1)


class Home:
    """A home with a web process that stays alive, and backups of its database."""

    def __init__(self, folder: Path) -> None:
        self.path, self.mark = folder / "newsletter.db", folder / "dispatch.mark"
        self.backup_path = folder / "backup.db"

    def backup(self) -> None:
        with closing(sqlite3.connect(self.path)) as here, closing(sqlite3.connect(self.backup_path)) as there:
            here.backup(there)

    def gone(self) -> None:
        """The moment of a restore in which there is no database."""
        for path in self.path.parent.glob("newsletter.db*"):
            path.unlink()

    def restore(self) -> None:
        self.gone()
        shutil.copyfile(self.backup_path, self.path)

    def leave(self, store: Store, reader: int) -> int:
        """A reader's one-click unsubscribe; the status of the answer."""
        rooms = Rooms(store, SIGNER, TEMPLATES, lambda: LATER)
        return ask(rooms, "POST", f"/u/{SIGNER.token(Purpose.UNSUBSCRIBE, reader)}").status

    def left(self) -> set[str]:
        """Who left, as the next run finds it in the file at the path."""
        with Store.open(self.path) as store:
            restore_guard.check(store, self.mark, LATER, confirmed=True)
            suppressed = {known.slug for known in store.subscribers.known() if store.suppressions.find(known.email)}
            gone = {k.slug for k in store.subscribers.known() if k.status is SubscriberStatus.UNSUBSCRIBED}
            assert suppressed == gone
            return gone


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def web(home: Home) -> Iterator[Store]:
    """The store of a web process that is alive all the time."""
    with Store.open(home.path, follows=True) as store:
        yield store


def test_who_leaves_after_a_restore_leaves_the_restored_database(home: Home, web: Store) -> None:
    ada, bo = a_reader(web, "ada"), a_reader(web, "bo")
    home.backup()
    assert home.leave(web, ada) == 200
    home.restore()
    assert home.leave(web, bo) == 200
    with Store.open(home.path) as store:
        assert store.suppressions.find("bo@example.org"), "at once, not only after a confirmation"
    assert home.left() == {"ada", "bo"}


def test_in_the_moment_without_a_database_nobody_is_told_that_they_left(home: Home, web: Store) -> None:
    ada = a_reader(web, "ada")
    home.backup()
    home.gone()
    assert home.leave(web, ada) == 503
    assert not home.path.exists(), "an empty one would be taken for the real one"
    shutil.copyfile(home.backup_path, home.path)
    assert home.leave(web, ada) == 200
    assert home.left() == {"ada"}


def test_a_file_copied_over_the_living_one_loses_nobody_who_left(home: Home, web: Store) -> None:
    """SQLite cannot see that; the journal does not depend on it."""
    ada, bo = a_reader(web, "ada"), a_reader(web, "bo")
    home.backup()
    home.leave(web, ada)
    shutil.copyfile(home.backup_path, home.path)
    home.leave(web, bo)
    web.database.close()
    home.restore()
    assert home.left() == {"ada", "bo"}


def test_a_run_does_not_go_on_in_another_database(home: Home) -> None:
    with Store.open(home.path) as store:
        send = a_send(store)
        home.backup()
        home.restore()
        with pytest.raises(StoreError, match="another file took its place"):
            store.sends.message(send.id)
        with pytest.raises(StoreError, match="another file took its place"), store.database.writing():
            pass


def test_mail_that_goes_out_from_an_older_database_never_lowers_the_mark(home: Home, web: Store) -> None:
    """Such as what a living `serve` sends by itself: its store follows the file."""
    a_send(web)
    home.backup()
    for _ in range(3):
        restore_guard.advance(web, home.mark, NOON.date())
    follow = restore_guard.Following(web, home.mark, NOON.date())
    home.restore()
    with pytest.raises(restore_guard.Restored, match="replaced by an older one"):
        follow()
    mark = restore_guard.read(home.mark)
    assert mark
    assert mark.epoch == 3


def test_a_file_that_is_replaced_during_a_write_is_an_error(home: Home, web: Store) -> None:
    a_reader(web, "ada")
    home.backup()
    with pytest.raises(StoreError, match="try again"), web.database.writing():
        home.restore()


def test_who_left_is_known_without_a_confirmation_too(home: Home) -> None:
    """Nothing was mailed since the backup, so nothing looks restored; but somebody left."""
    with Store.open(home.path) as store:
        ada = a_reader(store, "ada")
        home.backup()
        store.subscribers.leave(ada, "the reader's link", LATER)
    home.restore()
    with Store.open(home.path) as store:
        restore_guard.check(store, home.mark, LATER, confirmed=False)
        assert store.suppressions.find("ada@example.org")


def test_who_came_back_since_the_backup_is_back(home: Home) -> None:
    with Store.open(home.path) as store:
        ada, bo = a_reader(store, "ada"), a_reader(store, "bo")
        store.subscribers.leave(ada, "the reader's link", NOON)
        store.suppressions.add("bo@example.org", "hard bounce", "smtp", NOON)
        home.backup()
        assert store.subscribers.come_back(ada, "the reader's link", LATER)
        assert store.suppressions.remove("bo@example.org", LATER)
        store.subscribers.leave(bo, "the reader's link", LATER)
    home.restore()
    assert home.left() == {"bo"}


def test_a_new_database_knows_who_left_the_lost_one(home: Home) -> None:
    with Store.open(home.path) as store:
        store.subscribers.leave(a_reader(store, "ada"), "the reader's link", NOON)
    home.gone()
    with Store.open(home.path) as store:
        a_reader(store, "ada")
    assert home.left() == {"ada"}


def test_lines_under_another_databases_key_are_said_to_be_unreadable(home: Home) -> None:
    with Store.open(home.path) as store:
        store.subscribers.leave(a_reader(store, "ada"), "the reader's link", NOON)
    home.gone()
    (home.path.parent / "opt-outs.key").unlink()
    with Store.open(home.path) as store:
        doubts = restore_guard.check(store, home.mark, LATER, confirmed=False)
    assert any("1 lines of" in doubt and "another database's key" in doubt for doubt in doubts)


def test_a_line_that_was_cut_short_harms_no_other(home: Home) -> None:
    with Store.open(home.path) as store:
        ada, bo = a_reader(store, "ada"), a_reader(store, "bo")
        home.backup()
        store.subscribers.leave(ada, "the reader's link", LATER)
        with (home.path.parent / "opt-outs.jsonl").open("ab") as journal:
            journal.write(b'{"at": "2026-11-')
        store.subscribers.leave(bo, "the reader's link", LATER)
    home.restore()
    assert home.left() == {"ada", "bo"}


def test_nobody_is_told_that_they_left_where_the_journal_cannot_be_written(home: Home, web: Store) -> None:
    ada = a_reader(web, "ada")
    (home.path.parent / "opt-outs.jsonl").mkdir()
    assert home.leave(web, ada) == 503
    assert web.suppressions.find("ada@example.org") is None


def test_the_journal_holds_no_address_and_is_read_by_its_owner_alone(home: Home) -> None:
    with Store.open(home.path) as store:
        store.subscribers.leave(a_reader(store, "ada"), "the reader's link", NOON)
    for name in ("opt-outs.jsonl", "opt-outs.key"):
        path = home.path.parent / name
        assert "@" not in path.read_text(encoding="utf-8")
        assert path.stat().st_mode & 0o077 == 0
