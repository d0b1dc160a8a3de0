"""The message that carries an edition: which of its links are there, and what is attached."""

import email
from collections.abc import Collection
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from newsletter import pipeline
from newsletter.links import PAGES, Purpose, Signer
from newsletter.store import Store
from newsletter.web.services import Rooms
from tests.builders import NOON, a_paper, scored
from tests.days import SENDER, TEMPLATES
from tests.delivery import a_send
from tests.test_web import link
from tests.web import ask

PUBLIC, LOCAL = Signer("https://news.example.org", [b"key"]), Signer("http://localhost:8000", [b"key"])
EVERY_PAGE = frozenset(Purpose)


def mailed(
    store: Store, signer: Signer | None = PUBLIC, pages: Collection[Purpose] = EVERY_PAGE, **edition: Any
) -> EmailMessage:
    paper = store.papers.save([a_paper(7)])[0]
    send = a_send(store, papers=(scored(paper, comment="It fits."),), **edition)
    write = pipeline.writer(store, TEMPLATES, signer, SENDER, lambda: NOON, lambda topics: f"Read: {topics}", pages)
    return email.message_from_bytes(write(send), policy=default)


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body
    return str(body.get_content())


def links_of(text: str) -> set[str]:
    return {
        name for name in ("/u/", "/e/", "/preferences/", "/f/") if f"{name}" in text.replace("https://arxiv.org", "")
    }


def test_a_mail_links_to_all_pages_that_there_are(store: Store) -> None:
    text = text_of(mailed(store))
    assert links_of(text) == {"/u/", "/e/", "/preferences/", "/f/"}
    for mark in ("more", "less", "save"):
        assert f"?paper=2611.00007&mark={mark}" in text
    assert "Change your topics: https://news.example.org/preferences/" in text


def test_a_page_that_the_web_does_not_have_is_not_linked(store: Store) -> None:
    assert links_of(text_of(mailed(store, pages=EVERY_PAGE - {Purpose.PREFERENCES}))) == {"/u/", "/e/", "/f/"}


def test_what_acts_is_linked_only_where_the_address_is_public(store: Store) -> None:
    assert links_of(text_of(mailed(store, LOCAL))) == {"/u/", "/e/"}


def test_without_a_signer_there_is_no_link_to_us(store: Store) -> None:
    assert links_of(text_of(mailed(store, None))) == set()


def test_marks_carry_the_edition_and_preferences_the_reader(store: Store) -> None:
    text = text_of(mailed(store))
    (marked,) = {line.split("/f/")[1].split("?")[0] for line in text.splitlines() if "/f/" in line}
    (preferences,) = [line.split("/preferences/")[1] for line in text.splitlines() if "/preferences/" in line]
    ada = store.subscribers.load("ada")
    assert ada
    assert PUBLIC.read(Purpose.FEEDBACK, marked) == store.editions.newest_id("ada")
    assert PUBLIC.read(Purpose.PREFERENCES, preferences) == ada.id


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.EDITION, Purpose.PREFERENCES, Purpose.FEEDBACK])
def test_mails_link_to_the_pages_that_the_web_answers(tmp_path: Path, purpose: Purpose) -> None:
    with Store.open(tmp_path / "newsletter.db") as store:
        send = a_send(store, papers=(scored(store.papers.save([a_paper(7)])[0]),))
        number = send.edition_id if purpose in {Purpose.EDITION, Purpose.FEEDBACK} else send.subscriber_id
        answer = ask(Rooms(store, PUBLIC, TEMPLATES, lambda: NOON), "GET", link(number, purpose, PUBLIC))
    assert (answer.status != 404) is (purpose in PAGES)


@pytest.mark.parametrize(("scorer", "has_prompt"), [("openai", True), ("local", False)])
def test_the_prompt_goes_with_a_readers_own_attachment_only(store: Store, scorer: str, has_prompt: bool) -> None:
    message = mailed(store, attach="page", scorer=scorer, model="some-model")
    (page,) = message.iter_attachments()
    assert page.get_filename() == "papers-2026-11-18.md"
    said = str(page.get_content())
    assert ("Read: 1. Moss" in said) is has_prompt
    assert "It fits." in said
    assert "Read:" not in text_of(message)


def test_nothing_is_attached_unasked(store: Store) -> None:
    assert list(mailed(store, scorer="openai", model="some-model").iter_attachments()) == []
