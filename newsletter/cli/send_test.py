"""`newsletter send-test`: one short mail through the configured backend, to see that mail arrives."""

import secrets
import threading
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.errors import InputError, NewsletterError
from newsletter.models.sends import Notice, NoticeKind, Outcome, Outgoing, SendState
from newsletter.settings import Settings

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_NEXT = {
    Outcome.STOP: "mend the settings or the credentials, then try again",
    Outcome.FAILED: "look at the address and at mail.from, then try again",
    Outcome.RETRY: "try again later, or mend the server's address",
    Outcome.AMBIGUOUS: "look whether it arrived before you try again",
}


def send_test(address: Annotated[str, typer.Argument(help="Where to send it, such as your own address.")]) -> None:
    """Send a short test mail by the backend that mails subscribers. It is no edition, and nothing is kept of it.

    Examples:

        newsletter send-test ada@example.org
    """
    show.say(deliver(app.home_settings(), address))


def deliver(settings: Settings, address: str) -> str:
    """Sends the test and says what became of it. Raises NewsletterError with the server's answer where it was not."""
    name = "".join(secrets.choice(_LETTERS) for _ in range(10))
    notice = Notice(name, NoticeKind.TEST, address, SendState.READY, app.now())
    with app.open_store(settings) as store, app.desk(settings, store, threading.Event(), lambda _: None) as desk:
        if found := store.suppressions.find(address):
            raise InputError(
                f"{address} is suppressed ({found.reason}): if its owner asks for mail again, run "
                f"`newsletter suppressions remove {address}`"
            )
        try:
            content = desk.write(notice)
        except ValueError as error:
            raise InputError(str(error)) from None
        receipt = desk.backend.submit(Outgoing(name, f"test-{name}", None, desk.sender, address, content))
    if receipt.outcome is not Outcome.ACCEPTED:
        raise NewsletterError(f"{address}: {receipt.outcome}: {receipt.detail}; {_NEXT[receipt.outcome]}")
    if not desk.backend.reaches_people:
        return f"written to {receipt.detail}; mail.backend = {settings.mail.backend} mails nobody"
    return f"sent to {address}: {receipt.detail}. It should arrive within minutes; look among the spam, too"
