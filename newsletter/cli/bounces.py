"""`newsletter bounces`: reads what came back by mail, from a mailbox file or a pipe."""

import mailbox
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery import bounces as returned
from newsletter.errors import InputError


def bounces(
    mbox: Annotated[
        Path | None, typer.Option("--mbox", help="A mailbox file (mbox), or - for one message on stdin.")
    ] = None,
) -> None:
    """Take bounces, complaints and requests to unsubscribe that came by mail; what they ask for happens at once.

    Reading a mailbox twice changes nothing. As a pipe of the mail server it takes each message as it comes. What names
    no send of ours changes nothing either, for anybody can write such a mail; without --mbox these are listed.

    Examples:

        newsletter bounces

        newsletter bounces --mbox /var/mail/bounces

        newsletter bounces --mbox - < returned.eml
    """
    now = app.now()
    with app.open_store(app.home_settings()) as store:
        if mbox is None:
            rows = [(e.at.isoformat(), e.backend, e.type, e.address, e.detail) for e in store.events.unmatched()]
            show.table("reports of no send of ours", ("at", "backend", "type", "address", "detail"), rows)
            return
        taken = [store.events.record(list(returned.events(raw, now)), now) for raw in _messages(mbox)]
    new, known, unmatched = (sum(getattr(each, name) for each in taken) for name in ("new", "known", "unmatched"))
    show.say(f"{new} new reports, {unmatched} of them of no send of ours, {known} known before")


def _messages(path: Path) -> Iterator[bytes]:
    if str(path) == "-":
        yield sys.stdin.buffer.read()
        return
    if not path.is_file():
        raise InputError(f"--mbox {path}: there is no such file")
    box = mailbox.mbox(path, create=False)
    try:
        for key in box.keys():  # noqa: SIM118 - a mailbox iterates over messages, parsed
            yield box.get_bytes(key)
    finally:
        box.close()
