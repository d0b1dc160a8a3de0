"""Dispatch: claims, outcomes, pauses, breakers, the canary; and that nobody who left gets anything."""

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter.delivery import restore_guard
from newsletter.delivery.breakers import OPEN, RESUMED_AT
from newsletter.delivery.dispatch import DEFAULT_DELIVERY, Delivery, Desk, Dispatch, Pace, after, dispatch, pause
from newsletter.models.sends import Outcome, Outgoing, Receipt, Send, SendState
from newsletter.models.subscribers import SubscriberStatus
from newsletter.store import Store
from newsletter.store.sends import Terms
from tests.builders import NOON, WEDNESDAY
from tests.delivery import FakeBackend, Ticking, a_desk, a_send, some_sends

RETRY = Receipt(Outcome.RETRY, "451 later")
AMBIGUOUS = Receipt(Outcome.AMBIGUOUS, "the connection was lost")
ANY_TERMS = Terms()
AT_MOST_3 = Delivery.model_validate({"attempts": 3})


def run(store: Store, backend: FakeBackend, now: datetime = NOON, **desk: object) -> Dispatch:
    return dispatch(a_desk(store, backend, clock=lambda: now, **desk))


def state(store: Store, send: Send) -> SendState:
    record = store.sends.record(send.id)
    assert record
    return record.send.state


# What is tried, and how often


def test_every_ready_send_goes_out_once_from_several_lanes(store: Store) -> None:
    sends = some_sends(store, 20)
    done = run(store, backend := FakeBackend(), lanes=4)
    assert sorted(o.send_id for o in backend.taken) == sorted(s.id for s in sends)
    assert store.sends.counts() == {SendState.ACCEPTED: 20}
    assert len(done.sends) == 20
    run(store, again := FakeBackend())
    assert again.taken == []


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [
        (Receipt(Outcome.ACCEPTED), SendState.ACCEPTED),
        (Receipt(Outcome.FAILED), SendState.FAILED),
        (AMBIGUOUS, SendState.AMBIGUOUS),
        (RETRY, SendState.RETRY_AT),
        (Receipt(Outcome.STOP), SendState.READY),
    ],
)
def test_each_outcome_has_its_state(store: Store, receipt: Receipt, expected: SendState) -> None:
    send = a_send(store)
    run(store, FakeBackend(otherwise=receipt))
    assert state(store, send) is expected


def test_a_failing_backend_makes_the_outcome_unknown(store: Store) -> None:
    class Broken(FakeBackend):
        def submit(self, outgoing: Outgoing) -> Receipt:
            raise RuntimeError("a bug")

    send = a_send(store)
    run(store, Broken())
    assert state(store, send) is SendState.AMBIGUOUS


def test_pauses_grow_up_to_four_hours() -> None:
    minutes = [pause(attempts, DEFAULT_DELIVERY).seconds / 60 for attempts in range(1, 8)]
    assert minutes == [10, 20, 40, 80, 160, 240, 240]


def test_a_send_is_given_up_after_its_attempts(store: Store) -> None:
    send, clock = a_send(store), Ticking()
    for _ in range(3):
        dispatch(a_desk(store, FakeBackend(otherwise=RETRY), clock=clock, delivery=AT_MOST_3))
        clock.pass_(hours=5)
    assert state(store, send) is SendState.FAILED
    assert store.editions.given_back(send.subscriber_id, WEDNESDAY) == {WEDNESDAY}


def test_a_retry_waits_for_its_time_and_sends_the_same_bytes(store: Store) -> None:
    send, clock, backend = a_send(store), Ticking(), FakeBackend(otherwise=RETRY)
    written: list[str] = []

    def write(send: Send) -> bytes:
        written.append(send.id)
        return f"version {len(written)}".encode()

    dispatch(a_desk(store, backend, clock=clock, write=write))
    clock.pass_(minutes=8)
    dispatch(a_desk(store, backend, clock=clock, write=write))
    assert len(backend.taken) == 1
    clock.pass_(minutes=2)
    dispatch(a_desk(store, backend, clock=clock, write=write))
    assert [o.eml for o in backend.taken] == [b"version 1", b"version 1"]
    assert store.sends.message(send.id) == b"version 1"


