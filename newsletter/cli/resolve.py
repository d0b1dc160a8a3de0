"""`newsletter resolve`: a person says what became of a send of unknown outcome."""

from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.cli.sends import Id, find
from newsletter.errors import InputError


def resolve(
    send: Id,
    sent: Annotated[bool, typer.Option("--sent", help="It arrived.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="It did not arrive: send it again.")] = False,
) -> None:
    """Say what became of a send of unknown outcome.

    Examples:

        newsletter resolve 3f0x9qk2mz --sent

        newsletter resolve 3f0x9qk2mz --resend
    """
    if sent == resend:
        raise InputError("say one of --sent and --resend")
    with app.open_store(app.home_settings()) as store:
        record = find(store, send)
        if not store.sends.resolve(send, sent, app.now()):
            raise InputError(f"{send} is {record.send.state}, not ambiguous: there is nothing to resolve")
    show.say(f"{send}: {'counts as sent' if sent else 'goes out again with the next run'}")
