"""`newsletter replay`: the very message that was sent."""

import sys

from newsletter import app
from newsletter.cli.sends import Id, find
from newsletter.errors import InputError


def replay(send: Id) -> None:
    """Print the very message that was sent, to the byte.

    Examples:

        newsletter replay 3f0x9qk2mz > sent.eml
    """
    with app.open_store(app.home_settings()) as store:
        record = find(store, send)
        message = store.sends.message(send)
    if message is None:
        gone = "it was never handed over" if not record.attempts else "it was dropped after its retention"
        raise InputError(f"{send} has no message: {gone}; its edition: newsletter preview {record.send.slug}")
    sys.stdout.buffer.write(message)
