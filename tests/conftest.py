"""Fixtures that several files share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from newsletter.store import Store
from tests.commands import Command, command

settings.register_profile("untimed", deadline=None)  # times are measured in bench/, never in a test
settings.load_profile("untimed")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    with Store.open(tmp_path / "newsletter.db") as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for topics files, empty."""
    folder = tmp_path / "subscribers"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with settings that say nothing and no subscribers yet."""
    home = tmp_path / "home"
    (home / "subscribers").mkdir(parents=True)
    (home / "newsletter.toml").touch()
    return home


@pytest.fixture
def newsletter(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command `newsletter` in `home`, with no setting from the environment."""
    for name in [name for name in os.environ if name.startswith(("NEWSLETTER_", "OPENAI_", "SENDGRID_"))]:
        monkeypatch.delenv(name)
    return command(home, capsys, monkeypatch)
