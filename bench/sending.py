"""Where the processor time of a send to the outbox goes: one lane, this process alone, the readers of bench/day.py.

python bench/sending.py [SUBSCRIBERS]      default: 1000
"""

import os
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from day import a_mailing, measured, subscribe

from newsletter import app
from newsletter.delivery import message
from newsletter.delivery.dispatch import dispatch
from newsletter.rendering import templates
from newsletter.store import sends
from newsletter.store.editions import Editions
from newsletter.store.sends import Sends

SPENT: dict[str, float] = defaultdict(float)


def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """The same, its processor time added to a stage."""

    def counted(*arguments: Any, **named: Any) -> Any:
        started = time.thread_time()
        try:
            return work(*arguments, **named)
        finally:
            SPENT[name] += time.thread_time() - started

    return counted


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        mix = random.Random(7)
        subscribe(folder / "home", count, mix)
        listing = a_mailing(folder, mix)
        measured("compose", folder / "home", ["run", "--listing", str(listing), "--no-send"])
        os.environ["NEWSLETTER_HOME"] = str(folder / "home")
        settings = app.home_settings()
        for name, owner, verb in (
            ("edition read from the database", Editions, "load"),
            ("what is told", templates, "digest"),
            ("how much plain text the HTML bears", templates, "balanced"),
            ("message", message, "build"),
            ("submitting, zlib included", Sends, "submitting"),
            ("zlib, level 1, of the frozen message", sends.zlib, "compress"),
            ("answer", Sends, "settle"),
            ("claim", Sends, "claim_some"),
        ):
            setattr(owner, verb, timed(name, getattr(owner, verb)))
        with app.open_store(settings) as store, app.desk(settings, store, threading.Event(), lambda _: None) as desk:
            shown = templates.Template.render
            templates.Template.render = timed("HTML and plain text, filled", shown)  # type: ignore[method-assign]
            backend = desk.backend
            backend.submit = timed("outbox, two files", backend.submit)  # type: ignore[method-assign]
            started = time.process_time()
            dispatch(replace(desk, lanes=1))
            spent = time.process_time() - started
    rest = spent - sum(SPENT.values()) + SPENT["zlib, level 1, of the frozen message"]
    for name, seconds in (*SPENT.items(), ("the rest", rest), ("all", spent)):
        print(f"{1000 * seconds / count:6.2f} ms  {name}")


if __name__ == "__main__":
    main()
