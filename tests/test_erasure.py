"""What stays of a person who was erased: nothing but a keyed hash, in no file of the home and behind no link."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from newsletter.delivery.breakers import OPEN
from newsletter.delivery.dispatch import dispatch
from newsletter.delivery.holds import HELD
from newsletter.links import Purpose, Signer
from newsletter.models.days import Concern, Finding, Judged
from newsletter.models.sends import Event, EventType, Outcome, Receipt
from newsletter.rendering.templates import load_templates
from newsletter.sources import origins
from newsletter.store import Store
from newsletter.web.services import Rooms
from tests.builders import NOON, a_paper, a_topics_file, scored
from tests.commands import Command
from tests.delivery import FakeBackend, a_desk, a_reader, a_send
from tests.web import ask

SIGNER = Signer("https://news.example.org", [b"key"])
ADDRESS = b"ada@example.org"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Ada with a mail that was refused, a report of it, and what was said about it in other places."""
    with Store.open(tmp_path / "newsletter.db") as store:
        (paper,) = store.papers.save([a_paper()])
        send = a_send(store, papers=[scored(paper)])
        a_send(store, "bo")
        dispatch(a_desk(store, FakeBackend(otherwise=Receipt(Outcome.FAILED, "550 <Ada@Example.org> is unknown"))))
        event = Event("smtp", "1", EventType.SOFT_BOUNCE, "ADA@example.org", NOON, send.id, "<ada@example.org>: full")
        store.events.record([event], NOON)
        said = "your own copy (ada@example.org) was not accepted: 550 <Ada@example.org>"
        store.facts.set(OPEN, said)
        store.facts.set(HELD, f'{{"example.org": {{"until": "{NOON.isoformat()}", "said": "ada@example.org no"}}}}')
        store.incidents.turn(Judged((Finding(Concern.SENDING, said),)), NOON)
        yield store


def erase(store: Store, patience: float = 10) -> bool:
    ada = store.subscribers.load("ada")
    assert ada
    return store.privacy.erase(ada.id, NOON, patience=patience)


def found_in(folder: Path) -> list[str]:
    """The files in which the address still stands, whatever the case of its letters."""
    return [path.name for path in folder.iterdir() if path.is_file() and ADDRESS in path.read_bytes().lower()]


def test_nothing_of_the_address_stays_in_any_file(store: Store, tmp_path: Path) -> None:
    assert found_in(tmp_path)
    assert erase(store)
    assert found_in(tmp_path) == []
    assert store.facts.get(OPEN).startswith("your own copy"), "that sending is paused is still known"


def test_beside_a_reader_of_the_database_an_erasure_says_that_it_is_not_complete(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "newsletter.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM sends").fetchone()
        assert not erase(store, patience=0.05)
        assert found_in(tmp_path), "SQLite keeps it for the one who reads"
        other.execute("COMMIT")
    with Store.open(tmp_path / "newsletter.db"):
        assert found_in(tmp_path) == [], "the next program that opens the database completes it"


def test_the_command_says_whether_an_erasure_is_complete(home: Path, newsletter: Command) -> None:
    file = home / "ada.md"
    file.write_text(a_topics_file("ada"), encoding="utf-8")
    assert newsletter("subscribers", "add", file).code == 0
    done = newsletter("subscribers", "erase", "ada", "--yes")
    assert (done.code, "erased here" in done.out) == (0, True)


def test_the_feed_of_an_erased_reader_is_gone(store: Store) -> None:
    ada, bo = store.subscribers.load("ada"), store.subscribers.load("bo")
    assert ada
    assert bo
    rooms = Rooms(store, SIGNER, load_templates(None, origins()), lambda: NOON)
    feeds = [f"/feed/{SIGNER.token(Purpose.FEED, reader.id)}" for reader in (ada, bo)]
    assert [ask(rooms, "GET", path).status for path in feeds] == [200, 200]
    erase(store)
    assert [ask(rooms, "GET", path).status for path in feeds] == [404, 200]


def test_a_reader_called_one_takes_no_number_along(store: Store) -> None:
    one = a_reader(store, "1", email="one@example.org")
    store.facts.set("epoch", "1")
    store.incidents.turn(Judged((Finding(Concern.READERS, "1 of 3 got nothing: ada-b; see ada.md, ada"),)), NOON)
    store.privacy.erase(one, NOON)
    erase(store)
    assert store.facts.get("epoch") == "1"
    said = next(incident.said for incident in store.incidents.open() if incident.concern is Concern.READERS)
    assert said == "1 of 3 got nothing: ada-b; see erased-1.md, erased-1"


def test_nobody_else_loses_a_word(store: Store) -> None:
    a_reader(store, "adam", email="xada@example.org")
    others = "xada@example.org, ada@example.org.uk and bo@example.org"
    store.facts.set(OPEN, f"ada@example.org. {others}")
    erase(store)
    assert store.facts.get(OPEN) == f"(erased). {others}"
    bo = store.subscribers.load("bo")
    assert bo
    assert bo.wishes.email == "bo@example.org"
