"""`newsletter feedback`: what a subscriber says of a paper, so that the next editions learn from it."""

import re
from enum import StrEnum
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.errors import InputError
from newsletter.models.papers import Paper
from newsletter.models.subscribers import Mark, Subscriber
from newsletter.store import Store
from newsletter.subscribers import membership


class Said(StrEnum):
    MORE = "more"
    LESS = "less"
    SAVE = "save"


MARKS = {Said.MORE: Mark.MORE, Said.LESS: Mark.LESS, Said.SAVE: Mark.SAVED}


def feedback(
    slug: Annotated[str, typer.Argument(help="A subscriber.")],
    paper: Annotated[str | None, typer.Argument(help="A paper's id, with or without its version.")] = None,
    mark: Annotated[Said | None, typer.Argument(help="What is said of it.")] = None,
    *,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget all marks and what was learned from a model's scores until today.")
    ] = False,
    learned: Annotated[
        bool, typer.Option("--learned", help="Show the words and papers that the ranking learned from.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the mark back.")] = False,
) -> None:
    """Keep what a subscriber says of a paper: more like it, less, or saved for later.

    The next edition is ordered by it, and names liked papers beside their like. Without a mark, shows the marks.

    Examples:

        newsletter feedback ada 2611.00012 more

        newsletter feedback ada 2611.00012 more --undo

        newsletter feedback ada

        newsletter feedback ada --learned

        newsletter feedback ada --reset
    """
    if (reset or learned) and (paper or mark or (reset and learned)):
        raise InputError("--reset and --learned stand alone: newsletter feedback SLUG --reset")
    if (paper is None) != (mark is None):
        raise InputError("say what of the paper: newsletter feedback SLUG PAPER more|less|save")
    with app.open_store(app.home_settings()) as store:
        subscriber = membership.find(store, slug)
        if reset:
            dropped = store.feedback.forget(subscriber.id, app.now().date())
            show.say(f"{slug}: {dropped} marks forgotten; what a model said until today teaches no more")
            return
        if learned:
            _print_learned(store, subscriber)
            return
        if paper is None or mark is None:
            _print(store, subscriber)
            return
        found = _find(store, paper)
        assert found.key is not None, "a stored paper has a key"
        if undo:
            store.feedback.undo(subscriber.id, found.key, MARKS[mark])
        else:
            store.feedback.set(subscriber.id, found.key, MARKS[mark], app.now(), "command line")
    show.say(f"{slug}: {found.id} {found.title}: {f'no longer {mark}' if undo else mark}")


def _find(store: Store, text: str) -> Paper:
    """The newest stored version of a paper, or the one named. Raises InputError where there is none."""
    named = re.fullmatch(r"(?P<id>.+?)(v(?P<version>\d+))?", text.strip().removeprefix("arXiv:"))
    versions = store.papers.versions(named["id"]) if named else []
    if named and named["version"]:
        versions = [found for found in versions if found.version == int(named["version"])]
    if not versions:
        raise InputError(f"{text}: no stored mailing has this paper: is the id right, and its day fetched?")
    return versions[-1]


def _print(store: Store, subscriber: Subscriber) -> None:
    marks = store.feedback.of(subscriber.id)
    papers = store.papers.by_keys(marked.paper_key for marked in marks)
    rows = [(m.at.date(), m.mark, papers[m.paper_key].id, papers[m.paper_key].title) for m in marks]
    show.table(f"{len(rows)} marks of {subscriber.slug}", ("date", "mark", "paper", "title"), rows)


def _print_learned(store: Store, subscriber: Subscriber) -> None:
    found = app.local_scorer(store).explain(subscriber, app.now().date())
    if found is None:
        show.say(f"{subscriber.slug}: nothing is learned yet: it takes marks, or a model's scores of earlier days")
        return
    show.say(f"wants: {', '.join(found.wanted)}")
    show.say(f"does not want: {', '.join(found.unwanted)}")
    rows = [(f"{weight:+.2f}", paper.id, paper.title) for paper, weight in found.papers]
    show.table(f"{len(rows)} papers that count most for {subscriber.slug}", ("weight", "paper", "title"), rows)
