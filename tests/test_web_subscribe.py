"""A stranger goes from nothing to a first email, alone; and what a stranger cannot do with the form."""

import email
import re
import resource
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from email.policy import SMTP
from functools import partial
from pathlib import Path

import pytest

from newsletter import pipeline
from newsletter.editions.compose import Composing, compose, welcome
from newsletter.models.editions import Kind
from newsletter.models.sends import Outgoing
from newsletter.models.subscribers import SubscriberStatus
from newsletter.scoring.similarity import Similarity
from newsletter.sources import origins, taxonomy
from newsletter.store import Store
from newsletter.subscribers import applications
from newsletter.subscribers.applications import Asked, Caps, TooMany
from newsletter.subscribers.membership import Membership
from newsletter.subscribers.roster import roster
from newsletter.web.services import Rooms
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper
from tests.days import SENDER, TEMPLATES
from tests.delivery import FakeBackend, Ticking, a_desk, a_reader
from tests.test_web import SIGNER, link
from tests.web import Answer, ask, post_form

TOPICS = "1. Moss\nRelevant: the growth of moss on stones.\nIrrelevant: lichen.\n"
ANSWER = "Look into your mail"
GONE = "There is nothing at this address"


@pytest.fixture
def rooms(tmp_path: Path, folder: Path) -> Iterator[Rooms]:
    """A web that anybody may join, with one mailing on record."""
    with Store.open(tmp_path / "newsletter.db") as store:
        store.mailings.save(a_mailing(a_paper(categories=("q-bio.PE",))), NOON)
        made = Composing(store, Similarity(), origins(), taxonomy(), to_people=True)
        yield Rooms(
            store,
            SIGNER,
            TEMPLATES,
            Ticking(),
            members=Membership(folder, tmp_path, store, taxonomy()),
            joining="open",
            taxonomy=taxonomy(),
            welcome=lambda subscriber: welcome(subscriber, made, NOON),
        )


def subscribe(rooms: Rooms, email: str = "new@example.org", client: str = "192.0.2.1", **fields: str) -> Answer:
    given = {"email": email, "topics": TOPICS, "categories": "q-bio.PE", "timezone": "Europe/Berlin", "at": "08:15"}
    return post_form(rooms, "/subscribe", client, **(given | fields))


def mailed(rooms: Rooms) -> list[Outgoing]:
    """What goes out to people between the runs."""
    backend = FakeBackend()
    write = pipeline.writer(rooms.store, TEMPLATES, SIGNER, SENDER, rooms.clock)
    pipeline.send_ready(a_desk(rooms.store, backend, write=write, clock=rooms.clock), None, Kind.WELCOME)
    return backend.taken


def confirmation(rooms: Rooms) -> str:
    """The path of the one link in the one mail that waits."""
    (asked,) = mailed(rooms)
    links = set(re.findall(rb"https://news\.example\.org(/confirm/[\w-]+)", asked.eml.replace(b"=\r\n", b"")))
    assert len(links) == 1
    return str(links.pop().decode())


def rows(rooms: Rooms) -> str:
    return "\n".join(rooms.store.database.utils.conn.iterdump())


# The way in


def test_a_stranger_comes_from_nothing_to_the_first_email_and_leaves(rooms: Rooms) -> None:
    assert 'name="topics"' in ask(rooms, "GET", "/subscribe").text
    assert ANSWER in subscribe(rooms).text
    path = confirmation(rooms)
    page = ask(rooms, "GET", path).text
    assert "new@example.org" in page
    assert "growth of moss on stones" in page
    assert "You are subscribed" in ask(rooms, "POST", path).text
    consent = rooms.store.database.row("SELECT source, ip FROM consents")
    assert consent == {"source": f"web form, wording of {applications.WORDING}", "ip": "192.0.2.1"}
    (first,) = mailed(rooms)
    assert first.recipient == "new@example.org"
    told = email.message_from_bytes(first.eml, policy=SMTP).get_body(("plain",))
    assert told
    assert a_paper().title in told.get_content()
    (known,) = rooms.store.subscribers.known()
    subscriber = rooms.store.subscribers.load(known.slug)
    assert subscriber
    assert re.fullmatch(r"reader-[0-9a-f]{10}", known.slug), "nothing of the address stands in a file's name"
    assert rooms.store.subscribers.has_consent(known.id, "new@example.org")
    assert (f"{subscriber.wishes.deliver.at:%H:%M}", subscriber.wishes.deliver.timezone) == ("08:15", "Europe/Berlin")
    ask(rooms, "POST", link(known.id))
    assert rooms.store.subscribers.status(known.id) is SubscriberStatus.UNSUBSCRIBED


