"""arXiv's day and its twenty-five nasty cases, against a server that speaks its formats on all four doors."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter.editions.candidates import candidates
from newsletter.errors import InputError, SourceError, Unreachable
from newsletter.models.papers import AnnounceType, MailingStatus
from newsletter.models.subscribers import Wishes
from newsletter.sources import collect
from newsletter.sources.arxiv.categories import TAXONOMY
from tests.arxiv_desk import (
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    a_desk,
    day_of_papers,
    listed,
    new_york,
    of,
)
from tests.arxiv_server import RATE_EXCEEDED, STALL, Announced, Reply, api_error, refused

FRIDAY = date(2026, 11, 20)
MONDAY = date(2026, 11, 23)


def test_a_mailing_is_complete_once_oai_has_proven_it(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2, 3)) as desk:
        mailing = desk.mailing()
    assert (mailing.status, mailing.note) == (MailingStatus.COMPLETE, "")
    assert listed(mailing) == ["2611.00001v1", "2611.00002v1", "2611.00003v1"]


def test_the_api_adds_what_the_feed_does_not_tell(tmp_path: Path) -> None:
    paper = Announced(
        WEDNESDAY, "2611.00001", creator=r"Adri\'an Winter", authors=("Adrián Winter",), comment="9 pages"
    )
    with a_desk(tmp_path, paper) as desk:
        stored = desk.mailing().announcements[0].paper
    assert (stored.comment, stored.authors) == ("9 pages", ("Adrián Winter",))
    assert stored.submitted_at is not None


def test_one_request_a_category_one_for_the_proof_one_for_the_details(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2, 3, categories=("cs.LG", "stat.ML"))) as desk:
        desk.mailing(categories=("cs.LG", "stat.ML", "q-bio.PE"))
        assert [path.split("?")[0] for path in desk.arxiv.requests] == [
            "/rss/cs.LG",
            "/rss/q-bio.PE",
            "/rss/stat.ML",
            "/oai",
            "/api/query",
        ]


# 1-7: identity


def test_01_one_paper_in_five_subscribed_categories_is_one_announcement(tmp_path: Path) -> None:
    five = ("cs.LG", "stat.ML", "cs.AI", "cs.CL", "math.ST")
    with a_desk(tmp_path, Announced(WEDNESDAY, "2611.00001", five)) as desk:
        mailing = desk.mailing(categories=five)
    assert listed(mailing) == ["2611.00001v1"]
    assert mailing.announcements[0].categories == tuple(sorted(five))


def test_02_a_primary_outside_the_union_makes_it_a_cross_list_for_the_reader(tmp_path: Path) -> None:
    papers = [*day_of_papers(TUESDAY, 1), Announced(WEDNESDAY, "2611.00002", ("stat.ML", "cs.LG"))]
    with a_desk(tmp_path, *papers) as desk:
        desk.mailing(TUESDAY)
        mailing = desk.mailing()
    assert of(mailing, "2611.00002").type is AnnounceType.NEW
    found = [
        candidates(Wishes(categories=("cs.LG",), announce=(wanted,)), mailing.announcements, (), TAXONOMY).papers
        for wanted in (AnnounceType.NEW, AnnounceType.CROSS)
    ]
    assert [len(papers) for papers in found] == [0, 1]


def test_03_an_old_paper_newly_cross_listed_is_for_those_who_ask(tmp_path: Path) -> None:
    old = Announced(WEDNESDAY, "2607.00003", ("cs.CV", "cs.LG"), into=("cs.LG",))
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), old, *day_of_papers(WEDNESDAY, 2)) as desk:
        desk.mailing(TUESDAY)
        mailing = desk.mailing()
    assert of(mailing, "2607.00003").type is AnnounceType.OLD_CROSS
    assert [p.id for p in candidates(Wishes(categories=("cs.LG",)), mailing.announcements, (), TAXONOMY).papers] == [
        "2611.00002"
    ]


def test_04_an_old_style_identifier(tmp_path: Path) -> None:
    old = Announced(WEDNESDAY, "hep-th/9901001", ("hep-th",), version=3, kind="replace")
    with a_desk(tmp_path, old, *day_of_papers(WEDNESDAY, 1, categories=("hep-th",))) as desk:
        mailing = desk.mailing(categories=("hep-th",))
    assert (of(mailing, "hep-th/9901001").type, of(mailing, "hep-th/9901001").paper.version) == ("replace", 3)
    assert mailing.mark == "2611.00001"


def test_05_v1_and_v2_a_day_apart_are_two_announcements_of_one_paper(tmp_path: Path) -> None:
    second = Announced(THURSDAY, "2611.00001", version=2, kind="replace")
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1), second) as desk:
        first = desk.mailing()
        later = desk.at(new_york(THURSDAY)).mailing(THURSDAY)
    assert (listed(first), listed(later)) == (["2611.00001v1"], ["2611.00001v2"])
    assert later.announcements[0].type is AnnounceType.REPLACE


def test_06_identifiers_roll_over_with_the_month(tmp_path: Path) -> None:
    monday, tuesday = date(2026, 8, 31), date(2026, 9, 1)
    papers = [
        Announced(monday, "2608.24998"),
        Announced(tuesday, "2608.24999"),
        Announced(tuesday, "2609.00001"),
    ]
    with a_desk(tmp_path, *papers, now=new_york(monday)) as desk:
        desk.mailing(monday)
        desk.at(new_york(tuesday)).arxiv.hidden_from["feed"] = {"2609.00001"}
        mailing = desk.mailing(tuesday)
    assert (listed(mailing), mailing.mark) == (["2608.24999v1", "2609.00001v1"], "2609.00001")


def test_07_an_alias_is_the_same_category(tmp_path: Path) -> None:
    with a_desk(tmp_path, Announced(WEDNESDAY, "2611.00001", ("cs.IT", "math.IT"))) as desk:
        mailing = desk.mailing(categories=("math.IT", "cs.IT"))
        assert len(desk.arxiv.asked("/rss/")) == 1
    assert (mailing.announcements[0].categories, mailing.announcements[0].paper.categories) == (("cs.IT",), ("cs.IT",))


# 8-14: days


def test_08_a_weekend_is_no_mailing_at_all(tmp_path: Path) -> None:
    saturday = date(2026, 11, 21)
    with a_desk(tmp_path, *day_of_papers(FRIDAY, 1), now=new_york(FRIDAY)) as desk:
        desk.fetch()
        assert desk.at(new_york(saturday)).fetch() == []
        with pytest.raises(InputError, match="2026-11-21 is a Saturday"):
            desk.mailing(saturday)


def test_09_a_holiday_is_an_empty_mailing(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        mailing = desk.at(new_york(WEDNESDAY, 6)).mailing()
    assert (mailing.status, mailing.announcements, mailing.mark) == (MailingStatus.EMPTY, (), "2611.00001")


def test_09_before_six_an_empty_feed_may_be_a_late_announcement(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        mailing = desk.at(new_york(WEDNESDAY, 5)).mailing()
    assert mailing.status is MailingStatus.PARTIAL
    assert "too early to call the day empty" in mailing.note


@pytest.mark.parametrize(
    ("day", "status"), [(date(2026, 11, 26), MailingStatus.EMPTY), (THURSDAY, MailingStatus.PARTIAL)]
)
def test_09_a_published_holiday_is_a_witness_where_oai_is_silent(
    tmp_path: Path, day: date, status: MailingStatus
) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(day, 6)) as desk:
        desk.arxiv.fail("/oai", refused(500), times=100)
        assert desk.mailing(day).status is status


NEW_YEAR = date(2027, 1, 18)


@pytest.mark.parametrize(
    ("holidays", "status", "note"),
    [
        ("", MailingStatus.PARTIAL, "arXiv's holidays of 2027 are not known: name them in [arxiv] holidays"),
        ("2027-06-18", MailingStatus.PARTIAL, ""),
        ("2027-06-18, 2027-01-18", MailingStatus.EMPTY, ""),
    ],
    ids=["no list", "a list without the day", "a list with the day"],
)
def test_09_a_year_without_a_list_has_no_holidays_and_says_so(
    tmp_path: Path, holidays: str, status: MailingStatus, note: str
) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(NEW_YEAR, 6), holidays=holidays) as desk:
        desk.arxiv.fail("/oai", refused(500), times=100)
        mailing = desk.mailing(NEW_YEAR)
    assert mailing.status is status
    assert ("holidays of 2027" in mailing.note) == bool(note)
    assert note in mailing.note


def test_09_papers_that_come_late_on_a_published_holiday_are_not_lost(tmp_path: Path) -> None:
    day = date(2026, 11, 27)
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        assert desk.at(new_york(day, 6)).mailing(day).status is MailingStatus.EMPTY
        desk.arxiv.papers += day_of_papers(day, 2)
        taken = desk.at(new_york(day, 7)).fetch()[-1]
    assert taken.mailing
    assert (taken.date, taken.mailing.status) == (day, MailingStatus.COMPLETE)


def test_09_empty_feeds_are_no_holiday_while_oai_names_new_papers(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        desk.arxiv.hidden_from["feed"] = {"2611.00002"}
        mailing = desk.at(new_york(WEDNESDAY)).mailing()
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2611.00002v1"])
    assert "missing in the lists: 2611.00002" in mailing.note


def test_09_a_day_without_a_paper_in_our_categories_is_no_holiday(tmp_path: Path) -> None:
    papers = [*day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2)]
    with a_desk(tmp_path, *papers) as desk:
        mailing = desk.mailing(categories=("q-bio.OT",))
    assert (mailing.status, mailing.announcements) == (MailingStatus.COMPLETE, ())


@pytest.mark.parametrize("monday", [date(2026, 3, 9), date(2026, 11, 2)], ids=["spring", "autumn"])
def test_10_the_clock_changes_on_a_weekend(tmp_path: Path, monday: date) -> None:
    friday = monday - timedelta(days=3)
    with a_desk(tmp_path, *day_of_papers(friday, 1), *day_of_papers(monday, 2), now=new_york(friday)) as desk:
        desk.fetch()
        taken = desk.at(new_york(monday)).fetch()
    assert [(t.date, t.mailing and t.mailing.status) for t in taken] == [(monday, MailingStatus.COMPLETE)]


def test_11_a_deferred_mailing_is_empty_and_the_next_one_has_both(tmp_path: Path) -> None:
    papers = [*day_of_papers(TUESDAY, 1), *day_of_papers(THURSDAY, 2, 3, 4)]
    with a_desk(tmp_path, *papers, now=new_york(TUESDAY)) as desk:
        statuses = []
        for day in (TUESDAY, WEDNESDAY, THURSDAY):
            desk.at(new_york(day, 6))
            statuses += [t.mailing.status for t in desk.fetch() if t.mailing]
        asked_again = MailingStatus.EMPTY  # once its day was over
        assert statuses == [MailingStatus.COMPLETE, MailingStatus.EMPTY, asked_again, MailingStatus.COMPLETE]
        assert len(listed(desk.store.mailings.load(THURSDAY))) == 3


def test_12_a_stale_feed_with_a_fresh_date_is_replaced_by_the_listing_page(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        stale = desk.arxiv.answer("/rss/cs.LG")
        desk.at(new_york(WEDNESDAY))
        fresh_dates = stale.body.replace(b"Tue, 17 Nov", b"Wed, 18 Nov")
        desk.arxiv.fail("/rss/cs.LG", Reply(fresh_dates))
        mailing = desk.mailing()
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2611.00002v1"])
    assert "because the feed repeats the mailing before" in mailing.note


def test_12_a_feed_that_has_not_turned_is_replaced_by_the_listing_page(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2), now=new_york(TUESDAY)) as desk:
        yesterdays = desk.arxiv.answer("/rss/cs.LG")
        desk.at(new_york(WEDNESDAY)).arxiv.fail("/rss/cs.LG", yesterdays)
        mailing = desk.mailing()
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2611.00002v1"])
    assert mailing.note == "cs.LG: taken from its listing page, because the feed is of 2026-11-17"


def test_12_a_mailing_that_no_door_has_yet_is_neither_empty_nor_complete(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        yesterdays = desk.arxiv.answer("/rss/cs.LG")
        desk.at(new_york(WEDNESDAY)).arxiv.fail("/rss/cs.LG", yesterdays)
        mailing = desk.mailing()
    assert (mailing.status, mailing.announcements) == (MailingStatus.PARTIAL, ())
    assert "cs.LG: the feed is of 2026-11-17" in mailing.note


def test_13_a_feed_of_2000_items_is_cut_and_the_listing_page_has_all(tmp_path: Path) -> None:
    papers = [
        *(Announced(WEDNESDAY, f"2610.{n:05}", version=2, kind="replace") for n in range(1, 1991)),
        *day_of_papers(WEDNESDAY, *range(1, 31)),
    ]
    with a_desk(tmp_path, *papers) as desk:
        mailing = desk.mailing()
        assert len(desk.arxiv.asked("/list/")) == 2
    assert (mailing.status, len(mailing.announcements)) == (MailingStatus.COMPLETE, 2020)


def test_14_a_feed_read_after_the_next_announcement_is_still_that_of_its_own_day(tmp_path: Path) -> None:
    papers = [*day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2), *day_of_papers(THURSDAY, 3)]
    with a_desk(tmp_path, *papers, now=new_york(TUESDAY)) as desk:
        desk.fetch()
        late = desk.at(new_york(WEDNESDAY, 23, 30)).mailing()
        following = desk.at(new_york(THURSDAY)).mailing(THURSDAY)
    assert (late.status, listed(late)) == (MailingStatus.COMPLETE, ["2611.00002v1"])
    assert (following.status, listed(following)) == (MailingStatus.COMPLETE, ["2611.00003v1"])


# 15-20: faults


@pytest.mark.parametrize("door", ["/rss/", "/oai", "/api/"])
def test_15_an_html_page_with_status_200_is_asked_for_again(tmp_path: Path, door: str) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        desk.arxiv.fail(door, RATE_EXCEEDED)
        mailing = desk.mailing()
    assert (mailing.status, mailing.note) == (MailingStatus.COMPLETE, "")
    assert mailing.announcements[0].paper.comment == "12 pages"


def test_15_an_html_page_that_stays_is_never_a_mailing_of_nothing(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        desk.arxiv.fail(".", RATE_EXCEEDED, times=100)
        with pytest.raises(SourceError, match="HTML page"):
            desk.mailing()
        assert desk.store.mailings.days() == []


def test_16_retry_after_is_kept_and_without_it_the_pauses_grow(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1), retry_seconds=60, delay_seconds=3) as desk:
        desk.arxiv.fail("/rss/", refused(429, "7"), refused(503), refused(429))
        assert desk.mailing().status is MailingStatus.COMPLETE
    assert desk.clock.slept[:3] == [7, 120, 240]


def test_16_retry_after_may_be_a_date(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        desk.arxiv.fail("/rss/", refused(503, "Wed, 18 Nov 2026 05:45:30 GMT"))
        desk.mailing()
    assert desk.clock.slept[0] == 30


def test_16_a_long_retry_after_is_remembered_not_slept_through(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        desk.arxiv.fail(".", refused(429, "3600"))
        for _ in range(2):
            with pytest.raises(Unreachable) as error:
                desk.mailing()
            assert error.value.retry_at == new_york(WEDNESDAY, 1, 45)
        assert (len(desk.arxiv.requests), desk.clock.slept) == (1, [])


@pytest.mark.parametrize("door", ["/rss/", "/oai", "/api/"])
def test_17_a_cut_answer_is_asked_for_again(tmp_path: Path, door: str) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2, 3)) as desk:
        desk.arxiv.fail(door, lambda reply: Reply(reply.body, cut=200), lambda reply: Reply(reply.body[:-200]))
        mailing = desk.mailing()
    assert (mailing.status, mailing.note, len(mailing.announcements)) == (MailingStatus.COMPLETE, "", 3)
    assert all(a.paper.comment for a in mailing.announcements)


def test_18_a_hung_socket_does_not_hang_the_fetch(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1), timeout_seconds=0.2) as desk:
        desk.arxiv.fail("/rss/", STALL)
        assert desk.mailing().status is MailingStatus.COMPLETE


def test_19_papers_that_the_api_does_not_know_yet_keep_what_the_feed_says(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2)) as desk:
        desk.arxiv.hidden_from["api"] = {"2611.00002"}
        mailing = desk.mailing()
    assert mailing.status is MailingStatus.COMPLETE
    assert [a.paper.comment for a in mailing.announcements] == ["12 pages", ""]


def test_19_one_bad_identifier_does_not_cost_the_others_their_details(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2)) as desk:
        desk.arxiv.fail("/api/", Reply(api_error("2611.00001v1"), 400))
        mailing = desk.mailing()
    assert mailing.status is MailingStatus.COMPLETE
    assert [a.paper.comment for a in mailing.announcements] == ["", "12 pages"]


def test_20_an_outage_over_a_weekend_is_caught_up_day_by_day(tmp_path: Path) -> None:
    papers = [
        *day_of_papers(THURSDAY, 1),
        *day_of_papers(FRIDAY, 2),
        *day_of_papers(MONDAY, 3),
        *day_of_papers(MONDAY + timedelta(days=1), 4),
    ]
    with a_desk(tmp_path, *papers, now=new_york(THURSDAY)) as desk:
        desk.fetch()
        taken = desk.at(new_york(MONDAY + timedelta(days=1))).fetch()
    found = [(t.date, listed(t.mailing), t.mailing.status) for t in taken if t.mailing]
    assert found == [
        (FRIDAY, ["2611.00002v1"], MailingStatus.COMPLETE),
        (MONDAY, ["2611.00003v1"], MailingStatus.COMPLETE),
        (MONDAY + timedelta(days=1), ["2611.00004v1"], MailingStatus.COMPLETE),
    ]


@pytest.mark.parametrize("thursday", [date(2026, 3, 5), date(2026, 10, 29)], ids=["spring", "autumn"])
def test_20_an_outage_over_a_weekend_on_which_the_clock_changes(tmp_path: Path, thursday: date) -> None:
    friday, monday, tuesday = (thursday + timedelta(days=n) for n in (1, 4, 5))
    holiday = thursday + timedelta(days=6)
    papers = [
        *day_of_papers(thursday, 1),
        *day_of_papers(friday, 2, 3),
        *(Announced(monday, f"{monday:%y%m}.{n:05}") for n in (4, 5)),
        Announced(tuesday, f"{tuesday:%y%m}.00006"),
    ]
    with a_desk(tmp_path, *papers, now=new_york(thursday)) as desk:
        desk.fetch()
        taken = desk.at(new_york(holiday, 6)).fetch()
    assert [(t.date, t.mailing.status, len(t.mailing.announcements)) for t in taken if t.mailing] == [
        (friday, MailingStatus.COMPLETE, 2),
        (monday, MailingStatus.COMPLETE, 2),
        (tuesday, MailingStatus.COMPLETE, 1),
        (holiday, MailingStatus.EMPTY, 0),
    ]


def test_20_after_ninety_days_what_is_older_is_left_out(tmp_path: Path) -> None:
    long_ago = date(2026, 8, 3)
    with a_desk(tmp_path, *day_of_papers(long_ago, 1), *day_of_papers(WEDNESDAY, 1), now=new_york(long_ago)) as desk:
        desk.fetch()
        desk.at(new_york(WEDNESDAY))
        days = collect.missing(desk.source, desk.store.mailings.fetched("arxiv"), {"cs.LG"}, desk.clock())
    assert (days[0], days[-1], len(days)) == (date(2026, 8, 20), WEDNESDAY, 65)


def test_20_an_outage_in_the_middle_of_catching_up_keeps_what_came_before(tmp_path: Path) -> None:
    papers = [*day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2), *day_of_papers(THURSDAY, 3)]
    with a_desk(tmp_path, *papers, now=new_york(TUESDAY)) as desk:
        desk.fetch()
        desk.at(new_york(THURSDAY)).arxiv.fail("/(rss|list)|/oai.*2026-11-15|/api.*00003", refused(500), times=100)
        first = desk.fetch()
        desk.at(new_york(THURSDAY, 2)).arxiv.recover()
        second = desk.fetch()
    assert [(t.date, t.ready) for t in first] == [(WEDNESDAY, True), (THURSDAY, False)]
    assert [(t.date, t.ready) for t in second] == [(THURSDAY, True)]


# 21-25: text and categories


@pytest.mark.parametrize(
    "text",
    [
        r"Adri\'an and $1.75\times$ and \newcommand{\x}{y}",
        "x<y and A & B &amp; <b>bold</b> & &lt;",
        "שלום עולם ومرحبا 数学 é e\u0301 𝔸𝔹 🦠",
        "0",
    ],
)
def test_21_24_text_survives_as_it_was_announced(tmp_path: Path, text: str) -> None:
    with a_desk(tmp_path, Announced(WEDNESDAY, "2611.00001", title=text, abstract=text)) as desk:
        paper = desk.mailing().announcements[0].paper
    assert (paper.title, paper.abstract) == (text, text)


@pytest.mark.parametrize(
    ("creator", "names"),
    [
        ("Essential AI (MIT, USA),  : (MIT, USA), Darsh J Shah (MIT, USA)", ("Essential AI", "Darsh J Shah")),
        ("ATLAS Collaboration", ("ATLAS Collaboration",)),
        ("Ada Winter (X; Y (Z)), Bo Summer, Jr.", ("Ada Winter", "Bo Summer, Jr.")),
        (", ".join(f"A{n} B{n}" for n in range(3000)), tuple(f"A{n} B{n}" for n in range(3000))),
    ],
    ids=["colon", "collaboration", "nested", "three thousand"],
)
def test_22_authors(tmp_path: Path, creator: str, names: tuple[str, ...]) -> None:
    with a_desk(tmp_path, Announced(WEDNESDAY, "2611.00001", creator=creator)) as desk:
        desk.arxiv.hidden_from["api"] = {"2611.00001"}
        assert desk.mailing().announcements[0].paper.authors == names


def test_23_an_empty_abstract_control_characters_and_undefined_entities(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, abstract="", title="A&B\u00a0C")) as desk:
        desk.arxiv.hidden_from["api"] = {"2611.00001"}

        def spoil(reply: Reply) -> Reply:
            return Reply(reply.body.replace("\u00a0".encode(), b"&nbsp;\x08"))

        desk.arxiv.fail("/rss/", spoil)
        mailing = desk.mailing()
    assert (mailing.status, mailing.note) == (MailingStatus.COMPLETE, "")
    assert (mailing.announcements[0].paper.title, mailing.announcements[0].paper.abstract) == ("A&B C", "")


def test_25_a_withdrawn_paper_comes_as_a_replacement(tmp_path: Path) -> None:
    withdrawn = Announced(
        WEDNESDAY, "2610.00009", version=2, kind="replace", comment="This paper has been withdrawn", abstract=""
    )
    with a_desk(tmp_path, withdrawn, *day_of_papers(WEDNESDAY, 1)) as desk:
        mailing = desk.mailing()
    assert of(mailing, "2610.00009").type is AnnounceType.REPLACE
    assert of(mailing, "2610.00009").paper.comment == "This paper has been withdrawn"


def test_25_the_api_knows_the_revised_primary(tmp_path: Path) -> None:
    with a_desk(tmp_path, Announced(WEDNESDAY, "2611.00001", ("stat.ML", "cs.LG"))) as desk:
        revised = Announced(WEDNESDAY, "2611.00001", ("cs.LG", "stat.ML"))
        desk.arxiv.fail(
            "/api/",
            lambda reply: Reply(
                reply.body.replace(b'primary_category term="stat.ML"', b'primary_category term="cs.LG"')
            ),
        )
        paper = desk.mailing().announcements[0].paper
    assert paper.primary_category == revised.categories[0]


def test_25_a_category_that_arxiv_refuses_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        desk.arxiv.fail("/rss/q-bio.OT", desk.arxiv.answer("/rss/retired.XX"))
        mailing = desk.mailing(categories=("cs.LG", "q-bio.OT"))
    assert (mailing.status, len(mailing.announcements)) == (MailingStatus.COMPLETE, 1)
    assert "q-bio.OT: arXiv does not know this category" in mailing.note


# Recovery


def test_a_category_that_no_door_gives_makes_the_mailing_partial_and_says_so(tmp_path: Path) -> None:
    papers = [*day_of_papers(WEDNESDAY, 1), *day_of_papers(WEDNESDAY, 2, categories=("math.CO",))]
    with a_desk(tmp_path, *papers) as desk:
        desk.arxiv.fail("math.CO", refused(500), times=100)
        mailing = desk.mailing(categories=("cs.LG", "math.CO"))
    assert mailing.status is MailingStatus.PARTIAL
    assert "math.CO: 127.0.0.1" in mailing.note
    assert mailing.covered == ("cs.LG",)
    assert listed(mailing) == ["2611.00001v1", "2611.00002v1"], "OAI-PMH still tells what is new in it"


def test_without_oai_the_mailing_is_not_proven_and_a_later_fetch_completes_it(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2)) as desk:
        desk.arxiv.hidden_from["feed"] = {"2611.00002"}
        desk.arxiv.fail("/oai", refused(503), times=4)
        first = desk.mailing()
        later = desk.at(new_york(WEDNESDAY, 1, 15)).fetch()[0].mailing
    assert (first.status, listed(first)) == (MailingStatus.PARTIAL, ["2611.00001v1"])
    assert "could not be checked against OAI-PMH: 127.0.0.1" in first.note
    assert later
    assert (later.status, listed(later)) == (MailingStatus.COMPLETE, ["2611.00001v1", "2611.00002v1"])
    added = {a.paper.id: a.added_at for a in later.announcements}
    assert added["2611.00001"] == new_york(WEDNESDAY)
    assert added["2611.00002"] == new_york(WEDNESDAY, 1, 15)


def test_a_paper_that_feed_and_page_lack_comes_from_its_record(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2)) as desk:
        desk.arxiv.hidden_from |= {"feed": {"2611.00002"}, "listing": {"2611.00002"}}
        mailing = desk.mailing()
        assert len(desk.arxiv.asked("verb=GetRecord")) == 1
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2611.00001v1", "2611.00002v1"])


def test_lists_that_lack_more_than_a_few_papers_prove_nothing_and_are_read_again(tmp_path: Path) -> None:
    papers = [*day_of_papers(WEDNESDAY, *range(1, 9)), Announced(WEDNESDAY, "2610.00001", version=2, kind="replace")]
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 0), *papers, now=new_york(TUESDAY)) as desk:
        desk.fetch()
        desk.at(new_york(WEDNESDAY)).arxiv.hidden_from = {d: {p.id for p in papers} for d in ("feed", "listing")}
        first = desk.mailing()
        desk.arxiv.hidden_from = {}
        later = desk.at(new_york(WEDNESDAY, 2)).fetch()[0].mailing
    assert (first.status, len(first.announcements)) == (MailingStatus.PARTIAL, 8)
    assert "8 papers stand in no list" in first.note
    assert later
    assert (later.status, len(later.announcements)) == (MailingStatus.COMPLETE, 9)


def test_a_paper_without_a_record_comes_from_the_api(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2)) as desk:
        desk.arxiv.hidden_from |= {"feed": {"2611.00002"}, "listing": {"2611.00002"}}
        desk.arxiv.fail("verb=GetRecord", refused(500), times=4)
        assert listed(desk.mailing()) == ["2611.00001v1", "2611.00002v1"]


def test_a_paper_that_is_found_nowhere_is_named(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2)) as desk:
        desk.arxiv.hidden_from = {door: {"2611.00002"} for door in ("feed", "listing", "api")}
        desk.arxiv.fail("verb=GetRecord", refused(500), times=4)
        mailing = desk.mailing()
    assert mailing.status is MailingStatus.PARTIAL
    assert "found nowhere: 2611.00002" in mailing.note


def test_where_all_else_is_silent_the_api_gives_the_new_papers(tmp_path: Path) -> None:
    papers = [*day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2, 3)]
    with a_desk(tmp_path, *papers, now=new_york(TUESDAY)) as desk:
        desk.fetch()
        desk.arxiv.fail("/(rss|oai|list)", refused(500), times=100)
        mailing = desk.at(new_york(WEDNESDAY)).mailing()
    assert (mailing.status, listed(mailing)) == (MailingStatus.PARTIAL, ["2611.00002v1", "2611.00003v1"])
    assert "cs.LG: new papers alone, taken from the API" in mailing.note


def test_a_paper_in_one_feed_but_not_in_the_other_is_put_right_by_oai(tmp_path: Path) -> None:
    papers = [
        Announced(WEDNESDAY, "2611.00001", ("cs.LG", "stat.ML")),
        Announced(WEDNESDAY, "2611.00002", ("stat.ML",)),
    ]
    with a_desk(tmp_path, *papers) as desk:
        desk.arxiv.hidden_from["feed"] = {"2611.00001"}
        desk.arxiv.fail("/rss/stat.ML", desk.arxiv.answer("/rss/stat.ML"))
        desk.arxiv.hidden_from["feed"] = set()
        mailing = desk.mailing(categories=("cs.LG", "stat.ML"))
        assert desk.arxiv.asked("/list/") == []
    assert mailing.announcements[0].categories == ("cs.LG", "stat.ML")
    assert mailing.note == "lacking in a feed and added: 2611.00001 in stat.ML"


def test_oai_comes_in_pages(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, *range(1, 26))) as desk:
        desk.arxiv.oai_page = 10
        desk.arxiv.hidden_from["feed"] = {"2611.00025"}
        assert len(listed(desk.mailing())) == 25
        assert len(desk.arxiv.asked("verb=ListIdentifiers")) == 3


def test_listing_pages_come_in_pages_and_must_hold_what_they_state(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, *range(1, 26)), *day_of_papers(WEDNESDAY, 26)) as desk:
        desk.arxiv.listing_page = 10
        mailing = desk.mailing(TUESDAY)
        assert len(desk.arxiv.asked("/catchup/")) == 3
    assert (mailing.status, len(mailing.announcements)) == (MailingStatus.COMPLETE, 25)


def test_a_page_with_fewer_entries_than_it_states_is_not_believed(tmp_path: Path) -> None:
    papers = [Announced(date(2026, 11, 16), "2611.00001"), *day_of_papers(TUESDAY, 2, 3)]
    with a_desk(tmp_path, *papers) as desk:
        short = Reply(
            desk.arxiv.answer("/catchup/cs.LG/2026-11-17?abs=True&page=1").body.split(b"<dt>")[0] + b"</html>"
        )
        desk.arxiv.fail("/catchup/", short, times=2)
        mailing = desk.mailing(TUESDAY)
    assert mailing.status is MailingStatus.PARTIAL
    assert "the page states 2 entries and has 0" in mailing.note
    assert listed(mailing) == ["2611.00002v1", "2611.00003v1"], "OAI-PMH has them all the same"


def test_replacements_on_catch_up_pages_get_their_version_from_the_api(tmp_path: Path) -> None:
    replaced = Announced(TUESDAY, "2610.00007", version=4, kind="replace")
    with a_desk(tmp_path, replaced, *day_of_papers(TUESDAY, 1), now=new_york(WEDNESDAY)) as desk:
        assert listed(desk.mailing(TUESDAY)) == ["2610.00007v4", "2611.00001v1"]


def test_details_that_were_not_to_be_had_are_asked_for_later_and_alone(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1, 2)) as desk:
        desk.arxiv.hidden_from["api"] = {"2611.00002"}
        desk.fetch()
        desk.arxiv.hidden_from["api"] = set()
        desk.arxiv.requests.clear()
        bare = collect.bare(desk.store.mailings.fetched("arxiv"))
        assert bare == [WEDNESDAY]
        taken = list(
            collect.take(
                desk.source, [], {"cs.LG"}, desk.store, bare=bare, clock=desk.clock, progress=lambda: lambda *_: None
            )
        )
        assert [path.split("&")[1] for path in desk.arxiv.requests] == ["id_list=2611.00002v1"]
    assert taken[0].mailing
    assert all(a.paper.comment for a in taken[0].mailing.announcements)


def test_details_that_were_had_are_kept_where_a_later_fetch_brings_none(tmp_path: Path) -> None:
    paper = Announced(WEDNESDAY, "2611.00001", creator=r"Adri\'an Winter", authors=("Adrián Winter",))
    with a_desk(tmp_path, paper) as desk:
        desk.fetch()
        desk.arxiv.fail("/api/", refused(500), times=4)
        assert desk.mailing().announcements[0].paper.authors == ("Adrián Winter",)


# What is fetched when


def test_the_first_fetch_takes_the_newest_mailing_alone(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2)) as desk:
        assert [t.date for t in desk.fetch()] == [WEDNESDAY]


def test_a_mailing_that_is_whole_is_not_fetched_again(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(WEDNESDAY, 1)) as desk:
        desk.fetch()
        desk.arxiv.requests.clear()
        assert desk.at(new_york(WEDNESDAY, 9)).fetch() == []
        assert desk.arxiv.requests == []


def test_a_new_subscriber_with_new_categories_has_the_mailing_fetched_again(tmp_path: Path) -> None:
    papers = [*day_of_papers(WEDNESDAY, 1), *day_of_papers(WEDNESDAY, 2, categories=("math.CO",))]
    with a_desk(tmp_path, *papers) as desk:
        desk.fetch(categories=("cs.LG",))
        taken = desk.fetch(categories=("cs.LG", "math.CO"))
    assert [(t.date, t.added) for t in taken] == [(WEDNESDAY, 1)]
    assert taken[0].mailing
    assert taken[0].mailing.covered == ("cs.LG", "math.CO")


def test_an_empty_morning_is_asked_about_again_until_six(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        desk.at(new_york(WEDNESDAY)).fetch()
        desk.arxiv.papers += day_of_papers(WEDNESDAY, 2)
        taken = desk.at(new_york(WEDNESDAY, 5)).fetch()
        assert [t.mailing.status for t in taken if t.mailing] == [MailingStatus.COMPLETE]


def test_a_proven_empty_day_does_not_become_a_fault_by_a_later_failure(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        assert desk.at(new_york(WEDNESDAY, 6)).mailing().status is MailingStatus.EMPTY
        desk.arxiv.fail("/oai", refused(503), times=4)
        assert desk.mailing().status is MailingStatus.EMPTY


@pytest.mark.parametrize(
    ("day", "message"),
    [(date(2026, 8, 3), "catch-up pages reach back 90 days"), (THURSDAY, "is not announced yet")],
)
def test_a_day_out_of_reach_is_refused(tmp_path: Path, day: date, message: str) -> None:
    with a_desk(tmp_path) as desk, pytest.raises(InputError, match=message):
        desk.mailing(day)


def test_without_network_nothing_is_stored_and_the_error_says_so_within_seconds(tmp_path: Path) -> None:
    nowhere: dict[str, Any] = {f"{door}_url": "http://127.0.0.1:9" for door in ("feed", "oai", "api", "listing")}
    with a_desk(tmp_path, **nowhere, delay_seconds=3) as desk:
        steps: list[str] = []
        taken = list(
            collect.take(
                desk.source,
                [WEDNESDAY],
                {"cs.LG", "stat.ML"},
                desk.store,
                clock=desk.clock,
                progress=lambda: lambda stage, _: steps.append(stage),
            )
        )
    assert steps == [], "no bar that looks like work"
    assert [str(t.error) for t in taken] == ["127.0.0.1:9 cannot be reached"]
    assert sum(desk.clock.slept) < 5
