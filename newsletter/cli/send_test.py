"""`newsletter send-test`: one short mail through the configured backend, to see that mail arrives."""

import secrets
from contextlib import closing
from datetime import datetime
from html import escape
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery import message
from newsletter.errors import InputError, NewsletterError
from newsletter.models.editions import Email
from newsletter.models.sends import Outcome, Outgoing, Receipt
from newsletter.settings import Mail, Settings

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
    with app.open_store(settings) as store:
        if found := store.suppressions.find(address):
            raise InputError(
                f"{address} is suppressed ({found.reason}): if its owner asks for mail again, run "
                f"`newsletter suppressions remove {address}`"
            )
    now = app.now()
    name = "".join(secrets.choice(_LETTERS) for _ in range(10))
    with closing(app.connected(settings)) as backend:
        try:
            content = compose(name, address, settings.mail, app.templates(settings).mailer, now)
        except ValueError as error:
            raise InputError(str(error)) from None
        receipt: Receipt = backend.submit(
            Outgoing(name, "send-test", now.date(), settings.mail.sender, address, content)
        )
    if receipt.outcome is not Outcome.ACCEPTED:
        raise NewsletterError(f"{address}: {receipt.outcome}: {receipt.detail}; {_NEXT[receipt.outcome]}")
    if not backend.reaches_people:
        return f"written to {receipt.detail}; mail.backend = {settings.mail.backend} mails nobody"
    return f"sent to {address}: {receipt.detail}. It should arrive within minutes; look among the spam, too"


def compose(name: str, address: str, mail: Mail, mailer: str, now: datetime) -> bytes:
    """The test message. Raises ValueError for an address that no message can carry."""
    text = (
        f"This is a test of {mailer}, sent at {now:%Y-%m-%d %H:%M} UTC.\n\n"
        f"It came by mail.backend = {mail.backend} from {mail.sender}: editions will come the same way.\n"
    )
    html = "".join(f"<p>{escape(line)}</p>" for line in text.splitlines() if line)
    email = Email(f"{mailer}: a test", f"<!DOCTYPE html><html lang=en><body>{html}</body></html>", text)
    envelope = message.Envelope(name, mail.sender, address, mailer, "", mail.address)
    return message.build(email, envelope, now)
