"""arXiv's services as they behave in fact: where a proof is none, what past days show, what one broken page costs."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from newsletter.models.papers import AnnounceType, MailingStatus
from tests.arxiv_desk import THURSDAY, TUESDAY, WEDNESDAY, a_desk, day_of_papers, listed, new_york, of
from tests.arxiv_server import Announced, refused

FRIDAY = date(2026, 11, 20)
MATHS = ("math.CO",)
FIVE = ("cs.AI", "cs.CL", "cs.LG", "math.CO", "stat.ML")


# What proves a mailing


def test_proof_a_category_that_oai_alone_fills_is_partial_and_read_again(tmp_path: Path) -> None:
    papers = [*day_of_papers(WEDNESDAY, 1), *day_of_papers(WEDNESDAY, 2, 3, categories=MATHS)]
    with a_desk(tmp_path, *papers) as desk:
        desk.arxiv.hidden_from = {door: {"2611.00002", "2611.00003"} for door in ("feed", "listing")}
        first = desk.mailing(categories=("cs.LG", *MATHS))
        desk.arxiv.hidden_from = {}
        later = desk.at(new_york(WEDNESDAY, 2)).fetch(categories=("cs.LG", *MATHS))[0].mailing
    assert (first.status, len(first.announcements)) == (MailingStatus.PARTIAL, 3)
    assert "math.CO: taken from OAI-PMH alone" in first.note
    assert later
    assert later.status is MailingStatus.COMPLETE


def test_proof_an_empty_feed_is_doubted_where_oai_names_a_paper_of_another_feed(tmp_path: Path) -> None:
    papers = [
        Announced(WEDNESDAY, "2611.00001", ("cs.LG", "math.CO")),
        Announced(WEDNESDAY, "2610.00001", MATHS, version=2, kind="replace"),
    ]
    with a_desk(tmp_path, *papers) as desk:
        desk.arxiv.fail("/rss/math.CO", desk.arxiv.answer("/rss/q-bio.OT"))
        mailing = desk.mailing(categories=("cs.LG", *MATHS))
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2610.00001v2", "2611.00001v1"])


# Past days: pages show each paper as it is now


@pytest.mark.parametrize("html", [True, False], ids=["version in a link", "version from the API"])
def test_past_day_a_paper_replaced_since_is_one_announcement_of_one_version(tmp_path: Path, html: bool) -> None:
    both = ("cs.LG", "stat.ML")
    papers = [
        Announced(TUESDAY, "2611.00001", both, title="On moss"),
        Announced(WEDNESDAY, "2611.00001", both, version=2, kind="replace", title="On moss and stones", html=html),
    ]
    with a_desk(tmp_path, *papers, now=new_york(THURSDAY)) as desk:
        mailing = desk.mailing(TUESDAY, categories=both)
    assert listed(mailing) == ["2611.00001v2"]
    assert (mailing.announcements[0].type, mailing.announcements[0].categories) == (AnnounceType.NEW, both)
    assert mailing.announcements[0].paper.title == "On moss and stones"


def test_past_day_a_paper_that_was_stored_keeps_its_version_and_its_text(tmp_path: Path) -> None:
    papers = [
        *day_of_papers(WEDNESDAY, 1, title="On moss"),
        *day_of_papers(WEDNESDAY, 2),
        Announced(THURSDAY, "2611.00001", version=2, kind="replace", title="On moss and stones", html=True),
    ]
    with a_desk(tmp_path, *papers) as desk:
        desk.arxiv.fail("/oai", refused(503), times=4)
        desk.arxiv.hidden_from["feed"] = {"2611.00002"}
        assert listed(desk.mailing()) == ["2611.00001v1"]
        later = desk.at(new_york(FRIDAY)).mailing()
    assert (later.status, listed(later)) == (MailingStatus.COMPLETE, ["2611.00001v1", "2611.00002v1"])
    assert of(later, "2611.00001").paper.title == "On moss"


def test_past_day_without_the_api_a_new_paper_counts_as_its_first_version(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(WEDNESDAY)) as desk:
        desk.arxiv.fail("/api/", refused(500), times=100)
        mailing = desk.mailing(TUESDAY)
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2611.00001v1"])


# One broken page


def test_feeds_one_form_feed_breaks_those_of_a_paper_and_no_others(tmp_path: Path) -> None:
    papers = [
        Announced(WEDNESDAY, "2611.00001", ("cs.AI", "cs.CL", "cs.LG", "math.CO"), abstract="We watch\fmoss."),
        Announced(WEDNESDAY, "2611.00002", ("stat.ML",)),
    ]
    with a_desk(tmp_path, *papers) as desk:
        mailing = desk.mailing(categories=FIVE)
        assert len(desk.arxiv.asked("/rss/stat.ML")) == 1
        assert desk.arxiv.asked("/list/stat.ML") == []
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2611.00001v1", "2611.00002v1"])


def test_feeds_a_host_that_refuses_twice_is_left_alone(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        desk.arxiv.fail("/rss/", refused(503), times=100)
        desk.mailing(categories=FIVE)
        assert set(desk.arxiv.asked("/rss/")) == {"/rss/cs.AI", "/rss/cs.CL"}


# Repairs


def test_repair_a_page_adds_to_a_good_feed_and_changes_nothing_in_it(tmp_path: Path) -> None:
    papers = [
        *day_of_papers(WEDNESDAY, 1, 2),
        Announced(WEDNESDAY, "2610.00007", version=3, kind="replace", title="On moss"),
        Announced(THURSDAY, "2610.00007", version=4, kind="replace", title="On stones", html=True),
    ]
    with a_desk(tmp_path, *papers, now=new_york(WEDNESDAY, 23, 30)) as desk:
        desk.arxiv.hidden_from["feed"] = {"2611.00002"}
        mailing = desk.mailing()
        assert len(desk.arxiv.asked("/catchup/")) == 1
    assert listed(mailing) == ["2610.00007v3", "2611.00001v1", "2611.00002v1"]
    assert of(mailing, "2610.00007").paper.title == "On moss"


def test_repair_a_few_missing_papers_are_asked_for_by_name(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2, 3)) as desk:
        desk.arxiv.hidden_from = {door: {"2611.00002", "2611.00003"} for door in ("feed", "listing")}
        mailing = desk.mailing()
        asked = sorted(path.split("identifier=")[1].split("&")[0] for path in desk.arxiv.asked("verb=GetRecord"))
        assert asked == ["oai%3AarXiv.org%3A2611.00002", "oai%3AarXiv.org%3A2611.00003"]
        assert desk.arxiv.asked("verb=ListRecords") == []
    assert (mailing.status, len(mailing.announcements)) == (MailingStatus.COMPLETE, 3)


def test_repair_the_last_resort_searches_for_every_name_of_a_category(tmp_path: Path) -> None:
    papers = [*day_of_papers(TUESDAY, 1), Announced(WEDNESDAY, "2611.00002", ("stat.TH",))]
    with a_desk(tmp_path, *papers, now=new_york(TUESDAY)) as desk:
        desk.fetch(categories=("cs.LG", "math.ST"))
        desk.arxiv.fail("/(rss|oai|list)", refused(500), times=100)
        mailing = desk.at(new_york(WEDNESDAY)).mailing(categories=("cs.LG", "math.ST"))
    assert (mailing.status, listed(mailing)) == (MailingStatus.PARTIAL, ["2611.00002v1"])


# Several days


def test_days_share_one_range_of_identifiers(tmp_path: Path) -> None:
    papers = [p for n in range(4) for p in day_of_papers(TUESDAY + timedelta(days=n), n + 1)]
    with a_desk(tmp_path, *papers, now=new_york(TUESDAY)) as desk:
        desk.fetch()
        desk.arxiv.requests.clear()
        taken = desk.at(new_york(FRIDAY)).fetch()
        assert len(desk.arxiv.asked("verb=ListIdentifiers")) == 1
    assert [t.mailing and t.mailing.status for t in taken] == [MailingStatus.COMPLETE] * 3


def test_days_long_past_are_proven_by_a_range_that_ends(tmp_path: Path) -> None:
    long_ago = date(2026, 9, 1)
    with a_desk(tmp_path, *day_of_papers(long_ago, 1), *day_of_papers(WEDNESDAY, 2)) as desk:
        mailing = desk.mailing(long_ago)
        asked = desk.arxiv.asked("verb=ListIdentifiers")
        assert [path.partition("from=")[2] for path in asked] == ["2026-08-28&until=2026-10-01"]
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2609.00001v1"])


def test_first_fetch_a_new_cross_list_below_the_lowest_new_paper_is_new(tmp_path: Path) -> None:
    papers = [
        *day_of_papers(TUESDAY, 1, categories=MATHS),
        Announced(WEDNESDAY, "2611.00002", ("stat.ML", "cs.LG")),
        Announced(WEDNESDAY, "2611.00003", ("cs.LG",)),
        Announced(WEDNESDAY, "2607.00009", ("stat.ML", "cs.LG"), into=("cs.LG",)),
    ]
    with a_desk(tmp_path, *papers) as desk:
        mailing = desk.mailing()
    assert {a.paper.id: a.type for a in mailing.announcements} == {
        "2607.00009": AnnounceType.OLD_CROSS,
        "2611.00002": AnnounceType.NEW,
        "2611.00003": AnnounceType.NEW,
    }
