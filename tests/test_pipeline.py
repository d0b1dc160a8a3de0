"""The day: from a mailing and a folder of topics files to messages, once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from newsletter import pipeline
from newsletter.app import local_scorer
from newsletter.links import Signer
from newsletter.models.papers import Announcement
from newsletter.models.scores import Scorer
from newsletter.models.sends import Outcome, Receipt, SendState
from newsletter.rendering.templates import load_templates
from newsletter.settings import Mail
from newsletter.store import Store
from newsletter.subscribers.roster import roster
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, a_topics_file
from tests.delivery import FakeBackend

TEMPLATES = load_templates(None)
an_outbox = partial(FakeBackend, reaches_people=False)


def services(store: Store, backend: FakeBackend) -> pipeline.Services:
    return pipeline.Services(
        store=store,
        scorer_for=local_scorer,
        templates=TEMPLATES,
        backend=backend,
        signer=Signer("http://localhost:8000", [b"key"]),
        mail=Mail.model_validate({"from": "The News <news@example.org>"}),
        clock=lambda: NOON,
    )


def a_day(store: Store, folder: Path, backend: FakeBackend, day: date = WEDNESDAY) -> pipeline.Report:
    return pipeline.run(partial(roster, folder, store, NOON), services(store, backend), only=day)


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
    assert b"<mailto:news@example.org?subject=unsubscribe>" in backend.taken[0].eml


def test_nothing_is_composed_for_whom_nothing_may_be_sent(store: Store, folder: Path) -> None:
    store.mailings.save(a_mailing(a_paper()), NOON)
    subscribe(folder, "ada")
    report = a_day(store, folder, FakeBackend())
    assert "no consent of ada@example.org is on record" in report.composed[0].reason
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


def test_one_index_of_words_serves_all_subscribers_also_for_late_papers(store: Store, folder: Path) -> None:
    thursday = WEDNESDAY + timedelta(days=1)
    made: list[int] = []

    def scorer_for(announcements: Sequence[Announcement]) -> Scorer:
        made.append(len(announcements))
        return local_scorer(announcements)

    def a_day_at(moment: datetime, day: date) -> None:
        of_day = replace(services(store, an_outbox()), scorer_for=scorer_for, clock=lambda: moment)
        pipeline.run(partial(roster, folder, store, NOON), of_day, only=day)

    store.mailings.save(a_mailing(a_paper(1)), NOON - timedelta(hours=1))
    for minute, slug in enumerate(("ada", "bo", "cy")):
        subscribe(folder, slug)
        a_day_at(NOON + timedelta(minutes=minute), WEDNESDAY)
    store.mailings.save(a_mailing(a_paper(1), a_paper(2)), NOON + timedelta(hours=1))
    store.mailings.save(a_mailing(a_paper(3), day=thursday), NOON + timedelta(hours=1))
    made.clear()
    a_day_at(NOON + timedelta(hours=2), thursday)
    assert made == [2]
