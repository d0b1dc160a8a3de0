"""The day: from a mailing and a folder of topics files to messages, once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from newsletter import pipeline
from newsletter.links import Signer
from newsletter.models.papers import MailingDay, Origin, Taxonomy
from newsletter.models.scores import Computable, Pool, Reading, Scores, Status
from newsletter.models.sends import Outcome, Receipt, SendState
from newsletter.models.subscribers import Subscriber
from newsletter.rendering.templates import load_templates
from newsletter.scoring.features import Corpus
from newsletter.scoring.similarity import Similarity, of_readings
from newsletter.sources import origins, taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import roster
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_topics_file
from tests.days import SENDER, services
from tests.delivery import FakeBackend

SIGNER = Signer("http://localhost:8000", [b"key"])
an_outbox = partial(FakeBackend, reaches_people=False)


def a_day(store: Store, folder: Path, backend: FakeBackend, day: date = WEDNESDAY) -> pipeline.Report:
    return pipeline.run(partial(roster, folder, store, taxonomy(), NOON), services(store, backend), only=day)


def subscribe(folder: Path, *slugs: str) -> None:
    for slug in slugs:
        (folder / f"{slug}.md").write_text(a_topics_file(slug), encoding="utf-8")


def test_each_subscriber_gets_one_message(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(*map(a_paper, range(1, 30))), NOON)
    subscribe(folder, "ada", "bo")
    a_day(store, folder, backend := an_outbox())
    assert sorted(outgoing.recipient for outgoing in backend.taken) == ["ada@example.org", "bo@example.org"]


def test_a_second_run_of_the_day_sends_nothing(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(*map(a_paper, range(1, 30))), NOON)
    subscribe(folder, "ada")
    a_day(store, folder, an_outbox())
    report = a_day(store, folder, backend := an_outbox())
    assert backend.taken == []
    assert [composed.reason for composed in report.composed] == ["has nothing due"]


def test_a_broken_topics_file_harms_nobody_else(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper()), NOON)
    subscribe(folder, "ada")
    (folder / "bo.md").write_text(a_topics_file("bo", foo="1"), encoding="utf-8")
    report = a_day(store, folder, backend := an_outbox())
    assert [outgoing.slug for outgoing in backend.taken] == ["ada"]
    assert "bo.md:4: unknown key foo" in next(c.reason for c in report.composed if c.failed)


def test_a_message_of_unknown_outcome_is_never_sent_again(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper()), NOON)
    subscribe(folder, "ada")
    a_day(store, folder, an_outbox(otherwise=Receipt(Outcome.AMBIGUOUS, "timeout")))
    a_day(store, folder, backend := an_outbox())
    assert backend.taken == []
    assert store.sends.counts() == {SendState.AMBIGUOUS: 1}


def test_an_older_mailing_given_by_hand_has_its_own_day(store: Store, folder: Path) -> None:
    tuesday = WEDNESDAY - timedelta(days=1)
    store.mailings.save(a_mailing(*map(a_paper, range(1, 30))), NOON)
    store.mailings.save(a_mailing(*map(a_paper, range(20, 60)), day=tuesday), NOON)
    subscribe(folder, "ada")
    a_day(store, folder, an_outbox())
    a_day(store, folder, backend := an_outbox(), day=tuesday)
    assert [outgoing.date for outgoing in backend.taken] == [tuesday]


def test_the_sender_may_have_a_name_and_leaving_by_mail_needs_only_the_address(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper()), NOON)
    subscribe(folder, "ada")
    a_day(store, folder, backend := an_outbox())
    assert b"From: The News <news@example.org>\r\n" in backend.taken[0].eml
    assert b"<mailto:news@example.org?subject=unsubscribe%20" in backend.taken[0].eml


def test_nothing_is_composed_for_whom_nothing_may_be_sent(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper()), NOON)
    subscribe(folder, "ada")
    report = a_day(store, folder, FakeBackend())
    assert "no consent of its address is on record" in report.composed[0].reason
    assert store.sends.counts() == {}


def test_consent_given_later_brings_the_edition(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper()), NOON)
    subscribe(folder, "ada")
    a_day(store, folder, FakeBackend())
    store.subscribers.consent(1, "ada@example.org", "operator", NOON)
    a_day(store, folder, backend := FakeBackend())
    assert [outgoing.recipient for outgoing in backend.taken] == ["ada@example.org"]


def test_papers_that_arrive_after_an_edition_come_with_the_next(store: Store, folder: Path) -> None:
    thursday = WEDNESDAY + timedelta(days=1)
    store.mailings.save(a_mailing(a_paper(1)), NOON - timedelta(hours=1))
    (folder / "ada.md").write_text(a_topics_file("ada", min_relevance="1"), encoding="utf-8")
    a_day(store, folder, an_outbox())
    store.mailings.save(a_mailing(a_paper(1), a_paper(2)), NOON + timedelta(hours=1))
    store.mailings.save(a_mailing(a_paper(3), day=thursday), NOON + timedelta(hours=1))
    a_day(store, folder, an_outbox(), day=thursday)
    newest = store.editions.newest_id("ada")
    assert newest is not None
    shown = {scored.paper.id for scored in store.editions.load(newest).papers}
    assert shown == {a_paper(2).id, a_paper(3).id}


class Counting(Similarity):
    """Remembers the pools it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.pools: set[Pool] = set()

    def computable(self, subscriber: Subscriber, day: date, pool: Pool) -> Computable:
        self.pools.add(pool)
        return super().computable(subscriber, day, pool)


