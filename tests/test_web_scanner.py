"""Others who follow a mail's links, tokens that are guessed, and a run that sends while its readers change their minds."""

import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from html import unescape
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter import pipeline
from newsletter.delivery.dispatch import dispatch
from newsletter.editions.newest import Newest
from newsletter.links import Purpose, Signer
from newsletter.models.sends import Outgoing
from newsletter.models.subscribers import SubscriberStatus
from newsletter.scoring.similarity import Similarity
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers import preferences
from newsletter.subscribers.membership import Membership
from newsletter.web.services import Rooms
from tests.builders import NOON, a_mailing, a_paper, a_topics_file, scored
from tests.days import SENDER, TEMPLATES
from tests.delivery import FakeBackend, a_desk, a_send
from tests.test_web import SIGNER
from tests.web import ask, post_form


@contextmanager
def a_web(folder: Path) -> Iterator[Rooms]:
    """A web with members and one mailing."""
    with Store.open(folder / "newsletter.db") as store:
        store.mailings.save(a_mailing(a_paper(1), a_paper(2)), NOON)
        members = Membership(folder / "subscribers", folder, store, taxonomy())
        newest = Newest(store, taxonomy(), Similarity)
        yield Rooms(
            store, SIGNER, TEMPLATES, lambda: NOON, members=members, joining="open", taxonomy=taxonomy(), newest=newest
        )


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with a_web(tmp_path) as rooms:
        yield rooms


# A link scanner


def links_of(html: str) -> set[str]:
    """The paths of our own links in a page or a mail."""
    found = re.findall(r'(?:href|action)="(?:https://news\.example\.org)?(/[^"/][^"]*)"', html)
    return {unescape(each) for each in found}


def test_a_scanner_that_follows_every_link_of_a_mail_changes_no_row(rooms: Rooms) -> None:
    paper = rooms.store.papers.versions("2611.00001")[0]
    send = a_send(rooms.store, papers=(scored(paper),))
    write = pipeline.writer(rooms.store, TEMPLATES, SIGNER, SENDER, rooms.clock)
    mail = message_from_bytes(write(send), _class=EmailMessage, policy=SMTP)
    body = mail.get_body(("html",))
    assert body
    waiting = links_of(str(body.get_content())) | {str(mail["List-Unsubscribe"]).split("example.org")[1].split(">")[0]}
    assert {path.split("/")[1] for path in waiting} == {"u", "e", "f", "preferences"}
    before, seen = list(rooms.store.database.utils.conn.iterdump()), set[str]()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for method in ("GET", "HEAD", "GET", "HEAD"):
            answer = ask(rooms, method, path)
            assert answer.status in (200, 404, 405)
            waiting |= links_of(answer.text) - seen
    assert len(seen) >= 8
    assert list(rooms.store.database.utils.conn.iterdump()) == before


# Guessed tokens


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.FEEDBACK, Purpose.PREFERENCES, Purpose.CONFIRM])
def test_a_forged_token_takes_as_long_as_one_of_another_kind(rooms: Rooms, purpose: Purpose) -> None:
    """A generous bound: a difference that tells something over a network is much larger."""
    good = SIGNER.token(purpose, 1)
    kinds = {
        "forged": good[:-2] + ("AA" if not good.endswith("AA") else "BB"),
        "another key": Signer("", [b"other"]).token(purpose, 1),
        "another purpose": SIGNER.token(Purpose.EDITION, 1),
    }
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(15):
        for name, token in kinds.items():
            start = time.perf_counter()
            assert ask(rooms, "GET", f"/{purpose}/{token}").status == 404
            taken[name].append(time.perf_counter() - start)
    medians = [statistics.median(times) for times in taken.values()]
    assert max(medians) < 2 * min(medians)


def test_a_key_that_is_taken_away_takes_its_links_along(rooms: Rooms) -> None:
    assert rooms.members
    rooms.members.add("ada", a_topics_file(), "operator", NOON)
    old = Signer("https://news.example.org", [b"old"])
    path = f"/preferences/{old.token(Purpose.PREFERENCES, preferences.fresh_number(1, NOON))}"
    assert ask(replace(rooms, signer=Signer("", [b"new", b"old"])), "GET", path).status == 200
    assert ask(replace(rooms, signer=Signer("", [b"new"])), "GET", path).status == 404


# While a run sends

READERS = ("ada", "bo", "cy")
STEPS = st.lists(
    st.tuples(st.sampled_from(READERS), st.sampled_from(["leave", "back", "pause", "resume", "edit", "erase", "file"])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, when=st.integers(0, 2))
def test_who_changes_their_mind_while_a_run_sends_is_heard_from_the_next_claim_on(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]], when: int
) -> None:
    """Between two messages of a run readers act by the web; what they want is kept, and nobody who left is mailed."""
    with a_web(tmp_path_factory.mktemp("run")) as rooms:
        members = rooms.members
        assert members
        for name in READERS:
            members.add(name, a_topics_file(name), "operator", NOON)
            a_send(rooms.store, name)
            members.enter(name, a_topics_file(name), NOON)
        numbers = {known.slug: known.id for known in rooms.store.subscribers.known()}
        left: set[str] = set()
        sent: list[str] = []

        def act(outgoing: Outgoing) -> None:
            assert outgoing.slug not in left, "gone, and mailed all the same"
            sent.append(outgoing.slug)
            if len(sent) != when + 1:
                return
            for name, step in steps:
                said(rooms, numbers[name], step)
                status = rooms.store.subscribers.status(numbers[name])
                (left.discard if status is SubscriberStatus.ACTIVE else left.add)(name)

        dispatch(a_desk(rooms.store, FakeBackend(before=act), lanes=1))
        assert len(sent) == len(set(sent)), "nobody is mailed twice"
        for known in rooms.store.subscribers.known():
            if known.status is SubscriberStatus.UNSUBSCRIBED:
                assert rooms.store.suppressions.find(known.email)


def said(rooms: Rooms, number: int, step: str) -> None:
    """One reader does one thing by the web."""
    leaving = f"/u/{SIGNER.token(Purpose.UNSUBSCRIBE, number)}"
    own = f"/preferences/{SIGNER.token(Purpose.PREFERENCES, preferences.fresh_number(number, NOON))}"
    match step:
        case "leave":
            assert post_form(rooms, leaving).status in (200, 404)
        case "back":
            post_form(rooms, f"{leaving}/undo")
        case "pause":
            post_form(rooms, own, action="pause", until=str((NOON + timedelta(days=9)).date()))
        case "resume":
            post_form(rooms, own, action="resume")
        case "edit":
            reader = rooms.store.subscribers.by_id(number)
            assert reader
            assert rooms.members
            if preferences.may_change(reader):
                mark = preferences.current(reader, rooms.members).mark
                assert post_form(rooms, own, action="save", mark=mark, max_papers="5").status == 200
                changed = rooms.store.subscribers.by_id(number)
                assert changed
                assert changed.wishes.max_papers == 5
        case "erase":
            post_form(rooms, own, action="erase", sure="yes")
        case _:
            assert ask(rooms, "GET", own).status in (200, 404)
