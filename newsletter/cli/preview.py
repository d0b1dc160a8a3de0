"""`newsletter preview`: shows an edition. Never calls a model, writes to the database or claims a send."""

import tempfile
import webbrowser
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.delivery import message
from newsletter.editions import json_file
from newsletter.editions.preview import local_edition
from newsletter.errors import InputError
from newsletter.models.editions import Edition, Email, Links
from newsletter.models.subscribers import Subscriber
from newsletter.rendering.templates import Templates, load_templates, markdown, render
from newsletter.scoring.model.prompts import load_prompts, page
from newsletter.settings import DEFAULT_SENDER, Settings
from newsletter.sources import origins
from newsletter.subscribers import roster


class Format(StrEnum):
    HTML = "html"
    TEXT = "text"
    MD = "md"
    EML = "eml"
    JSON = "json"


def preview(
    slug: Annotated[str | None, typer.Argument(help="A subscriber.")] = None,
    edition: Annotated[Path | None, typer.Option("--edition", help="An edition file (JSON) instead.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TEXT,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Show a subscriber's newest edition, or one in a file.

    Examples:

        newsletter preview ada --open

        newsletter preview --edition 2026-11-18.edition.json --format md
    """
    if (slug is None) == (edition is None):
        raise InputError("name a subscriber or an edition file: newsletter preview SLUG, or --edition FILE")
    if edition:
        shown, templates = _from_file(edition), load_templates(None, origins())
    else:
        settings = app.home_settings()
        shown, templates = _of_subscriber(str(slug), settings), app.templates(settings)
    if open_:
        with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False, encoding="utf-8") as page:
            page.write(render(shown, Links(), templates).html)
        webbrowser.open(Path(page.name).as_uri())
        typer.echo(page.name)
    else:
        typer.echo(_written(shown, format_, templates), nl=False)


def _written(edition: Edition, format_: Format, templates: Templates) -> str:
    match format_:
        case Format.MD:
            return markdown(edition, templates)
        case Format.JSON:
            return json_file.dump(edition)
        case Format.HTML:
            return render(edition, Links(), templates).html
        case Format.TEXT:
            return render(edition, Links(), templates).text
        case Format.EML:
            return _eml(render(edition, Links(), templates), templates.mailer)


def _eml(email: Email, mailer: str) -> str:
    sender = DEFAULT_SENDER
    envelope = message.Envelope("preview", sender, sender, mailer, "http://localhost:8000", sender)
    return message.build(email, envelope, app.now()).decode()


def _from_file(path: Path) -> Edition:
    try:
        return json_file.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _of_subscriber(slug: str, settings: Settings) -> Edition:
    """The newest frozen edition, else a local one of the newest mailing."""
    with app.open_store(settings) as store:
        newest = store.editions.newest_id(slug)
        if newest is not None:
            edition = store.editions.load(newest)
            if edition.scorer != "openai":
                return edition
            return replace(edition, prompt=page(store.editions.topics(newest), load_prompts(settings.home)))
        subscriber = store.subscribers.load(slug) or _of_file(slug, settings)
        local = local_edition(subscriber, store, app.local_scorer(store), app.taxonomy())
        if local is None:
            raise InputError("no mailing is stored yet: run `newsletter fetch` first")
        return local


def _of_file(slug: str, settings: Settings) -> Subscriber:
    """Somebody whose topics file no run has read yet. Raises InputError without one, TopicsError for a bad one."""
    assert settings.home is not None, "subscribers live in a home"
    path = settings.home / "subscribers" / f"{slug}.md"
    if not path.is_file():
        raise InputError(f"there is no subscriber {slug}: see `newsletter subscribers list`")
    file = roster.read(path, app.taxonomy())
    return Subscriber(0, slug, file.wishes, file.topics)
