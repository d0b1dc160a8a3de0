"""Decides which papers of the due mailings one subscriber may be shown; calls nothing."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from newsletter.models.editions import Candidates, Totals
from newsletter.models.papers import Announcement, AnnounceType, Paper, Taxonomy
from newsletter.models.subscribers import Wishes


@dataclass(frozen=True, slots=True)
class Offered:
    """What some mailings have for the readers of certain categories: how many entries of listings they see, how many of
    these are of the types that they want, and the announcements of these."""

    announced: int
    scanned: int
    announcements: tuple[Announcement, ...]


def candidates(
    wishes: Wishes, announcements: Iterable[Announcement], already_sent: Collection[int], taxonomy: Taxonomy
) -> Candidates:
    """The candidates in the order of the mailings, each paper once, in its newest version.

    `already_sent` are the keys of paper versions that went to the subscriber. An empty `wishes.categories` takes
    every category. An excluded keyword in title or abstract drops a paper, unless a followed author wrote it.
    """
    return of_offered(wishes, offered(wishes, announcements, taxonomy), already_sent)


def offered(wishes: Wishes, announcements: Iterable[Announcement], taxonomy: Taxonomy) -> Offered:
    """What `wishes.categories` and `wishes.announce` leave: the same for all readers who have the same of both."""
    reader = taxonomy.expand(wishes.categories)
    announced = scanned = 0
    kept = []
    for announcement in announcements:
        entries = len(reader.intersection(announcement.categories)) if reader else len(announcement.categories)
        announced += entries
        if entries and _type_for(announcement, reader, taxonomy) in wishes.announce:
            scanned += entries
            kept.append(announcement)
    return Offered(announced, scanned, tuple(kept))


def of_offered(wishes: Wishes, found: Offered, already_sent: Collection[int]) -> Candidates:
    """The candidates among what is offered."""
    unwanted = [f" {_words(keyword)} " for keyword in wishes.keywords.exclude if _words(keyword)]
    kept: dict[tuple[str, str], Announcement] = {}
    for announcement in found.announcements:
        paper = announcement.paper
        if paper.key in already_sent:
            continue
        if unwanted and _has_any(paper, unwanted) and not followed_authors(paper, wishes.authors):
            continue
        known = kept.setdefault((paper.source, paper.id), announcement)
        if known.paper.version < paper.version:
            kept[paper.source, paper.id] = announcement
    totals = Totals(announced=found.announced, scanned=found.scanned, candidates=len(kept))
    return Candidates(tuple(a.paper for a in kept.values()), totals, tuple(a.date for a in kept.values()))


def followed_authors(paper: Paper, followed: Sequence[str]) -> tuple[str, ...]:
    """The followed authors who wrote the paper, as the paper spells them."""
    if not followed:
        return ()
    names = {_words(name) for name in followed}
    return tuple(shown for shown in paper.shown.authors if _words(shown) in names)


def _type_for(announcement: Announcement, reader: frozenset[str], taxonomy: Taxonomy) -> AnnounceType:
    """The announce type as this reader sees it: a new paper is a cross-list where its primary is not theirs."""
    if announcement.type not in (AnnounceType.NEW, AnnounceType.CROSS):
        return announcement.type
    primary = taxonomy.canonical(announcement.paper.primary_category)
    return AnnounceType.NEW if not reader or primary in reader else AnnounceType.CROSS


def _has_any(paper: Paper, phrases: Sequence[str]) -> bool:
    """True where one of the phrases, each with a space at both ends, stands in the title or the abstract."""
    text = f" {_words(paper.shown.title)} {_words(paper.shown.abstract)} "
    return any(phrase in text for phrase in phrases)


@lru_cache(maxsize=16_384)  # a day's titles, abstracts and authors are the same for all subscribers
def _words(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
