"""One structured line an event: what happened, in which run, how much of it and how long it took.

Never an address, a token, a key or the text of a topics file: slugs and counts say enough.
"""

import json
import logging

LOGGER = logging.getLogger("newsletter")


def event(name: str, level: int = logging.INFO, **facts: object) -> None:
    """Logs an event with its facts; the verdicts of deciders belong to logging.DEBUG."""
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, "%s %s", name, json.dumps(facts, default=str, ensure_ascii=False))


def to_stderr() -> None:
    """Lets events be seen: for a process whose output is a log."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
