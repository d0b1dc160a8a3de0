"""A day is judged by the service's own history: a failure is found on its first day, a quiet day is none."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from newsletter.models.days import Concern, Figures, Finding, Judged
from newsletter.models.papers import MailingStatus
from newsletter.operations.judge import judge, verdict
from newsletter.store import Store
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper, scored
from tests.delivery import a_send

FIRST = date(2026, 1, 5)


def a_day(day: date = WEDNESDAY, **fields: Any) -> Figures:
    """A day as it usually is, of a service with a few readers and a model."""
    usual: dict[str, Any] = {
        "status": MailingStatus.COMPLETE,
        "papers": {"cs.LG": 300, "cs.AI": 250, "cs.CY": 8},
        "editions": 4,
        "candidates": 1200,
        "scored": 1200,
        "selected": 90,
        "tokens": 650_000,
        "mailed": 4,
    }
    return Figures(date=day, **(usual | fields))


def usual_days(count: int = 20) -> list[Figures]:
    return [a_day(WEDNESDAY - timedelta(days=n)) for n in range(count, 0, -1)]


def concerns(day: Figures, history: Sequence[Figures]) -> list[Concern]:
    return [finding.concern for finding in verdict(judge(day, history)).findings]


def test_a_usual_day_is_well() -> None:
    assert concerns(a_day(), usual_days()) == []


@pytest.mark.parametrize(
    ("fields", "concern"),
    [
        ({"papers": {"cs.LG": 12, "cs.AI": 250}}, Concern.PAPERS),
        ({"papers": {"cs.LG": 300}}, Concern.PAPERS),
        ({"scored": 100}, Concern.SCORES),
        ({"faults": 1}, Concern.SCORES),
        ({"tokens": 0}, Concern.TOKENS),
        ({"tokens": 4_000_000}, Concern.TOKENS),
        ({"selected": 0}, Concern.SELECTED),
        ({"selected": 700}, Concern.SELECTED),
        ({"editions": 1, "mailed": 1}, Concern.EDITIONS),
        ({"mailed": 0, "lost": 4}, Concern.MAILS),
        ({"mailed": 1, "overdue": 3}, Concern.MAILS),
        ({"unknown": 1, "mailed": 3}, Concern.UNKNOWN),
    ],
)
def test_each_failure_is_found(fields: dict[str, Any], concern: Concern) -> None:
    assert concerns(a_day(**fields), usual_days()) == [concern]


@pytest.mark.parametrize(
    "fields",
    [
        {"papers": {"cs.LG": 150, "cs.AI": 125}},  # half a usual day, and none in a small category
        {"papers": {"cs.LG": 700, "cs.AI": 600, "cs.CY": 40}, "candidates": 2600, "scored": 2600, "selected": 180,
         "tokens": 1_300_000},  # after a holiday
        {"papers": {}, "status": MailingStatus.EMPTY, "editions": 0, "candidates": 0, "scored": 0, "selected": 0,
         "tokens": 0, "mailed": 0},  # a holiday
        {"papers": {"cs.LG": 12, "cs.AI": 9}, "status": MailingStatus.PARTIAL},  # that it is not whole is told apart
        {"candidates": 12, "scored": 12, "selected": 0, "tokens": 100},  # a small field
        {"tokens": 300_000},  # the cache was warm
        {"selected": 30},  # a poor day
        {"mailed": 3, "lost": 1},  # one reader's address
    ],
)  # fmt: skip
def test_a_quiet_or_a_full_day_is_no_failure(fields: dict[str, Any]) -> None:
    assert concerns(a_day(**fields), usual_days()) == []


def test_without_a_history_only_what_is_wrong_in_itself_is_found() -> None:
    assert concerns(a_day(tokens=0, selected=0), usual_days(4)) == []
    assert concerns(a_day(scored=0, mailed=0, lost=4), []) == [Concern.SCORES, Concern.MAILS]


def test_what_follows_from_something_else_is_not_told_beside_it() -> None:
    assert concerns(a_day(faults=4, tokens=0, selected=0), usual_days()) == [Concern.SCORES]


def test_where_nothing_can_be_said_nothing_is_called_well() -> None:
    waiting = verdict(judge(a_day(mailed=0), usual_days(4)))
    assert (waiting.findings, waiting.well) == ((), (Concern.SCORES, Concern.UNKNOWN))
    assert set(verdict(judge(a_day(), usual_days())).well) == {
        Concern.PAPERS, Concern.SCORES, Concern.TOKENS, Concern.SELECTED, Concern.EDITIONS, Concern.MAILS,
        Concern.UNKNOWN,
    }  # fmt: skip


def test_a_finding_names_the_day_and_what_is_usual() -> None:
    (finding,) = verdict(judge(a_day(papers={"cs.LG": 12, "cs.AI": 250}), usual_days())).findings
    assert finding == Finding(
        Concern.PAPERS, "the mailing of 2026-11-18 looks cut: cs.LG has 12 papers where 300 are usual"
    )


# The days of a service whose model stopped answering and which went on publishing empty pages: weekdays with some 500
# papers each, 530 tokens a paper and 7 % of them selected, then 54 with none. The figures are invented, of that shape.


def published_days(count: int, chance: random.Random, *, silent: bool) -> list[Figures]:
    days: list[Figures] = []
    day = FIRST if not silent else FIRST + timedelta(days=7 * 17)
    while len(days) < count:
        papers = round(chance.gauss(500, 90) * (1.4 if day.weekday() == 1 else 1))
        days.append(
            a_day(
                day,
                papers={"cs.LG": round(papers * 0.6), "cs.AI": round(papers * 0.55)},
                editions=1,
                candidates=papers,
                scored=papers,
                selected=0 if silent else round(papers * chance.uniform(0.04, 0.11)),
                tokens=0 if silent else round(papers * chance.gauss(530, 60)),
                mailed=1,
            )
        )
        day += timedelta(days=3 if day.weekday() == 4 else 1)
    return days


def test_54_silent_days_raise_the_alarm_on_the_first_and_never_become_usual() -> None:
    chance = random.Random(54)
    before, silent = published_days(85, chance, silent=False), published_days(54, chance, silent=True)
    after = [replace(day, date=silent[-1].date + timedelta(days=n)) for n, day in enumerate(before[:5], 1)]
    history: list[Figures] = []
    found: dict[date, list[Concern]] = {}
    for day in (*before, *silent, *after):
        found[day.date] = concerns(day, history[-90:])
        history.append(replace(day, found=tuple(found[day.date])))
    assert not [day for day in (*before, *after) if found[day.date]], "a day that was well raised an alarm"
    assert all(found[day.date] == [Concern.TOKENS, Concern.SELECTED] for day in silent)


def test_figures_are_those_of_the_database(store: Store) -> None:
    papers = [a_paper(n, categories=("cs.LG",) if n < 4 else ("q-bio.PE", "cs.LG")) for n in range(1, 6)]
    saved = store.mailings.save(a_mailing(*papers), NOON)
    listed = [scored(a.paper) for a in saved.announcements[:2]]
    a_send(store, "ada", papers=tuple(listed), not_scored=(saved.announcements[2].paper,))
    a_send(store, "bo")
    with store.database.writing() as db:
        db.conn.execute("UPDATE sends SET state = 'accepted' WHERE id LIKE 'ada%'")
    found = store.days.figures(WEDNESDAY, NOON + timedelta(hours=1))
    assert found == Figures(
        date=WEDNESDAY,
        status=MailingStatus.COMPLETE,
        papers={"cs.LG": 5, "q-bio.PE": 2},
        editions=2,
        candidates=500,
        scored=499,
        selected=2,
        mailed=1,
    )
    assert store.days.figures(WEDNESDAY, NOON + timedelta(hours=3)).overdue == 1
    store.days.keep(found, NOON)
    store.days.keep(replace(found, found=(Concern.PAPERS,)), NOON)
    assert store.days.history(WEDNESDAY) == [replace(found, found=(Concern.PAPERS,))]


def test_an_incident_is_opened_once_and_closed_once(store: Store) -> None:
    cut, none = Finding(Concern.PAPERS, "cut"), Finding(Concern.SCORES, "none")
    hours = [NOON + timedelta(hours=n) for n in range(5)]
    everything = set(Concern)
    told: list[tuple[list[Concern], list[Concern]]] = []
    for at, findings in zip(hours, ([cut], [cut, none], [none], [], []), strict=True):
        well = everything - {finding.concern for finding in findings}
        opened, closed = store.incidents.turn(Judged(tuple(findings), tuple(well)), at)
        told.append(([i.concern for i in opened], [i.concern for i in closed]))
    assert told == [
        ([Concern.PAPERS], []),
        ([Concern.SCORES], []),
        ([], [Concern.PAPERS]),
        ([], [Concern.SCORES]),
        ([], []),
    ]
    assert store.incidents.open() == []
    times = [(i.concern, i.opened_at, i.closed_at) for i in store.incidents.all()]
    assert times == [(Concern.SCORES, hours[1], hours[3]), (Concern.PAPERS, hours[0], hours[2])]


def test_what_was_not_judged_stays_open(store: Store) -> None:
    store.incidents.turn(Judged((Finding(Concern.PAPERS, "cut"),)), NOON)
    assert store.incidents.turn(Judged(well=(Concern.RUN,)), NOON + timedelta(days=1)) == ([], [])
    assert [i.concern for i in store.incidents.open()] == [Concern.PAPERS]


def test_days_are_of_the_calendar(store: Store) -> None:
    days = published_days(20, random.Random(1), silent=False)
    assert all(first.date < second.date for first, second in pairwise(days))
    assert {day.date.weekday() for day in days} == {0, 1, 2, 3, 4}
