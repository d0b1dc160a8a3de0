"""A reader changes what they get: by a link that is good for half an hour, and by nothing else."""

import asyncio
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from newsletter import web
from newsletter.editions.newest import Newest
from newsletter.links import Purpose, Signer
from newsletter.models.sends import NoticeKind
from newsletter.models.subscribers import Mark, Subscriber, SubscriberStatus
from newsletter.scoring.similarity import Similarity
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers import preferences
from newsletter.subscribers.membership import Membership
from newsletter.web.services import Rooms
from tests.builders import NOON, a_mailing, a_paper, a_topics_file
from tests.days import TEMPLATES
from tests.test_web import SIGNER
from tests.web import Answer, ask, post_form

FORM = {"frequency": "daily", "announce": "new", "days": "mon"}


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    """A web with one reader, ada, and one mailing: two papers on moss, two on rivers."""
    with Store.open(tmp_path / "newsletter.db") as store:
        rivers = [a_paper(n, title=f"Rivers {n}", abstract="Water flows in river beds and floods.") for n in (7, 8)]
        store.mailings.save(a_mailing(a_paper(1), a_paper(2), *rivers), NOON)
        members = Membership(tmp_path / "subscribers", tmp_path, store, taxonomy())
        members.add("ada", a_topics_file(min_relevance="3"), "operator", NOON)
        yield Rooms(
            store,
            SIGNER,
            TEMPLATES,
            lambda: NOON,
            members=members,
            taxonomy=taxonomy(),
            newest=Newest(store, taxonomy(), Similarity),
        )


def ada(rooms: Rooms) -> Subscriber:
    found = rooms.store.subscribers.by_id(1)
    assert found
    return found


def file_of(rooms: Rooms) -> Path:
    assert rooms.members
    return rooms.members.folder / "ada.md"


def fresh(rooms: Rooms, reader: int = 1) -> str:
    """The path of a link that was just mailed."""
    return f"/preferences/{SIGNER.token(Purpose.PREFERENCES, preferences.fresh_number(reader, NOON))}"


def mark(rooms: Rooms) -> str:
    assert rooms.members
    return preferences.current(ada(rooms), rooms.members).mark


def save(rooms: Rooms, **fields: str) -> Answer:
    return post_form(rooms, fresh(rooms), **({"action": "save", "mark": mark(rooms)} | fields))


# The door


def test_the_link_of_a_mail_opens_a_page_that_mails_a_fresh_one(rooms: Rooms) -> None:
    old = f"/preferences/{SIGNER.token(Purpose.PREFERENCES, 1)}"
    page = ask(rooms, "GET", old).text
    assert "does not open them" in page
    assert "ada@example.org" not in page
    post_form(rooms, old)
    [letter] = rooms.store.notices.waiting(NOON)
    assert (letter.kind, letter.address) == (NoticeKind.PREFERENCES, "ada@example.org")
    assert "Earlier versions" not in ask(rooms, "GET", urlsplit(letter.facts["url"]).path).text
    assert "Your topics" in ask(rooms, "GET", urlsplit(letter.facts["url"]).path).text


def test_nothing_is_changed_by_the_link_of_a_mail(rooms: Rooms) -> None:
    before = file_of(rooms).read_text()
    post_form(rooms, f"/preferences/{SIGNER.token(Purpose.PREFERENCES, 1)}", action="erase", sure="yes")
    assert file_of(rooms).read_text() == before


def test_who_asks_by_address_hears_the_same_whoever_they_are(rooms: Rooms) -> None:
    answers = {
        post_form(rooms, "/preferences", email=email).text for email in ("ADA@example.org", "no@example.org", "")
    }
    assert len(answers) == 1
    assert [letter.address for letter in rooms.store.notices.waiting(NOON)] == ["ada@example.org"]


def test_nobody_is_buried_in_links(rooms: Rooms) -> None:
    for _ in range(50):
        post_form(rooms, "/preferences", email="ada@example.org")
    assert len(rooms.store.notices.waiting(NOON)) == preferences.LETTERS_A_DAY


def test_a_link_is_good_for_half_an_hour_and_for_one_reader(rooms: Rooms) -> None:
    good = fresh(rooms)
    other = Signer("", [b"other"]).token(Purpose.PREFERENCES, preferences.fresh_number(1, NOON))
    bad = [
        f"/preferences/{SIGNER.token(Purpose.PREFERENCES, preferences.fresh_number(1, NOON - timedelta(minutes=30)))}",
        fresh(rooms, reader=99),
        good[:-1],
        f"/preferences/{other}",
        f"/preferences/{SIGNER.token(Purpose.UNSUBSCRIBE, preferences.fresh_number(1, NOON))}",
        "/preferences/x",
    ]
    answers = {(a.status, a.text) for path in bad for a in (ask(rooms, "GET", path), post_form(rooms, path))}
    assert len(answers) == 1
    assert ask(rooms, "GET", good).status == 200
    assert ask(replace(rooms, clock=lambda: NOON + timedelta(minutes=29)), "GET", good).status == 200
    assert ask(replace(rooms, clock=lambda: NOON + timedelta(minutes=31)), "GET", good).status == 404


