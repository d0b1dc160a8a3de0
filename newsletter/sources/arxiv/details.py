"""Calls the API for what the lists do not tell of announced papers."""

from collections.abc import Sequence
from datetime import date

from newsletter.errors import SourceError
from newsletter.models.papers import Announcement, Paper, Progress
from newsletter.sources.arxiv import compare
from newsletter.sources.arxiv.api import BATCH, Api
from newsletter.sources.arxiv.entries import UNKNOWN


def detailed(
    announcements: Sequence[Announcement], day: date, api: Api, progress: Progress
) -> tuple[list[Announcement], str]:
    """Returns each announcement with the API's details, or unchanged without an answer; and what went wrong."""
    details: dict[tuple[str, int], Paper] = {}
    bare = [_versioned(a.paper) for a in announcements if a.paper.submitted_at is None or not a.paper.version]
    problem = ""
    try:
        for number, batch in enumerate(batches(bare), 1):
            for paper in api.details(batch, day):
                details[paper.id, paper.version] = details[paper.id, UNKNOWN] = paper
            progress("details", number * BATCH)
    except SourceError as error:
        problem = f"without some papers' details: {error}"
    return [compare.enriched(a, details.get((a.paper.id, a.paper.version))) for a in announcements], problem


def batches(ids: Sequence[str]) -> list[Sequence[str]]:
    """Splits identifiers into lists of BATCH, as many as one request takes."""
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _versioned(paper: Paper) -> str:
    return f"{paper.id}v{paper.version}" if paper.version else paper.id
