"""Decides what a mailing holds and whether it is complete, from what arXiv's doors say. Calls nothing.

Identifiers are given in the order of announcement, over all of arXiv. So whatever OAI-PMH names above the highest
identifier of the mailing before, in one of our categories, must stand in this mailing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from newsletter.models.papers import Announcement, AnnounceType, Paper
from newsletter.sources.arxiv.entries import UNKNOWN, Entry, Header, Listed, order
from newsletter.sources.arxiv.feed import ITEMS_AT_MOST, Feed

Order = tuple[int, int, int]
Lists = Mapping[str, Sequence[Entry]]  # what each category lists

_NOTHING: Order = (0, 0, 0)
_BEYOND: Order = (9999, 12, 0)
GAP = 5  # identifiers; arXiv leaves single ones out, and changes single old papers on any day
_RANK = {AnnounceType.NEW: 0, AnnounceType.OLD_CROSS: 1, AnnounceType.REPLACE: 2}


def feed_problem(feed: Feed, day: date, before: Collection[tuple[str, int]]) -> str:
    """Returns why a feed is not the list of its category on that day; empty if it is.

    `before` are the paper versions that the mailing before had in this category: a feed that was not rebuilt repeats
    them, whatever its dates claim.
    """
    if feed.date != day:
        return f"the feed is of {feed.date}"
    if feed.items >= ITEMS_AT_MOST:
        return f"the feed is cut at {ITEMS_AT_MOST} items"
    if feed.problems:
        return f"the feed has unreadable items ({feed.problems[0]})"
    if feed.entries and {(entry.paper.id, entry.paper.version) for entry in feed.entries} == set(before):
        return "the feed repeats the mailing before"
    return ""


@dataclass(frozen=True, slots=True)
class Span:
    """The identifiers that were first announced in one mailing: above `after`, up to `until` (None: no end)."""

    after: Order
    until: Order | None

    def __contains__(self, paper_id: object) -> bool:
        position = order(str(paper_id))
        return self.after < position and (self.until is None or position <= self.until)


def span(lists: Lists, headers: Collection[Header], day: date, mark: str, *, next_is_out: bool) -> Span:
    """Returns the span of a mailing; `mark` is the highest identifier of the previous one, empty if unknown.

    Without a mark the span begins with the lowest identifier of the run, in OAI-PMH's records of that day or later,
    that leads up to the lowest paper listed as new; without such a paper, above what was known before that day.
    Once the next mailing is out, it ends with this mailing's own highest identifier.
    """
    new = [order(e.paper.id) for entries in lists.values() for e in entries if e.listed is Listed.NEW]
    earlier = [order(h.id) for h in headers if h.changed_on < day]
    if mark:
        after = order(mark)
    elif new:
        after = _before_run(min(new), {order(h.id) for h in headers if h.changed_on >= day})
    else:
        after = max(earlier, default=_BEYOND)
    if not next_is_out:
        return Span(after, None)
    known = [order(h.id) for h in headers if h.changed_on <= day]
    return Span(after, max([after, *new, *known]))


def _before_run(lowest: Order, changed: Collection[Order]) -> Order:
    """What lies below a run of identifiers that ends at `lowest`, with gaps of less than GAP."""
    year, month, number = lowest
    while near := [n for n in range(number - GAP, number) if (year, month, n) in changed]:
        number = near[0]
    return (year, month, number - 1)


def mark(lists: Lists, headers: Iterable[Header], within: Span, day: date, before: str) -> str:
    """Returns the highest identifier that a mailing announced; the next one begins above it."""
    listed = (e.paper.id for entries in lists.values() for e in entries if e.listed is not Listed.REPLACE)
    possible = [i for i in (*listed, *(h.id for h in headers)) if i in within and order(i)[:2] <= (day.year, day.month)]
    return max([*possible, before], key=order)


@dataclass(frozen=True, slots=True)
class Differences:
    """What OAI-PMH has and the lists do not: papers that no list has, and categories whose list lacks a paper."""

    papers: tuple[Header, ...]
    places: Mapping[str, tuple[str, ...]]

    @property
    def categories(self) -> frozenset[str]:
        """The categories whose lists lack something."""
        return frozenset(
            (*(c for h in self.papers for c in h.categories), *(c for p in self.places.values() for c in p))
        )


def differences(lists: Lists, headers: Iterable[Header], within: Span, counted: Collection[str]) -> Differences:
    """Compares the categories of `lists` with OAI-PMH.

    A category in `counted` was read from a page that states how many entries it has: it needs no further place.
    """
    listed: dict[str, set[str]] = defaultdict(set)
    for category, entries in lists.items():
        for entry in entries:
            listed[entry.paper.id].add(category)
    papers: list[Header] = []
    places: dict[str, tuple[str, ...]] = {}
    for header in headers:
        wanted = [category for category in header.categories if category in lists]
        if not wanted or header.id not in within:
            continue
        if header.id not in listed:
            papers.append(header)
        elif lacking := tuple(c for c in wanted if c not in listed[header.id] and c not in counted):
            places[header.id] = lacking
    return Differences(tuple(papers), places)


def covering(papers: Sequence[Header], among: Collection[str]) -> list[str]:
    """Returns a small set of categories whose pages hold all these papers (greedy set cover)."""
    left, chosen = list(papers), list[str]()
    while left:
        counts: dict[str, int] = defaultdict(int)
        for header in left:
            for category in header.categories:
                if category in among:
                    counts[category] += 1
        if not counts:
            break
        best = max(sorted(counts), key=lambda category: counts[category])
        chosen.append(best)
        left = [header for header in left if best not in header.categories]
    return chosen


def under(feed: Sequence[Entry], page: Sequence[Entry]) -> tuple[Entry, ...]:
    """Returns a feed's entries and those that only the page has: a page may show later versions than announced."""
    known = {entry.paper.id for entry in feed}
    return (*feed, *(entry for entry in page if entry.paper.id not in known))


