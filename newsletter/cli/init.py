"""`newsletter init`: makes a home folder with commented settings and an invented topics file."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter.app import SETTINGS_FILE
from newsletter.cli import show
from newsletter.errors import InputError
from newsletter.files import find, write_atomically

EXAMPLE = "subscribers/reader.md"


def init(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a home for a newsletter: settings, a topics file to change, nothing that mails anybody.

    Examples:

        newsletter init my-newsletter
    """
    create(folder)
    show.say(f"made {folder} with {SETTINGS_FILE} and {EXAMPLE}. Next:")
    show.say(f"  cd {folder}")
    show.say(f"  edit {EXAMPLE} (rename it to somebody's name) and check it: newsletter topics check {EXAMPLE}")
    show.say("  newsletter run                  the emails land in var/outbox/ and mail nobody")


def create(folder: Path) -> None:
    """Writes the files of a new home. Raises InputError where there is one already."""
    settings = folder / SETTINGS_FILE
    if settings.exists():
        raise InputError(f"{settings} exists already: this is a newsletter's home")
    try:
        (folder / "subscribers").mkdir(parents=True, exist_ok=True)
        if not any((folder / "subscribers").glob("*.md")):
            write_atomically(folder / EXAMPLE, find("templates/topics.md", None).read_bytes())
        write_atomically(settings, find("templates/newsletter.toml", None).read_bytes())
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
