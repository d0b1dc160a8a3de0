"""A mailbox provider that refuses the sender is held: its readers lose nothing, all others get their mail."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from newsletter.delivery.dispatch import Dispatch, dispatch
from newsletter.delivery.holds import HELD
from newsletter.delivery.providers import Providers, organisation
from newsletter.models.sends import Event, EventType, Outcome, Outgoing, Receipt, SendState
from newsletter.store import Store
from tests.builders import NOON
from tests.delivery import FakeBackend, Ticking, a_desk, sends_to

REFUSED = Receipt(Outcome.RETRY, "550 5.7.26 unauthenticated", sender_refused=True)
TAKEN = Receipt(Outcome.ACCEPTED)


def exchangers(domain: str) -> Sequence[str]:
    """Two domains have their mail at one provider."""
    at_big = ("mx1.mail.big.example", "mx2.elsewhere.example")
    return {"big.example": at_big, "company.example": at_big, "small.example": ["mx.small.example"]}[domain]


class Refusing(FakeBackend):
    """Refuses the sender for two domains, as one provider does for all that it hosts."""

    refuses = True

    def submit(self, outgoing: Outgoing) -> Receipt:
        super().submit(outgoing)
        is_there = outgoing.recipient.endswith(("@big.example", "@company.example"))
        return REFUSED if self.refuses and is_there else TAKEN


class Mornings:
    """Six readers at a provider that refuses the sender, under two domains, and two elsewhere."""

    def __init__(self, store: Store) -> None:
        self.store, self.backend, self.clock = store, Refusing(), Ticking()
        self.sends = sends_to(
            store,
            *(f"r{number}@big.example" for number in range(3)),
            *(f"c{number}@company.example" for number in range(3)),
            *(f"s{number}@small.example" for number in range(2)),
        )

    def run(self, operator: str = "") -> Dispatch:
        providers = Providers(exchangers)
        desk = a_desk(self.store, self.backend, clock=self.clock, lanes=1, provider_of=providers, operator=operator)
        return dispatch(desk)

    def tried(self) -> int:
        """How many messages were handed over since the last look."""
        count = len(self.backend.taken)
        self.backend.taken.clear()
        return count


@pytest.fixture
def mornings(store: Store) -> Mornings:
    return Mornings(store)


def test_one_refusal_holds_the_provider_and_nobody_else(mornings: Mornings) -> None:
    mornings.run()
    assert mornings.tried() == 3, "one that is refused, and the two elsewhere"
    assert mornings.store.sends.counts() == {SendState.ACCEPTED: 2, SendState.RETRY_AT: 6}


def test_the_operator_is_told_once(mornings: Mornings) -> None:
    first = mornings.run()
    assert "big.example refuses mail from this sender" in first.alert
    assert "550 5.7.26 unauthenticated" in first.alert
    assert not first.halted
    mornings.clock.pass_(hours=2)
    assert mornings.run().alert == ""


def test_a_refusal_of_the_sender_uses_up_nobodys_attempts(mornings: Mornings) -> None:
    for _ in range(40):
        mornings.run()
        mornings.clock.pass_(hours=1)
    assert mornings.store.sends.counts()[SendState.RETRY_AT] == 6
    assert {record.send.attempts for record in mornings.store.sends.records(SendState.RETRY_AT)} == {0}
    assert mornings.tried() <= 2 + 40, "each hour one message asks again"


def test_once_the_provider_takes_mail_again_all_its_readers_get_theirs(mornings: Mornings) -> None:
    mornings.run()
    mornings.clock.pass_(hours=1)
    mornings.backend.refuses = False
    mornings.run()
    assert mornings.store.sends.counts() == {SendState.ACCEPTED: 8}
    assert mornings.store.facts.get(HELD) == ""


def test_a_hold_outlives_the_run_and_covers_mail_that_is_new(mornings: Mornings) -> None:
    mornings.run()
    mornings.tried()
    sends_to(mornings.store, "late@company.example")
    mornings.clock.pass_(minutes=30)
    mornings.run()
    assert mornings.tried() == 0


def test_the_operators_own_provider_may_be_the_one_that_refuses(mornings: Mornings) -> None:
    assert not mornings.run(operator="r0@big.example").halted
    assert mornings.store.sends.counts()[SendState.ACCEPTED] == 2
    assert not mornings.run(operator="r0@big.example").halted


def test_mail_that_a_relay_took_and_returned_holds_the_provider_too(mornings: Mornings) -> None:
    mornings.backend.refuses = False
    (returned, *_) = mornings.sends
    event = Event("smtp", "1", EventType.REFUSED, "", NOON - timedelta(hours=2), returned.id, "550 5.7.26 no SPF")
    mornings.store.events.record([event], NOON)
    assert "big.example refuses" in mornings.run().alert
    assert mornings.store.sends.counts() == {SendState.FAILED: 1, SendState.RETRY_AT: 5, SendState.ACCEPTED: 2}
    mornings.clock.pass_(hours=23)
    assert mornings.run().alert == ""
    assert mornings.store.sends.counts() == {SendState.FAILED: 1, SendState.ACCEPTED: 7}


# Which provider an address has


def test_domains_of_one_provider_are_one(mornings: Mornings) -> None:
    provider_of = Providers(exchangers)
    assert provider_of("ada@big.example") == provider_of("bo@company.example") == "big.example"
    assert provider_of("cy@small.example") == "small.example"


def test_without_an_answer_a_domain_stands_for_itself_and_asking_ends() -> None:
    asked: list[str] = []

    def silent(domain: str) -> Sequence[str]:
        asked.append(domain)
        raise OSError(domain)

    provider_of = Providers(silent)
    for number in range(9):
        assert provider_of(f"ada@d{number}.example") == f"d{number}.example"
        assert provider_of(f"bo@d{number}.example") == f"d{number}.example"
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("gmail-smtp-in.l.google.com", "google.com"),
        ("example-com.mail.protection.outlook.com", "outlook.com"),
        ("mx.mail.example.co.uk", "example.co.uk"),
        ("mx.example.de", "example.de"),
        ("localhost", "localhost"),
    ],
)
def test_a_host_belongs_to_who_registered_its_domain(host: str, named: str) -> None:
    assert organisation(host) == named
