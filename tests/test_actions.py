"""The recipe for GitHub Actions: its own script, in a shell, with git, day after day, with what goes wrong there."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import cast

import pytest

from newsletter.cli.actions import write_recipe
from tests.builders import a_topics_file
from tests.commands import Command
from tests.delivery import Sink, a_sink

MONDAY = date(2026, 11, 2)
DRIVER = Path(__file__).parent / "actions_day.py"
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="the recipe keeps its state in git")


@dataclass
class Repository:
    """One's own repository at GitHub, and the machines that check it out for a run each."""

    root: Path
    sink: Sink
    port: int
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> Path:
        return self.root / "origin.git"

    def create(self) -> None:
        home = self.root / "home"
        (home / "subscribers").mkdir(parents=True)
        settings = f'[mail]\nbackend = "smtp"\nfrom = "ada@example.org"\n[smtp]\nurl = "smtp://127.0.0.1:{self.port}"\n'
        (home / "newsletter.toml").write_text(settings, encoding="utf-8")
        (home / "subscribers" / "ada.md").write_text(a_topics_file("ada"), encoding="utf-8")
        assert len(list(write_recipe(home))) == 5
        self.git("init", "--quiet", "--bare", str(self.origin))
        self.git("init", "--quiet", "--initial-branch=main", str(home))
        self.git("-C", str(home), "add", ".")
        self.git("-C", str(home), "commit", "--quiet", "--message=home")
        self.git("-C", str(home), "push", "--quiet", str(self.origin), "main")

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def state(self) -> str:
        """The commit that holds the state."""
        return self.git("-C", str(self.origin), "rev-parse", "newsletter-state")

    def lose_state(self) -> None:
        self.git("-C", str(self.origin), "update-ref", "-d", "refs/heads/newsletter-state")

    def set_state(self, commit: str) -> None:
        self.git("-C", str(self.origin), "update-ref", "refs/heads/newsletter-state", commit)

    def run(self, day: date, *, confirm: bool = False, kill: bool = False) -> tuple[int, str]:
        """One job on a fresh machine: its exit code and its summary."""
        machine = self.root / "machine"
        shutil.rmtree(machine, ignore_errors=True)
        self.git("clone", "--quiet", "--branch=main", str(self.origin), str(machine))
        command = self.root / "newsletter"
        script = f'#!/bin/sh\nexec {sys.executable} -IS {DRIVER} call {self.root / "socket"} "$@"\n'
        command.write_text(script, encoding="utf-8")
        command.chmod(0o755)
        clock = self.root / "bin" / "date"
        clock.parent.mkdir(exist_ok=True)
        clock.write_text(f"#!/bin/sh\necho {day}\n", encoding="utf-8")
        clock.chmod(0o755)
        summary = self.root / "summary"
        summary.unlink(missing_ok=True)
        environ = {
            "PATH": f"{clock.parent}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "NEWSLETTER": str(command),
            "GITHUB_STEP_SUMMARY": str(summary),
            "SIM_DAY": day.isoformat(),
            "SIM_MAILING": str(a_mailing_file(self.root, day)),
            "CONFIRM": str(confirm).lower(),
            **({"SIM_KILL": "1"} if kill else {}),
            **self.extra,
        }
        job = subprocess.run(
            ["bash", ".github/newsletter.sh"], cwd=machine, env=environ, capture_output=True, text=True, check=False
        )
        return job.returncode, summary.read_text(encoding="utf-8") if summary.exists() else job.stderr

    def papers(self) -> Counter[str]:
        """How often each paper reached its reader."""
        found: Counter[str] = Counter()
        for envelope in self.sink.envelopes:
            message = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
            part = message.get_body(("plain",))
            assert part is not None
            found.update(set(re.findall(r"abs/(\d{4}\.\d{5})", part.get_content())))
        return found


def a_mailing_file(folder: Path, day: date) -> Path:
    """Moss of the day, and what is no moss."""
    lines = [
        {"id": f"{day:%y%m}.{day.day:02}{n:03}", "title": title, "authors": ["Bo"], "abstract": abstract,
         "categories": ["q-bio.PE"], "primary_category": "q-bio.PE", "comment": "", "announced_on": str(day)}
        for n, (title, abstract) in enumerate([(f"Growth of moss on stones, {day}", "Moss.")] + [("Ropes", "A ledger.")] * 9)
    ]  # fmt: skip
    path = folder / "mailing.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    command = [sys.executable, str(DRIVER), "serve", str(tmp_path / "socket")]
    with a_sink() as (sink, port), subprocess.Popen(command, stdout=subprocess.PIPE) as loaded:
        try:
            assert loaded.stdout is not None
            assert loaded.stdout.readline() == b"ready\n"
            made = Repository(tmp_path, sink, port)
            made.create()
            yield made
        finally:
            loaded.kill()


