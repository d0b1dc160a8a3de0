"""Decides what is wrong with a day by the service's own history; calls nothing.

What is usual is the median of the last days with which nothing was wrong in that respect, so that an outage of weeks
never becomes the usual. The bounds are wide, since arXiv's days differ by a factor of two: what is found is a failure,
not a quiet day.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median

from newsletter.models.days import Concern, Figures, Finding, Judged
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


# What follows from what: one cause is told once.
FOLLOWS = {
    Concern.SENDING: {Concern.MAILS},
    Concern.PROVIDER: {Concern.MAILS},
    Concern.SCORES: {Concern.TOKENS, Concern.SELECTED},
    Concern.PAPERS: {Concern.SELECTED, Concern.EDITIONS},
    Concern.MAILING: {Concern.PAPERS, Concern.EDITIONS},
    Concern.RUN: {Concern.EDITIONS, Concern.MAILS},
}
Ruling = str | bool  # a sentence of what is wrong, True where it is well, False where nothing can be said


def judge(day: Figures, history: Sequence[Figures]) -> dict[Concern, Ruling]:
    """What is wrong with a day and what is well, by concern."""
    usual = _Usual(day, history)
    return {concern: rule(day, usual) for concern, rule in _RULES.items()}


def verdict(rulings: Mapping[Concern, Ruling]) -> Judged:
    """Rulings together; of what follows from something that is wrong nothing is said."""
    wrong = {concern for concern, ruling in rulings.items() if isinstance(ruling, str)}
    followed = {follower for concern in wrong for follower in FOLLOWS.get(concern, ())}
    told = {concern: ruling for concern, ruling in rulings.items() if concern not in followed}
    return Judged(
        findings=tuple(Finding(concern, ruling) for concern, ruling in told.items() if isinstance(ruling, str)),
        well=tuple(concern for concern, ruling in told.items() if ruling is True),
    )


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


def _papers(day: Figures, usual: _Usual) -> Ruling:
    if day.status is not MailingStatus.COMPLETE:
        return False  # a second witness said that it is empty, or that more is to come, which is told as "mailing"
    few, compared = [], False
    for category in usual.categories():
        count, often = day.papers.get(category, 0), usual.of(Concern.PAPERS, partial(_papers_in, category))
        if often is None or often < COUNTED_FROM:
            continue
        compared = True
        if count < FEW * often:
            few.append(f"{category} has {count} papers where {often:.0f} are usual")
    more = f", and {len(few) - 3} more categories" if len(few) > 3 else ""
    return f"the mailing of {day.date} looks cut: {'; '.join(few[:3])}{more}" if few else compared


def _papers_in(category: str, day: Figures) -> int | None:
    return day.papers.get(category)


def _scores(day: Figures, _: _Usual) -> Ruling:
    missing = day.candidates - day.scored
    if day.candidates and missing > HALF * day.candidates:
        return f"{missing} of {day.candidates} papers of {day.date} have no score"
    if day.editions and day.faults >= TOLD_FROM * day.editions:
        return f"{day.faults} of {day.editions} editions of {day.date} were made without the model's scores"
    return bool(day.candidates)


def _tokens(day: Figures, usual: _Usual) -> Ruling:
    often = usual.of(Concern.TOKENS, lambda d: d.tokens / d.candidates if d.candidates >= COUNTED_FROM else None)
    if not often or day.candidates < COUNTED_FROM:
        return False
    each = day.tokens / day.candidates
    if FEW * often <= each <= MANY * often:
        return True
    return f"{each:.0f} tokens a paper on {day.date} where {often:.0f} are usual"


def _selected(day: Figures, usual: _Usual) -> Ruling:
    share = usual.of(Concern.SELECTED, lambda d: d.selected / d.candidates if d.candidates >= COUNTED_FROM else None)
    if share is None or day.candidates < COUNTED_FROM:
        return False
    expected = share * day.candidates
    lacks = expected >= EXPECTED_FROM and day.selected < RARE * expected
    if not lacks and day.selected <= max(PLENTY * expected, EXPECTED_FROM):
        return True
    return f"{day.selected} of {day.candidates} papers of {day.date} were selected where {expected:.0f} are usual"


def _editions(day: Figures, usual: _Usual) -> Ruling:
    often = usual.of(Concern.EDITIONS, lambda d: d.editions)
    if day.status is MailingStatus.EMPTY or not often:
        return False
    return day.editions >= HALF * often or f"{day.date} has {day.editions} editions where {often:.0f} are usual"


def _mails(day: Figures, _: _Usual) -> Ruling:
    troubled = day.lost + day.overdue
    if troubled > HALF * (troubled + day.mailed):
        return f"of the mails of {day.date}, {day.mailed} were accepted, {day.lost} are lost and {day.overdue} overdue"
    return bool(troubled + day.mailed)


def _unknown(day: Figures, _: _Usual) -> Ruling:
    mails = "mail is" if day.unknown == 1 else "mails are"
    return not day.unknown or f"{day.unknown} {mails} of unknown outcome: newsletter sends --state ambiguous"


_RULES: Mapping[Concern, Callable[[Figures, _Usual], Ruling]] = {
    Concern.PAPERS: _papers,
    Concern.SCORES: _scores,
    Concern.TOKENS: _tokens,
    Concern.SELECTED: _selected,
    Concern.EDITIONS: _editions,
    Concern.MAILS: _mails,
    Concern.UNKNOWN: _unknown,
}
COMPARED = (Concern.PAPERS, Concern.TOKENS, Concern.SELECTED, Concern.EDITIONS)  # by what is usual