def a_waiting_desk(store: Store, backend: FakeBackend, **fields: Any) -> Desk:
    """A desk whose waits move its clock instead of taking time."""
    clock = Ticking()

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock.pass_(seconds=timeout or 0)
            return False

    pace = Pace(monotonic=lambda: clock().timestamp(), wait=lambda seconds: clock.pass_(seconds=seconds))
    return a_desk(store, backend, clock=clock, stop=Stop(), pace=pace, **fields)


@pytest.mark.parametrize("seconds", [0, -3600, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("lanes", [1, 4])
def test_a_limit_that_never_ends_costs_a_bounded_number_of_requests(store: Store, seconds: float, lanes: int) -> None:
    some_sends(store, 30)
    backend = FakeBackend(otherwise=Receipt(Outcome.RETRY, "429", retry_after=seconds))
    done = dispatch(a_waiting_desk(store, backend, lanes=lanes))
    assert len(backend.taken) <= 10 * lanes
    assert "asks again and again to wait" in done.halted
    assert store.sends.counts().keys() <= {SendState.RETRY_AT, SendState.READY}, "and nobody's mail is given up"


def test_one_send_that_is_always_told_to_wait_ends_as_others_do(store: Store) -> None:
    a_send(store)
    limited = {"ada": Receipt(Outcome.RETRY, "429", retry_after=1)}
    dispatch(a_waiting_desk(store, backend := FakeBackend(limited), lanes=1))
    assert len(backend.taken) == 6, "five waits, then an attempt, and a pause like after any"
    (record,) = store.sends.records()
    assert record.send.attempts == 1


def test_limits_between_which_messages_are_taken_end_nothing(store: Store) -> None:
    some_sends(store, 30)
    chance = random.Random(1)

    class Limited(FakeBackend):
        def submit(self, outgoing: Outgoing) -> Receipt:
            is_full = chance.random() < 0.4
            return Receipt(Outcome.RETRY, "429", retry_after=5) if is_full else Receipt(Outcome.ACCEPTED)

    assert dispatch(a_waiting_desk(store, Limited(), lanes=1)).halted == ""
    assert store.sends.counts() == {SendState.ACCEPTED: 30}


def test_a_wait_that_the_backend_asks_for_is_waited_and_is_no_attempt(store: Store) -> None:
    send = a_send(store)
    answers = iter([Receipt(Outcome.RETRY, "429", retry_after=30), Receipt(Outcome.ACCEPTED)])

    class Limited(FakeBackend):
        def submit(self, outgoing: Outgoing) -> Receipt:
            return next(answers)

    done = dispatch(a_waiting_desk(store, Limited(), lanes=1))
    assert [d.receipt.outcome for d in done.sends] == [Outcome.RETRY, Outcome.ACCEPTED]
    record = store.sends.record(send.id)
    assert record
    assert (record.send.state, record.send.attempts, len(record.attempts)) == (SendState.ACCEPTED, 1, 2)


def test_a_long_wait_leaves_the_rest_for_later(store: Store) -> None:
    some_sends(store, 5)
    done = run(store, backend := FakeBackend(otherwise=Receipt(Outcome.RETRY, "429", retry_after=900)), lanes=1)
    assert len(backend.taken) == 1
    assert "asks to wait 900 s" in done.halted


def test_lanes_share_one_pace() -> None:
    waits: list[float] = []
    pace = Pace(per_second=10, monotonic=lambda: 100.0, wait=waits.append)
    for _ in range(3):
        pace.turn()
    pace.hold(30)
    pace.turn()
    assert waits == pytest.approx([0.1, 0.2, 30])


def test_claims_that_outlive_their_lease_behind_a_slow_pace_are_sent_all_the_same(store: Store) -> None:
    sends, clock = some_sends(store, 20), Ticking()
    pace = Pace(1 / 45, lambda: clock().timestamp(), lambda seconds: clock.pass_(seconds=seconds))
    dispatch(a_desk(store, backend := FakeBackend(), clock=clock, pace=pace, lanes=1))
    assert sorted(outgoing.send_id for outgoing in backend.taken) == sorted(send.id for send in sends)
    assert store.sends.counts() == {SendState.ACCEPTED: 20}


def test_a_stop_leaves_no_claim_behind(store: Store) -> None:
    some_sends(store, 20)
    stop = threading.Event()
    run(store, FakeBackend(before=lambda _: stop.set()), stop=stop, lanes=1)
    assert store.sends.counts() == {SendState.ACCEPTED: 1, SendState.READY: 19}


def test_an_edition_that_cannot_be_written_harms_no_other(store: Store) -> None:
    sends = some_sends(store, 3)

    def write(send: Send) -> bytes:
        if send.id == sends[1].id:
            raise ValueError("an odd paper")
        return b"fine"

    run(store, backend := FakeBackend(), write=write)
    assert len(backend.taken) == 2
    record = store.sends.record(sends[1].id)
    assert record
    assert (record.send.state, "an odd paper" in record.detail) == (SendState.RETRY_AT, True)


# What dead runs leave


def test_what_a_dead_run_left_is_settled_at_once(store: Store) -> None:
    claimed, submitting = a_send(store, "ada"), a_send(store, "bo")
    dead = "a dead run"
    assert store.sends.claim(dead, NOON, ANY_TERMS)
    found = store.sends.claim(dead, NOON, ANY_TERMS)
    assert found
    assert found.id == submitting.id
    store.sends.submitting(found, dead, b"bytes", NOON, ANY_TERMS)
    run(store, backend := FakeBackend(), now=NOON + timedelta(seconds=1))
    assert [o.send_id for o in backend.taken] == [claimed.id]
    assert state(store, submitting) is SendState.AMBIGUOUS


def test_of_two_claimants_one_loses(store: Store) -> None:
    a_send(store)
    assert store.sends.claim("one", NOON, ANY_TERMS)
    assert store.sends.claim("two", NOON, ANY_TERMS) is None


def test_a_claim_that_outlived_its_lease_is_lost(store: Store) -> None:
    a_send(store)
    send = store.sends.claim("slow", NOON, ANY_TERMS)
    assert send
    later = NOON + timedelta(minutes=11)
    assert not store.sends.submitting(send, "slow", b"late", later, ANY_TERMS)
    assert store.sends.claim("quick", later, ANY_TERMS)


@pytest.mark.parametrize(("sent", "expected"), [(True, SendState.ACCEPTED), (False, SendState.READY)])
def test_a_person_resolves_what_is_ambiguous(store: Store, sent: bool, expected: SendState) -> None:
    send = a_send(store)
    run(store, FakeBackend(otherwise=AMBIGUOUS))
    assert store.sends.resolve(send.id, sent, NOON)
    assert state(store, send) is expected
    assert not store.sends.resolve(send.id, sent, NOON), "it is not ambiguous any more"
    run(store, backend := FakeBackend())
    assert len(backend.taken) == (0 if sent else 1)


def test_what_a_person_asks_to_resend_is_not_too_old(store: Store) -> None:
    send, later = a_send(store), NOON + timedelta(days=5)
    run(store, FakeBackend(otherwise=AMBIGUOUS))
    store.sends.resolve(send.id, False, later)
    run(store, backend := FakeBackend(), now=later)
    assert len(backend.taken) == 1


# Who gets nothing


def leave(store: Store, send: Send) -> None:
    store.subscribers.set_status(send.slug, SubscriberStatus.UNSUBSCRIBED, "by the link", NOON)


def pause_(store: Store, send: Send) -> None:
    store.subscribers.set_status(send.slug, SubscriberStatus.PAUSED, "by the operator", NOON)


def suppress(store: Store, send: Send) -> None:
    store.suppressions.add(send.address.upper(), "complaint", "sendgrid", NOON)


@pytest.mark.parametrize("act", [leave, pause_, suppress])
def test_who_left_gets_nothing_from_the_next_claim_on(store: Store, act: Callable[[Store, Send], None]) -> None:
    send = a_send(store)
    act(store, send)
    run(store, backend := FakeBackend())
    assert backend.taken == []
    assert state(store, send) is SendState.SKIPPED


@pytest.mark.parametrize("act", [leave, pause_, suppress])
def test_who_leaves_while_the_message_is_written_gets_nothing(store: Store, act: Callable[[Store, Send], None]) -> None:
    send = a_send(store)

    def write(send: Send) -> bytes:
        act(store, send)
        return b"written for nobody"

    run(store, backend := FakeBackend(), write=write)
    assert backend.taken == []
    assert state(store, send) is SendState.SKIPPED


def test_a_backend_that_reaches_people_needs_consent_for_this_very_address(store: Store) -> None:
    send = a_send(store)
    with store.database.writing() as db:
        db.conn.execute("UPDATE consents SET address = 'old@example.org'")
    run(store, backend := FakeBackend(reaches_people=True))
    assert backend.taken == []
    assert state(store, send) is SendState.SKIPPED


def test_a_stale_digest_expires_and_its_mailing_is_open_again(store: Store) -> None:
    send = a_send(store)
    run(store, backend := FakeBackend(), now=NOON + timedelta(hours=49))
    assert backend.taken == []
    assert state(store, send) is SendState.EXPIRED
    assert store.editions.given_back(send.subscriber_id, WEDNESDAY) == {WEDNESDAY}


def test_a_mailing_that_a_later_edition_covered_is_not_given_back(store: Store) -> None:
    send = a_send(store)
    run(store, FakeBackend(), now=NOON + timedelta(hours=49))
    a_send(store, date=WEDNESDAY + timedelta(days=1), mailings=(WEDNESDAY, WEDNESDAY + timedelta(days=1)))
    assert store.editions.given_back(send.subscriber_id, WEDNESDAY) == set()


# What stops everything


def test_refused_credentials_stop_all_lanes_until_a_person_resumes(store: Store) -> None:
    some_sends(store, 20)
    refused = FakeBackend(otherwise=Receipt(Outcome.STOP, "401 the key is wrong"))
    done = run(store, refused, lanes=3)
    assert len(refused.taken) <= 3
    assert store.sends.counts() == {SendState.READY: 20}
    assert "401 the key is wrong" in done.halted
    assert "newsletter resume" in done.halted
    run(store, backend := FakeBackend())
    assert backend.taken == []
    store.facts.set(OPEN, "")
    store.facts.set(RESUMED_AT, NOON.isoformat())
    run(store, backend)
    assert len(backend.taken) == 20


def test_a_signal_finishes_what_is_in_flight_and_claims_nothing_more(store: Store) -> None:
    some_sends(store, 10)
    stop = threading.Event()
    backend = FakeBackend(before=lambda _: stop.set())
    run(store, backend, lanes=1, stop=stop)
    assert len(backend.taken) == 1
    assert store.sends.counts() == {SendState.ACCEPTED: 1, SendState.READY: 9}


def test_bounces_beyond_the_limit_pause_everything(store: Store) -> None:
    some_sends(store, 20)
    gone = Receipt(Outcome.FAILED, "550 5.1.1 no such user", bad_address=True)
    run(store, FakeBackend(answers={f"r{n:04}": gone for n in range(6)}))
    assert len(list(store.suppressions.all())) == 6
    a_send(store, "late")
    done = run(store, backend := FakeBackend())
    assert backend.taken == []
    assert "6 bounces among the 20 mails" in done.halted


def test_a_server_that_breaks_every_connection_does_not_make_a_whole_morning_ambiguous(store: Store) -> None:
    some_sends(store, 20)
    done = run(store, FakeBackend(otherwise=AMBIGUOUS), lanes=1)
    assert store.sends.counts() == {SendState.AMBIGUOUS: 5, SendState.READY: 15}
    assert "5 messages in a row are of unknown outcome" in done.halted


def test_now_and_then_an_unknown_outcome_stops_nothing(store: Store) -> None:
    some_sends(store, 20)
    odd = {f"r{n:04}": AMBIGUOUS for n in range(20) if n % 3}
    assert run(store, FakeBackend(answers=odd), lanes=1).halted == ""


def test_todays_spend_beyond_the_cap_pauses_everything(store: Store) -> None:
    a_send(store)
    with store.database.writing() as db:
        db.conn.execute(
            "INSERT INTO charges (subscriber_id, at, stage, model, tier, prompt_tokens, cached_tokens, cache_write_tokens, "
            "completion_tokens, reasoning_tokens, prices, picodollars, estimated_picodollars, finish_reason, items_in, "
            "items_out, retries, latency_ms) VALUES (1, ?, 'score', 'm', '', 1, 0, 0, 1, 0, '{}', ?, 0, 'stop', 1, 1, 0, 1)",
            [NOON.isoformat(), 21 * 10**12],
        )
    done = run(store, backend := FakeBackend())
    assert backend.taken == []
    assert "$21.00" in done.halted


# The canary


def test_the_operators_copy_goes_first(store: Store) -> None:
    some_sends(store, 5)
    a_send(store, "zoe")
    run(store, backend := FakeBackend(), operator="Zoe <zoe@example.org>", lanes=1)
    assert backend.taken[0].slug == "zoe"
    assert len(backend.taken) == 6


@pytest.mark.parametrize(
    "receipt", [RETRY, AMBIGUOUS, Receipt(Outcome.FAILED, "554 spam"), Receipt(Outcome.STOP, "401")]
)
def test_nobody_else_gets_mail_unless_the_operators_copy_was_accepted(store: Store, receipt: Receipt) -> None:
    some_sends(store, 5)
    a_send(store, "zoe")
    backend = FakeBackend(answers={"zoe": receipt})
    assert run(store, backend, operator="zoe@example.org").halted
    assert [o.slug for o in backend.taken] == ["zoe"]
    assert run(store, backend, operator="zoe@example.org").halted, "nor with the next run"
    assert len(backend.taken) == 1


# Restored backups


def test_a_restored_database_asks_before_it_mails_the_past(store: Store, tmp_path: Path) -> None:
    mark, send = tmp_path / "dispatch.mark", a_send(store)
    restore_guard.check(store, mark, NOON, confirmed=False)
    restore_guard.advance(store, mark, WEDNESDAY)
    restore_guard.check(store, mark, NOON, confirmed=False)
    store.facts.set(restore_guard.EPOCH, "0")  # as an older copy of the database has it
    with pytest.raises(restore_guard.Restored, match="--confirm-restore"):
        restore_guard.check(store, mark, NOON, confirmed=False)
    restore_guard.check(store, mark, NOON, confirmed=True)
    assert state(store, send) is SendState.AMBIGUOUS
    assert restore_guard.covered(store) == WEDNESDAY
    restore_guard.check(store, mark, NOON, confirmed=False)


def test_a_lost_mark_asks_too(store: Store, tmp_path: Path) -> None:
    restore_guard.advance(store, tmp_path / "dispatch.mark", WEDNESDAY)
    (tmp_path / "dispatch.mark").unlink()
    with pytest.raises(restore_guard.Restored, match="mark is missing"):
        restore_guard.check(store, tmp_path / "dispatch.mark", NOON, confirmed=False)


def test_messages_are_dropped_thirty_days_after_their_last_event(store: Store) -> None:
    send = a_send(store)
    run(store, FakeBackend())
    run(store, FakeBackend(), now=NOON + timedelta(days=30))
    assert store.sends.message(send.id)
    run(store, FakeBackend(), now=NOON + timedelta(days=31))
    assert store.sends.message(send.id) is None


def test_an_attempt_counts_only_where_it_was_one() -> None:
    assert after(RETRY, 3, AT_MOST_3, NOON)[0] is SendState.FAILED
    assert after(Receipt(Outcome.RETRY, retry_after=5), 9, AT_MOST_3, NOON) == (
        SendState.RETRY_AT,
        NOON + timedelta(seconds=5),
    )