def workdays(count: int) -> list[date]:
    days = (MONDAY + timedelta(days=n) for n in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def test_a_week_in_which_a_machine_dies_and_the_state_is_lost_brings_no_paper_twice(repository: Repository) -> None:
    first, second, third, fourth, *_ = workdays(4)
    code, said = repository.run(first)
    assert code == 1
    assert "There is no state. On the very first run, or when you know what arrived, choose *Run workflow*" in said
    assert repository.run(first, confirm=True)[0] == 0
    assert sum(repository.papers().values()) == 1
    said = repository.run(first)[1]
    assert "Nothing waits to be sent." in said, "the same job again"
    assert "restored" not in said

    assert repository.run(second, kill=True)[0] < 0
    assert sum(repository.papers().values()) == 2, "it died when the mail was gone"
    code, said = repository.run(second)
    assert code == 1, said
    assert "looks like a restored backup" in said
    assert "Look at what arrived, then choose *Run workflow* and tick the box." in said
    assert repository.run(second, confirm=True)[0] == 0

    before = repository.state()
    assert repository.run(third)[0] == 0
    repository.set_state(before)
    assert "looks like a restored backup" in repository.run(third)[1], "an older state"
    repository.lose_state()
    assert repository.run(third)[0] == 1
    assert repository.run(third, confirm=True)[0] == 0
    assert repository.run(fourth)[0] == 0
    assert set(repository.papers().values()) == {1}
    assert len(repository.papers()) == 4


def test_the_state_of_a_public_repository_is_encrypted(repository: Repository) -> None:
    (day, *_) = workdays(1)
    repository.extra = {"PRIVATE": "false"}
    code, said = repository.run(day, confirm=True)
    assert (code, "This repository is public" in said) == (1, True)
    repository.extra |= {"STATE_KEY": "moss on stones"}
    assert repository.run(day, confirm=True)[0] == 0
    content = subprocess.run(
        ["git", "-C", str(repository.origin), "cat-file", "blob", "newsletter-state:state"],
        capture_output=True,
        check=True,
    ).stdout
    assert content.startswith(b"Salted__")
    assert repository.run(day)[0] == 0
    repository.extra |= {"STATE_KEY": "another"}
    code, said = repository.run(day)
    assert (code, "STATE_KEY is not the one that it was saved with" in said) == (1, True)


def test_two_jobs_at_a_time_send_once(repository: Repository) -> None:
    first, second = workdays(2)
    assert repository.run(first, confirm=True)[0] == 0
    taken = repository.state()
    assert repository.run(second)[0] == 0
    assert repository.state() != taken
    # A job that began with the older state fails when it saves, before it sends.
    hook = repository.origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    third = workdays(3)[2]
    sent = len(repository.sink.envelopes)
    assert repository.run(third)[0] != 0
    assert len(repository.sink.envelopes) == sent


@pytest.mark.soak
def test_thirty_days_bring_no_paper_twice_and_lose_none_but_those_of_a_confirmed_doubt(repository: Repository) -> None:
    days = workdays(30)
    assert repository.run(days[0], confirm=True)[0] == 0
    kept = repository.state()
    for number, day in enumerate(days[1:], 1):
        if number == 5:
            assert repository.run(day, kill=True)[0] < 0
        elif number in (9, 20):
            repository.lose_state()
        elif number == 14:
            repository.set_state(kept)
        elif number == 17:
            assert repository.run(day)[0] == 0
        code, said = repository.run(day)
        if code:
            assert "tick the box" in said
            code, said = repository.run(day, confirm=True)
            assert code == 0, f"{day}: {said}"
        kept = repository.state() if number < 12 else kept
    papers = repository.papers()
    assert set(papers.values()) == {1}, "no paper twice"
    assert len(papers) >= 27, "a confirmed doubt costs the edition of its day at most"


def test_the_recipe_leaves_what_is_there_and_pins_what_it_installs(newsletter: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine", encoding="utf-8")
    done = newsletter("init", tmp_path / "mine", "--actions")
    assert done.code == 0
    written = [line.removeprefix("wrote ") for line in done.out.splitlines() if line.startswith("wrote ")]
    names = [Path(path).relative_to(tmp_path / "mine").as_posix() for path in written]
    assert names == [".github/workflows/newsletter.yml", ".github/newsletter.sh", "requirements.txt", ".gitignore"]
    assert (tmp_path / "mine" / "README.md").read_text(encoding="utf-8") == "mine"
    assert "newsletter" in (tmp_path / "mine" / "requirements.txt").read_text(encoding="utf-8").splitlines()[-1]
    ignored = (tmp_path / "mine" / ".gitignore").read_text(encoding="utf-8").split()
    assert ignored == ["var/", "secrets.env"]


def test_the_workflow_runs_at_arxivs_days_and_hours_in_summer_and_in_winter() -> None:
    workflow = (Path(__file__).parent.parent / "templates" / "actions" / "newsletter.yml").read_text(encoding="utf-8")
    (hours,) = re.findall(r'cron: "\d+ (\d+)-(\d+) \* \* 1-5"', workflow)
    midnight_in_new_york = (4, 5)  # UTC, with and without daylight saving
    assert int(hours[0]) <= midnight_in_new_york[0]
    assert int(hours[1]) > midnight_in_new_york[1]
    assert "cancel-in-progress: false" in workflow
