"""Makes the editions of some readers who need no model: candidates, scores, selection, edition, record.

Pure functions of picklable values, so that another process, or another machine, may do it: no store, no network, no
clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from newsletter.editions.assemble import assemble
from newsletter.editions.companions import of_pool
from newsletter.editions.morning import Assignment, Mailings, said
from newsletter.editions.selection import Selection, select
from newsletter.models.editions import Candidates, Edition, Kind
from newsletter.models.scores import Commented, Computable, Fault, Scores, Status
from newsletter.store.editions import Record, record


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What the readers of a piece have in common: the mailings, and how their papers are scored."""

    mailings: Mailings
    scoring: Computable


@dataclass(frozen=True, slots=True)
class Made:
    """An edition as it is kept, and what is told of it; `record` is None where the reader wants no such mail."""

    record: Record | None
    status: Status
    papers: int
    candidates: int
    fault: Fault | None = None


def make(day: Day, assignments: Sequence[Assignment], own: Sequence[Any]) -> list[Made | str]:
    """An edition for each assignment, or what went wrong with it; `own` is what each adds to the scoring."""
    try:
        return _made(day, assignments, own)
    except Exception as error:  # noqa: BLE001 - one reader must not harm the others
        if len(assignments) == 1:
            return [said(assignments[0].subscriber.slug, error)]
        return [made for one, added in zip(assignments, own, strict=True) for made in make(day, [one], [added])]


def _made(day: Day, assignments: Sequence[Assignment], own: Sequence[Any]) -> list[Made | str]:
    chosen = [assignment.candidates(day.mailings) for assignment in assignments]
    readings = [assignment.reading(day.mailings, each) for assignment, each in zip(assignments, chosen, strict=True)]
    made: list[Made | str] = []
    scores = day.scoring.work(day.scoring.known, readings, own)
    for assignment, each, scored in zip(assignments, chosen, scores, strict=True):
        selected = chosen_for(assignment, day.mailings, each, scored)
        made.append(kept(told(assignment, each, scored, selected, Commented(selected.papers)), assignment))
    return made


def chosen_for(assignment: Assignment, mailings: Mailings, chosen: Candidates, scores: Scores) -> Selection:
    """What the edition shows; a paper to try where the reader can answer and the day is as it should be."""
    is_good = assignment.can_answer and assignment.status is Status.OK
    exploring = f"{assignment.subscriber.slug} {assignment.due.date}" if is_good else ""
    return select(assignment.subscriber.wishes, chosen, scores, of_pool(mailings.pool), exploring)


def told(
    assignment: Assignment, chosen: Candidates, scores: Scores, selected: Selection, commented: Commented
) -> Edition:
    """The edition that an assignment asks for."""
    return assemble(assignment.subscriber, assignment.due, chosen, scores, selected, commented, assignment.status)


def kept(edition: Edition, assignment: Assignment) -> Made:
    """What is kept of an edition: nothing of one whose reader wants silence on an empty day."""
    named = {paper for item in edition.papers if item.reason for paper in item.reason.liked}
    edition = replace(edition, kind=assignment.kind, liked=tuple(one for one in assignment.liked if one[0] in named))
    is_quiet = not edition.papers and edition.status in (Status.NO_MATCH, Status.HOLIDAY)
    wants_it = edition.kind is Kind.WELCOME or assignment.subscriber.wishes.deliver.empty != "silent" or not is_quiet
    return Made(
        record=record(edition) if wants_it else None,
        status=edition.status,
        papers=len(edition.papers),
        candidates=edition.totals.candidates,
        fault=edition.fault,
    )
