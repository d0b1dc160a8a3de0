"""`newsletter topics`: checks and tries a topics file before anybody is mailed by it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.cli.drafting import drafted
from newsletter.cli.rank import read_topics
from newsletter.editions.candidates import candidates
from newsletter.editions.selection import select
from newsletter.errors import InputError, TopicsError
from newsletter.models.scores import Pool, Reading, Strength
from newsletter.models.subscribers import Subscriber, TopicsFile
from newsletter.scoring.remembered import stored_archive
from newsletter.scoring.similarity import Similarity
from newsletter.settings import load
from newsletter.topics.body import parse
from newsletter.topics.front_matter import with_front_matter

commands = typer.Typer(help="Check and try topics files.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Check and try topics files."""


@commands.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Topics files (Markdown).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was understood as JSON.")] = False,
) -> None:
    """Say what was understood of topics files, or name the line that was not.

    In a home with a model and a stored mailing, say too what a day will cost with these files.

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
        if cost := _day_cost(read):
            show.say(cost)
    for warning in (warning for file in read.values() for warning in file.warnings):
        show.warn(f"newsletter: {warning}")
    if len(read) < len(files):
        raise typer.Exit(TopicsError.exit_code)


@commands.command("try")
def try_(
    file: Annotated[Path, typer.Argument(help="A topics file (Markdown).")],
    days: Annotated[int, typer.Option("--days", min=1, help="How many of the stored mailings, the newest first.")] = 5,
) -> None:
    """Say what a topics file would have given on the stored mailings, by similarity, with what came near.

    Examples:

        newsletter topics try subscribers/ada.md --days 5
    """
    read_file = read_topics(file)
    reader = Subscriber(0, file.stem, read_file.wishes, read_file.topics)
    with app.open_store(app.home_settings()) as store:
        dates = sorted({mailing.date for mailing in store.mailings.days()}, reverse=True)[:days]
        if not dates:
            raise InputError("no mailing is stored yet: run `newsletter fetch` first")
        local = Similarity(archive=stored_archive(store))
        for date in dates:
            announcements = store.mailings.announcements([date])
            chosen = candidates(reader.wishes, announcements, (), app.taxonomy())
            pool = Pool(tuple(announcement.paper for announcement in announcements))
            selected = select(reader.wishes, chosen, local.score(Reading(reader, date, chosen.papers, pool)))
            show.say(f"{date}: {len(selected.papers)} of {len(chosen.papers)} papers")
            for item in (*selected.papers, *selected.near_misses):
                strength = item.reason.strength if item.reason else Strength.NEAR
                show.say(f"  {strength:<5}  {item.paper.id}  {item.paper.shown.title}  [{item.score.topic}]")


@commands.command("draft")
def draft_(
    source: Annotated[str, typer.Option("--from", help="References (.bib, .ris, CSL-JSON), or arXiv ids.")],
    email: Annotated[str, typer.Option("--email", help="Put this address into the front matter.")] = "",
    categories: Annotated[
        str, typer.Option("--categories", help="The categories; those of the papers where they are known.")
    ] = "",
) -> None:
    """Print a first topics file, to edit, from papers that somebody collected.

    Papers are looked up among those that are stored, then at arXiv.

    Examples:

        newsletter topics draft --from library.bib > subscribers/ada.md

        newsletter topics draft --from "2601.01234, 2602.00001" --email ada@example.org
    """
    if app.has_home():
        settings = app.home_settings()
        with app.open_store(settings) as store:
            found = drafted(source, settings, store)
    else:
        found = drafted(source, load(os.environ, None, app.sections()), None)
    named = [part.strip() for part in categories.split(",") if part.strip()] or list(found.categories)
    front = {"email": email, "categories": named}
    text = with_front_matter(found.body, {key: value for key, value in front.items() if value}, source)
    parse(text.encode(), "the draft", app.taxonomy())
    print(text, end="")
    show.warning("this is a draft: read it, change it, then `newsletter topics check` it")


def _day_cost(read: Mapping[str, TopicsFile]) -> str:
    """What a day will cost with these files, as one sentence; empty where no model is set up or no mailing stored."""
    if not app.has_home():
        return ""
    settings = app.home_settings()
    readers = [Subscriber(0, Path(name).stem, file.wishes, file.topics) for name, file in read.items()]
    with app.open_store(settings) as store:
        return str(app.day_cost(settings, store, readers) or "")


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