def test_one_pool_of_papers_serves_all_subscribers_also_for_late_papers(store: Store, folder: Path) -> None:
    thursday = WEDNESDAY + timedelta(days=1)

    def a_day_at(moment: datetime, day: date) -> Counting:
        of_day = services(store, an_outbox(), scorer=(scorer := Counting()), clock=lambda: moment)
        pipeline.run(partial(roster, folder, store, taxonomy(), NOON), of_day, only=day)
        return scorer

    store.mailings.save(a_mailing(a_paper(1)), NOON - timedelta(hours=1))
    for minute, slug in enumerate(("ada", "bo", "cy")):
        subscribe(folder, slug)
        a_day_at(NOON + timedelta(minutes=minute), WEDNESDAY)
    store.mailings.save(a_mailing(a_paper(1), a_paper(2)), NOON + timedelta(hours=1))
    store.mailings.save(a_mailing(a_paper(3), day=thursday), NOON + timedelta(hours=1))
    assert [len(pool.papers) for pool in a_day_at(NOON + timedelta(hours=2), thursday).pools] == [2]


def failing(known: Corpus, readings: Sequence[Reading], own: Sequence[Any]) -> list[Scores]:
    if any(reading.subscriber.slug == "bo" for reading in readings):
        raise ZeroDivisionError("of ours")
    return of_readings(known, readings, own)


class Failing(Similarity):
    """A scorer that raises for one reader, whoever computes."""

    def computable(self, subscriber: Subscriber, day: date, pool: Pool) -> Computable:
        return replace(super().computable(subscriber, day, pool), work=failing)

    def score(self, reading: Reading) -> Scores:
        if reading.subscriber.slug == "bo":
            raise ZeroDivisionError("of ours")
        return super().score(reading)


def test_a_scorer_that_raises_for_one_reader_harms_nobody_else(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(*map(a_paper, range(1, 5))), NOON)
    subscribe(folder, "ada", "bo", "cy")
    of_day = services(store, backend := an_outbox(), scorer=Failing())
    report = pipeline.run(partial(roster, folder, store, taxonomy(), NOON), of_day, only=WEDNESDAY)
    assert sorted(outgoing.slug for outgoing in backend.taken) == ["ada", "bo", "cy"]
    (failed,) = (composed for composed in report.composed if composed.failed)
    assert (failed.slug, failed.status) == ("bo", Status.SCORING_FAULT)
    assert "ZeroDivisionError: of ours" in failed.reason
    edition = store.editions.load(store.editions.newest_id("bo") or 0)
    assert len(edition.not_scored) == 4


class OfPreprints:
    """The hours of an invented source."""

    def announced_at(self, day: date) -> datetime:
        return datetime.combine(day, time(9), UTC)

    def settled(self, mailing: MailingDay, now: datetime) -> bool:
        return now >= self.announced_at(mailing.date)

    def has_mailing(self, day: date) -> bool:
        return True

    def published_at(self, day: date) -> datetime:
        return self.announced_at(day)

    def is_final(self, mailing: MailingDay, newest: date, now: datetime) -> bool:
        return self.settled(mailing, now)


PREPRINTS = Origin(
    name="preprints",
    title="Preprints",
    url="https://preprints.example.org",
    taxonomy=Taxonomy(frozenset({"botany"})),
    calendar=OfPreprints(),
    pages={"abs": "https://preprints.example.org/show/{id}"},
)


def test_another_source_needs_nothing_but_its_origin(store: Store, folder: Path) -> None:
    both = origins() | {"preprints": PREPRINTS}
    moss = a_paper(7, source="preprints", categories=("botany",), primary_category="botany")
    store.mailings.save(replace(a_mailing(moss), source="preprints"), NOON)
    store.mailings.save(a_mailing(a_paper(8, categories=("botany",))), NOON)
    (folder / "ada.md").write_text(a_topics_file("ada", categories="[botany]", min_relevance="1"), encoding="utf-8")
    day = services(store, backend := an_outbox())
    day = replace(
        day,
        composing=replace(day.composing, at_once=True, origins=both, taxonomy=taxonomy() | PREPRINTS.taxonomy),
        desk=replace(day.desk, write=pipeline.writer(store, load_templates(None, both), SIGNER, SENDER, lambda: NOON)),
    )
    report = pipeline.run(partial(roster, folder, store, taxonomy() | PREPRINTS.taxonomy, NOON), day)
    assert [composed.papers for composed in report.composed] == [2], report
    assert b"https://preprints.example.org/show/2611.00007" in backend.taken[0].eml
    assert b"https://arxiv.org/abs/2611.00008" in backend.taken[0].eml
    assert len(store.mailings.load(WEDNESDAY, "preprints").announcements) == 1
