"""`newsletter subscribers`: who gets mail. Wishes go to the topics file, status and consent to the database."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import exchange, members, show
from newsletter.cli.rank import read_topics
from newsletter.errors import InputError
from newsletter.links import Purpose
from newsletter.models.subscribers import Problem, Subscriber
from newsletter.subscribers.membership import find
from newsletter.subscribers.roster import roster
from newsletter.topics.front_matter import with_front_matter

commands = typer.Typer(help="Who gets mail: add, show, pause, remove, move and erase.", no_args_is_help=True)
commands.command("pause")(members.pause)
commands.command("resume")(members.resume)
commands.command("remove")(members.remove)
commands.command("export")(exchange.export)
commands.command("import")(exchange.import_)
commands.command("erase")(members.erase)


@commands.command()
def add(
    file: Annotated[Path, typer.Argument(help="Their topics file (Markdown).")],
    slug: Annotated[str | None, typer.Option("--slug", help="Their name here; the file's name if left out.")] = None,
    email: Annotated[str | None, typer.Option("--email", help="Their address, where the file has none.")] = None,
    categories: Annotated[
        str | None,
        typer.Option("--categories", help="Their categories, such as cs.LG,stat.ML, where the file has none."),
    ] = None,
) -> None:
    """Add a subscriber who agreed to get mail; you vouch for that, and it is recorded.

    Examples:

        newsletter subscribers add ada.md

        newsletter subscribers add topics.md --slug ada --email ada@example.org --categories cs.LG,stat.ML
    """
    name = slug or file.stem.lower()
    read_topics(file)
    wanted = {"email": email, "categories": [c.strip() for c in categories.split(",")] if categories else None}
    text = with_front_matter(file.read_bytes().decode("utf-8-sig"), {k: v for k, v in wanted.items() if v}, str(file))
    with app.members() as members:
        target = members.folder / f"{name}.md"
        if target.exists() and not target.samefile(file):
            raise InputError(f"{target} exists: choose another --slug, or edit that file")
        subscriber = members.add(name, text, "operator", app.now())
    show.say(f"{name}: added, {subscriber.wishes.email}, {', '.join(subscriber.wishes.categories)}")


@commands.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the subscribers and what is wrong with their files.

    Examples:

        newsletter subscribers list --json
    """
    with app.members() as members:
        entries = list(roster(members.folder, members.store, members.taxonomy, app.now()))
    if as_json:
        show.as_json([_plain(entry) for entry in entries])
    else:
        rows = [tuple(_plain(entry).values()) for entry in entries]
        show.table("subscribers", ("subscriber", "email", "status", "categories", "problem"), rows)


@commands.command("show")
def show_(
    slug: Annotated[str, typer.Argument(help="A subscriber.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what one subscriber wants.

    Examples:

        newsletter subscribers show ada
    """
    settings = app.home_settings()
    with app.members() as members:
        entries = roster(members.folder, members.store, members.taxonomy, app.now())
        subscriber = next((entry for entry in entries if entry.slug == slug), None) or find(members.store, slug)
    if isinstance(subscriber, Problem):
        raise InputError(subscriber.message)
    wishes = subscriber.wishes
    facts = _plain(subscriber) | {
        "min_relevance": wishes.min_relevance,
        "min_novelty": wishes.min_novelty,
        "max_papers": wishes.max_papers,
        "authors": list(wishes.authors),
        "frequency": wishes.deliver.frequency,
        "days": list(wishes.deliver.days),
        "at": f"{wishes.deliver.at:%H:%M} {wishes.deliver.timezone}",
        "topics": [topic.name for topic in subscriber.topics.topics],
        "feed": app.signer(settings).url(Purpose.FEED, subscriber.id),
    }
    if as_json:
        show.as_json(facts)
    else:
        for key, value in ((key, value) for key, value in facts.items() if value):
            show.say(f"{key:14} {', '.join(map(str, value)) if isinstance(value, list) else value}")


def _plain(entry: Subscriber | Problem) -> dict[str, object]:
    if isinstance(entry, Problem):
        return {"subscriber": entry.slug, "email": "", "status": "", "categories": "", "problem": entry.message}
    return {
        "subscriber": entry.slug,
        "email": entry.wishes.email,
        "status": _status(entry),
        "categories": " ".join(entry.wishes.categories),
        "problem": "",
    }


def _status(subscriber: Subscriber) -> str:
    until = subscriber.paused_until
    return f"{subscriber.status} until {until:%Y-%m-%d}" if until else str(subscriber.status)
