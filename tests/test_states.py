"""The life of a send, as a model that hypothesis walks through: no path sends twice unless a person says so."""

from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from newsletter.delivery.dispatch import DEFAULT_DELIVERY, after
from newsletter.models.sends import Event, EventType, Outcome, Receipt, Send, SendState
from newsletter.models.subscribers import SubscriberStatus
from newsletter.store import Store
from newsletter.store.sends import Terms
from tests.builders import NOON
from tests.delivery import a_send

OUTCOMES, WORKERS = st.sampled_from(Outcome), st.sampled_from(["one", "two"])
# After these the reader may have it.
PERHAPS = {Outcome.ACCEPTED, Outcome.AMBIGUOUS}


class SendMachine(RuleBasedStateMachine):
    """One send, two workers, a person, a reader, a webhook and a clock, in any order."""

    @initialize()
    def start(self) -> None:
        self.open = ExitStack()
        self.store = self.open.enter_context(Store.open(Path(":memory:")))
        self.send = a_send(self.store)
        self.now: datetime = NOON
        self.claims: dict[str, Send] = {}
        self.submitted: list[str] = []  # workers between `submitting` and `settle`
        self.calls = 0  # of the backend
        self.arrivals = 0  # the most that may lie in the reader's mailbox
        self.allowed = 1  # one, and one more each time a person asks to send it again
        self.left = False
        self.reported_delivered = False

    def teardown(self) -> None:
        if hasattr(self, "open"):
            self.open.close()

    @property
    def state(self) -> SendState:
        record = self.store.sends.record(self.send.id)
        assert record
        return record.send.state

    def terms(self) -> Terms:
        return Terms(consent=True, stale_before=self.now - timedelta(hours=48))

    @rule(worker=WORKERS)
    def claim(self, worker: str) -> None:
        claimed = self.store.sends.claim(worker, self.now, self.terms())
        if claimed:
            assert not self.left, "who left is not claimed any more"
            self.claims[worker] = claimed

    @rule(worker=WORKERS, outcome=OUTCOMES, dies=st.booleans())
    def claim_and_submit(self, worker: str, outcome: Outcome, dies: bool) -> None:
        self.claim(worker)
        self.submit(worker, outcome, dies)

    @rule(worker=WORKERS, outcome=OUTCOMES, dies=st.booleans())
    @precondition(lambda self: self.claims)
    def submit(self, worker: str, outcome: Outcome, dies: bool) -> None:
        claimed = self.claims.pop(worker, None)
        if not claimed or not self.store.sends.submitting(claimed, worker, b"bytes", self.now, self.terms()):
            return
        assert not self.left, "who left is not mailed any more"
        self.calls += 1
        self.arrivals += outcome in PERHAPS
        if dies:  # before the answer is recorded; perhaps before the call, which is the milder case
            self.submitted.append(worker)
            return
        receipt = Receipt(outcome, "said so")
        state, retry_at = after(receipt, claimed.attempts + 1, DEFAULT_DELIVERY, self.now)
        self.store.sends.settle(claimed, worker, "fake", receipt, state=state, retry_at=retry_at, now=self.now)

    @rule()
    def a_new_run_settles_what_a_dead_one_left(self) -> None:
        self.claims.clear()  # the lock proves that no other worker is alive
        self.submitted.clear()
        self.store.sends.recover(self.now)
        assert self.state not in (SendState.CLAIMED, SendState.SUBMITTING)

    @rule(worker=WORKERS)
    @precondition(lambda self: self.claims)
    def put_back(self, worker: str) -> None:
        if claimed := self.claims.pop(worker, None):
            self.store.sends.put_back(claimed, worker, self.now)

    @rule(kind=st.sampled_from(EventType))
    @precondition(lambda self: self.calls > 0)
    def a_report_comes(self, kind: EventType) -> None:
        event = Event("fake", f"{kind}{self.now}", kind, self.send.address, self.now, self.send.id)
        self.store.events.record([event], self.now)
        if kind in (EventType.HARD_BOUNCE, EventType.COMPLAINT, EventType.UNSUBSCRIBE):
            self.left = True

    @rule(sent=st.booleans())
    def a_person_resolves(self, sent: bool) -> None:
        if self.store.sends.resolve(self.send.id, sent, self.now) and not sent:
            self.allowed += 1

    @rule()
    @precondition(lambda self: self.calls > 0 or self.claims)
    def the_reader_leaves(self) -> None:
        assert self.store.subscribers.leave(self.send.subscriber_id, "the reader's link", self.now)
        self.left = True

    @rule()
    @precondition(lambda self: self.calls > 0 or self.claims)
    def the_reader_is_paused(self) -> None:
        if not self.left:
            self.store.subscribers.set_status("ada", SubscriberStatus.PAUSED, "by the operator", self.now)

    @rule()
    @precondition(lambda self: self.calls > 0 or self.claims)
    def the_reader_is_resumed(self) -> None:
        if not self.left:
            self.store.subscribers.set_status("ada", SubscriberStatus.ACTIVE, "by the operator", self.now)

    @rule(minutes=st.sampled_from([1, 9, 11, 60, 24 * 60, 49 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @invariant()
    def never_two_unless_a_person_asked(self) -> None:
        if hasattr(self, "arrivals"):
            assert self.arrivals <= self.allowed, "it may have arrived twice"

    @invariant()
    def what_may_have_arrived_is_never_ready_by_itself(self) -> None:
        if hasattr(self, "arrivals") and self.arrivals == self.allowed and not self.submitted:
            assert self.state not in (SendState.READY, SendState.CLAIMED, SendState.RETRY_AT, SendState.SUBMITTING)


SendMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=20, deadline=None)
TestSendMachine = SendMachine.TestCase
