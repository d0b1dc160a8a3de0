"""Backups: made while others write, opened once, dropped when old; put back under whoever has the database open."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter import pipeline
from newsletter.delivery import restore_guard
from newsletter.errors import InputError, NewsletterError, StoreError
from newsletter.models.sends import SendState
from newsletter.operations.backup import DATABASE, MANIFEST, backup, backups, expired, newest, restore, verify
from newsletter.operations.status import today
from newsletter.store import Store
from tests.builders import NOON, WEDNESDAY, a_topics_file
from tests.commands import Command
from tests.days import services
from tests.delivery import FakeBackend, a_reader, a_send
from tests.test_bad_input import a_line, a_listing, subscribe
from tests.test_migrations import FIRST_RELEASE

MONTH = timedelta(days=30)


@contextmanager
def a_home(home: Path) -> Iterator[Store]:
    (home / "subscribers" / "ada.md").write_text(a_topics_file(), encoding="utf-8")
    (home / "var").mkdir()
    with Store.open(home / "var" / DATABASE) as store:
        yield store


def test_a_backup_holds_the_database_the_wishes_and_what_it_is(home: Path, tmp_path: Path) -> None:
    with a_home(home) as store:
        a_send(store, "ada")
        made = backup(home, store, tmp_path / "kept", NOON, MONTH)
        assert today(store, NOON).backup_age == 0
    assert made.folder == tmp_path / "kept" / "newsletter-20261118T120000Z"
    assert sorted(path.name for path in made.folder.iterdir()) == [
        MANIFEST, DATABASE, "newsletter.toml", "subscribers",
    ]  # fmt: skip
    assert (made.manifest.rows["sends"], made.manifest.topics_files) == (1, 1)
    assert made.folder.stat().st_mode & 0o777 == 0o700, "it holds addresses"
    assert verify(made.folder) == made.manifest


def test_what_would_hide_a_restore_or_open_the_service_stays_out(home: Path, tmp_path: Path) -> None:
    with a_home(home) as store:
        for name in ("var/dispatch.mark", "var/secret", "secrets.env"):
            (home / name).write_text("not for a backup", encoding="utf-8")
        made = backup(home, store, tmp_path / "kept", NOON, MONTH)
    assert not [path for path in made.folder.rglob("*") if path.is_file() and b"not for" in path.read_bytes()]


def test_a_backup_during_writes_is_of_one_moment(home: Path, tmp_path: Path) -> None:
    """Each transaction writes the same number twice; a copy that caught half of one would hold two numbers."""
    stop = threading.Event()
    with a_home(home) as store:

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                with store.database.writing() as db:
                    for name in ("one", "two"):
                        db.conn.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [name, str(number)])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [backup(home, store, tmp_path / "kept", NOON + timedelta(seconds=n), MONTH) for n in range(8)]
        finally:
            stop.set()
            writer.join()
    for each in made:
        with closing(sqlite3.connect(each.folder / DATABASE)) as copy:
            facts = dict(copy.execute("SELECT name, value FROM facts WHERE name IN ('one', 'two')"))
        assert facts.get("one") == facts.get("two")


def test_a_damaged_database_is_no_backup_and_drops_no_older_one(home: Path, tmp_path: Path) -> None:
    with a_home(home) as store:
        for number in range(50):
            a_send(store, f"r{number:02}")
        for day in range(4):
            backup(home, store, tmp_path / "kept", NOON - timedelta(days=90 + day), timedelta(days=999))
    file = home / "var" / DATABASE
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20_000] = b"\xff" * 20_000
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|malformed"), Store.open(file) as store:
        backup(home, store, tmp_path / "kept", NOON, MONTH)
    assert len(backups(tmp_path / "kept")) == 4
    assert not list((tmp_path / "kept").glob(".*"))


def test_a_folder_that_cannot_be_written_is_one_sentence(home: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file", encoding="utf-8")
    with a_home(home) as store, pytest.raises(NewsletterError, match=r"no backup was made: .*kept"):
        backup(home, store, tmp_path / "kept", NOON, MONTH)


def test_old_backups_go_but_the_newest_three_stay() -> None:
    found = [Path(f"kept/newsletter-2026{month:02}01T000000Z") for month in range(1, 13)]
    now = datetime(2026, 12, 1, 1, tzinfo=UTC)
    assert expired(found, now, timedelta(days=100)) == found[:8]
    assert expired(found, now, timedelta(days=1)) == found[:9]
    assert expired(found[:2], now, timedelta(days=1)) == []


def test_the_newest_of_a_folder_is_taken(home: Path, tmp_path: Path) -> None:
    with a_home(home) as store:
        first, second = (backup(home, store, tmp_path / "kept", NOON + n * MONTH, MONTH).folder for n in (0, 1))
    assert newest(tmp_path / "kept") == second
    assert newest(first) == first
    with pytest.raises(InputError, match="has no backup"):
        newest(tmp_path)


def test_a_changed_or_foreign_folder_is_refused_before_anything_is_touched(home: Path, tmp_path: Path) -> None:
    with a_home(home) as store:
        folder = backup(home, store, tmp_path / "kept", NOON, MONTH).folder
    with (folder / DATABASE).open("ab") as file:
        file.write(b"!")
    for wrong in (folder, tmp_path):
        with pytest.raises(StoreError):
            restore(home, wrong, NOON)
    assert not list((home / "var").glob("before-restore*"))


def test_a_restore_is_seen_by_who_has_the_database_open(home: Path, tmp_path: Path) -> None:
    with a_home(home) as store:
        a_reader(store, "ada")
        folder = backup(home, store, tmp_path / "kept", NOON, MONTH).folder
        a_reader(store, "bo")
        (home / "subscribers" / "bo.md").write_text(a_topics_file("bo"), encoding="utf-8")
        done = restore(home, folder, NOON)
        assert [known.slug for known in store.subscribers.known()] == ["ada"]
        a_reader(store, "cy")
        assert [known.slug for known in store.subscribers.known()] == ["ada", "cy"]
    assert [path.name for path in (home / "subscribers").iterdir()] == ["ada.md"]
    assert sorted(path.name for path in done.aside.rglob("*.md")) == ["ada.md", "bo.md"]
    with Store.open(done.aside / DATABASE) as before:
        assert [known.slug for known in before.subscribers.known()] == ["ada", "bo"]


def test_a_damaged_database_is_set_aside_as_it_is(home: Path, tmp_path: Path) -> None:
    with a_home(home) as store:
        a_reader(store, "ada")
        folder = backup(home, store, tmp_path / "kept", NOON, MONTH).folder
    (home / "var" / DATABASE).write_bytes(b"no database at all, of whatever kind" * 999)
    done = restore(home, folder, NOON)
    assert (done.aside / DATABASE).read_bytes().startswith(b"no database")
    with Store.open(home / "var" / DATABASE) as store:
        assert [known.slug for known in store.subscribers.known()] == ["ada"]


def test_after_a_restore_nothing_goes_out_until_a_person_confirms(home: Path, tmp_path: Path) -> None:
    """The backup is of the middle of a run, whose last messages it does not know of."""
    mark = home / "var" / "dispatch.mark"
    folders: list[Path] = []
    with a_home(home) as store:
        for slug in ("ada", "bo", "cy", "di"):
            a_send(store, slug)
        turns = threading.Lock()

        def once(_: object) -> None:
            with turns:
                if folders:
                    return
                folders.append(backup(home, store, tmp_path / "kept", NOON, MONTH).folder)

        first = FakeBackend(before=once)
        pipeline.run(lambda: (), services(store, first, mark=mark))
        assert len(first.taken) == 4
        restore(home, folders[0], NOON)
        with pytest.raises(restore_guard.Restored, match="--confirm-restore"):
            restore_guard.check(store, mark, NOON, confirmed=False)
        restore_guard.check(store, mark, NOON, confirmed=True)
        again = FakeBackend()
        pipeline.run(lambda: (), services(store, again, mark=mark))
        assert again.taken == []
        assert store.sends.counts() == {SendState.AMBIGUOUS: 4}
        assert restore_guard.covered(store) == WEDNESDAY


def test_the_first_releases_database_is_backed_up_restored_and_upgraded(home: Path, tmp_path: Path) -> None:
    (home / "var").mkdir()
    with closing(sqlite3.connect(home / "var" / DATABASE)) as connection:
        connection.executescript(FIRST_RELEASE.read_text(encoding="utf-8"))
    with Store.open(home / "var" / DATABASE) as store:
        before = {row["subscriber"]: row["picodollars"] for row in store.charges.grouped("subscriber")}
        folder = backup(home, store, tmp_path / "kept", NOON, MONTH).folder
        restore(home, folder, NOON)
    with Store.open(home / "var" / DATABASE) as store:
        assert {row["subscriber"]: row["picodollars"] for row in store.charges.grouped("subscriber")} == before
        assert store.sends.counts() == {SendState.ACCEPTED: 3, SendState.READY: 2, SendState.AMBIGUOUS: 1}
        assert store.database.rows("PRAGMA foreign_key_check") == []


def test_the_commands_from_a_run_to_its_restore(newsletter: Command, home: Path, tmp_path: Path) -> None:
    subscribe(home, "ada")
    assert newsletter("run", "--listing", a_listing(home, *map(a_line, range(1, 20)))).code == 0
    made = newsletter("backup", "--to", tmp_path / "kept", "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["rows"]["editions"] == 1
    subscribe(home, "bo")
    done = newsletter("restore", tmp_path / "kept", "--yes")
    assert done.code == 0, done.err
    assert "restored" in done.out
    assert "ada: has nothing due" in newsletter("run", "--listing", home / "mailing.jsonl").out
    assert not (home / "subscribers" / "bo.md").exists()


def test_a_backup_needs_a_place(newsletter: Command) -> None:
    done = newsletter("backup")
    assert (done.code, done.err) == (
        2,
        "newsletter: --to is missing: name a folder here, or set backup.to in newsletter.toml\n",
    )
