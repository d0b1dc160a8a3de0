"""`newsletter fetch` and `newsletter run` as an operator uses them: lines, JSON and exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import pytest
from filelock import FileLock

from newsletter import app
from newsletter.store import Store
from tests.arxiv_desk import THURSDAY, TUESDAY, WEDNESDAY, day_of_papers, new_york
from tests.arxiv_server import FakeArxiv, refused
from tests.builders import a_topics_file
from tests.commands import Command

REPOSITORY = Path(__file__).parent.parent
PAPERS = [
    *day_of_papers(TUESDAY, 1, title="Growth of moss on stones"),
    *day_of_papers(WEDNESDAY, 2, 3, title="Growth of moss on stones"),
    *day_of_papers(THURSDAY, 4, title="Growth of moss on stones"),
]
At = Callable[[datetime], None]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Sets the clock of the command line."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr(app, "now", lambda: moment)

    set_clock(new_york(WEDNESDAY))
    return set_clock


@pytest.fixture
def arxiv(home: Path, at: At) -> Iterator[FakeArxiv]:
    """An arXiv that the home's settings lead to, and one subscriber."""
    front = {"categories": "[cs.LG]", "min_relevance": "1"}
    (home / "subscribers" / "ada.md").write_text(a_topics_file("ada", **front), encoding="utf-8")

    def clock() -> datetime:
        return app.now()

    with FakeArxiv(list(PAPERS), clock) as server:
        lines = (f"{key} = {json.dumps(value)}" for key, value in server.settings().items())
        (home / "newsletter.toml").write_text("\n".join(["[arxiv]", *lines]), encoding="utf-8")
        yield server


def test_fetch_says_what_came_and_how_long_after_the_announcement(newsletter: Command, arxiv: FakeArxiv) -> None:
    done = newsletter("fetch")
    assert (done.code, done.err) == (0, "")
    assert done.out == "mailing of 2026-11-18: complete, 2 papers (2 new here), announced 4 h 45 min ago\n"


def test_a_second_fetch_asks_for_nothing(newsletter: Command, arxiv: FakeArxiv) -> None:
    newsletter("fetch")
    asked = len(arxiv.requests)
    done = newsletter("fetch")
    assert (done.code, done.out) == (0, "nothing is missing: the mailing of 2026-11-18 is complete\n")
    assert len(arxiv.requests) == asked


def two_fetches(home: Path) -> list[tuple[int, str]]:
    """What two real processes that begin at one time come to: exit codes and output."""
    command = [sys.executable, "-m", "tests.pinned", new_york(WEDNESDAY).isoformat(), "fetch", "--date", str(WEDNESDAY)]
    environment = {**os.environ, "NEWSLETTER_HOME": str(home)}
    (home / "var").mkdir()
    with Store.open(home / "var" / "newsletter.db"), FileLock(home / "var" / "fetch.lock"):
        processes = [
            subprocess.Popen(command, cwd=REPOSITORY, env=environment, text=True, stdout=PIPE, stderr=PIPE)
            for _ in range(2)
        ]
        first_lines = [process.stderr.readline() for process in processes if process.stderr]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert ["another fetch is under way" in line for line in first_lines] == [True, True], first_lines
    return sorted((process.returncode, out.split(",")[0]) for process, out in zip(processes, said, strict=True))


def test_of_two_fetches_at_a_time_one_asks_and_one_reports(arxiv: FakeArxiv, home: Path) -> None:
    assert two_fetches(home) == [
        (0, "mailing of 2026-11-18: complete"),
        (0, "nothing is missing: the mailing of 2026-11-18 is complete\n"),
    ]
    assert len(arxiv.requests) == 3, "a feed, the identifiers, the details"


def test_of_two_fetches_at_a_time_the_second_asks_for_what_the_first_could_not_prove(
    arxiv: FakeArxiv, home: Path
) -> None:
    arxiv.fail("/oai", refused(500), times=100)
    assert two_fetches(home) == [(75, "mailing of 2026-11-18: partial")] * 2


def test_fetch_in_json(newsletter: Command, arxiv: FakeArxiv) -> None:
    found = json.loads(newsletter("fetch", "--json").out)
    assert [(item["date"], item["status"], item["papers"], item["announced_at"]) for item in found] == [
        ("2026-11-18", "complete", 2, "2026-11-17T20:00:00-05:00")
    ]


def test_a_day_by_name_and_days_since_one(newsletter: Command, arxiv: FakeArxiv, at: At) -> None:
    at(new_york(THURSDAY))
    assert "mailing of 2026-11-17: complete, 1 papers" in newsletter("fetch", "--date", TUESDAY).out
    done = newsletter("fetch", "--since", TUESDAY)
    assert [line.split(":")[0] for line in done.out.splitlines()] == [
        "mailing of 2026-11-18",
        "mailing of 2026-11-19",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--date", "2026-11-20"], "2026-11-20 is not announced yet: the newest mailing is that of 2026-11-18"),
        (["--date", "2026-11-14"], "2026-11-14 is a Saturday: arXiv has no mailing on Saturdays and Sundays"),
        (["--since", "2026-06-01"], "2026-06-01 is too long ago: arXiv's catch-up pages reach back 90 days"),
        (["--date", "2026-11-17", "--since", "2026-11-16"], "--date, --since and --listing exclude each other"),
    ],
)
def test_a_day_that_cannot_be_fetched_is_bad_input(
    newsletter: Command, arxiv: FakeArxiv, arguments: list[str], message: str
) -> None:
    done = newsletter("fetch", *arguments)
    assert (done.code, message in done.err) == (2, True)


