"""Decides what is wrong with a day by the service's own history; calls nothing.

What is usual is the median of the last days with which nothing was wrong in that respect, so that an outage of weeks
never becomes the usual. The bounds are wide, since arXiv's days differ by a factor of two: what is found is a failure,
not a quiet day.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median

from newsletter.models.days import Concern, Figures, Finding
from newsletter.models.papers import MailingStatus

USUAL_FROM = 5  # days; before, nothing is usual
FEW = 0.25  # of the usual papers of a category, or tokens a paper
MANY = 4.0
RARE = 0.2  # of the papers that are usually selected
PLENTY = 5.0
COUNTED_FROM = 20  # papers of a category, or candidates, whose number says something
EXPECTED_FROM = 10  # selected papers, where their lack says something
HALF = 0.5  # of the usual editions, of the mails
TOLD_FROM = 0.1  # of the editions without the scores they should have


def judge(day: Figures, history: Sequence[Figures]) -> tuple[Finding, ...]:
    """What is wrong with a day, at most one finding of each concern."""
    usual = _Usual(day, history)
    rules = (_papers, _scores, _tokens, _selected, _editions, _mails, _unknown)
    return tuple(finding for rule in rules for finding in rule(day, usual))


class _Usual:
    """Medians over the days of the past with which nothing was wrong in the same respect."""

    def __init__(self, day: Figures, history: Sequence[Figures]) -> None:
        self._days = [d for d in history if d.date != day.date and d.status is not MailingStatus.EMPTY]

    def categories(self) -> list[str]:
        return sorted({category for day in self._days for category in day.papers})

    def of(self, concern: Concern, value: Callable[[Figures], float | None]) -> float | None:
        """The usual value; None before there were days enough."""
        values = [v for d in self._days if concern not in d.found and (v := value(d)) is not None]
        return median(values) if len(values) >= USUAL_FROM else None


def _papers(day: Figures, usual: _Usual) -> Iterator[Finding]:
    if day.status is MailingStatus.EMPTY:
        return  # a second witness said so
    few = []
    for category in usual.categories():
        count, often = day.papers.get(category, 0), usual.of(Concern.PAPERS, partial(_papers_in, category))
        if often is not None and often >= COUNTED_FROM and count < FEW * often:
            few.append(f"{category} has {count} papers where {often:.0f} are usual")
    if few:
        more = f", and {len(few) - 3} more categories" if len(few) > 3 else ""
        yield Finding(Concern.PAPERS, f"the mailing of {day.date} looks cut: {'; '.join(few[:3])}{more}")


def _papers_in(category: str, day: Figures) -> int | None:
    return day.papers.get(category)


def _scores(day: Figures, _: _Usual) -> Iterator[Finding]:
    missing = day.candidates - day.scored
    if day.candidates and missing > HALF * day.candidates:
        yield Finding(Concern.SCORES, f"{missing} of {day.candidates} papers of {day.date} have no score")
    elif day.editions and day.faults >= TOLD_FROM * day.editions:
        yield Finding(
            Concern.SCORES,
            f"{day.faults} of {day.editions} editions of {day.date} were made without the model's scores",
        )


def _tokens(day: Figures, usual: _Usual) -> Iterator[Finding]:
    often = usual.of(Concern.TOKENS, lambda d: d.tokens / d.candidates if d.candidates >= COUNTED_FROM else None)
    if not often or day.candidates < COUNTED_FROM:
        return
    each = day.tokens / day.candidates
    if each < FEW * often or each > MANY * often:
        yield Finding(Concern.TOKENS, f"{each:.0f} tokens a paper on {day.date} where {often:.0f} are usual")


def _selected(day: Figures, usual: _Usual) -> Iterator[Finding]:
    share = usual.of(Concern.SELECTED, lambda d: d.selected / d.candidates if d.candidates >= COUNTED_FROM else None)
    if share is None or day.candidates < COUNTED_FROM:
        return
    expected = share * day.candidates
    if (expected >= EXPECTED_FROM and day.selected < RARE * expected) or day.selected > max(
        PLENTY * expected, EXPECTED_FROM
    ):
        yield Finding(
            Concern.SELECTED,
            f"{day.selected} of {day.candidates} papers of {day.date} were selected where {expected:.0f} are usual",
        )


def _editions(day: Figures, usual: _Usual) -> Iterator[Finding]:
    often = usual.of(Concern.EDITIONS, lambda d: d.editions)
    if day.status is not MailingStatus.EMPTY and often and day.editions < HALF * often:
        yield Finding(Concern.EDITIONS, f"{day.date} has {day.editions} editions where {often:.0f} are usual")


def _mails(day: Figures, _: _Usual) -> Iterator[Finding]:
    troubled = day.lost + day.overdue
    if troubled and troubled > HALF * (troubled + day.mailed):
        yield Finding(
            Concern.MAILS,
            f"of the mails of {day.date}, {day.mailed} were accepted, {day.lost} are lost and {day.overdue} overdue",
        )


def _unknown(day: Figures, _: _Usual) -> Iterator[Finding]:
    if day.unknown:
        mails = "mail is" if day.unknown == 1 else "mails are"
        yield Finding(Concern.UNKNOWN, f"{day.unknown} {mails} of unknown outcome: newsletter sends --state ambiguous")