def test_who_left_has_no_preferences(rooms: Rooms) -> None:
    rooms.store.subscribers.leave(1, "link", NOON)
    assert ask(rooms, "GET", fresh(rooms)).status == 404
    post_form(rooms, "/preferences", email="ada@example.org")
    assert rooms.store.notices.waiting(NOON) == []


# Changing


def test_what_is_saved_is_in_the_file_and_the_rest_stays_as_it_was_written(rooms: Rooms) -> None:
    file_of(rooms).write_text(a_topics_file(min_relevance="3 # mine"))
    answer = save(rooms, topics="1. Rivers\n   - Relevant: floods\n", max_papers="7", authors="Ada Winter, Bo Summer")
    assert "Saved" in answer.text
    text = file_of(rooms).read_text()
    assert "min_relevance: 3 # mine" in text
    assert ada(rooms).wishes.max_papers == 7
    assert ada(rooms).wishes.authors == ("Ada Winter", "Bo Summer")
    assert [topic.name for topic in ada(rooms).topics.topics] == ["Rivers"]
    assert "announce" not in text, "what did not change is not written out"


@pytest.mark.parametrize(
    ("fields", "wish"),
    [
        ({"at": "06:15", "timezone": "Europe/Berlin"} | FORM, "06:15 Europe/Berlin daily ('mon',) heartbeat"),
        ({"frequency": "weekly"}, "07:30 UTC weekly ('fri',) heartbeat"),
        ({"empty": "silent"} | FORM, "07:30 UTC daily ('mon',) silent"),
    ],
)
def test_hours_days_and_silence_are_the_readers(rooms: Rooms, fields: dict[str, str], wish: str) -> None:
    save(rooms, **fields)
    deliver = ada(rooms).wishes.deliver
    said = f"{deliver.at:%H:%M} {deliver.timezone} {deliver.frequency} {deliver.days} {deliver.empty}"
    assert said == wish


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"min_relevance": "11"}, "min_relevance: must be at most 10"),
        ({"min_relevance": "many"}, "must be a whole number"),
        ({"categories": "cs.XX"}, "there is no category"),
        ({"categories": ""}, "categories: is missing"),
        ({"topics": " "}, "has no topics"),
        ({"timezone": "Mars"} | FORM, "unknown time zone"),
        ({"topics": "x" * 40_000}, "at most 32000"),
        ({"language": "<b>"}, "is no language"),
    ],
)
def test_what_is_wrong_is_said_and_the_file_stays(rooms: Rooms, fields: dict[str, str], said: str) -> None:
    before = file_of(rooms).read_bytes()
    answer = save(rooms, **fields)
    assert answer.status == 422
    assert said in answer.text
    assert file_of(rooms).read_bytes() == before


def test_the_address_stays(rooms: Rooms) -> None:
    save(rooms, email="bo@example.org", max_papers="9")
    assert ada(rooms).wishes.email == "ada@example.org"


def test_a_reader_gives_themself_no_more_money_than_is_allowed(rooms: Rooms) -> None:
    save(rooms, budget_usd_per_month="1000")
    assert ada(rooms).wishes.budget_usd_per_month == 1.0
    save(rooms, budget_usd_per_month="0.25")
    assert ada(rooms).wishes.budget_usd_per_month == 0.25


def test_a_change_is_shown_in_papers_before_it_is_made(rooms: Rooms) -> None:
    before = file_of(rooms).read_bytes()
    body = "1. Rivers\n   - Relevant: water flows in river beds and floods\n"
    page = post_form(rooms, fresh(rooms), action="preview", mark=mark(rooms), topics=body).text
    added, dropped = page.split("would have dropped")
    assert "Rivers 7" in added
    assert "On the growth of moss number 1" in dropped
    assert "water flows in river beds" in page, "the form keeps what was written"
    assert file_of(rooms).read_bytes() == before


def test_of_two_changes_at_once_none_is_lost(rooms: Rooms) -> None:
    seen = mark(rooms)
    file_of(rooms).write_text(a_topics_file(max_papers="11"))
    answer = post_form(rooms, fresh(rooms), action="save", mark=seen, max_papers="22")
    assert answer.status == 409
    assert "max_papers: 11" in answer.text
    assert 'value="22"' in answer.text
    assert "max_papers: 11" in file_of(rooms).read_text()
    again = save(rooms, max_papers="22")
    assert again.status == 200
    assert "max_papers: 11" in rooms.store.former_files.of(1)[0].file


