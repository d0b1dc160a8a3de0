"""`newsletter topics`: checks a topics file before anybody is mailed by it."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import show
from newsletter.cli.rank import read_topics
from newsletter.errors import TopicsError
from newsletter.models.subscribers import TopicsFile

commands = typer.Typer(help="Check topics files.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Check topics files."""


@commands.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Topics files (Markdown).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was understood as JSON.")] = False,
) -> None:
    """Say what was understood of topics files, or name the line that was not.

    Examples:

        newsletter topics check subscribers/ada.md
    """
    read: dict[str, TopicsFile] = {}
    for path in files:
        try:
            read[str(path)] = read_topics(path)
        except TopicsError as error:
            show.warn(f"newsletter: {error}")
    if as_json:
        show.as_json(
            {
                name: {
                    "email": file.wishes.email,
                    "categories": file.wishes.categories,
                    "topics": [{"number": t.number, "name": t.name} for t in file.topics.topics],
                    "keywords": file.topics.relevant_keywords,
                }
                for name, file in read.items()
            }
        )
    else:
        for name, file in read.items():
            _print(name, file)
    for warning in (warning for file in read.values() for warning in file.warnings):
        show.warn(f"newsletter: {warning}")
    if len(read) < len(files):
        raise typer.Exit(TopicsError.exit_code)


def _print(name: str, file: TopicsFile) -> None:
    show.say(f"{name}: {len(file.topics.topics)} topics, {len(file.topics.relevant_keywords)} keywords")
    for topic in file.topics.topics:
        advice = "" if not topic.irrelevant else f"; not: {_short(topic.irrelevant)}"
        show.say(f"  {topic.number}. {topic.name}: {_short(topic.relevant)}{advice}")
    for key in ("email", "categories"):
        if not getattr(file.wishes, key):
            show.say(f"  has no {key} yet: `run` needs it in the front matter")


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0] + "…"
