"""What a reader says of a paper by the links of their mail, and what others cannot say for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.links import Purpose, Signer
from newsletter.models.scores import Reason
from newsletter.models.sends import Send
from newsletter.models.subscribers import Mark
from newsletter.store import Store
from newsletter.web.services import Rooms
from tests.builders import NOON, a_paper, scored
from tests.days import TEMPLATES
from tests.delivery import a_send
from tests.test_web import SIGNER
from tests.web import ask, post_form


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with Store.open(tmp_path / "newsletter.db") as store:
        yield Rooms(store, SIGNER, TEMPLATES, lambda: NOON)


def a_mail(rooms: Rooms) -> Send:
    """A send of an edition with paper 1, found by two words, and paper 2 near to it; paper 3 is in no edition."""
    one, two, _ = rooms.store.papers.save([a_paper(1, title="Calibrated <b>moss</b>"), a_paper(2), a_paper(3)])
    found = scored(one)
    reason = Reason(words=("calibration", "stones"))
    return a_send(
        rooms.store,
        papers=[type(found)(one, found.score, reason=reason)],
        near_misses=(scored(two),),
    )


def link(send: Send, paper: int = 1, mark: str = "more", signer: Signer = SIGNER) -> str:
    return f"/f/{signer.token(Purpose.FEEDBACK, send.edition_id)}?paper=2611.{paper:05}&mark={mark}"


def marks(rooms: Rooms, send: Send) -> list[Mark]:
    return [marked.mark for marked in rooms.store.feedback.of(send.subscriber_id)]


def test_a_get_says_what_will_happen_and_changes_nothing(rooms: Rooms) -> None:
    send = a_mail(rooms)
    page = ask(rooms, "GET", link(send))
    assert page.status == 200
    assert "You will see more of calibration, stones" in page.text
    assert "Calibrated &lt;b&gt;moss" in page.text
    assert marks(rooms, send) == []


@pytest.mark.parametrize(("said", "mark"), [("more", Mark.MORE), ("less", Mark.LESS), ("save", Mark.SAVED)])
def test_a_post_keeps_the_mark_and_an_undo_takes_it_back(rooms: Rooms, said: str, mark: Mark) -> None:
    send = a_mail(rooms)
    for _ in range(2):
        assert "Done" in post_form(rooms, link(send, mark=said)).text
    assert marks(rooms, send) == [mark]
    assert "as if you had said nothing" in post_form(rooms, link(send, mark=said), action="undo").text
    assert marks(rooms, send) == []


def test_less_after_more_is_less_and_saved_stands_beside_it(rooms: Rooms) -> None:
    send = a_mail(rooms)
    for mark in ("more", "save", "less"):
        post_form(rooms, link(send, mark=mark))
    assert set(marks(rooms, send)) == {Mark.LESS, Mark.SAVED}


def test_a_paper_that_came_near_may_be_marked_too(rooms: Rooms) -> None:
    send = a_mail(rooms)
    post_form(rooms, link(send, paper=2))
    assert marks(rooms, send) == [Mark.MORE]


def test_a_link_without_a_mark_asks_which(rooms: Rooms) -> None:
    send = a_mail(rooms)
    page = ask(rooms, "GET", link(send, mark="")).text
    assert all(f"mark={mark}" in page for mark in ("more", "less", "save"))
    assert post_form(rooms, link(send, mark="")).status == 404


def test_a_link_without_a_paper_lists_those_of_the_mail(rooms: Rooms) -> None:
    path = link(a_mail(rooms)).partition("?")[0]
    page = ask(rooms, "GET", path).text
    assert "Calibrated &lt;b&gt;moss" in page
    assert page.count("paper=2611.00001") == 3
    assert post_form(rooms, path).status == 404


def test_what_is_not_good_gets_one_answer_and_no_mark(rooms: Rooms) -> None:
    send = a_mail(rooms)
    good = link(send)
    bad = [
        link(send, paper=3),
        link(send, paper=99),
        f"/f/{SIGNER.token(Purpose.FEEDBACK, 99)}?paper=2611.00001&mark=more",
        f"/f/{SIGNER.token(Purpose.EDITION, send.edition_id)}?paper=2611.00001&mark=more",
        link(send, signer=Signer("", [b"other"])),
        good.replace("/f/", "/f/x"),
        good.replace("2611.00001", "..%2F..%2Fetc%2Fpasswd"),
        good.replace("2611.00001", "%00"),
        good.replace("2611.00001", "1' OR '1'='1"),
    ]
    answers = {(a.status, a.text) for path in bad for a in (ask(rooms, "GET", path), post_form(rooms, path))}
    assert len(answers) == 1
    assert marks(rooms, send) == []


def test_the_paper_to_try_can_be_marked_by_its_link_and_on_the_page_of_all(rooms: Rooms) -> None:
    one, tried = rooms.store.papers.save([a_paper(1), a_paper(4, title="Bread in ovens")])
    send = a_send(rooms.store, papers=[scored(one)], exploration=scored(tried, 4))
    assert "Bread in ovens" in ask(rooms, "GET", link(send).partition("?")[0]).text
    assert "Done" in post_form(rooms, link(send, paper=4)).text
    assert [marked.paper_key for marked in rooms.store.feedback.of(send.subscriber_id)] == [tried.key]
