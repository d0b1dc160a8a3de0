"""What the operator and their machines reach: metrics, readiness, the page behind the token; and who does not."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from newsletter.delivery.breakers import OPEN
from newsletter.models.sends import SendState
from newsletter.operations.status import RUN_AT
from newsletter.store import Store
from newsletter.web.operators.session import LIFETIME, WRONG_PER_NETWORK, Sessions
from newsletter.web.services import Rooms
from tests.builders import NOON, a_mailing, a_paper
from tests.days import TEMPLATES
from tests.delivery import a_send
from tests.test_web import ONE_CLICK, SIGNER
from tests.web import Answer, ask, post_form

TOKEN = "a long token of the operator"


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with Store.open(tmp_path / "newsletter.db") as store:
        yield Rooms(store, SIGNER, TEMPLATES, lambda: NOON, operator_token=TOKEN)


def a_day_on_time(rooms: Rooms) -> None:
    rooms.store.mailings.save(a_mailing(a_paper(1)), NOON)
    rooms.store.facts.set(RUN_AT, NOON.isoformat())


# Readiness and metrics


def test_a_new_home_is_not_ready_and_says_that_nothing_is_known(rooms: Rooms) -> None:
    answer = ask(rooms, "GET", "/ready")
    assert (answer.status, json.loads(answer.text)["status"]) == (503, "unknown")
    assert ask(rooms, "GET", "/health").status == 200


def test_a_day_on_time_is_ready_and_a_late_one_is_not(rooms: Rooms) -> None:
    a_day_on_time(rooms)
    answer = ask(rooms, "GET", "/ready")
    assert (answer.status, json.loads(answer.text)["run_age"]) == (200, 0.0)
    late = ask(replace(rooms, clock=lambda: NOON + timedelta(days=3)), "GET", "/ready")
    assert (late.status, json.loads(late.text)["status"]) == (503, "late")
    assert "the last run ended 72 hours ago" in json.loads(late.text)["late"]


def test_metrics_are_the_stores_numbers_at_each_request(rooms: Rooms) -> None:
    a_day_on_time(rooms)
    assert 'newsletter_sends{state="ready"}' not in ask(rooms, "GET", "/metrics").text
    a_send(rooms.store)
    text = ask(rooms, "GET", "/metrics").text
    assert 'newsletter_sends{state="ready"} 1.0' in text
    assert 'newsletter_subscribers{status="active"} 1.0' in text
    assert "newsletter_run_age_seconds 0.0" in text
    assert "example.org" not in text


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("203.0.113.7", {}, 401),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, 401),
        ("203.0.113.7", {"authorization": f"Bearer {TOKEN}"}, 200),
        ("203.0.113.7", {"authorization": "Bearer guess"}, 401),
        ("no address", {}, 401),
    ],
)
def test_numbers_are_for_this_machine_and_who_has_the_token(
    rooms: Rooms, client: str, headers: dict[str, str], status: int
) -> None:
    assert ask(rooms, "GET", "/metrics", headers=headers, client=client).status == status


def test_without_a_token_nobody_from_elsewhere_asks_with_an_empty_one(rooms: Rooms) -> None:
    without = replace(rooms, operator_token="")
    assert ask(without, "GET", "/metrics", headers={"authorization": "Bearer "}, client="203.0.113.7").status == 401
    assert ask(without, "GET", "/operator").status == 404


# The page


def enter(rooms: Rooms, token: str = TOKEN, client: str = "127.0.0.1") -> Answer:
    return post_form(rooms, "/operator", client, action="open", token=token)


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def press(rooms: Rooms, cookie: str, **fields: str) -> Answer:
    return ask(rooms, "POST", "/operator", urlencode(fields).encode(), ONE_CLICK | {"cookie": cookie})


def form_token(page: str) -> str:
    found = re.search(r'name="form" value="(\w+)"', page)
    assert found
    return found[1]


def inside(rooms: Rooms) -> tuple[str, str]:
    """A cookie and the token of its forms."""
    cookie = cookie_of(enter(rooms))
    return cookie, form_token(ask(rooms, "GET", "/operator", headers={"cookie": cookie}).text)


def test_the_token_opens_the_page_for_some_hours(rooms: Rooms) -> None:
    a_send(rooms.store)
    assert "ada" not in ask(rooms, "GET", "/operator").text
    answer = enter(rooms)
    assert answer.status == 303
    for part in ("HttpOnly", "SameSite=strict", "Secure", "Path=/operator"):
        assert part in answer.headers["set-cookie"]
    headers = {"cookie": cookie_of(answer)}
    assert "<td>ada</td>" in ask(rooms, "GET", "/operator", headers=headers).text
    later = replace(rooms, clock=lambda: NOON + LIFETIME)
    assert "<td>ada</td>" not in ask(later, "GET", "/operator", headers=headers).text
    other = replace(rooms, operator_token="a new token")
    assert "<td>ada</td>" not in ask(other, "GET", "/operator", headers=headers).text


@pytest.mark.parametrize("cookie", ["", "x", "1.2.3", "99999999999.a.", "é.é.é", f"99999999999.x.{'0' * 64}"])
def test_a_made_up_cookie_opens_nothing(rooms: Rooms, cookie: str) -> None:
    assert not Sessions(TOKEN).is_open(cookie, NOON)
    assert not Sessions("").is_open(Sessions("").open(NOON, "x"), NOON)


def test_guessing_ends_soon_for_one_network_and_the_right_token_then_waits_too(rooms: Rooms) -> None:
    codes = [enter(rooms, "guess", "203.0.113.7").status for _ in range(WRONG_PER_NETWORK + 2)]
    assert codes == [403] * WRONG_PER_NETWORK + [429] * 2
    assert enter(rooms, TOKEN, "203.0.113.7").status == 429
    assert enter(rooms, TOKEN, "198.51.100.1").status == 303
    assert enter(replace(rooms, clock=lambda: NOON + timedelta(minutes=16)), TOKEN, "203.0.113.7").status == 303


def test_what_nobody_knows_is_resolved_by_two_buttons(rooms: Rooms) -> None:
    send = a_send(rooms.store)
    rooms.store.sends.doubt(NOON, "the run ended", {})
    cookie, token = inside(rooms)
    page = ask(rooms, "GET", "/operator", headers={"cookie": cookie}).text
    assert "It arrived" in page
    assert "Send it again" in page
    assert "counts as sent" in press(rooms, cookie, action="sent", send=send.id, form=token).text
    assert rooms.store.sends.counts() == {SendState.ACCEPTED: 1}
    assert "not ambiguous any more" in press(rooms, cookie, action="resend", send=send.id, form=token).text


def test_sending_goes_on_by_a_button(rooms: Rooms) -> None:
    rooms.store.facts.set(OPEN, "too many complaints")
    cookie, token = inside(rooms)
    assert "too many complaints" in ask(rooms, "GET", "/operator", headers={"cookie": cookie}).text
    press(rooms, cookie, action="resume", form=token)
    assert not rooms.store.facts.get(OPEN)


def test_a_form_of_another_site_or_session_does_nothing(rooms: Rooms) -> None:
    rooms.store.facts.set(OPEN, "too many complaints")
    cookie, token = inside(rooms)
    other, _ = inside(rooms)
    assert other != cookie
    for given in ({}, {"form": ""}, {"form": "x" * 64}):
        assert press(rooms, cookie, action="resume", **given).status == 403
    assert press(rooms, other, action="resume", form=token).status == 403
    assert press(rooms, "", action="resume", form=token).status == 403
    assert rooms.store.facts.get(OPEN)


def test_leaving_takes_the_cookie_away(rooms: Rooms) -> None:
    cookie, token = inside(rooms)
    assert 'operator=""' in press(rooms, cookie, action="close", form=token).headers["set-cookie"]


def test_looking_changes_no_row(rooms: Rooms) -> None:
    a_send(rooms.store)
    cookie, _ = inside(rooms)
    before = list(rooms.store.database.utils.conn.iterdump())
    for path in ("/operator", "/metrics", "/ready", "/health"):
        for method in ("GET", "HEAD"):
            ask(rooms, method, path, headers={"cookie": cookie})
    assert list(rooms.store.database.utils.conn.iterdump()) == before
