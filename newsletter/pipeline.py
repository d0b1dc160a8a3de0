"""The day, in order. Calls each stage and saves what it returns; decides nothing.

mailing ─▶ compose:  for each subscriber due: candidates ─▶ score ─▶ select ─▶ comment ─▶ edition, frozen with its send
        ─▶ dispatch: for each send that is ready: render ─▶ message, frozen ─▶ submit ─▶ receipt
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from newsletter.delivery import message, restore_guard
from newsletter.delivery.dispatch import Desk, Dispatch, Dispatched, dispatch
from newsletter.editions.compose import Composing, compose
from newsletter.editions.morning import Entries
from newsletter.links import PAGES, Purpose, Signer
from newsletter.models.editions import Composed, Kind, Links
from newsletter.models.papers import Clock
from newsletter.models.scores import Status
from newsletter.models.sends import Notice, Outcome, Send
from newsletter.rendering.notices import render_notice
from newsletter.rendering.templates import Templates, render
from newsletter.settings import Mail
from newsletter.store import Store
from newsletter.store.papers import Shelf
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


def run(entries: Entries, services: Services, only: date | None = None, *, sending: bool = True) -> Report:
    """Composes what is due, then sends what is ready. With `only`, that one mailing, as if its day were today."""
    desk, store = services.desk, services.desk.store
    now = desk.clock()
    store.sends.recover(now)  # the caller holds the run lock: what is under way is a dead run's
    store.subscribers.wake(now)
    composed = compose(entries, services.composing, now, restore_guard.covered(store), only)
    if not sending or desk.stop.is_set():
        return Report(composed, (), early=store.sends.early(now))
    sent = send_ready(desk, services.mark)
    return Report(composed, sent.sends, sent.halted, sent.alert, store.sends.early(desk.clock()))


def send_ready(desk: Desk, mark: Path | None, kind: Kind | None = None) -> Dispatch:
    """Sends what is ready, of the editions perhaps only those of a kind; the restore guard follows each message."""
    if mark:
        today = desk.clock().date()
        restore_guard.advance(desk.store, mark, today)
        desk = replace(desk, about_to_send=restore_guard.Following(desk.store, mark, today))
    return dispatch(desk, kind)


def writer(  # noqa: PLR0917 - what a message takes
    store: Store,
    templates: Templates,
    signer: Signer | None,
    mail: Mail,
    clock: Clock,
    prompt: Callable[[str], str] = str,
    pages: Collection[Purpose] = PAGES,
) -> Callable[[Send | Notice], bytes]:
    """Makes the message of a send or a notice; `prompt` makes the model's instructions of some topics.

    `pages` are the purposes for which the web has one: links to others are left out, as those that change something
    are where the service has no public address. Without a signer an email has no link to this service, and one leaves
    by a reply to the List-Unsubscribe address.
    """

    shelf = Shelf(store.papers)

    def write(mail_of: Send | Notice) -> bytes:
        return notice(mail_of) if isinstance(mail_of, Notice) else edition(mail_of)

    def notice(sent: Notice) -> bytes:
        envelope = message.Envelope(
            send_id=sent.id, sender=mail.sender, recipient=sent.address, list_name=templates.mailer
        )
        return message.build(render_notice(sent, templates), envelope, clock())

    def edition(send: Send) -> bytes:
        links = _links(send, store, signer, pages) if signer else Links()
        told = store.editions.load(send.edition_id, shelf)
        if told.attach == "page" and told.scorer == "openai":
            told = replace(told, prompt=prompt(store.editions.topics(send.edition_id)))
        email = render(told, links, templates)
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


def _links(send: Send, store: Store, signer: Signer, pages: Collection[Purpose]) -> Links:
    def acting(purpose: Purpose, number: int) -> str:
        return signer.url(purpose, number) if purpose in pages and signer.is_public else ""

    missed = store.sends.missed(send)
    return Links(
        unsubscribe=signer.url(Purpose.UNSUBSCRIBE, send.subscriber_id),
        web_copy=signer.url(Purpose.EDITION, send.edition_id),
        preferences=acting(Purpose.PREFERENCES, send.subscriber_id),
        feedback=acting(Purpose.FEEDBACK, send.edition_id),
        missed_web_copy=signer.url(Purpose.EDITION, missed) if missed else "",
    )
