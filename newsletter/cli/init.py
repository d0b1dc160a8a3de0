"""`newsletter init`: makes a home folder with commented settings and an invented topics file."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import show
from newsletter.cli.wiring import SETTINGS_FILE
from newsletter.errors import InputError
from newsletter.files import write_atomically
from newsletter.resources import find


def init(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a home for a newsletter: settings, a topics file to change, nothing that mails anybody.

    Examples:

        newsletter init my-newsletter
    """
    create(folder)
    show.say(f"made {folder}: edit {folder / SETTINGS_FILE} and {folder / 'subscribers' / 'ada.md'}, then")
    show.say(f"  cd {folder} && newsletter run --listing FILE")


def create(folder: Path) -> None:
    """Writes the files of a new home. Raises InputError where there is one already."""
    settings = folder / SETTINGS_FILE
    if settings.exists():
        raise InputError(f"{settings} exists already: this is a newsletter's home")
    try:
        (folder / "subscribers").mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "subscribers" / "ada.md", find("subscribers/ada.md", None).read_bytes())
        write_atomically(settings, find("templates/newsletter.toml", None).read_bytes())
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
