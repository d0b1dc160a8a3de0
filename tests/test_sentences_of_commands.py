"""What commands say is true, and English."""

from datetime import date
from pathlib import Path

import pytest

from newsletter.cli.explain import ADVICE
from newsletter.errors import InputError, SettingsError
from newsletter.models.sends import SendState
from newsletter.settings import load
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers.membership import Membership
from newsletter.text.tex import to_unicode
from newsletter.topics.body import read_body
from tests.builders import NOON, a_mailing, a_paper, a_topics_file
from tests.commands import Command
from tests.test_bad_input import subscribe

TUESDAY = date(2026, 11, 17)


def stored(home: Path, *days: date) -> None:
    (home / "var").mkdir(exist_ok=True)
    with Store.open(home / "var" / "newsletter.db") as store:
        for day in days:
            store.mailings.save(a_mailing(*(a_paper(day.day * 100 + n) for n in range(5)), day=day), NOON)


def test_a_weekly_reader_can_preview_before_their_day_comes(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada", deliver="{frequency: weekly, days: [fri]}")
    assert "no mailing is stored yet" in newsletter("preview", "ada").err
    stored(home, TUESDAY)
    done = newsletter("preview", "ada")
    assert (done.code, "moss" in done.out) == (0, True)


def test_a_reader_whom_no_run_has_met_can_preview(newsletter: Command, home: Path) -> None:
    stored(home, TUESDAY)
    subscribe(home, "ada")
    assert newsletter("preview", "ada").code == 0
    assert "there is no subscriber bo" in newsletter("preview", "bo").err


@pytest.mark.parametrize("state", SendState)
def test_what_explain_says_of_a_state_is_a_sentence(state: SendState) -> None:
    first = ADVICE[state].split()[0]
    assert first in {"goes", "was", "arrived", "came", "may", "a", "the"}
    assert first not in {"a", "the"} or state in (SendState.CLAIMED, SendState.SUBMITTING, SendState.COMPLAINED)


def test_a_name_ends_where_its_line_does(home: Path) -> None:
    (home / "var").mkdir()
    with Store.open(home / "var" / "newsletter.db") as store:
        members = Membership(home / "subscribers", home / "var", store, taxonomy())
        with pytest.raises(InputError, match="cannot be a subscriber's name"):
            members.admissible("ada\n", a_topics_file())


@pytest.mark.parametrize(
    ("tex", "shown"), [(r"\AA ngstr\"om", "Ångström"), (r"{\AA}ngstr\"om", "Ångström"), (r"1 \AA", "1 Å")]
)
def test_a_ring_swallows_the_blank_that_ends_its_name(tex: str, shown: str) -> None:
    assert to_unicode(tex) == shown


@pytest.mark.parametrize(
    "variable",
    [
        "NEWSLETTER_MAIL__FROM=nobody",
        "NEWSLETTER_WEB__BASE_URL=x",
        "NEWSLETTER_RUN__WORKERS=many",
        "NEWSLETTER_RUN__WORKERS=0",
    ],
)
def test_a_wrong_setting_is_said_without_the_words_of_a_library(variable: str) -> None:
    name, _, value = variable.partition("=")
    with pytest.raises(SettingsError) as raised:
        load({name: value}, None)
    assert str(raised.value).startswith(name)
    for word in ("Value error", "Input should", "validation"):
        assert word not in str(raised.value)


@pytest.mark.parametrize("sender", [f"{'n' * 101} <a@example.org>", f"{'a' * 250}@example.org"])
def test_a_sender_fits_a_header_line(sender: str) -> None:
    with pytest.raises(SettingsError, match="a name has at most 100 characters, an address 254"):
        load({"NEWSLETTER_MAIL__FROM": sender}, None)


def test_an_unchanged_file_is_read_by_the_rules_of_today(home: Path) -> None:
    """The store keeps the text of the topics, not what an earlier release made of it."""
    body = "1.Sieves\n7. Primes\n"
    (home / "var").mkdir()
    with Store.open(home / "var" / "newsletter.db") as store:
        members = Membership(home / "subscribers", home / "var", store, taxonomy())
        members.add("ada", a_topics_file().partition("1. Moss")[0] + body, "operator", NOON)
        found = store.subscribers.load("ada")
    assert found is not None
    assert found.topics == read_body(body)
    assert [topic.number for topic in found.topics.topics] == [1, 7]
