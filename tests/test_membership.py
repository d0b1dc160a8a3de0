"""The rules of pausing, resuming and removing, without a command line around them."""

from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.models.subscribers import SubscriberStatus
from newsletter.store import Store
from newsletter.subscribers.membership import Membership, find
from tests.builders import NOON
from tests.delivery import a_reader


@pytest.fixture
def members(store: Store, folder: Path, tmp_path: Path) -> Membership:
    a_reader(store)
    return Membership(folder, tmp_path, store)


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
