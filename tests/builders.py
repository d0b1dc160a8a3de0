"""Builders that show only what a test is about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from newsletter.models.editions import Edition, Totals
from newsletter.models.papers import Announcement, AnnounceType, Mailing, MailingStatus, Paper
from newsletter.models.scores import Score, Scored
from newsletter.models.subscribers import Subscriber, Topic, Topics, Wishes

WEDNESDAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)


def a_paper(number: int = 1, **fields: Any) -> Paper:
    """A paper with the id 2611.<number>."""
    paper = Paper(
        id=f"2611.{number:05}",
        title=f"On the growth of moss number {number}",
        authors=("Ada Winter", "Bo Summer"),
        abstract="We watch moss grow on stones and measure its colour.",
        categories=("q-bio.PE",),
        primary_category="q-bio.PE",
    )
    return replace(paper, **fields)


def announced(*papers: Paper, kind: AnnounceType = AnnounceType.NEW) -> tuple[Announcement, ...]:
    """Each paper announced in all its categories."""
    return tuple(Announcement(paper, kind, paper.categories) for paper in papers)


def a_mailing(*papers: Paper, day: date = WEDNESDAY, status: MailingStatus = MailingStatus.COMPLETE) -> Mailing:
    return Mailing(day, status, announced(*papers))


def some_topics(*topics: Topic) -> Topics:
    chosen = topics or (Topic(1, "Moss", "growth of moss on stones", "trees"),)
    return Topics(body="\n".join(f"{t.number}. {t.name}\n   - Relevant: {t.relevant}" for t in chosen), topics=chosen)


def a_subscriber(slug: str = "ada", topics: Topics | None = None, **wishes: Any) -> Subscriber:
    wanted = {"email": f"{slug}@example.org", "categories": ("q-bio.PE",)} | wishes
    return Subscriber(id=1, slug=slug, wishes=Wishes(**wanted), topics=topics or some_topics())


def scored(paper: Paper, relevance: int = 8, novelty: int | None = 6, **fields: Any) -> Scored:
    return Scored(paper, Score(relevance, novelty, **fields))


def an_edition(papers: Sequence[Scored] = (), **fields: Any) -> Edition:
    edition = Edition(
        subscriber="ada",
        date=WEDNESDAY,
        scorer="local",
        model="",
        totals=Totals(announced=300, scanned=280, candidates=250, relevant=len(papers)),
        papers=tuple(papers),
        mailings=(WEDNESDAY,),
    )
    return replace(edition, **fields)


def a_topics_file(slug: str = "ada", **front: str) -> str:
    """The text of a valid topics file; `front` adds or replaces lines of front matter."""
    lines = {"email": f"{slug}@example.org", "categories": "[q-bio.PE]"} | front
    matter = "\n".join(f"{key}: {value}" for key, value in lines.items())
    return f"---\n{matter}\n---\n\n1. Moss\n   - Relevant: growth of moss on stones\n   - Irrelevant: trees\n"
