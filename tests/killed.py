"""A run in a process of its own, that may kill itself: what `newsletter run` does once editions are frozen.

It has the restore guard: a kill must never look like a restore, and a confirmation may be killed too.
"""

import os
import signal
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from newsletter.delivery import restore_guard
from newsletter.delivery.backends.smtp import Options
from newsletter.delivery.backends.smtp.client import Smtp
from newsletter.delivery.dispatch import dispatch
from newsletter.models.sends import Outgoing, Receipt, Send
from newsletter.store import Store
from tests.builders import NOON, WEDNESDAY
from tests.delivery import a_desk

POINTS = ("claimed", "submitting", "handed over", "settled")  # of each send
GUARD = ("asked", "confirmed", "advanced")  # before it, once each


def run(home: Path, port: int, lanes: int, point: str = "", count: int = 0, *, confirmed: bool = False) -> None:
    """Sends what is ready to the server at `port`; dies the `count`-th time it reaches `point`."""
    reached = dict.fromkeys((*POINTS, *GUARD), 0)

    def reach(here: str) -> None:
        reached[here] += 1
        if here == point and reached[here] == count:
            os.kill(os.getpid(), signal.SIGKILL)

    class Dying(Smtp):
        def submit(self, outgoing: Outgoing) -> Receipt:
            reach("submitting")
            receipt = super().submit(outgoing)
            reach("handed over")
            return receipt

    def write(send: Send) -> bytes:
        reach("claimed")
        return f"To: {send.address}\r\nMessage-ID: <{send.id}@example.org>\r\n\r\nhello {send.slug}\r\n".encode()

    with FileLock(home / "run.lock", timeout=10), Store.open(home / "newsletter.db") as store:
        backend = Dying(Options.model_validate({"url": f"smtp://127.0.0.1:{port}", "timeout_seconds": 10}))
        mark = home / "dispatch.mark"
        reach("asked")
        restore_guard.check(store, mark, NOON, confirmed=confirmed)
        reach("confirmed")
        restore_guard.advance(store, mark, WEDNESDAY)
        reach("advanced")
        try:
            desk = a_desk(store, backend, write=write, lanes=lanes)
            following = restore_guard.Following(store, mark, WEDNESDAY)
            dispatch(replace(desk, tell=lambda _: reach("settled"), about_to_send=following))
        finally:
            backend.close()
