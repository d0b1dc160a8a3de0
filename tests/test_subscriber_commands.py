"""Pausing, leaving, moving and erasing subscribers, as an operator does it."""

import json
from pathlib import Path

import pytest

from newsletter.delivery.dispatch import dispatch
from newsletter.models.sends import SendState
from newsletter.models.subscribers import SubscriberStatus
from newsletter.store import Store
from tests.builders import NOON, a_paper, a_topics_file, scored
from tests.commands import Command
from tests.delivery import FakeBackend, a_desk, a_send


@pytest.fixture
def ada(home: Path, newsletter: Command) -> str:
    """A subscriber whom the operator added."""
    file = home / "subscribers" / "ada.md"
    file.write_text(a_topics_file("ada"), encoding="utf-8")
    assert newsletter("subscribers", "add", file).code == 0
    return "ada"


def status(home: Path, slug: str = "ada") -> SubscriberStatus:
    with Store.open(home / "var" / "newsletter.db") as store:
        found = store.subscribers.load(slug)
        assert found
        return found.status


def test_a_pause_ends_by_itself(home: Path, newsletter: Command, ada: str) -> None:
    assert newsletter("subscribers", "pause", ada, "--until", "2090-11-20").code == 0
    assert status(home) is SubscriberStatus.PAUSED
    with Store.open(home / "var" / "newsletter.db") as store:
        store.subscribers.wake(NOON.replace(year=2090))
        assert status(home) is SubscriberStatus.PAUSED
        store.subscribers.wake(NOON.replace(year=2090, day=20))
    assert status(home) is SubscriberStatus.ACTIVE


def test_lists_say_until_when_somebody_is_paused(newsletter: Command, ada: str) -> None:
    newsletter("subscribers", "pause", ada, "--until", "2090-12-01")
    assert "paused until 2090-12-01" in newsletter("subscribers", "list").out
    assert "paused until 2090-12-01" in newsletter("subscribers", "show", ada).out


