"""`newsletter rank`: orders the papers of a file by a topics file. Needs no home and keeps nothing."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.editions.selection import rank as best_first
from newsletter.errors import InputError, SettingsError, TopicsError
from newsletter.models.papers import Mailing, Paper
from newsletter.models.scores import Pool, Reading, Scored, Scores, Status
from newsletter.models.subscribers import Subscriber, TopicsFile
from newsletter.rendering.language import words
from newsletter.rendering.reasons import worded_fault, worded_reason
from newsletter.scoring import connect
from newsletter.scoring.remembered import Judged
from newsletter.scoring.similarity import Similarity
from newsletter.settings import load
from newsletter.sources import mailing_file as listing_file
from newsletter.store import Store
from newsletter.store.subscribers import FileStamp
from newsletter.text.tex import displayed
from newsletter.topics.body import parse

if TYPE_CHECKING:
    from newsletter.scoring.vectors import Vectorised


class ScorerName(StrEnum):
    LOCAL = "local"
    OPENAI = "openai"


class Format(StrEnum):
    TABLE = "table"
    JSONL = "jsonl"


def rank(
    *,
    listing: Annotated[Path, typer.Option("--listing", help="The papers: a mailing file (JSON Lines, plain or .gz).")],
    topics: Annotated[Path, typer.Option("--topics", help="The topics file (Markdown).")],
    history: Annotated[
        Path | None, typer.Option("--history", help="Earlier papers with a `relevance` each (JSON Lines).")
    ] = None,
    scorer: Annotated[
        ScorerName, typer.Option("--scorer", help="By similarity, or by the model of OPENAI_API_KEY.")
    ] = ScorerName.LOCAL,
    archive: Annotated[
        list[Path] | None,
        typer.Option("--archive", help="Earlier mailings, unlabelled: what is rare is judged by them. Repeatable."),
    ] = None,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Also by the vectors of NEWSLETTER_EMBEDDINGS__MODEL.")
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Print so many papers at most.")] = None,
    in_categories: Annotated[
        bool, typer.Option("--in-categories", help="Rank only papers in the categories of the topics file.")
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="A table, or one JSON object a paper.")] = Format.TABLE,
) -> None:
    """Rank all papers of a file by a topics file, best first.

    Examples:

        newsletter rank --listing mailing.jsonl.gz --topics subscribers/ada.md

        newsletter rank --listing mailing.jsonl --topics ada.md --format jsonl | head -3

        newsletter rank --listing mailing.jsonl --topics ada.md --scorer openai

        newsletter rank --listing today.jsonl --topics ada.md --archive monday.jsonl --archive tuesday.jsonl --limit 20
    """
    file = read_topics(topics)
    read = listing_file.read(listing, app.now().date())
    earlier = listing_file.read_judged(history) if history else None
    for problem in [*read.problems, *(earlier.problems if earlier else ())]:
        show.warn(f"newsletter: {problem}")
    mailing = _in_categories(read.mailing, file) if in_categories else read.mailing
    if scorer is ScorerName.OPENAI:
        scores = _read_by_model(file, mailing)
        _print(scores, format_, limit)
        raise typer.Exit(scores.status is not Status.OK)
    papers = tuple(displayed(announcement.paper) for announcement in mailing.announcements)
    judged = [Judged(displayed(paper), relevance) for paper, relevance in earlier.papers] if earlier else []
    # The papers of a history were stored too, whether or not an archive is named.
    stored = [*_archive(archive or ()), *(item.paper for item in judged)]
    pool = Pool(tuple(displayed(announcement.paper) for announcement in read.mailing.announcements))
    with _vectors(file) if vectors else nullcontext((0, None)) as (payer, made):
        local = Similarity(archive=lambda _: stored, past=lambda *_: judged, vectors=made)
        subscriber = Subscriber(payer, topics.stem, file.wishes, file.topics)
        scores = local.score(Reading(subscriber, mailing.date, papers, pool))
    _print(scores, format_, limit)


@contextmanager
def _vectors(file: TopicsFile) -> Iterator[tuple[int, "Vectorised | None"]]:
    """Who pays for vectors, and what makes them, kept as long as the command. Raises SettingsError without a model."""
    settings = load(os.environ, None, app.sections())
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "newsletter.db") as store:
        payer = store.subscribers.save("rank", file, FileStamp(0, 0), app.now())
        with connect.spending(settings, store, command="rank", clock=app.now, warn=show.warning) as budget:
            made = connect.vectors(settings, store, budget, clock=app.now, warn=show.warning)
            if made is None:
                raise SettingsError(
                    "--vectors needs a model: set NEWSLETTER_EMBEDDINGS__MODEL, and NEWSLETTER_EMBEDDINGS__BASE_URL "
                    "where it is not OpenAI's"
                )
            yield payer.id, made


def _archive(files: Iterable[Path]) -> Iterator[Paper]:
    """The papers of earlier mailings; a line that is none is named and left out."""
    for file in files:
        papers, problems = listing_file.read_archive(file)
        for problem in problems:
            show.warn(f"newsletter: {problem}")
        yield from map(displayed, papers)


def _in_categories(mailing: Mailing, file: TopicsFile) -> Mailing:
    """What of a mailing is announced in the categories of a topics file. Raises InputError where it names none."""
    if not file.wishes.categories:
        raise InputError("--in-categories: the topics file names no categories: add `categories: [...]` to its front")
    wanted = app.taxonomy().expand(file.wishes.categories)
    kept = tuple(a for a in mailing.announcements if wanted.intersection(a.paper.categories))
    return replace(mailing, announcements=kept)


def _read_by_model(file: TopicsFile, mailing: Mailing) -> Scores:
    """The model's scores, paid for and forgotten: the database lives as long as the command."""
    settings = load(os.environ, None, app.sections())
    if not settings.secret("OPENAI_API_KEY"):
        raise SettingsError(
            "--scorer openai needs OPENAI_API_KEY (or the path of a file with it in OPENAI_API_KEY_FILE)"
        )
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "newsletter.db") as store:
        announcements = store.mailings.save(mailing, app.now()).announcements
        wishes = replace(file.wishes, scorer="openai")
        subscriber = store.subscribers.save("rank", replace(file, wishes=wishes), FileStamp(0, 0), app.now())
        papers = tuple(announcement.paper for announcement in announcements)
        reading = Reading(subscriber, mailing.date, papers, Pool(papers))
        with connect.spending(settings, store, command="rank", clock=app.now, warn=show.warning) as budget:
            scorer = connect.scorer(settings, store, Similarity(), budget, clock=app.now, warn=show.warning)
            scores = scorer.score(reading)
            said = scorer.comment(reading, () if scores.fault else best_first(scores.scored)[: wishes.max_papers])
    english = words("en")
    for trouble in (*([scores.fault] if scores.fault else ()), *scores.economies, *said.economies):
        show.warning(worded_fault(trouble, english))
    for paper in scores.not_scored:
        show.warning(f"not scored: {paper.id} {paper.title}")
    usage, cost = said.usage, said.cost
    show.warning(f"{scores.model}: {usage.total_tokens} tokens, {usage.cached_tokens} cached, ${cost.total}")
    commented = {item.paper.key: item for item in said.papers}
    return replace(scores, scored=tuple(commented.get(item.paper.key, item) for item in scores.scored))


def _print(scores: Scores, format_: Format, limit: int | None) -> None:
    ranked = best_first(scores.scored)[:limit]
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
        "comment": worded_reason(item, words("en")),
    }
