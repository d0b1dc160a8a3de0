"""The rules of pausing, resuming and removing, without a command line around them."""

from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.models.subscribers import SubscriberStatus
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers.membership import Membership, find
from tests.builders import NOON, a_topics_file
from tests.delivery import a_reader


@pytest.fixture
def members(store: Store, folder: Path, tmp_path: Path) -> Membership:
    a_reader(store)
    return Membership(folder, tmp_path, store, taxonomy())


def test_a_pause_ends_when_it_was_asked_to_or_by_resume(members: Membership) -> None:
    members.pause("ada", None, "on the web", NOON)
    assert find(members.store, "ada").status is SubscriberStatus.PAUSED
    members.resume("ada", "on the web", NOON)
    assert find(members.store, "ada").status is SubscriberStatus.ACTIVE


def test_who_left_can_neither_pause_nor_be_resumed(members: Membership) -> None:
    members.store.subscribers.leave(1, "the reader's link", NOON)
    with pytest.raises(InputError, match="nothing to pause"):
        members.pause("ada", None, "on the web", NOON)
    with pytest.raises(InputError, match="only they can come back"):
        members.resume("ada", "on the web", NOON)


def test_no_pause_of_a_suppressed_address_is_lifted(members: Membership) -> None:
    members.pause("ada", None, "on the web", NOON)
    members.store.suppressions.add("ada@example.org", "complaint", "sendgrid", NOON)
    with pytest.raises(InputError, match="suppressed"):
        members.resume("ada", "on the web", NOON)


def test_a_removal_puts_the_file_away_and_an_erasure_takes_it_from_there(members: Membership) -> None:
    (members.folder / "ada.md").write_text("her topics", encoding="utf-8")
    members.remove("ada", "on the web", NOON)
    assert (members.state / "removed" / "ada.md").read_text(encoding="utf-8") == "her topics"
    members.erase("ada", NOON)
    assert not list(members.state.rglob("ada.md"))
    assert members.store.suppressions.find("ada@example.org")


def test_who_joins_is_active_with_their_consent(members: Membership) -> None:
    joined = members.add("bo", a_topics_file("bo"), "on the web", NOON)
    assert (joined.status, joined.wishes.email) == (SubscriberStatus.ACTIVE, "bo@example.org")
    assert members.store.subscribers.has_consent(joined.id, "bo@example.org")
    assert (members.folder / "bo.md").read_text(encoding="utf-8") == a_topics_file("bo")


@pytest.mark.parametrize(
    ("slug", "text", "said"),
    [
        ("Bo", a_topics_file("bo"), "small letters"),
        ("bo\n", a_topics_file("bo"), "small letters"),
        ("bo", a_topics_file("bo", email="ADA@example.org"), "is the address of ada already"),
        ("bo", a_topics_file("bo", email="gone@example.org"), "suppressed"),
    ],
)
def test_who_may_not_join_leaves_nothing_behind(members: Membership, slug: str, text: str, said: str) -> None:
    members.store.suppressions.add("gone@example.org", "complaint", "sendgrid", NOON)
    with pytest.raises(InputError, match=said):
        members.add(slug, text, "on the web", NOON)
    assert [known.slug for known in members.store.subscribers.known()] == ["ada"]
    assert not list(members.folder.glob("*"))


def test_a_pause_that_is_over_already_is_refused(members: Membership) -> None:
    with pytest.raises(InputError, match="2026-11-18 is over"):
        members.pause("ada", NOON, "on the web", NOON)
    assert find(members.store, "ada").status is SubscriberStatus.ACTIVE
