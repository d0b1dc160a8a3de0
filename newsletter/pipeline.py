"""The day, in order. Calls each stage and saves what it returns; decides nothing.

mailing ─▶ compose:  for each subscriber due: candidates ─▶ score ─▶ select ─▶ comment ─▶ edition, frozen with its send
        ─▶ dispatch: for each send that is ready: render ─▶ message, frozen ─▶ submit ─▶ receipt
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from newsletter.delivery import message, restore_guard
from newsletter.delivery.dispatch import Desk, Dispatched, dispatch
from newsletter.editions.compose import Composed, Composing, Entries, compose
from newsletter.links import Purpose, Signer
from newsletter.models.editions import Links
from newsletter.models.papers import Clock
from newsletter.models.scores import Status
from newsletter.models.sends import Outcome, Send
from newsletter.rendering.templates import Templates, render
from newsletter.settings import Mail
from newsletter.store import Store
from newsletter.store.sends import NONE_EARLY, Early


@dataclass(frozen=True, slots=True)
class Services:
    """What the stages of a day take; made by app, replaced by fakes in tests.

    `mark` is the file of the restore guard, for a backend that reaches people.
    """

    composing: Composing
    desk: Desk
    mark: Path | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The day, a line per subscriber and per send; `halted` says why the rest was not sent."""

    composed: tuple[Composed, ...]
    dispatched: tuple[Dispatched, ...]
    halted: str = ""
    alert: str = ""
    early: Early = NONE_EARLY  # what is ready and waits for its reader's hour

    @property
    def failed(self) -> bool:
        """True when a subscriber or a send needs a person's attention."""
        return (
            bool(self.halted)
            or any(c.failed or c.status is Status.SCORING_FAULT for c in self.composed)
            or any(d.receipt.outcome is not Outcome.ACCEPTED for d in self.dispatched)
        )


def run(entries: Entries, services: Services, only: date | None = None, *, send: bool = True) -> Report:
    """Composes what is due, then sends what is ready. With `only`, that one mailing, as if its day were today."""
    desk, store = services.desk, services.desk.store
    now = desk.clock()
    store.sends.recover(now)  # the caller holds the run lock: what is under way is a dead run's
    store.subscribers.wake(now)
    composed = compose(entries, services.composing, now, restore_guard.covered(store), only)
    if not send or desk.stop.is_set():
        return Report(composed, (), early=store.sends.early(now))
    if services.mark:
        restore_guard.advance(store, services.mark, now.date())
        desk = replace(desk, about_to_send=restore_guard.Following(store, services.mark, now.date()))
    sent = dispatch(desk)
    return Report(composed, sent.sends, sent.halted, sent.alert, store.sends.early(desk.clock()))


def writer(  # noqa: PLR0917 - what a message takes
    store: Store,
    templates: Templates,
    signer: Signer | None,
    mail: Mail,
    clock: Clock,
    prompt: Callable[[str], str] = str,
) -> Callable[[Send], bytes]:
    """Makes the message that carries a send's edition; `prompt` makes the model's instructions of some topics.

    Without a signer the email has no link to this service, and one leaves by a reply to the List-Unsubscribe address.
    """

    def write(send: Send) -> bytes:
        links = _links(send, store, signer) if signer else Links()
        edition = store.editions.load(send.edition_id)
        if edition.attach == "page" and edition.scorer == "openai":
            edition = replace(edition, prompt=prompt(store.editions.topics(send.edition_id)))
        email = render(edition, links, templates)
        envelope = message.Envelope(
            send_id=send.id,
            sender=mail.sender,
            recipient=send.address,
            list_name=templates.mailer,
            unsubscribe_url=links.unsubscribe,
            unsubscribe_address=mail.address,
        )
        return message.build(email, envelope, clock())

    return write


def _links(send: Send, store: Store, signer: Signer) -> Links:
    missed = store.sends.missed(send)
    return Links(
        unsubscribe=signer.url(Purpose.UNSUBSCRIBE, send.subscriber_id),
        web_copy=signer.url(Purpose.EDITION, send.edition_id),
        missed_web_copy=signer.url(Purpose.EDITION, missed) if missed else "",
    )
