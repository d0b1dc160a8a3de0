"""What was said of a paper earlier, by a model for one reader or by that reader, as the store has it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from newsletter.models.papers import Day, Paper
from newsletter.models.subscribers import Mark, Subscriber
from newsletter.store import Store

DAYS = 10  # mailings: more teach nothing more
ARCHIVE_DAYS = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """A paper with the relevance 1-10 that a model gave it, and how many days ago; `mark` where the reader spoke."""

    paper: Paper
    relevance: int
    days_ago: int = 0
    mark: Mark | None = None


Past = Sequence[Judged]
Archive = Callable[[Day], Iterable[Paper]]
Remembers = Callable[[Subscriber, Day], Past]
GRADES = {Mark.MORE: 10, Mark.SAVED: 9, Mark.LESS: 1}


def stored_archive(store: Store) -> Archive:
    """The papers of the mailings stored before a day."""

    def before(day: Day) -> list[Paper]:
        dates = sorted({mailing.date for mailing in store.mailings.days() if mailing.date < day})
        return [announcement.paper for announcement in store.mailings.announcements(dates[-ARCHIVE_DAYS:])]

    return before


def stored_past(store: Store) -> Remembers:
    """What a reader's model and the reader said before a day: of a paper with a mark, the mark alone counts."""

    def of(subscriber: Subscriber, day: Day) -> Past:
        dates = sorted({mailing.date for mailing in store.mailings.days() if mailing.date < day})[-DAYS:]
        if (forgotten := store.feedback.forgotten_until(subscriber.id)) is not None:
            dates = [date for date in dates if date > forgotten]
        graded = store.scores.given_before(subscriber.id, subscriber.topics, dates)
        marks = {marked.paper_key: marked for marked in store.feedback.of(subscriber.id)}
        papers = store.papers.by_keys({*graded, *marks})
        oldest = day - timedelta(days=365)
        past = []
        for key, paper in sorted(papers.items()):
            if (said := marks.get(key)) is not None:
                age = max(0, (day - max(oldest, said.at.date())).days)
                past.append(Judged(paper, GRADES[said.mark], age, said.mark))
            else:
                announced, relevance = graded[key]
                past.append(Judged(paper, relevance, sum(date >= announced for date in dates)))
        return past

    return of