def test_an_import_says_how_many_failed(newsletter: Command, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("{}\n\n[]\n", encoding="utf-8")
    assert (
        "2 of 2 subscribers were not imported; none was"
        in newsletter("subscribers", "import", tmp_path / "in.jsonl").err
    )


def test_resume_ends_a_pause_but_brings_nobody_back_who_left(home: Path, newsletter: Command, ada: str) -> None:
    newsletter("subscribers", "pause", ada)
    assert newsletter("subscribers", "resume", ada).code == 0
    assert status(home) is SubscriberStatus.ACTIVE
    with Store.open(home / "var" / "newsletter.db") as store:
        store.subscribers.leave(1, "the reader's link", NOON)
    done = newsletter("subscribers", "resume", ada)
    assert (done.code, "only they can come back" in done.err) == (2, True)
    assert newsletter("subscribers", "pause", ada).code == 2
    assert status(home) is SubscriberStatus.UNSUBSCRIBED


def test_remove_keeps_the_file_aside(home: Path, newsletter: Command, ada: str) -> None:
    assert newsletter("subscribers", "remove", ada).code == 0
    assert not (home / "subscribers" / "ada.md").exists()
    assert (home / "var" / "removed" / "ada.md").is_file()
    assert status(home) is SubscriberStatus.REMOVED


def test_an_unknown_subscriber_is_one_sentence(newsletter: Command) -> None:
    for command in ("pause", "resume", "remove", "erase", "export"):
        done = newsletter("subscribers", command, "nobody")
        assert (done.code, "there is no subscriber nobody" in done.err) == (2, True)


def test_an_export_can_be_imported_elsewhere(home: Path, newsletter: Command, ada: str, tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text(newsletter("subscribers", "export").out, encoding="utf-8")
    newsletter("subscribers", "erase", ada, "--yes")
    done = newsletter("subscribers", "import", tmp_path / "all.jsonl")
    assert (done.code, "suppressed" in done.err) == (2, True), "an import resurrects nobody"
    for file in (home / "var").glob("newsletter.db*"):
        file.unlink()
    assert newsletter("subscribers", "import", tmp_path / "all.jsonl").code == 0
    assert status(home) is SubscriberStatus.ACTIVE
    with Store.open(home / "var" / "newsletter.db") as store:
        assert store.subscribers.has_consent(1, "ada@example.org")


def test_who_left_before_an_import_stays_away(home: Path, newsletter: Command, ada: str, tmp_path: Path) -> None:
    record = json.loads(newsletter("subscribers", "export", ada).out) | {"status": "unsubscribed", "slug": "bo"}
    record["email"] = "bo@example.org"
    (tmp_path / "bo.jsonl").write_text(f"{json.dumps(record)}\nnot json\n", encoding="utf-8")
    done = newsletter("subscribers", "import", tmp_path / "bo.jsonl")
    assert (done.code, "bo.jsonl:2:" in done.err) == (2, True)
    assert not (home / "subscribers" / "bo.md").exists()
    with Store.open(home / "var" / "newsletter.db") as store:
        assert store.suppressions.find("bo@example.org")


def test_an_erasure_leaves_no_word_of_the_person(home: Path, newsletter: Command, ada: str) -> None:
    with Store.open(home / "var" / "newsletter.db") as store:
        (paper,) = store.papers.save([a_paper()])
        subscriber = store.subscribers.load(ada)
        assert subscriber
        listed = scored(paper, topic="Moss on my secret stones", comment="because of her secret stones")
        a_send(store, papers=[listed], topics=("Moss on my secret stones",))
        dispatch(a_desk(store, FakeBackend()))
    (home / "var" / "outbox" / "2026-11-18").mkdir(parents=True)
    (home / "var" / "outbox" / "2026-11-18" / "ada.eml").write_text("To: ada@example.org")
    assert newsletter("subscribers", "erase", ada, "--yes").code == 0
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for word in (b"ada@example.org", b"secret stones", b"growth of moss on stones"):
        assert word not in kept
    with Store.open(home / "var" / "newsletter.db") as store:
        assert store.suppressions.find("Ada@Example.org"), "the hash still suppresses"
        assert store.sends.counts() == {SendState.ACCEPTED: 1}, "the numbers still add up"


def test_a_suppressed_address_is_not_added(home: Path, newsletter: Command, ada: str) -> None:
    assert newsletter("suppressions", "add", "bo@example.org", "--reason", "asked").code == 0
    file = home / "bo.md"
    file.write_text(a_topics_file("bo"), encoding="utf-8")
    done = newsletter("subscribers", "add", file)
    assert (done.code, "newsletter suppressions remove bo@example.org" in done.err) == (2, True)
    assert newsletter("suppressions", "remove", "bo@example.org").code == 0
    assert newsletter("subscribers", "add", file).code == 0


def test_who_left_comes_back_by_a_new_consent_alone(home: Path, newsletter: Command, ada: str) -> None:
    with Store.open(home / "var" / "newsletter.db") as store:
        store.subscribers.leave(1, "the reader's link", NOON)
    file = home / "subscribers" / "ada.md"
    assert newsletter("subscribers", "add", file).code == 2
    assert newsletter("suppressions", "remove", "ada@example.org").code == 0
    assert status(home) is SubscriberStatus.UNSUBSCRIBED, "lifting the suppression is no consent"
    assert newsletter("subscribers", "add", file).code == 0
    assert status(home) is SubscriberStatus.ACTIVE


def test_suppressions_travel_as_csv(home: Path, newsletter: Command, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("Email,reason\nada@example.org,bounce\nnobody,\n", encoding="utf-8")
    done = newsletter("suppressions", "import", tmp_path / "in.csv")
    assert (done.code, "in.csv:3: 'nobody' is no address" in done.err) == (2, True)
    assert "ada@example.org,bounce,import," in newsletter("suppressions", "export").out
    assert newsletter("suppressions", "import", home / "newsletter.toml").code == 2
