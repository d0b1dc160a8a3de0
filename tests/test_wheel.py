"""The wheel holds all that the commands need, and works where there is no checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

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
    wanted += [path for path in (ROOT / "newsletter").rglob("*") if path.suffix in (".jsonl", ".mo")]
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