def test_without_subscribers_there_is_nothing_to_fetch(newsletter: Command, home: Path) -> None:
    done = newsletter("fetch")
    assert (done.code, "there are no subscribers yet" in done.err) == (2, True)


def test_without_network_fetch_says_in_one_sentence_what_failed_and_when_to_try_again(
    newsletter: Command, arxiv: FakeArxiv, home: Path, at: At
) -> None:
    newsletter("fetch")
    port = arxiv.url
    toml = (home / "newsletter.toml").read_text(encoding="utf-8").replace(port, "http://127.0.0.1:9")
    (home / "newsletter.toml").write_text(toml, encoding="utf-8")
    at(new_york(THURSDAY))
    done = newsletter("fetch")
    assert done.code == 75
    assert done.err == (
        "newsletter: the mailing of 2026-11-19 was not fetched, because 127.0.0.1:9 cannot be reached; "
        "what was stored before is kept; try again after 01:15 New York time\n"
    )
    assert "mailing of 2026-11-18 is complete" not in done.out


def test_a_mailing_that_is_not_proven_exits_75_and_says_why(newsletter: Command, arxiv: FakeArxiv) -> None:
    arxiv.fail("/oai", refused(500), times=4)
    done = newsletter("fetch")
    assert (done.code, "partial, 2 papers" in done.out) == (75, True)
    assert "could not be checked against OAI-PMH: 127.0.0.1" in done.err


def test_run_fetches_composes_and_says_how_late_it_is(newsletter: Command, arxiv: FakeArxiv, home: Path) -> None:
    done = newsletter("run", "--now")
    assert done.code == 0
    assert "ada: 2 of 2 papers (ok), 4 h 45 min after the announcement" in done.out
    assert (home / "var" / "outbox" / "2026-11-18" / "ada.eml").is_file()


def test_run_before_the_readers_hour_sends_nothing_and_says_when(
    newsletter: Command, arxiv: FakeArxiv, home: Path
) -> None:
    done = newsletter("run")
    assert (done.code, "1 waits for its hour, the next at" in done.out) == (0, True), done.out
    assert not (home / "var" / "outbox").exists()
    assert "ada: sent" in newsletter("run", "--now").out


def test_run_in_json_is_one_document(newsletter: Command, arxiv: FakeArxiv) -> None:
    report = json.loads(newsletter("run", "--json").out)
    assert report["subscribers"][0]["minutes_after_announcement"] == 285


def test_run_goes_on_with_what_is_stored_when_arxiv_is_down(newsletter: Command, arxiv: FakeArxiv, at: At) -> None:
    newsletter("fetch")
    arxiv.fail(".", refused(500), times=500)
    at(new_york(THURSDAY))
    done = newsletter("run")
    assert (done.code, "ada: 2 of 2 papers" in done.out) == (0, True)
    assert "the mailing of 2026-11-19 was not fetched" in done.err


def test_run_exits_75_when_the_mailing_is_not_there_and_nothing_was_due(
    newsletter: Command, arxiv: FakeArxiv, at: At
) -> None:
    newsletter("run")
    arxiv.fail(".", refused(500), times=500)
    at(new_york(THURSDAY))
    assert newsletter("run").code == 75


def test_a_run_on_a_weekend_is_quiet(newsletter: Command, arxiv: FakeArxiv, at: At) -> None:
    friday = THURSDAY + timedelta(days=1)
    arxiv.papers += day_of_papers(friday, 5)
    at(new_york(friday))
    newsletter("run")
    at(new_york(friday + timedelta(days=1), 9))
    done = newsletter("run")
    assert (done.code, done.err) == (0, "")
    assert "ada: has nothing due" in done.out


def test_run_gets_a_named_day_that_is_not_stored(newsletter: Command, arxiv: FakeArxiv) -> None:
    done = newsletter("run", "--date", TUESDAY)
    assert (done.code, "mailing of 2026-11-17: complete" in done.out) == (0, True)
    assert "ada: 1 of 1 papers" in done.out


def test_a_named_day_leaves_the_older_ones_due(newsletter: Command, arxiv: FakeArxiv, home: Path, at: At) -> None:
    at(new_york(TUESDAY))
    newsletter("run")
    at(new_york(THURSDAY))
    newsletter("fetch")
    newsletter("run", "--date", THURSDAY)
    assert "ada: 2 of 2 papers" in newsletter("run").out
    assert "ada: has nothing due" in newsletter("run").out


def test_an_empty_mailing_file_stores_nothing(newsletter: Command, arxiv: FakeArxiv, home: Path) -> None:
    (home / "empty.jsonl").write_bytes(b"")
    done = newsletter("run", "--listing", home / "empty.jsonl")
    assert (done.code, "the file has no paper" in done.err) == (2, True)
    assert not list((home / "var").glob("outbox/*"))


def test_a_mailing_file_is_no_reason_to_catch_up_since_then(newsletter: Command, arxiv: FakeArxiv, home: Path) -> None:
    line = {"id": "2609.00001", "title": "Moss", "categories": ["cs.LG"], "announced_on": "2026-09-07"}
    (home / "old.jsonl").write_text(json.dumps(line), encoding="utf-8")
    newsletter("fetch", "--listing", home / "old.jsonl")
    done = newsletter("fetch")
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["mailing of 2026-11-18"]
