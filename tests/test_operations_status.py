"""The day at a glance: the newest mailing, what became of it, the money, and what is not on time."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.delivery.breakers import OPEN
from newsletter.models.papers import MailingStatus
from newsletter.models.scores import Status
from newsletter.models.sends import DayStatus
from newsletter.operations.status import BACKUP_AT, RUN_AT, expected_mailing, late, today
from newsletter.sources.arxiv import HOURS
from newsletter.store import Store
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper
from tests.delivery import a_send

WELL = DayStatus(mailing=WEDNESDAY, mailing_status=MailingStatus.COMPLETE, run_age=600.0)
FOR_OTHERS = {  # what only a run, the web or the model needs; a glance that loads it would be a second late
    "arxiv", "cryptography", "distributed", "dns", "genai_prices", "jinja2", "lxml", "mjml", "numpy", "openai",
    "premailer", "requests", "ruamel", "scipy", "sendgrid", "smtplib", "ssl", "starlette", "urllib3", "uvicorn",
    "newsletter.editions", "newsletter.pipeline", "newsletter.rendering.templates", "newsletter.web",
}  # fmt: skip
AFTERNOON = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def test_a_fresh_home_has_nothing_to_show(store: Store) -> None:
    assert today(store, NOON) == DayStatus()


def test_the_newest_mailing_and_what_became_of_it(store: Store) -> None:
    store.mailings.save(a_mailing(a_paper(1), day=WEDNESDAY - timedelta(days=1)), NOON)
    store.mailings.save(a_mailing(a_paper(2), status=MailingStatus.PARTIAL), NOON)
    a_send(store, "ada")
    a_send(store, "bo", status=Status.NO_MATCH)
    a_send(store, "cy", date=WEDNESDAY - timedelta(days=1))
    store.facts.set(RUN_AT, (NOON - timedelta(minutes=5)).isoformat())
    store.facts.set(BACKUP_AT, (NOON - timedelta(days=1)).isoformat())
    store.facts.set(OPEN, "sending is paused")
    assert today(store, NOON) == DayStatus(
        mailing=WEDNESDAY,
        mailing_status=MailingStatus.PARTIAL,
        editions={"ok": 1, "no_match": 1},
        sends={"ready": 2},
        breaker="sending is paused",
        run_age=300.0,
        mailing_age=11 * 3600.0,  # announced at 20:00 in New York, 01:00 in UTC
        backup_age=86400.0,
    )


def test_money_is_that_of_the_day_and_of_the_month(store: Store) -> None:
    a_send(store, "ada")
    run = store.charges.start_run("run", NOON)
    for at, amount in ((NOON, 5), (NOON - timedelta(days=3), 7), (NOON - timedelta(days=30), 11)):
        store.charges.reserve(run, {1: amount}, at)
    found = today(store, NOON)
    assert (found.spent_today, found.spent_this_month) == (5, 12)


def test_a_day_that_is_as_it_should_be_is_on_time() -> None:
    assert late(WELL, AFTERNOON, HOURS) == ()


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        (replace(WELL, breaker="sending is paused: 9 complaints"), "sending is paused: 9 complaints"),
        (replace(WELL, run_age=None), "no run has come to its end yet"),
        (replace(WELL, run_age=30 * 3600.0), "the last run ended 30 hours ago"),
        (replace(WELL, mailing=date(2026, 11, 17)), "the mailing of 2026-11-18 is not here"),
        (DayStatus(run_age=1.0), "the mailing of 2026-11-18 is not here"),
        (replace(WELL, mailing_status=MailingStatus.PARTIAL), "the mailing of 2026-11-18 is not complete"),
    ],
)
def test_what_is_late_is_said(day: DayStatus, sentence: str) -> None:
    assert late(day, AFTERNOON, HOURS) == (sentence,)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-18T12:59", "2026-11-17"),  # before eight in New York
        ("2026-11-18T13:00", "2026-11-18"),
        ("2026-11-21T15:00", "2026-11-20"),  # Saturday
        ("2026-11-23T12:00", "2026-11-20"),  # Monday, before eight
        ("2026-07-01T12:00", "2026-07-01"),  # summer time
    ],
)
def test_a_mailing_is_expected_two_hours_after_it_is_waited_for_no_more(now: str, day: str) -> None:
    assert expected_mailing(datetime.fromisoformat(now).replace(tzinfo=UTC), HOURS) == date.fromisoformat(day)


def loaded_by(home: Path, *words: str) -> set[str]:
    """The modules that a process of its own has when the command has ended, each with the packages it is in."""
    code = """if True:
        import atexit, sys
        from newsletter.cli import main
        atexit.register(lambda: print(*sys.modules, sep="\\n", file=sys.stderr))
        main(sys.argv[1:])
    """
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"NEWSLETTER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines())


@pytest.mark.parametrize("words", [("status", "--json"), ("--help",)])
def test_a_glance_loads_nothing_that_only_others_need(home: Path, words: tuple[str, ...]) -> None:
    loaded = loaded_by(home, *words)
    assert "newsletter.cli" in loaded
    assert not loaded & FOR_OTHERS


def test_help_loads_no_command(home: Path) -> None:
    assert not loaded_by(home, "status", "--help") & {"typer", "rich", "pydantic", "newsletter.app"}
