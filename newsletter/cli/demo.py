"""`newsletter demo`: the day on an invented mailing, for three invented subscribers; no key, no network."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.cli.run import run_day
from newsletter.errors import InputError
from newsletter.files import PACKAGE, find
from newsletter.settings import load
from newsletter.sources import mailing_file as listing_file

MARK = ".newsletter-demo"  # a folder with this file was made by the demo and may be made anew
READERS = ("ada", "emmy", "rosalind")


def demo(
    into: Annotated[Path, typer.Option("--into", help="Where to make the demo's home.")] = Path("newsletter-demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run a whole day on invented papers and show where the emails are. Ignores home and environment.

    Examples:

        newsletter demo

        newsletter demo --into /tmp/demo
    """
    home = into.resolve()
    if home.exists() and any(home.iterdir()) and not (home / MARK).exists():
        raise InputError(f"{home} exists and was not made by the demo: choose another folder with --into")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / MARK).touch()
    (home / app.SETTINGS_FILE).touch()
    (home / "subscribers").mkdir()
    for slug in READERS:
        shutil.copy(find(f"subscribers/{slug}.md", None), home / "subscribers")
    settings = load({}, home / app.SETTINGS_FILE, app.sections())
    read = listing_file.read(PACKAGE / "demo" / "mailing.jsonl", app.now().date())
    with app.open_store(settings) as store:
        store.mailings.save(read.mailing, app.now())
        report = run_day(settings, store, read.mailing.date, set())
    emails = sorted((home / "var" / "outbox").rglob("*.html"))
    if as_json:
        show.as_json({"date": read.mailing.date, "emails": [str(path) for path in emails]})
        return
    rows = [(c.slug, c.papers, c.candidates, c.status) for c in sorted(report.composed, key=lambda c: c.slug)]
    show.say(f"A day of {len(read.mailing.announcements)} invented papers ({read.mailing.date}):")
    show.table("", ("subscriber", "papers", "of", "status"), rows)
    show.say("The emails (.eml beside each, for a mail program):")
    for path in emails:
        show.say(f"  {path}")
