"""Sending anew after a restore: whenever the backup was made, no paper reaches a reader twice, and mail goes on."""

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from newsletter import pipeline
from newsletter.delivery import restore_guard
from newsletter.links import Signer
from newsletter.models.sends import Outcome, Outgoing, Receipt
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import roster
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_topics_file
from tests.days import services
from tests.delivery import FakeBackend

READERS = ("ada", "bo", "cy", "di")
DAYS = tuple(WEDNESDAY + timedelta(days=n) for n in (0, 1, 2))
SIGNER = Signer("https://news.example.org", [b"key"])


def number_of(day: date) -> int:
    """The number of the one paper that a day announces."""
    return 100 * day.day


class Service:
    """A home that mails a paper a day to each reader; its database and its mark may be put back to what they were."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder, self.kept = home / "home", home / "home" / "subscribers", home / "backup"
        self.folder.mkdir(parents=True)
        self.kept.mkdir()
        self.mark = self.home / "dispatch.mark"
        self.mailed: list[tuple[str, bytes]] = []
        for slug in READERS:
            (self.folder / f"{slug}.md").write_text(a_topics_file(slug), encoding="utf-8")

    def run(self, day: date, *, confirmed: bool = False, during: Callable[[int], None] = lambda _: None) -> list[str]:
        """A day's run; what it warns of. `during` is called with the count of messages before each is handed over."""
        with Store.open(self.home / "newsletter.db") as store:
            now = datetime.combine(day, NOON.timetz())
            doubts = restore_guard.check(store, self.mark, now, confirmed=confirmed)
            paper = a_paper(number_of(day))
            store.mailings.save(a_mailing(paper, day=day), now)
            for entry in roster(self.folder, store, taxonomy(), now):
                store.subscribers.consent(getattr(entry, "id", 0), f"{entry.slug}@example.org", "operator", now)

            def submit(outgoing: Outgoing) -> None:
                during(len(self.mailed))
                self.mailed.append((outgoing.slug, outgoing.eml))

            backend = FakeBackend(otherwise=Receipt(Outcome.ACCEPTED), before=submit)
            of_day = services(store, backend, signer=SIGNER, clock=lambda: now, mark=self.mark)
            pipeline.run(partial(roster, self.folder, store, taxonomy(), now), of_day)
        return list(doubts)

    def backup(self, *, whole: bool = False) -> None:
        with (
            closing(sqlite3.connect(self.home / "newsletter.db")) as here,
            closing(sqlite3.connect(self.kept / "newsletter.db")) as there,
        ):
            here.backup(there)
        if whole and self.mark.exists():
            shutil.copy(self.mark, self.kept)

    def restore(self) -> None:
        for path in self.home.glob("newsletter.db*"):
            path.unlink()
        for path in self.kept.iterdir():
            shutil.copy(path, self.home / path.name)

    def twice(self) -> set[tuple[str, date]]:
        """Who got the paper of which day more than once."""
        got = Counter(
            (slug, day) for slug, eml in self.mailed for day in DAYS if f"2611.{number_of(day):05}".encode() in eml
        )
        return {key for key, count in got.items() if count > 1}

    def got(self, day: date) -> set[str]:
        return {slug for slug, eml in self.mailed if f"2611.{number_of(day):05}".encode() in eml}


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


@pytest.mark.parametrize("at", ["before the first run", "between the runs", "after them"])
def test_a_backup_of_another_time_mails_nothing_twice(service: Service, at: str) -> None:
    with Store.open(service.home / "newsletter.db"):
        pass
    if at == "before the first run":
        service.backup()
    service.run(DAYS[0])
    if at == "between the runs":
        service.backup()
    service.run(DAYS[1])
    if at == "after them":
        service.backup()
    service.restore()
    if at == "after them":
        service.run(DAYS[1])
    else:
        with pytest.raises(restore_guard.Restored):
            service.run(DAYS[1])
        service.run(DAYS[1], confirmed=True)
    service.run(DAYS[2])
    assert service.twice() == set()
    assert service.got(DAYS[2]) == set(READERS), "and mail goes on"


@pytest.mark.parametrize("messages", range(len(READERS)))
def test_a_backup_taken_during_a_run_mails_nothing_twice(service: Service, messages: int) -> None:
    service.run(DAYS[0])

    def backup(mailed: int) -> None:
        if mailed == len(READERS) + messages:
            service.backup()

    service.run(DAYS[1], during=backup)
    service.restore()
    if messages == 0:  # while the last ones are under way, the backup may know of all
        with pytest.raises(restore_guard.Restored):
            service.run(DAYS[1])
    service.run(DAYS[1], confirmed=True)
    service.run(DAYS[2])
    assert service.twice() == set()
    assert service.got(DAYS[2]) == set(READERS)


def test_a_lost_mark_mails_nothing_twice(service: Service) -> None:
    service.run(DAYS[0])
    service.backup()
    service.run(DAYS[1])
    service.mark.unlink()
    service.restore()
    with pytest.raises(restore_guard.Restored):
        service.run(DAYS[1])
    service.run(DAYS[1], confirmed=True)
    service.run(DAYS[2])
    assert service.twice() == set()


# The two that no run can tell from a day like any other: documented in docs/deploy.md, and warned of.


def test_the_whole_home_with_its_mark_mails_twice_and_the_run_says_so_first(service: Service) -> None:
    service.run(DAYS[0])
    service.backup(whole=True)
    service.run(DAYS[1])
    service.restore()
    (doubt,) = service.run(DAYS[1])
    assert "if all of it was restored from a backup, stop now" in doubt
    assert service.twice() == {(slug, DAYS[1]) for slug in READERS}
    assert service.run(DAYS[2]) == [], "said once"


def test_a_new_home_is_no_backup(service: Service) -> None:
    assert service.run(DAYS[0]) == []


def test_a_copy_that_keeps_the_files_times_is_seen_too(service: Service) -> None:
    service.run(DAYS[0])
    times = service.mark.stat()
    an_hour = 3600 * 10**9
    os.utime(service.mark, ns=(times.st_atime_ns - an_hour, times.st_mtime_ns - an_hour))
    (doubt,) = service.run(DAYS[1])
    assert "the dispatch mark is a copy" in doubt
    assert service.run(DAYS[2]) == []


def test_a_backup_of_before_the_first_mail_without_a_mark_mails_twice_and_the_run_says_so_first(
    service: Service,
) -> None:
    with Store.open(service.home / "newsletter.db") as store:
        list(roster(service.folder, store, taxonomy(), NOON - timedelta(days=3)))
    service.backup()
    service.run(DAYS[0])
    service.mark.unlink()
    service.restore()
    (doubt,) = service.run(DAYS[0])
    assert "no mail has gone out from this database yet" in doubt
    assert service.twice() == {(slug, DAYS[0]) for slug in READERS}


def test_a_mark_outside_the_home_tells_the_whole_home_from_a_moved_one(service: Service, tmp_path: Path) -> None:
    service.mark = tmp_path / "elsewhere.mark"
    service.run(DAYS[0])
    service.backup(whole=False)
    service.run(DAYS[1])
    service.restore()
    with pytest.raises(restore_guard.Restored):
        service.run(DAYS[1])
