"""Takes a day for usual, where a person says so: the new is right and the old was wrong."""

from datetime import datetime

from newsletter.models.days import Incident, Judged
from newsletter.operations.judge import COMPARED
from newsletter.store import Store

ACCEPTED_AT = "usual_since"  # the name of a fact: since when a person accepts what is as usual


def accept(store: Store, now: datetime) -> list[Incident]:
    """A person says that the day as it is is the usual from now on; returns the incidents that this ends."""
    store.facts.set(ACCEPTED_AT, now.isoformat())
    _, closed = store.incidents.turn(Judged(well=COMPARED), now)
    return closed