def assemble(lists: Lists, within: Span, places: Mapping[str, Sequence[str]]) -> tuple[Announcement, ...]:
    """Merges lists into one announcement a paper, with the categories that list it, in order of identifiers.

    Text and version are those of one entry: of a door that tells the version announced, else the highest version
    that a page tells; UNKNOWN if none does. What a list calls cross is new if the identifier lies `within` the
    mailing: cross-listed is relative to a reader, and decided there.
    """
    found: dict[str, list[tuple[str, Entry]]] = defaultdict(list)
    for category, entries in lists.items():
        for entry in entries:
            found[entry.paper.id].append((category, entry))
    announcements: list[Announcement] = []
    for paper_id in sorted(found, key=lambda i: (order(i), i)):
        entries = [entry for _, entry in found[paper_id]]
        announced_as = min((_type(e.listed, paper_id in within) for e in entries), key=_RANK.__getitem__)
        categories = {category for category, _ in found[paper_id]} | {*places.get(paper_id, ())}
        announcements.append(Announcement(min(entries, key=_trust).paper, announced_as, tuple(sorted(categories))))
    return tuple(announcements)


def first_versions(announcements: Iterable[Announcement]) -> list[Announcement]:
    """Returns the announcements, with version 1 for new papers of unknown version."""
    return [
        replace(a, paper=replace(a.paper, version=1))
        if a.type is AnnounceType.NEW and a.paper.version == UNKNOWN
        else a
        for a in announcements
    ]


def _trust(entry: Entry) -> tuple[bool, int, bool]:
    """A sort key: the entry whose text and version are surest to be those announced comes first."""
    return entry.current, -entry.paper.version, entry.listed is not Listed.NEW


def _type(listed: Listed, first_announced: bool) -> AnnounceType:
    if listed is Listed.REPLACE:
        return AnnounceType.REPLACE
    return AnnounceType.NEW if listed is Listed.NEW or first_announced else AnnounceType.OLD_CROSS


def enriched(announcement: Announcement, details: Paper | None) -> Announcement:
    """Returns the announcement with the API's details; title and abstract stay as announced."""
    paper = announcement.paper
    if details is None or paper.version not in (UNKNOWN, details.version):
        return announcement
    return replace(
        announcement,
        paper=replace(
            paper,
            version=details.version,
            authors=details.authors or paper.authors,
            abstract=paper.abstract or details.abstract,
            categories=tuple(dict.fromkeys((*details.categories, *paper.categories))),
            primary_category=details.primary_category or paper.primary_category,
            comment=details.comment or paper.comment,
            doi=details.doi or paper.doi,
            journal_ref=details.journal_ref or paper.journal_ref,
            submitted_at=details.submitted_at or paper.submitted_at,
        ),
    )