def test_the_welcome_edition_is_followed_by_the_next_mailing_not_by_its_own(rooms: Rooms) -> None:
    subscribe(rooms)
    ask(rooms, "POST", confirmation(rooms))
    mailed(rooms)
    assert rooms.members
    made = Composing(rooms.store, Similarity(), origins(), taxonomy(), to_people=True)
    entries = partial(roster, rooms.members.folder, rooms.store, taxonomy(), NOON)
    (composed,) = compose(entries, made, NOON)
    assert composed.reason == "has nothing due"
    thursday = WEDNESDAY + timedelta(days=1)
    rooms.store.mailings.save(a_mailing(a_paper(99, categories=("q-bio.PE",)), day=thursday), NOON)
    (composed,) = compose(entries, made, NOON + timedelta(days=1))
    assert composed.papers == 1


def test_a_file_and_a_check_of_what_was_understood(rooms: Rooms) -> None:
    page = subscribe(rooms, action="check").text
    assert "What was understood" in page
    assert '<li value="1"><strong>Moss</strong>' in page
    assert mailed(rooms) == []
    boundary = b"--x\r\nContent-Disposition: form-data; name="
    body = (
        boundary + b'"email"\r\n\r\nnew@example.org\r\n'
        + boundary + b'"file"; filename="topics.md"\r\nContent-Type: text/markdown\r\n\r\n'
        + b"---\ncategories: [q-bio.PE]\n---\n" + TOPICS.encode() + b"\r\n--x--\r\n"
    )  # fmt: skip
    assert ANSWER in ask(rooms, "POST", "/subscribe", body, {"content-type": "multipart/form-data; boundary=x"}).text
    assert len(mailed(rooms)) == 1


def test_pages_and_mail_speak_the_language_of_who_asks(rooms: Rooms) -> None:
    german = ask(rooms, "GET", "/subscribe", headers={"accept-language": "nl,de-AT;q=0.8,en;q=0.5"})
    assert '<html lang="de-AT">' in german.text
    assert "Ihre Themen" in german.text
    subscribe(rooms, language="fr")
    (asked,) = mailed(rooms)
    assert "Merci de confirmer" in str(email.message_from_bytes(asked.eml, policy=SMTP)["Subject"])
    subscribe(rooms, "other@example.org", language="fr")
    path = confirmation(rooms)
    ask(rooms, "POST", path)
    (known,) = rooms.store.subscribers.known()
    found = rooms.store.subscribers.load(known.slug)
    assert found
    assert found.wishes.language == "fr"


# Who may join


def test_where_joining_is_closed_the_page_says_so_and_takes_nothing(rooms: Rooms) -> None:
    closed = replace(rooms, joining="closed")
    assert "Ask whoever runs this newsletter" in ask(closed, "GET", "/subscribe").text
    before = rows(rooms)
    subscribe(closed)
    assert rows(rooms) == before


def test_a_domain_may_be_all_that_is_let_in(rooms: Rooms) -> None:
    lab = replace(rooms, joining="@example.edu")
    assert subscribe(lab).status == 422
    assert subscribe(lab, "eve@notexample.edu").status == 422
    assert mailed(rooms) == []
    assert ANSWER in subscribe(lab, "New@Example.EDU").text


def test_every_address_gets_the_same_answer_and_only_a_new_one_a_mail(rooms: Rooms) -> None:
    a_reader(rooms.store)
    rooms.store.suppressions.add("gone@example.org", "complaint", "sendgrid", NOON)
    answers = {subscribe(rooms, address).text for address in ("ada@example.org", "gone@example.org", "new@example.org")}
    assert len(answers) == 1
    assert [outgoing.recipient for outgoing in mailed(rooms)] == ["new@example.org"]


# The token


@pytest.mark.parametrize("change", [lambda p: p[:-1], lambda p: p + "A", lambda _: "/confirm/x", lambda p: p + "/"])
def test_a_token_that_is_not_ours_opens_nothing(rooms: Rooms, change: "pytest.FixtureRequest") -> None:
    subscribe(rooms)
    wrong = change(confirmation(rooms))  # type: ignore[operator]
    for method in ("GET", "POST"):
        answer = ask(rooms, method, wrong)
        assert (answer.status, GONE in answer.text) == (404, True)
    assert list(rooms.store.subscribers.known()) == []


def test_a_token_works_once_and_for_two_days(rooms: Rooms) -> None:
    subscribe(rooms)
    path = confirmation(rooms)
    late = replace(rooms, clock=lambda: NOON + timedelta(hours=48, seconds=1))
    assert ask(late, "POST", path).status == 404
    assert ask(rooms, "POST", path).status == 200
    assert ask(rooms, "POST", path).status == 404
    assert ask(rooms, "GET", path).status == 404


def test_a_confirmation_that_was_killed_in_between_is_finished_by_the_same_link(rooms: Rooms) -> None:
    subscribe(rooms)
    token = confirmation(rooms).rpartition("/")[2]
    pending = rooms.store.applications.find(applications.hashed(token), NOON)
    assert rooms.members
    assert pending
    rooms.members.add(pending.slug, pending.file, "web form", NOON)  # and here the process died
    assert applications.confirm(token, rooms.members, NOON)
    assert len(list(rooms.store.subscribers.known())) == 1
    assert len(list(rooms.members.folder.glob("*.md"))) == 1


