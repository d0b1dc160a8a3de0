"""Decides which papers of the due mailings one subscriber may be shown; calls nothing."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from newsletter.models.editions import Candidates, Totals
from newsletter.models.papers import Announcement, AnnounceType, Paper, Taxonomy
from newsletter.models.subscribers import Wishes


def candidates(
    wishes: Wishes, announcements: Iterable[Announcement], already_sent: Collection[int], taxonomy: Taxonomy
) -> Candidates:
    """The candidates in the order of the mailings, each paper once, in its newest version.

    `already_sent` are the keys of paper versions that went to the subscriber. An empty `wishes.categories` takes
    every category. An excluded keyword in title or abstract drops a paper, unless a followed author wrote it.
    """
    reader = taxonomy.expand(wishes.categories)
    announced = scanned = 0
    kept: dict[tuple[str, str], Announcement] = {}
    for announcement in announcements:
        entries = len(reader.intersection(announcement.categories)) if reader else len(announcement.categories)
        announced += entries
        paper = announcement.paper
        if not entries or _type_for(announcement, reader, taxonomy) not in wishes.announce:
            continue
        scanned += entries
        if paper.key in already_sent or (_excluded(paper, wishes) and not followed_authors(paper, wishes.authors)):
            continue
        known = kept.get((paper.source, paper.id))
        if known is None or known.paper.version < paper.version:
            kept[paper.source, paper.id] = announcement
    totals = Totals(announced=announced, scanned=scanned, candidates=len(kept))
    return Candidates(tuple(a.paper for a in kept.values()), totals, tuple(a.date for a in kept.values()))


def followed_authors(paper: Paper, followed: Sequence[str]) -> tuple[str, ...]:
    """The followed authors who wrote the paper, as the paper spells them."""
    names = {_words(name) for name in followed}
    if not names:
        return ()
    return tuple(shown for shown in paper.shown.authors if _words(shown) in names)


def _type_for(announcement: Announcement, reader: frozenset[str], taxonomy: Taxonomy) -> AnnounceType:
    """The announce type as this reader sees it: a new paper is a cross-list where its primary is not theirs."""
    if announcement.type not in (AnnounceType.NEW, AnnounceType.CROSS):
        return announcement.type
    primary = taxonomy.canonical(announcement.paper.primary_category)
    return AnnounceType.NEW if not reader or primary in reader else AnnounceType.CROSS


def _excluded(paper: Paper, wishes: Wishes) -> bool:
    if not wishes.keywords.exclude:
        return False
    text = f" {_words(paper.shown.title)} {_words(paper.shown.abstract)} "
    return any(f" {_words(keyword)} " in text for keyword in wishes.keywords.exclude if _words(keyword))


@lru_cache(maxsize=16_384)  # a day's titles, abstracts and authors are the same for all subscribers
def _words(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
