"""A Dask scheduler and two workers, each a process of its own, share a day's editions; one of them is killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from newsletter.cluster import cluster
from newsletter.errors import SettingsError
from tests.fake_model import FakeModel
from tests.peers.test_lab import accounts_of
from tests.test_model_end_to_end import scores_in, serving

pytestmark = pytest.mark.peers

READERS = 450
SUBJECTS = ("moss on wet stones", "tides in narrow straits", "bells of small churches", "ink made of oak galls")


@contextmanager
def dask(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "dask", *arguments], cwd=folder, stderr=log, stdout=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its two workers."""
    known = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        stack.enter_context(
            dask(
                "scheduler",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--no-dashboard",
                "--scheduler-file",
                str(known),
                folder=tmp_path / "scheduler",
            )
        )
        started = [
            stack.enter_context(
                dask(
                    "worker",
                    "--scheduler-file",
                    str(known),
                    "--nthreads",
                    "1",
                    "--no-dashboard",
                    "--no-nanny",
                    "--host",
                    "127.0.0.1",
                    "--local-directory",
                    str(tmp_path / name),
                    folder=tmp_path / name,
                )
            )
            for name in ("one", "other")
        ]
        waited_until = time.monotonic() + 60
        while not known.is_file() and time.monotonic() < waited_until:
            time.sleep(0.1)
        address = json.loads(known.read_text())["address"]
        while time.monotonic() < waited_until and threads(address) < 2:
            time.sleep(0.1)
        yield address, started


def threads(address: str) -> int:
    try:
        with cluster(address) as (_, width):
            return width
    except SettingsError:
        return 0


def a_home(folder: Path, settings: str = "") -> Path:
    """Readers of four subjects, each with words of their own, and a mailing of 120 papers."""
    (folder / "subscribers").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(settings)
    for number in range(READERS):
        topics = "\n".join(
            f"{n}. {subject}\n   - Relevant: {subject} no {number * n % 37}"
            for n, subject in enumerate(SUBJECTS[number % 2 :], 1)
        )
        text = f"---\nemail: r{number:03}@example.org\ncategories: [cs.LG]\n---\n{topics}\n"
        (folder / "subscribers" / f"r{number:03}.md").write_text(text)
    lines = [
        json.dumps(
            {
                "id": f"2611.{n:05}",
                "title": f"On {SUBJECTS[n % 4]}, {n}",
                "authors": ["Ada Byron"],
                "abstract": f"We look at {SUBJECTS[n % 4]}. What is new is no {n % 37}. It was seen {n} times in the field.",
                "categories": ["cs.LG"],
                "primary_category": "cs.LG",
                "comment": "",
                "announced_on": "2026-11-24",
            }
        )
        for n in range(120)
    ]
    (folder / "mailing.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def run(home: Path, **environment: str) -> subprocess.Popen[bytes]:
    arguments = ["-m", "newsletter", "run", "--listing", "mailing.jsonl"]
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=home,
        env={**os.environ, "NEWSLETTER_HOME": str(home), **environment},
        stdout=subprocess.DEVNULL,
    )


def editions(home: Path) -> dict[str, tuple[str, list[tuple[object, ...]]]]:
    """What each reader's edition says."""
    with closing(sqlite3.connect(home / "var" / "newsletter.db")) as db:
        found = {}
        for slug, key, facts in db.execute(
            "SELECT slug, editions.id, facts FROM editions JOIN subscribers ON subscribers.id = subscriber_id"
        ):
            rows = db.execute(
                "SELECT paper_key, section, position, relevance, local, topic, reason FROM edition_papers "
                "WHERE edition_id = ? ORDER BY section, position",
                [key],
            )
            found[slug] = facts, rows.fetchall()
        return found


def mails(home: Path) -> list[str]:
    return sorted(path.stem for path in (home / "var" / "outbox").rglob("*.eml"))


def begun(home: Path) -> None:
    """Waits until the first editions are frozen."""
    waited_until = time.monotonic() + 60
    while time.monotonic() < waited_until:
        try:
            if editions(home):
                return
        except sqlite3.OperationalError:
            pass
        time.sleep(0.02)
    pytest.fail("no edition was frozen")


def test_a_day_on_two_workers_of_which_one_is_killed_is_that_of_a_serial_run(
    tmp_path: Path, workers: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, (killed, _) = workers
    alone = a_home(tmp_path / "alone", '[run]\nexecutor = "serial"\n')
    assert run(alone).wait(300) == 0
    shared = a_home(tmp_path / "shared", f'[run]\ncluster = "{address}"\n')
    day = run(shared)
    begun(shared)
    killed.send_signal(signal.SIGKILL)
    assert day.wait(300) == 0
    assert len(editions(shared)) == READERS
    assert editions(shared) == editions(alone)
    assert mails(shared) == mails(alone) == sorted(f"r{number:03}" for number in range(READERS))


def test_a_day_whose_workers_are_all_killed_is_ended_alone(
    tmp_path: Path, workers: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, both = workers
    home = a_home(tmp_path / "home", f'[run]\ncluster = "{address}"\n')
    day = run(home)
    begun(home)
    for worker in both:
        worker.send_signal(signal.SIGKILL)
    assert day.wait(120) == 0
    assert len(editions(home)) == len(mails(home)) == READERS


def test_a_coordinator_that_was_killed_goes_on(
    tmp_path: Path, workers: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, _ = workers
    home = a_home(tmp_path / "home", f'[run]\ncluster = "{address}"\n')
    day = run(home)
    begun(home)
    day.kill()
    day.wait()
    before = editions(home)
    assert run(home).wait(300) == 0
    after = editions(home)
    assert len(after) == READERS
    assert {slug: after[slug] for slug in before} == before
    assert len(mails(home)) == READERS


def with_some_by_the_model(home: Path, readers: int) -> Path:
    """The home with so many readers, of whom every third is read by the model, all others by words."""
    for number, path in enumerate(sorted((home / "subscribers").iterdir())):
        if number >= readers:
            path.unlink()
        elif number % 3:
            path.write_text(path.read_text().replace("---\n", "---\nscorer: local\n", 1))
    return home


def test_with_a_model_the_day_of_a_cluster_is_that_of_a_serial_run_and_its_accounts_equal_the_meter(
    tmp_path: Path, workers: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, (killed, _) = workers
    titles = {f"On {SUBJECTS[n % 4]}, {n}": (1 + n % 10, 1 + n % 7) for n in range(120)}
    said = {}
    for name, settings in (("alone", 'executor = "serial"'), ("shared", f'cluster = "{address}"')):
        home = with_some_by_the_model(a_home(tmp_path / name, f"[run]\n{settings}\n"), 24)
        with serving(FakeModel(titles)) as server:
            day = run(home, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=server.url)
            if name == "shared":
                begun(home)
                killed.send_signal(signal.SIGKILL)
            assert day.wait(300) == 0
            metered, accounts = server.model.meter, accounts_of(home)
        assert {key: accounts[key] for key in ("calls", "prompt", "cached", "completion")} == {
            key: metered[key] for key in ("calls", "prompt", "cached", "completion")
        }
        said[name] = scores_in(home)
    assert said["shared"] == said["alone"]
    assert {slug for slug, *_, comment in said["shared"] if comment} == {f"r{n:03}" for n in range(0, 24, 3)}
    assert len(mails(tmp_path / "shared")) == 24


def test_without_a_scheduler_one_sentence_says_so() -> None:
    with pytest.raises(SettingsError, match="no scheduler answers there"), cluster("tcp://127.0.0.1:9"):
        pass
