"""Topics files are where wishes live: a changed one is read again, a missing one pauses, a bad one harms only itself."""

import os
from pathlib import Path

import pytest

from newsletter.models.subscribers import Problem, Subscriber, SubscriberStatus
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import roster, wished
from tests.builders import NOON, a_topics_file


def write(folder: Path, slug: str, **front: str) -> Path:
    path = folder / f"{slug}.md"
    path.write_text(a_topics_file(slug, **front), encoding="utf-8")
    return path


def subscribers(folder: Path, store: Store) -> dict[str, Subscriber]:
    return {entry.slug: entry for entry in roster(folder, store, taxonomy(), NOON) if isinstance(entry, Subscriber)}


def problems(folder: Path, store: Store) -> list[str]:
    return [entry.message for entry in roster(folder, store, taxonomy(), NOON) if isinstance(entry, Problem)]


def test_a_file_is_a_subscriber_named_after_it(folder: Path, store: Store) -> None:
    write(folder, "ada")
    write(folder, "bo.summer-2")
    assert set(subscribers(folder, store)) == {"ada", "bo.summer-2"}


def test_an_unchanged_file_is_not_read_again(folder: Path, store: Store) -> None:
    path = write(folder, "ada", max_papers="11")
    before, status = subscribers(folder, store)["ada"], path.stat()
    path.write_bytes(path.read_bytes().replace(b"11", b"12"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert subscribers(folder, store)["ada"] == before


def test_a_changed_file_changes_only_its_subscriber(folder: Path, store: Store) -> None:
    write(folder, "ada", max_papers="11")
    write(folder, "bo")
    before = subscribers(folder, store)
    os.utime(write(folder, "ada", max_papers="12"), ns=(1, 1))
    after = subscribers(folder, store)
    assert after["ada"].wishes.max_papers == 12
    assert after["ada"].id == before["ada"].id
    assert after["bo"] == before["bo"]


def test_a_missing_file_pauses_its_subscriber_until_it_is_back(folder: Path, store: Store) -> None:
    write(folder, "ada")
    path = write(folder, "bo")
    subscribers(folder, store)
    path.unlink()
    assert subscribers(folder, store)["bo"].status is SubscriberStatus.PAUSED
    assert subscribers(folder, store)["bo"].status is SubscriberStatus.PAUSED, "as long as the file is gone"
    write(folder, "bo")
    assert subscribers(folder, store)["bo"].status is SubscriberStatus.ACTIVE


def test_a_file_that_is_back_lifts_no_other_pause_and_no_unsubscribe(folder: Path, store: Store) -> None:
    for slug, status in (("ada", "paused"), ("bo", "unsubscribed")):
        write(folder, slug)
        subscribers(folder, store)
        with store.database.writing() as db:
            db.conn.execute("UPDATE subscribers SET status = ?, status_reason = 'asked' WHERE slug = ?", [status, slug])
        (folder / f"{slug}.md").unlink()
        subscribers(folder, store)
        write(folder, slug)
        assert subscribers(folder, store)[slug].status == status


def test_the_subscriber_known_longer_keeps_the_address_even_while_its_file_is_broken(
    folder: Path, store: Store
) -> None:
    write(folder, "mo", email="ada@example.org")
    subscribers(folder, store)
    os.utime(write(folder, "mo", email="ada@example.org", foo="1"), ns=(1, 1))
    write(folder, "ada")
    assert subscribers(folder, store) == {}
    assert min(problems(folder, store)).startswith("ada.md: email: mo.md has the same address")


def test_a_second_file_with_one_address_makes_no_subscriber(folder: Path, store: Store) -> None:
    write(folder, "ada")
    write(folder, "bo", email="Ada@example.org")
    assert set(subscribers(folder, store)) == {"ada"}
    assert problems(folder, store) == ["bo.md: email: ada.md has the same address; one subscriber has one file"]
    assert [known.slug for known in store.subscribers.known()] == ["ada"]


@pytest.mark.parametrize("name", ["Ada.md", "a b.md", "-a.md", "ada\n.md", f"{'a' * 70}.md"])
def test_a_file_name_that_cannot_be_a_slug_is_named(folder: Path, store: Store, name: str) -> None:
    (folder / name).write_text(a_topics_file(), encoding="utf-8")
    assert problems(folder, store) == [f"{name}: a topics file is named with small letters, digits, dots and dashes"]


def test_a_folder_named_like_a_file_is_named(folder: Path, store: Store) -> None:
    (folder / "ada.md").mkdir()
    assert problems(folder, store) == ["ada.md: cannot be read: Is a directory"]


def test_equal_topics_are_stored_once(folder: Path, store: Store) -> None:
    for slug in ("ada", "bo", "cy"):
        write(folder, slug)
    subscribers(folder, store)
    assert store.database.row("SELECT count(*) AS topics FROM topics") == {"topics": 1}


def test_the_categories_of_all_active_subscribers_are_wished_for(folder: Path, store: Store) -> None:
    write(folder, "ada", categories="[cs.LG, q-bio]")
    write(folder, "bo", categories="[math.CO]")
    assert wished(folder, store, taxonomy(), NOON) == {"cs.LG", "q-bio", "math.CO"}
    store.subscribers.set_status("bo", SubscriberStatus.PAUSED, "asked", NOON)
    write(folder, "ada", categories="[stat.ML]")
    assert wished(folder, store, taxonomy(), NOON) == {"stat.ML"}
