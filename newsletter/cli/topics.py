"""`newsletter topics`: checks and tries a topics file before anybody is mailed by it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
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
from newsletter.subscribers.roster import SLUG
from newsletter.topics.body import parse
from newsletter.topics.check import Checked
from newsletter.topics.check import check as examine
from newsletter.topics.front_matter import with_front_matter


class Words(StrEnum):
    """Who words a draft."""

    AUTO = "auto"
    LOCAL = "local"


commands = typer.Typer(help="Check and try topics files.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Check and try topics files."""


@commands.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Topics files (Markdown), or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was understood as JSON.")] = False,
) -> None:
    """Say what was understood of topics files, and name everything in them that was not.

    Files in a folder `subscribers` are held to what `run` asks of them: a name that a subscriber can have, an address
    and categories, and no address twice.

    In a home with a model and a stored mailing, say too what a day will cost with these files.

    Examples:

        newsletter topics check subscribers

        newsletter topics check topics.md --json
    """
    checked = _without_repeated_addresses([_checked(path) for path in _files(files)])
    good = {item.name: item.file for item in checked if item.file}
    if as_json:
        show.as_json(
            {
                name: {
                    "email": file.wishes.email,
                    "categories": file.wishes.categories,
                    "topics": [{"number": t.number, "name": t.name} for t in file.topics.topics],
                    "keywords": file.topics.relevant_keywords,
                }
                for name, file in good.items()
            }
        )
    else:
        for name, file in good.items():
            _print(name, file)
        if cost := _day_cost(good):
            show.say(cost)
    for item in checked:
        for sentence in (*item.warnings, *item.errors):
            show.warning(sentence)
    if any(item.errors for item in checked):
        raise typer.Exit(TopicsError.exit_code)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those in the folders named. Raises InputError for a folder without any."""
    for path in paths:
        if not path.is_dir():
            yield path
        elif found := sorted(path.glob("*.md")):
            yield from found
        else:
            raise InputError(f"{path}: has no topics file: their names end in .md")


def _checked(path: Path) -> Checked:
    is_subscribers = path.absolute().parent.name == "subscribers"
    if is_subscribers and not SLUG.fullmatch(path.stem):
        return Checked(
            str(path), None, (f"{path}: a topics file is named with small letters, digits, dots and dashes",)
        )
    try:
        return examine(path.read_bytes(), str(path), app.taxonomy(), needs_reader=is_subscribers)
    except OSError as error:
        return Checked(str(path), None, (f"{path}: cannot be read: {error.strerror}",))


def _without_repeated_addresses(checked: Iterable[Checked]) -> list[Checked]:
    """The same, where a file with the address of an earlier one has an error, as in a run."""
    owners: dict[str, str] = {}
    found = []
    for item in checked:
        address = item.file.wishes.email.casefold() if item.file else ""
        owner = owners.setdefault(address, item.name) if address else item.name
        if owner == item.name:
            found.append(item)
        else:
            sentence = f"{item.name}: email: {owner} has the same address; one subscriber has one file"
            found.append(replace(item, file=None, errors=(sentence,)))
    return found


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
                strength = (item.reason and item.reason.strength) or Strength.NEAR
                show.say(f"  {strength:<5}  {item.paper.id}  {item.paper.shown.title}  [{item.score.topic}]")


@commands.command("draft")
def draft_(
    source: Annotated[str, typer.Option("--from", help="References (.bib, .ris, CSL-JSON), or arXiv ids.")],
    email: Annotated[str, typer.Option("--email", help="Put this address into the front matter.")] = "",
    categories: Annotated[
        str, typer.Option("--categories", help="The categories; those of the papers where they are known.")
    ] = "",
    scorer: Annotated[
        Words, typer.Option("--scorer", help="Who words it: the model where a key is set, or local for nobody.")
    ] = Words.AUTO,
) -> None:
    """Print a first topics file, to edit, from papers that somebody collected.

    Papers are looked up among those that are stored, then at arXiv. With OPENAI_API_KEY the model words the topics,
    from titles and abstracts; what that cost is said, and stands in `costs`.

    Examples:

        newsletter topics draft --from library.bib > subscribers/ada.md

        newsletter topics draft --from "2601.01234, 2602.00001" --email ada@example.org
    """
    by_model = scorer is Words.AUTO
    if app.has_home():
        settings = app.home_settings()
        with app.open_store(settings) as store:
            found = drafted(source, settings, store, address=email, by_model=by_model)
    else:
        found = drafted(source, load(os.environ, None, app.sections()), None, by_model=by_model)
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
    topics, keywords = file.topics.topics, file.topics.relevant_keywords
    show.say(f"{name}: {_counted(len(topics), 'topic')}, {_counted(len(keywords), 'keyword')}")
    for topic in topics:
        advice = "" if not topic.irrelevant else f"; not: {_short(topic.irrelevant)}"
        show.say(f"  {topic.number}. {topic.name}: {_short(topic.relevant)}{advice}")
    if keywords:
        show.say(f"  keywords: {_short(', '.join(keywords))}")
    if file.topics.irrelevant_keywords:
        show.say(f"  unwanted: {_short(', '.join(file.topics.irrelevant_keywords))}")
    if file.topics.advice:
        show.say(f"  for the model, too: {_short(file.topics.advice)}")
    for key in ("email", "categories"):
        if not getattr(file.wishes, key):
            show.say(f"  has no {key} yet: `run` needs it in the front matter")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0] + "…"
