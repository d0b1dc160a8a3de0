"""The store gives back what it was given, loses nothing half way, and says in one sentence what it cannot do."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database as Connection

from newsletter.errors import StoreError
from newsletter.models.editions import Cadence, Edition, Kind
from newsletter.models.papers import Announcement, AnnounceType, MailingStatus, Paper
from newsletter.models.scores import Cap, Cost, Fault, Status, Trouble, Usage
from newsletter.models.sends import SendState
from newsletter.models.subscribers import Subscriber
from newsletter.store import Store
from newsletter.store.database import Database
from newsletter.store.migrations import migrations
from newsletter.store.subscribers import FileStamp
from newsletter.topics.body import parse
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_topics_file, an_edition, scored

LATER = NOON + timedelta(hours=1)


def a_saved_subscriber(store: Store, slug: str = "ada", **front: str) -> Subscriber:
    return store.subscribers.save(slug, parse(a_topics_file(slug, **front).encode(), slug), FileStamp(1, 2), NOON)


def saved(store: Store, *papers: Paper) -> list[Paper]:
    return store.papers.save(papers)


# Papers

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PAPERS = st.builds(
    Paper,
    id=TEXT,
    title=TEXT,
    authors=st.lists(TEXT, max_size=3).map(tuple),
    abstract=TEXT,
    categories=st.lists(TEXT, max_size=3).map(tuple),
    primary_category=TEXT,
    comment=TEXT,
    version=st.integers(1, 99),
    doi=TEXT,
    journal_ref=TEXT,
    submitted_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(st.lists(PAPERS, max_size=4, unique_by=lambda paper: (paper.id, paper.version)))
def test_papers_come_back_as_they_were(papers: list[Paper]) -> None:
    with Store.open(Path(":memory:")) as store:
        kept = store.papers.save(papers)
        assert kept == papers
        found = store.papers.by_keys(paper.key for paper in kept if paper.key is not None)
        assert list(found.values()) == papers
        assert [paper.display for paper in found.values()] == [paper.display for paper in kept]


def test_display_text_stands_beside_the_raw_text(store: Store) -> None:
    [paper] = saved(store, a_paper(title=r"H\"older", authors=(r"Erd\H{o}s",)))
    assert (paper.title, paper.shown.title, paper.shown.authors) == (r"H\"older", "Hölder", ("Erdős",))


def test_a_paper_keeps_its_key_and_its_text_and_gains_what_was_missing(store: Store) -> None:
    [first] = saved(store, a_paper())
    [again] = saved(store, a_paper(title="Another title", abstract="Another abstract", doi="10.1/moss"))
    assert (again.key, again.title, again.abstract, again.doi) == (first.key, first.title, first.abstract, "10.1/moss")
    [bare] = saved(store, a_paper())
    assert store.papers.by_keys([int(bare.key or 0)])[int(bare.key or 0)].doi == "10.1/moss"


def test_another_version_is_another_paper(store: Store) -> None:
    first, second = saved(store, a_paper(), a_paper(version=2))
    assert first.key != second.key


# Mailings


def test_a_mailing_comes_back_with_its_papers(store: Store) -> None:
    mailing = a_mailing(*map(a_paper, range(1, 6)))
    kept = store.mailings.save(mailing, NOON)
    assert [a.paper for a in kept.announcements] == [a.paper for a in mailing.announcements]
    assert all(a.added_at == NOON and a.paper.key for a in kept.announcements)
    assert store.mailings.load(WEDNESDAY) == kept
    with pytest.raises(LookupError):
        store.mailings.load(date(2026, 1, 1))


def test_papers_that_arrive_later_are_added_and_known_as_late(store: Store) -> None:
    store.mailings.save(a_mailing(a_paper(1), a_paper(2)), NOON)
    kept = store.mailings.save(a_mailing(a_paper(2), a_paper(3)), LATER)
    assert [a.paper.id for a in kept.announcements] == [a_paper(n).id for n in (1, 2, 3)]
    late = store.mailings.announcements([WEDNESDAY], added_after=NOON)
    assert [(a.paper.id, a.added_at) for a in late] == [(a_paper(3).id, LATER)]


def test_a_mailing_once_complete_stays_complete(store: Store) -> None:
    for status, expected in [
        (MailingStatus.PARTIAL, MailingStatus.PARTIAL),
        (MailingStatus.COMPLETE, MailingStatus.COMPLETE),
        (MailingStatus.PARTIAL, MailingStatus.COMPLETE),
    ]:
        assert store.mailings.save(a_mailing(a_paper(), status=status), NOON).status is expected


def test_a_day_has_one_mailing_of_each_source(store: Store) -> None:
    store.mailings.save(a_mailing(a_paper()), NOON)
    store.mailings.save(replace(a_mailing(status=MailingStatus.PARTIAL), source="biorxiv"), NOON)
    thursday = WEDNESDAY + timedelta(days=1)
    store.mailings.save(a_mailing(day=thursday, status=MailingStatus.EMPTY), NOON)
    found = [(day.date, day.source, day.status, day.has_papers) for day in store.mailings.days()]
    assert found == [
        (WEDNESDAY, "arxiv", MailingStatus.COMPLETE, True),
        (WEDNESDAY, "biorxiv", MailingStatus.PARTIAL, False),
        (thursday, "arxiv", MailingStatus.EMPTY, False),
    ]
    assert [day.date for day in store.mailings.days(since=thursday)] == [thursday]


def test_how_a_paper_was_announced_is_kept_per_mailing(store: Store) -> None:
    replaced = Announcement(a_paper(version=2), AnnounceType.REPLACE, ("q-bio.PE", "q-bio.QM"))
    store.mailings.save(replace(a_mailing(), announcements=(replaced,)), NOON)
    [found] = store.mailings.announcements([WEDNESDAY])
    assert (found.type, found.categories, found.paper.version) == (AnnounceType.REPLACE, ("q-bio.PE", "q-bio.QM"), 2)


# Subscribers


def test_a_subscriber_comes_back_with_wishes_and_topics(store: Store) -> None:
    kept = a_saved_subscriber(store, max_papers="7", deliver="{at: '06:15', timezone: Europe/Berlin}")
    assert store.subscribers.load("ada") == kept
    assert (kept.wishes.max_papers, kept.wishes.deliver.timezone) == (7, "Europe/Berlin")
    assert [topic.name for topic in kept.topics.topics] == ["Moss"]
    assert store.subscribers.load("nobody") is None


def test_saving_again_keeps_identity_and_status(store: Store) -> None:
    first = a_saved_subscriber(store)
    with store.database.writing() as db:
        db.conn.execute("UPDATE subscribers SET status = 'unsubscribed'")
    again = a_saved_subscriber(store, email="new@example.org")
    assert (again.id, again.status, again.wishes.email) == (first.id, "unsubscribed", "new@example.org")


def test_consent_is_for_one_address(store: Store) -> None:
    ada = a_saved_subscriber(store)
    store.subscribers.consent(ada.id, "ada@example.org", "operator", NOON)
    assert store.subscribers.has_consent(ada.id, "ada@example.org")
    assert not store.subscribers.has_consent(ada.id, "new@example.org")


# Editions


def a_full_edition(store: Store) -> Edition:
    listed, near, unscored, again, tried = saved(store, a_paper(1, title=r"$x^2$"), *map(a_paper, (2, 3, 4, 5)))
    return an_edition(
        [replace(scored(listed, 9, None, topic="Moss", comment="It grows.", evidence="moss", summary="New.", local=0.5), followed=("Ada Winter",)),
         replace(scored(again), companion=listed.id)],
        exploration=scored(tried, 4, 9),
        near_misses=(scored(near, 6, 3),),
        not_scored=(unscored,),
        status=Status.BUDGET,
        cadence=Cadence.CATCH_UP,
        mailings=(WEDNESDAY - timedelta(days=1), WEDNESDAY),
        older=(date(2026, 11, 2),),
        usage=Usage(10, 5, 3),
        cost=Cost("0.01", "0.02", "0.03"),
        fault=Fault(Trouble.UNREAD, (2, 9), Cap.OWN_MONTH),
        economies=(Fault(Trouble.NO_COMMENTS),),
        categories=("q-bio.PE",),
        topics=("Moss",),
        model="a-model",
        scorer="openai",
    )  # fmt: skip


def test_an_edition_comes_back_as_it_was_frozen(store: Store) -> None:
    edition = a_full_edition(store)
    send = store.editions.freeze(edition, a_saved_subscriber(store), "abcdefghij", NOON)
    assert send is not None
    assert store.editions.load(send.edition_id) == edition
    assert (send.state, send.address, send.date) == (SendState.READY, "ada@example.org", WEDNESDAY)
    newest = store.editions.newest(send.subscriber_id)
    assert newest is not None
    assert (newest.date, newest.mailings, newest.frozen_at) == (WEDNESDAY, edition.mailings, NOON)
    assert store.editions.newest_id("ada") == send.edition_id
    with pytest.raises(LookupError):
        store.editions.load(999)


def test_a_day_brings_one_digest_and_one_welcome(store: Store) -> None:
    ada, edition = a_saved_subscriber(store), an_edition()
    assert store.editions.freeze(edition, ada, "aaaaaaaaaa", NOON)
    assert store.editions.freeze(edition, ada, "bbbbbbbbbb", LATER) is None
    assert store.editions.freeze(replace(edition, kind=Kind.WELCOME), ada, "cccccccccc", NOON)
    assert store.editions.exists(ada.id, WEDNESDAY)
    assert not store.editions.exists(ada.id, WEDNESDAY + timedelta(days=1))


def test_an_edition_that_cannot_be_saved_leaves_nothing_behind(store: Store) -> None:
    ada = a_saved_subscriber(store)
    unsaved = an_edition([scored(a_paper(key=999))])
    with pytest.raises(sqlite3.IntegrityError):
        store.editions.freeze(unsaved, ada, "aaaaaaaaaa", NOON)
    assert not store.editions.exists(ada.id, WEDNESDAY)
    assert store.sends.counts() == {}


@pytest.mark.parametrize("state", SendState)
def test_a_listed_paper_counts_as_sent_until_its_send_is_released(store: Store, state: SendState) -> None:
    ada, bo = a_saved_subscriber(store), a_saved_subscriber(store, "bo")
    edition = a_full_edition(store)
    store.editions.freeze(edition, ada, "aaaaaaaaaa", NOON)
    with store.database.writing() as db:
        db.conn.execute("UPDATE sends SET state = ?", [state])
    papers = [edition.papers[0].paper, edition.near_misses[0].paper, *edition.not_scored]
    released = state in (SendState.FAILED, SendState.EXPIRED, SendState.SKIPPED)
    assert store.editions.sent_papers(ada.id, papers) == (set() if released else {edition.papers[0].paper.key})
    assert store.editions.sent_papers(bo.id, papers) == set()
    assert store.editions.sent_papers(ada.id, []) == set()


# The database itself


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.db"
    for _ in range(2):
        with Store.open(path) as store:
            a_saved_subscriber(store)
            assert [row["slug"] for row in store.database.rows("SELECT slug FROM subscribers")] == ["ada"]
            applied = [migration.name for migration in migrations.applied(store.database.utils)]
            assert applied == sorted(set(applied)), "each once, in order"


def test_the_database_waits_for_the_disk_and_checks_its_references(store: Store) -> None:
    def pragma(name: str) -> object:
        return next(iter((store.database.row(f"PRAGMA {name}") or {}).values()))

    assert (pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys")) == ("wal", 2, 1)
    assert pragma("busy_timeout") == 10_000


def test_a_transaction_is_kept_whole_or_not_at_all(store: Store) -> None:
    def half() -> None:
        with store.database.writing() as db:
            db.conn.execute("INSERT INTO topics (hash, body) VALUES ('a', 'b')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert store.database.rows("SELECT * FROM topics") == []


def test_threads_write_without_losing_anything(store: Store) -> None:
    def add(number: int) -> None:
        a_saved_subscriber(store, f"reader{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(60)))
    assert len(list(store.subscribers.known())) == 60


def test_threads_that_ended_leave_no_file_open(store: Store) -> None:
    def read() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: store.database.rows("SELECT 1"), range(4)))

    for _ in range(3):
        read()
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208 - not a folder for Path on macOS
    for _ in range(30):
        read()
    assert len(os.listdir("/dev/fd")) < before + 30  # noqa: PTH208
    assert store.database.rows("SELECT 1 AS one") == [{"one": 1}]


def test_a_full_database_is_one_sentence_and_keeps_what_it_has(store: Store) -> None:
    saved(store, a_paper(1))
    pages = (store.database.row("PRAGMA page_count") or {})["page_count"]
    store.database.row(f"PRAGMA max_page_count={pages + 3}")
    with pytest.raises(
        StoreError, match="the disk is full: free some space and run again; what was saved before is safe"
    ):
        saved(store, *(a_paper(n, abstract="moss " * 2000) for n in range(2, 50)))
    assert [row["id"] for row in store.database.rows("SELECT id FROM papers")] == [a_paper(1).id]
    store.database.row(f"PRAGMA max_page_count={pages + 1000}")
    assert saved(store, a_paper(2))


def test_a_missing_folder_and_a_newer_database_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="it cannot be opened: does the folder exist"):
        Database(tmp_path / "nowhere" / "newsletter.db")
    database = Database(tmp_path / "newsletter.db")
    database.utils.table("_sqlite_migrations").insert({"migration_set": "newsletter", "name": "m999", "applied_at": ""})
    database.close()
    with pytest.raises(StoreError, match=r"made by a newer newsletter \(it has m999\): upgrade this one"):
        Database(tmp_path / "newsletter.db")


def test_a_locked_database_is_one_sentence(store: Store) -> None:
    store.database.row("PRAGMA busy_timeout=1")
    other = sqlite3.connect(store.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="it stayed locked for 10 s: is another program holding it"):
        saved(store, a_paper())
    other.execute("ROLLBACK")
    other.close()
    assert saved(store, a_paper())


def test_times_are_kept_with_their_zone(store: Store) -> None:
    moment = datetime(2026, 11, 18, 3, 4, 5, tzinfo=UTC)
    [paper] = saved(store, a_paper(submitted_at=moment))
    assert store.papers.by_keys([int(paper.key or 0)])[int(paper.key or 0)].submitted_at == moment


# Transactions that threads share


def test_threads_that_commit_together_keep_all_but_what_failed(store: Store) -> None:
    def keep(number: int) -> str:
        def work(db: Connection) -> str:
            db.conn.execute("INSERT INTO facts (name, value) VALUES (?, 'kept')", [f"n{number:03}"])
            if number % 10 == 3:
                raise ValueError(f"{number} is wrong")
            return f"kept {number}"

        try:
            return store.database.together(work, lazily=number % 2 == 0)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(keep, range(200)))
    assert said == [f"{n} is wrong" if n % 10 == 3 else f"kept {n}" for n in range(200)]
    names = {row["name"] for row in store.database.rows("SELECT name FROM facts WHERE name GLOB 'n[0-9]*'")}
    assert names == {f"n{n:03}" for n in range(200) if n % 10 != 3}


def test_what_was_committed_together_is_seen_by_others_at_once(store: Store) -> None:
    def keep(number: int) -> str:
        name = f"n{number:03}"
        store.database.together(
            lambda db: db.conn.execute("INSERT INTO facts (name, value) VALUES (?, 'seen')", [name])
        )
        return store.facts.get(name)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(keep, range(100))) == ["seen"] * 100
