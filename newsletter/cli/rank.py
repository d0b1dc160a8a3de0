"""`newsletter rank`: orders the papers of a file by a topics file. Needs no home and keeps nothing."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from newsletter import local
from newsletter.cli import show, wiring
from newsletter.errors import TopicsError
from newsletter.learn import learn
from newsletter.models import Scored, Subscriber, TopicsFile
from newsletter.pick import rank as best_first
from newsletter.sources import listing as listing_file
from newsletter.tex import displayed
from newsletter.topics import parse


class Format(StrEnum):
    TABLE = "table"
    JSONL = "jsonl"


def rank(
    listing: Annotated[Path, typer.Option("--listing", help="The papers: a mailing file (JSON Lines, plain or .gz).")],
    topics: Annotated[Path, typer.Option("--topics", help="The topics file (Markdown).")],
    history: Annotated[
        Path | None, typer.Option("--history", help="Earlier papers with a `relevance` each (JSON Lines).")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="A table, or one JSON object a paper.")] = Format.TABLE,
) -> None:
    """Rank all papers of a file by a topics file, best first.

    Examples:

        newsletter rank --listing mailing.jsonl.gz --topics subscribers/ada.md

        newsletter rank --listing mailing.jsonl --topics ada.md --format jsonl | head -3
    """
    file = read_topics(topics)
    read = listing_file.read(listing, wiring.now().date())
    earlier = listing_file.read_judged(history) if history else None
    for problem in [*read.problems, *(earlier.problems if earlier else ())]:
        show.warn(f"newsletter: {problem}")
    subscriber = Subscriber(0, topics.stem, file.wishes, file.topics)
    papers = [displayed(announcement.paper) for announcement in read.mailing.announcements]
    words = local.index(papers)
    judged = [(words.vector(paper), relevance) for paper, relevance in earlier.papers] if earlier else []
    scores = local.score(subscriber, papers, words, learn(judged))
    ranked = best_first(scores.scored)
    if format_ is Format.JSONL:
        for item in ranked:
            print(json.dumps(_plain(item), ensure_ascii=False))
    else:
        rows = [(s.score.relevance, s.score.novelty or "–", s.paper.id, s.paper.title, s.score.topic) for s in ranked]
        show.table(f"{len(ranked)} papers", ("relevance", "novelty", "id", "title", "topic"), rows)


def read_topics(path: Path) -> TopicsFile:
    """The topics file at `path`. Raises TopicsError."""
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise TopicsError(f"{path}: cannot be read: {error.strerror}") from error


def _plain(item: Scored) -> dict[str, object]:
    score = item.score
    return {
        "id": item.paper.id,
        "relevance": score.relevance,
        "novelty": score.novelty,
        "topic": score.topic,
        "comment": score.comment,
    }