def test_an_earlier_version_is_looked_at_and_saved_again(rooms: Rooms) -> None:
    first = file_of(rooms).read_text()
    save(rooms, topics="1. Rivers\n   - Relevant: floods\n")
    [former] = rooms.store.former_files.of(1)
    assert former.file == first
    page = post_form(rooms, fresh(rooms), action="restore", version=str(former.id)).text
    assert "Nothing is saved yet" in page
    assert "growth of moss on stones" in page
    assert "Rivers" in file_of(rooms).read_text()


def test_one_reader_does_not_see_the_versions_of_another(rooms: Rooms) -> None:
    assert rooms.members
    rooms.members.add("bo", a_topics_file("bo"), "operator", NOON)
    rooms.store.former_files.keep(2, "bo's secret plan", NOON)
    number = rooms.store.former_files.of(2)[0].id
    assert "secret plan" not in post_form(rooms, fresh(rooms), action="restore", version=str(number)).text


def test_a_file_that_is_gone_is_said_and_not_made_anew(rooms: Rooms) -> None:
    file_of(rooms).unlink()
    assert ask(rooms, "GET", fresh(rooms)).status == 422
    assert not file_of(rooms).exists()


# Pausing, data, erasure


def test_a_pause_until_a_day_and_back(rooms: Rooms) -> None:
    post_form(rooms, fresh(rooms), action="pause", until="2026-12-24")
    assert (ada(rooms).status, str(ada(rooms).paused_until)) == (SubscriberStatus.PAUSED, "2026-12-24 00:00:00+00:00")
    assert "paused until 2026-12-24" in ask(rooms, "GET", fresh(rooms)).text
    post_form(rooms, fresh(rooms), action="resume")
    assert ada(rooms).status is SubscriberStatus.ACTIVE


@pytest.mark.parametrize("until", ["2020-01-01", "soon", "2026-99-99"])
def test_no_pause_until_a_day_that_is_none_or_over(rooms: Rooms, until: str) -> None:
    assert post_form(rooms, fresh(rooms), action="pause", until=until).status == 422
    assert ada(rooms).status is SubscriberStatus.ACTIVE


def binary(rooms: Rooms, path: str) -> bytes:
    """The body of an answer that is no text."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "scheme": "https"}
    asyncio.run(web.app(rooms)(scope | {"client": ("127.0.0.1", 1), "server": ("x", 443)}, receive, send))
    return b"".join(message.get("body", b"") for message in sent[1:])


def test_all_own_data_come_as_one_archive(rooms: Rooms) -> None:
    save(rooms, max_papers="7")
    rooms.store.feedback.set(1, rooms.store.papers.versions("2611.00001")[0].key or 0, Mark.SAVED, NOON, "web")
    with zipfile.ZipFile(io.BytesIO(binary(rooms, f"{fresh(rooms)}/data.zip"))) as archive:
        record = json.loads(archive.read("record.json"))
        assert archive.read("topics.md").decode() == file_of(rooms).read_text()
        assert b"2611.00001" in archive.read("saved.bib")
    assert (record["slug"], record["email"]) == ("ada", "ada@example.org")
    assert record["marks"][0]["mark"] == "saved"
    assert len(record["former_files"]) == 1


def test_saved_papers_are_listed_and_exported(rooms: Rooms) -> None:
    rooms.store.feedback.set(1, rooms.store.papers.versions("2611.00007")[0].key or 0, Mark.SAVED, NOON, "web")
    assert "Rivers 7" in ask(rooms, "GET", fresh(rooms)).text
    assert "eprint = {2611.00007}" in ask(rooms, "GET", f"{fresh(rooms)}/saved.bib").text
    assert ask(rooms, "GET", f"{fresh(rooms)}/saved.exe").status == 404


def test_erasure_asks_once_more_and_then_nothing_is_left(rooms: Rooms) -> None:
    save(rooms, topics="1. A secret plan\n   - Relevant: moss that sings\n")
    save(rooms, topics="1. Rivers\n")
    assert post_form(rooms, fresh(rooms), action="erase").status == 422
    assert "You are erased" in post_form(rooms, fresh(rooms), action="erase", sure="yes").text
    left = "\n".join(rooms.store.database.utils.conn.iterdump())
    assert "secret plan" not in left
    assert "ada@example.org" not in left
    assert not file_of(rooms).exists()
    assert ask(rooms, "GET", fresh(rooms)).status == 404


def test_a_get_of_all_of_it_changes_no_row(rooms: Rooms) -> None:
    before = "\n".join(rooms.store.database.utils.conn.iterdump())
    for path in (fresh(rooms), f"{fresh(rooms)}/data.zip", f"{fresh(rooms)}/saved.ris", "/preferences"):
        for method in ("GET", "HEAD"):
            binary(rooms, path) if path.endswith("zip") else ask(rooms, method, path)
    assert "\n".join(rooms.store.database.utils.conn.iterdump()) == before