def test_no_token_lies_in_the_database_once_the_mail_is_out(rooms: Rooms) -> None:
    subscribe(rooms)
    token = confirmation(rooms).rpartition("/")[2]
    assert token not in rows(rooms)


# Abuse


def test_many_posts_bring_no_more_mail_than_the_caps(rooms: Rooms) -> None:
    one = [subscribe(rooms, f"a{n}@example.org").status for n in range(60)]
    assert one == [200] * applications.CAPS.network + [429] * (60 - applications.CAPS.network)
    same = [subscribe(rooms, "victim@example.org", client=f"198.51.100.{n}").text for n in range(40)]
    assert len(set(same)) == 1
    recipients = [outgoing.recipient for outgoing in mailed(rooms)]
    assert recipients.count("victim@example.org") == applications.CAPS.address
    assert len(recipients) == applications.CAPS.network + applications.CAPS.address


@pytest.mark.soak
def test_ten_thousand_posts_from_many_networks_stay_within_the_total_and_the_memory(rooms: Rooms) -> None:
    def posts(first: int) -> None:
        for n in range(first, first + 5_000):
            subscribe(rooms, f"a{n}@example.org", client=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")

    posts(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    posts(5_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kB"
    assert len(mailed(rooms)) == applications.CAPS.total


def test_addresses_of_one_ipv6_household_count_together(rooms: Rooms) -> None:
    answers = [subscribe(rooms, f"a{n}@example.org", client=f"2001:db8:0:1::{n:x}").status for n in range(1, 30)]
    assert answers.count(200) == applications.CAPS.network


def test_all_networks_together_are_capped_too(rooms: Rooms) -> None:
    assert rooms.members
    for number in range(5):
        asked = Asked(TOPICS, {"email": f"a{number}@example.org", "categories": ["q-bio.PE"]}, f"10.0.0.{number}", "en")
        token = f"token{number}"
        with pytest.raises(TooMany) if number >= 3 else nullcontext():
            applications.ask(
                asked, rooms.members, policy="open", token=token, url="https://x/", now=NOON, caps=Caps(total=3)
            )


def test_a_robot_that_fills_in_every_field_gets_the_answer_and_no_mail(rooms: Rooms) -> None:
    assert ANSWER in subscribe(rooms, website="https://spam.example").text
    assert mailed(rooms) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"topics": "---\na: &a [x]\nb: *a\n---\n" + TOPICS}, "aliases"),
        ({"topics": "---\nemail: !!python/object:os.system {}\n---\n" + TOPICS}, ""),
        ({"topics": "x" * 33_000}, "32"),
        ({"topics": "1. \x00\x1b\n"}, ""),
        ({"email": "../../etc/passwd"}, "email"),
        ({"email": ""}, "email"),
        ({"categories": "../q-bio"}, "categor"),
        ({"timezone": "../../etc/localtime"}, "time zone"),
        ({"at": "25:99"}, "time"),
    ],
)
def test_bad_input_is_one_clear_answer_and_changes_nothing(rooms: Rooms, fields: dict[str, str], said: str) -> None:
    before = rows(rooms)
    answer = subscribe(rooms, **fields)
    assert answer.status in (200, 422)
    assert said in answer.text
    if answer.status == 422:
        assert 'role="alert"' in answer.text
        assert rows(rooms) == before
    assert not list((rooms.members.folder if rooms.members else Path()).rglob("*"))


def test_markup_in_topics_is_text_on_every_page(rooms: Rooms) -> None:
    evil = "1. <script>alert(1)</script>\nRelevant: moss.\n"
    assert "<script>alert" not in subscribe(rooms, topics=evil, action="check").text
    subscribe(rooms, topics=evil)
    assert "<script>alert" not in ask(rooms, "GET", confirmation(rooms)).text


def test_a_huge_body_is_refused_before_it_is_parsed(rooms: Rooms) -> None:
    assert subscribe(rooms, topics="x" * 10_000_000).status == 413


def test_a_scanner_that_gets_and_heads_everything_changes_no_row(rooms: Rooms) -> None:
    subscribe(rooms)
    path = confirmation(rooms)
    before = rows(rooms)
    for method in ("GET", "HEAD") * 2:
        for each in ("/subscribe", path, "/own.js"):
            assert ask(rooms, method, each).status == 200
    assert rows(rooms) == before


def test_a_stranger_gives_themself_no_more_of_the_operators_money_than_is_allowed(
    rooms: Rooms, tmp_path: Path, folder: Path
) -> None:
    subscribe(rooms, topics=f"---\nbudget_usd_per_month: 1000\n---\n{TOPICS}")
    ask(rooms, "POST", confirmation(rooms))
    (known,) = rooms.store.subscribers.known()
    joined = rooms.store.subscribers.load(known.slug)
    assert joined
    assert joined.wishes.budget_usd_per_month == 1.0


def test_topics_are_checked_before_there_is_an_address(rooms: Rooms) -> None:
    answer = subscribe(rooms, "", action="check", categories="")
    assert answer.status == 200
    assert "Moss" in answer.text
