"""Decides what a visitor's words or references stand for: a reader who exists nowhere. Nothing is stored."""

from dataclasses import dataclass

from newsletter.errors import InputError
from newsletter.models.papers import Paper
from newsletter.models.subscribers import Subscriber, Wishes
from newsletter.store import Store
from newsletter.topics import references
from newsletter.topics.body import MAX_BYTES, parse
from newsletter.topics.draft import draft
from newsletter.topics.references import Reference

ARCHIVE = 400  # papers, by which what is rare in the references is told
REFERENCES_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Trial:
    """What was read: the topics, as text, and how many references they were drawn from."""

    topics: str
    references: int = 0


class Unknown(InputError):
    """References of which nothing but a number is known here."""


def read(topics: str, collected: bytes, store: Store, archive: tuple[Paper, ...]) -> Trial:
    """The visitor's own topics, else those drawn from their references. Raises InputError."""
    if topics.strip():
        return Trial(topics)
    found = references.read(collected, "your references").items[:REFERENCES_AT_MOST]
    known = [item for item in (_looked_up(item, store) for item in found) if item.title]
    if not known:
        raise Unknown("none of these is stored here")
    texts = (f"{paper.shown.title} {paper.shown.abstract}" for paper in archive[:ARCHIVE])
    return Trial(draft(known, texts), len(known))


def reader(topics: str, categories: tuple[str, ...], language: str) -> Subscriber:
    """A reader with these topics, whose wishes are the defaults. Raises TopicsError."""
    file = parse(topics.encode()[: MAX_BYTES + 1], "your topics")
    return Subscriber(0, "you", Wishes(categories=categories, language=language), file.topics)


def _looked_up(item: Reference, store: Store) -> Reference:
    """A reference with title and abstract, where only its number was given and the paper is stored here."""
    if item.title or not item.arxiv_id:
        return item
    versions = store.papers.versions(item.arxiv_id)
    if not versions:
        return item
    shown = versions[-1].shown
    return Reference(shown.title, shown.abstract, shown.authors, (), item.arxiv_id)
