"""Decides what a subscriber would get of the newest mailing, by the local scorer. Writes nothing, calls no model."""

from newsletter.editions.assemble import assemble
from newsletter.editions.candidates import candidates
from newsletter.editions.due import due
from newsletter.editions.selection import select
from newsletter.models.editions import Edition
from newsletter.models.papers import Taxonomy
from newsletter.models.scores import Pool, Reading, Scorer, Status
from newsletter.models.subscribers import WEEKDAYS, Deliver, Subscriber
from newsletter.store import Store

_ANY_DAY = Deliver(days=WEEKDAYS)


def local_edition(subscriber: Subscriber, store: Store, local: Scorer, taxonomy: Taxonomy) -> Edition | None:
    """The edition of the newest mailing, on whatever day it comes; None where no mailing is stored."""
    days = store.mailings.days()
    next_due = due(subscriber.wishes.deliver, days, None) or due(_ANY_DAY, days, None)
    if next_due is None:
        return None
    announcements = store.mailings.announcements(next_due.mailings)
    chosen = candidates(subscriber.wishes, announcements, (), taxonomy)
    pool = Pool(tuple(announcement.paper for announcement in announcements))
    reading = Reading(subscriber, next_due.date, chosen.papers, pool)
    scores = local.score(reading)
    selected = select(subscriber.wishes, chosen, scores)
    commented = local.comment(reading, selected.papers)
    return assemble(subscriber, next_due, chosen, scores, selected, commented, Status.OK)
