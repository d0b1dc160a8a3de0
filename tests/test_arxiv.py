"""arXiv's day and its twenty-five nasty cases, against a server that speaks its formats on all four doors."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from newsletter.candidates import candidates
from newsletter.errors import InputError, SourceError, Unreachable
from newsletter.models import AnnounceType, MailingStatus, Wishes
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
        candidates(Wishes(categories=("cs.LG",), announce=(wanted,)), mailing.announcements, ()).papers
        for wanted in (AnnounceType.NEW, AnnounceType.CROSS)
    ]
    assert [len(papers) for papers in found] == [0, 1]


def test_03_an_old_paper_newly_cross_listed_is_for_those_who_ask(tmp_path: Path) -> None:
    old = Announced(WEDNESDAY, "2607.00003", ("cs.CV", "cs.LG"), into=("cs.LG",))
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), old, *day_of_papers(WEDNESDAY, 2)) as desk:
        desk.mailing(TUESDAY)
        mailing = desk.mailing()
    assert of(mailing, "2607.00003").type is AnnounceType.OLD_CROSS
    assert [p.id for p in candidates(Wishes(categories=("cs.LG",)), mailing.announcements, ()).papers] == ["2611.00002"]


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
        mailing = desk.at(new_york(WEDNESDAY)).mailing()
    assert (mailing.status, mailing.announcements, mailing.mark) == (MailingStatus.EMPTY, (), "2611.00001")


def test_09_empty_feeds_are_no_holiday_while_oai_names_new_papers(tmp_path: Path) -> None:
    with a_desk(tmp_path, *day_of_papers(TUESDAY, 1), *day_of_papers(WEDNESDAY, 2), now=new_york(TUESDAY)) as desk:
        desk.fetch()
        desk.arxiv.hidden_from["feed"] = {"2611.00002"}
        mailing = desk.at(new_york(WEDNESDAY)).mailing()
    assert (mailing.status, listed(mailing)) == (MailingStatus.COMPLETE, ["2611.00002v1"])
    assert "missing in the lists: 2611.00002" in mailing.note


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
            desk.at(new_york(day))
            statuses += [t.mailing.status for t in desk.fetch() if t.mailing]
        assert statuses == [MailingStatus.COMPLETE, MailingStatus.EMPTY, MailingStatus.COMPLETE]
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
