"""The wheel holds all that the commands need, and works where there is no checkout."""

import json
import os
import re
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

from tests.delivery import a_sink

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.peers


def ran(*command: object, folder: Path) -> str:
    """The output of a command in a clean environment."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_")) or name == "PATH"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=kept | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, as a package index would serve it."""
    folder = tmp_path_factory.mktemp("dist")
    ran(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, folder=folder)
    [wheel] = folder.glob("*.whl")
    return wheel


def test_everything_beside_the_code_is_inside(wheel: Path) -> None:
    inside = {name.removeprefix("newsletter/") for name in zipfile.ZipFile(wheel).namelist()}
    wanted = [
        *(path for path in ROOT.glob("templates/**/*") if path.is_file()),
        *ROOT.glob("prompts/*"),
        *(ROOT / "subscribers" / f"{s}.md" for s in ("ada", "emmy", "rosalind")),
    ]
    wanted += [path for path in (ROOT / "newsletter").rglob("*") if path.suffix in (".json", ".jsonl", ".mo")]
    for path in wanted:
        assert path.relative_to(ROOT).as_posix().removeprefix("newsletter/") in inside


def test_nobodys_topics_files_are_inside(wheel: Path) -> None:
    inside = {Path(name).name for name in zipfile.ZipFile(wheel).namelist() if "/subscribers/" in name}
    assert {name for name in inside if name.endswith(".md")} == {"ada.md", "emmy.md", "rosalind.md"}


def test_the_installed_command_runs_a_day(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    ran(tmp_path / "venv/bin/pip", "install", "--quiet", wheel, folder=tmp_path)
    newsletter = tmp_path / "venv/bin/newsletter"
    assert ran(newsletter, "demo", folder=tmp_path).count(".html") == 3
    ran(newsletter, "init", "mine", folder=tmp_path)
    assert "reader@example.org" in ran(newsletter, "subscribers", "list", folder=tmp_path / "mine")


def test_a_newcomer_has_their_own_first_edition_after_three_commands_and_two_settings(
    wheel: Path, tmp_path: Path
) -> None:
    """A clean environment, an empty home, a mail server of their own: install, set up (which sends a test), run."""
    papers = "".join(
        json.dumps({"id": f"2611.{n:05}", "title": f"Growth of moss on stone {n}", "authors": ["Bo"], "abstract": "Moss.",
                    "categories": ["q-bio.PE"], "primary_category": "q-bio.PE", "comment": "", "announced_on": "2026-11-18"})
        + "\n"
        for n in range(20)
    )  # fmt: skip
    (tmp_path / "mailing.jsonl").write_text(papers, encoding="utf-8")
    (tmp_path / "topics.md").write_text("1. Moss\n   - Relevant: growth of moss on stone\n", encoding="utf-8")
    venv.create(tmp_path / "venv", with_pip=True)
    newsletter = tmp_path / "venv/bin/newsletter"
    begun = time.monotonic()
    with a_sink() as (sink, port):
        settings = ["--me", "ada@example.org", "--smtp", f"smtp://127.0.0.1:{port}"]
        wishes = ["--topics", "topics.md", "--categories", "q-bio.PE"]
        commands = [
            [tmp_path / "venv/bin/pip", "install", "--quiet", wheel],
            [newsletter, "init", "mine", *settings, *wishes],
            [newsletter, "run", "--listing", tmp_path / "mailing.jsonl"],
        ]
        for command in commands:
            ran(*command, folder=tmp_path / "mine" if "run" in command else tmp_path)
    assert [envelope.rcpt_tos for envelope in sink.envelopes] == [["ada@example.org"]] * 2, "the test, and the edition"
    assert len(commands) <= 3
    assert len(settings) // 2 <= 3
    assert time.monotonic() - begun < 600


def test_each_dependency_has_a_reason_and_stands_once() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.findall(
        r'^  "([\w.-]+)[^"]*",(.*)$', text.partition("dependencies = [")[2].partition("\n]")[0], re.MULTILINE
    )
    names = [name.lower() for name, _ in listed]
    assert len(names) > 20
    assert len(names) == len(set(names))
    assert not [name for name, reason in listed if not reason.strip().startswith("# ")]
