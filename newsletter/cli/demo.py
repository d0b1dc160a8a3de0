"""`newsletter demo`: the day on an invented mailing, for three invented subscribers; no key, no network."""

import os
import shutil
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app, pipeline
from newsletter.cli import costs, show
from newsletter.cli.recorded import LABEL, MODEL, recorded, serving
from newsletter.cli.running import run_day
from newsletter.errors import InputError
from newsletter.files import PACKAGE, find, write_atomically
from newsletter.settings import load
from newsletter.sources import mailing_file as listing_file

MARK = ".newsletter-demo"  # a folder with this file was made by the demo and may be made anew
# By which line of their topics the recorded model knows who asks; emmy has no model.
READERS = {
    "ada": "Uncertainty and calibration",
    "emmy": "Class groups and arithmetic statistics",
    "rosalind": "Protein structure and dynamics",
}
SETTINGS = f"""\
# Made by `newsletter demo`. Its model is a file of recorded answers; these are the prices of a small model.
[openai]
model = "{MODEL}"
[openai.prices."{MODEL}"]
input = 0.20
cached = 0.02
cache_write = 0.25
output = 1.20
"""


def demo(
    into: Annotated[Path, typer.Option("--into", help="Where to make the demo's home.")] = Path("newsletter-demo"),
    open_: Annotated[bool, typer.Option("--open", help="Open the emails in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run a whole day on invented papers and show where the emails are. Ignores home and environment.

    Two readers' papers are read by a model whose answers were recorded, by the way on which a model is called; the
    third reader has none. Nothing is mailed, and nothing leaves this machine.

    Examples:

        newsletter demo

        newsletter demo --into /tmp/demo --open
    """
    home = _made(into.resolve())
    mailing = PACKAGE / "demo" / "mailing.jsonl"
    read = listing_file.read(mailing, app.now().date())
    os.environ["NO_PROXY"] = "127.0.0.1"  # a proxy of this machine's user has no part in it
    with serving(recorded(PACKAGE / "demo" / "answers.jsonl", mailing, READERS)) as url:
        recorded_model = {"OPENAI_API_KEY": "recorded", "OPENAI_BASE_URL": url}
        settings = load(recorded_model, home / app.SETTINGS_FILE, app.sections())
        with app.open_store(settings) as store:
            store.mailings.save(read.mailing, app.now())
            report = run_day(settings, store, read.mailing.date, set(), at_once=True)
            spent = store.charges.grouped("subscriber", None)
    emails = sorted((home / "var" / "outbox").rglob("*.html"))
    if open_:
        for path in emails:
            webbrowser.open(path.as_uri())
    if as_json:
        paths = [str(path) for path in emails]
        show.as_json({"date": read.mailing.date, "model": LABEL, "emails": paths, "costs": costs.plain(spent)})
        return
    show.say(f"A day of {len(read.mailing.announcements)} invented papers ({read.mailing.date}):")
    _print_readers(report)
    show.say("")
    show.say(f"What reading them cost, by subscriber ({LABEL}; at the prices of a small model):")
    costs.print_table(spent, costs.By.SUBSCRIBER)
    show.say("")
    show.say("The emails (.eml beside each, for a mail program):")
    for path in emails:
        show.say(f"  {path}")
    show.say("")
    show.say("Next: your own mail, with your own topics and your own mail server:")
    show.say("  newsletter init my-newsletter --me you@example.org --smtp smtps://you@mail.example.org:465")


def _made(home: Path) -> Path:
    """A fresh home of the demo. Raises InputError for a folder that the demo did not make."""
    if home.exists() and any(home.iterdir()) and not (home / MARK).exists():
        raise InputError(f"{home} exists and was not made by the demo: choose another folder with --into")
    shutil.rmtree(home, ignore_errors=True)
    (home / "subscribers").mkdir(parents=True)
    (home / MARK).touch()
    write_atomically(home / app.SETTINGS_FILE, SETTINGS.encode())
    for slug in READERS:
        shutil.copy(find(f"subscribers/{slug}.md", None), home / "subscribers")
    return home


def _print_readers(report: pipeline.Report) -> None:
    """A line per reader; a failure of one is said and fails the demo."""
    composed = sorted(report.composed, key=lambda item: item.slug)
    show.table(
        "",
        ("subscriber", "papers", "of", "status"),
        [(item.slug, item.papers, item.candidates, item.status or item.reason) for item in composed],
    )
    if report.failed:
        raise typer.Exit(1)
