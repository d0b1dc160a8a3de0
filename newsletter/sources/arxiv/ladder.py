"""Calls arXiv's doors until a mailing is proven complete: feeds, OAI-PMH, listing pages, records, API.

Each step is tried only where the one before left something open; compare.py decides what is missing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from newsletter.errors import Malformed, SourceError, Unreachable
from newsletter.models.papers import Announcement, Mailing, MailingStatus, Paper, Progress
from newsletter.sources.arxiv import compare
from newsletter.sources.arxiv.compare import Differences, Span
from newsletter.sources.arxiv.details import batches, detailed
from newsletter.sources.arxiv.doors import Doors
from newsletter.sources.arxiv.entries import UNKNOWN, Entry, Header, Listed
from newsletter.sources.arxiv.feed import UnknownCategory
from newsletter.sources.arxiv.http import BrokenPage
from newsletter.sources.arxiv.proof import Proof

CLOSED_AT = 8  # failures in a row, after which a door counts as closed for the rest of a mailing
OF_THE_HOST = 4  # as many failures stands a refusal or silence for, which is of the host and not of one page
LACKING_AT_MOST = 5  # papers; lists that lack more may lack replacements and old cross-lists too
NAMED = 5  # papers or categories in a note


@dataclass(frozen=True, slots=True)
class Wanted:
    """One mailing to get. `before` is the mailing before it, if it is known.

    `is_past`: its day is over, so only catch-up pages have it; `next_is_out`: the next one was announced already;
    `may_be_empty`: it is late enough to believe that nothing will come; `is_holiday`: arXiv's own calendar says so,
    None where it is not known for that year.
    """

    day: date
    categories: tuple[str, ...]
    before: Mailing | None
    is_past: bool
    next_is_out: bool
    may_be_empty: bool = True
    is_holiday: bool | None = False

    @property
    def mark(self) -> str:
        """The highest identifier of the mailing before; empty where that is not known."""
        return self.before.mark if self.before else ""


def fetch(wanted: Wanted, doors: Doors, proof: Proof, progress: Progress) -> Mailing:
    """The mailing, complete or empty if that is proven, else partial with a note that says what is missing.

    Raises Unreachable or Malformed when no door gave anything.
    """
    return _Ladder(wanted, doors, progress).climb(proof)


def fetch_early(wanted: Wanted, doors: Doors, progress: Progress) -> Mailing:
    """What the listing pages show on the evening before: new papers alone, to be completed by feed and OAI-PMH.

    Raises Unreachable or Malformed, also where the pages still show the day before.
    """
    listed: dict[str, Sequence[Entry]] = {}
    for number, category in enumerate(wanted.categories, 1):
        listed[category] = doors.new(category, wanted.day)
        progress("lists", number)
    within = compare.span(listed, (), wanted.day, wanted.mark, next_is_out=False)
    lists = {
        category: [e for e in entries if e.listed is Listed.NEW or (e.listed is Listed.CROSS and e.paper.id in within)]
        for category, entries in listed.items()
    }
    return Mailing(
        date=wanted.day,
        status=MailingStatus.PARTIAL,
        announcements=tuple(compare.first_versions(compare.assemble(lists, within, {}))),
        note="early, from the listing pages",
        mark=wanted.mark,
        covered=wanted.categories,
        early=True,
    )


@dataclass(slots=True)
class _Door:
    """Counts failures in a row, so that a door that is down is not tried a hundred times."""

    failures: int = 0
    reason: str = ""

    def read(self, call: Callable[[str, date], Sequence[Entry]], category: str, day: date) -> Sequence[Entry]:
        """Calls, and counts a failure. Raises Unreachable without calling if the door counts as closed."""
        if self.failures >= CLOSED_AT:
            raise Unreachable(self.reason)
        try:
            entries = call(category, day)
        except Unreachable as error:
            self.failures += 1 if isinstance(error, BrokenPage) else OF_THE_HOST
            self.reason = str(error)
            raise
        except SourceError:
            self.failures = 0
            raise
        self.failures = 0
        return entries


@dataclass(slots=True)
class _Ladder:
    """The state of fetching one mailing, with a method for each step.

    `counted` are the categories read from a page, which states its count; `failed` those that no list was had of, with
    the first error; `whole` turns False, with a note, once something is missing or cannot be proven.
    """

    wanted: Wanted
    doors: Doors
    progress: Progress
    lists: dict[str, Sequence[Entry]] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    failed: dict[str, SourceError] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    whole: bool = True
    feeds: _Door = field(default_factory=_Door)
    pages: _Door = field(default_factory=_Door)

    def climb(self, proof: Proof) -> Mailing:
        """Runs the steps in order and returns the mailing."""
        wanted = self.wanted
        if wanted.is_past:
            self._read_pages(wanted.categories)
        else:
            self._read_feeds()
            self._require_network(proof)
            self._read_pages(tuple(self.failed))
        headers = self._headers(proof)
        if headers is None:
            self._search()
        self._close_lists(has_proof=headers is not None)
        within = compare.span(self.lists, headers or (), wanted.day, wanted.mark, next_is_out=wanted.next_is_out)
        places = self._repair(headers, within) if headers else {}
        announcements = self._with_details(compare.assemble(self.lists, within, places))
        return Mailing(
            date=wanted.day,
            status=self._status(announcements, headers, within),
            announcements=announcements,
            note="; ".join(self.notes),
            mark=compare.mark(self.lists, headers or (), within, wanted.day, wanted.mark),
            covered=tuple(c for c in wanted.categories if c not in self.failed),
        )

    def _lack(self, note: str) -> None:
        self.whole = False
        self.notes.append(note)

    # Lists

    def _read_feeds(self) -> None:
        for number, category in enumerate(self.wanted.categories, 1):
            try:
                self.lists[category] = self.feeds.read(self._feed, category, self.wanted.day)
            except UnknownCategory as error:
                self.lists[category] = ()
                self.notes.append(f"{category}: arXiv does not know this category ({str(error)[:80]})")
            except SourceError as error:
                self.failed[category] = error
                continue
            self.progress("lists", number)

    def _feed(self, category: str, day: date) -> Sequence[Entry]:
        announced = self.wanted.before.announcements if self.wanted.before else ()
        before = {(a.paper.id, a.paper.version) for a in announced if category in a.categories}
        feed = self.doors.feed(category, day)
        if problem := compare.feed_problem(feed, day, before):
            raise Malformed(problem)
        return feed.entries

    def _require_network(self, proof: Proof) -> None:
        """Raises Unreachable where no feed could be connected to and OAI-PMH, another host, cannot be either."""
        failures = self.failed.values()
        if self.lists or not all(isinstance(error, Unreachable) and error.offline for error in failures):
            return
        try:
            proof.headers(self.wanted.day)
        except Unreachable as error:
            if error.offline:
                raise
        except Malformed:
            pass

    def _read_pages(self, categories: Iterable[str]) -> None:
        """Reads listing pages: of categories without a feed, and of good feeds, to which they only add."""
        read = self.doors.catch_up if self.wanted.is_past or self.wanted.next_is_out else self.doors.new
        for number, category in enumerate(categories, 1):
            feed = self.lists.get(category)
            try:
                page = self.pages.read(read, category, self.wanted.day)
            except SourceError as error:
                if feed is None:
                    self.failed.setdefault(category, error)
                continue
            self.lists[category] = compare.under(feed or (), page)
            self.counted.add(category)
            if reason := self.failed.pop(category, None):
                self.notes.append(f"{category}: taken from its listing page, because {reason}")
            self.progress("lists", number)

    def _search(self) -> None:
        """Takes the API's newest papers of the categories of which feed, page and OAI-PMH are all silent.

        It knows no mailings, so the mailing stays partial.
        """
        if not self.wanted.mark:
            return
        for category in list(self.failed):
            try:
                papers = self.doors.api.submitted(category, self.wanted.mark, self.wanted.day)
            except SourceError:
                return
            error = self.failed.pop(category)
            self.lists[category] = [_listed(paper, category) for paper in papers]
            self._lack(f"{category}: new papers alone, taken from the API, because {error}")

    def _close_lists(self, *, has_proof: bool) -> None:
        """Gives failed categories empty lists, which OAI-PMH may fill. Raises the first error if there is nothing."""
        if self.failed and not self.lists and not has_proof:
            raise next(iter(self.failed.values()))
        for category, error in self.failed.items():
            self.lists[category] = ()
            self._lack(f"{category}: {error}")

    # Proof and repair

    def _headers(self, proof: Proof) -> tuple[Header, ...] | None:
        """Returns the headers of OAI-PMH; None if it gives no proof."""
        try:
            headers = proof.headers(self.wanted.day)
        except SourceError as error:
            self._lack(f"it could not be checked against OAI-PMH: {error}")
            return None
        if not headers:
            self._lack("it could not be checked against OAI-PMH, which names no paper at all")
            return None
        return headers

    def _repair(self, headers: Sequence[Header], within: Span) -> Mapping[str, Sequence[str]]:
        """Looks for what OAI-PMH names and the lists lack; returns the categories to add to papers that are listed.

        Papers that no door has make the mailing partial, and so does a category that neither feed nor page fills: what
        OAI-PMH does not prove, replacements and old cross-lists, may be missing in it as well.
        """
        found = self._differences(headers, within)
        readable = [c for c in self.wanted.categories if c not in self.counted and c not in self.failed]
        if found.papers:
            self.notes.append(f"missing in the lists: {_named([h.id for h in found.papers])}")
        doubtful = [c for c in readable if c in found.categories and not self.lists[c]]
        if pages := sorted({*doubtful, *compare.covering(found.papers, readable)}):
            self._read_pages(pages)
            found = self._differences(headers, within)
        for category in self.wanted.categories:
            if category in found.categories and category not in self.failed and not self.lists[category]:
                self._lack(f"{category}: taken from OAI-PMH alone, so replacements may be missing")
        if len(found.papers) > LACKING_AT_MOST:
            self._lack(f"{len(found.papers)} papers stand in no list, so replacements may be missing too")
        if found.papers:
            self._add_records(found.papers)
            found = self._differences(headers, within)
        if found.papers:
            self._lack(f"found nowhere: {_named([h.id for h in found.papers])}")
        if found.places:
            lacking = [f"{paper_id} in {', '.join(places)}" for paper_id, places in found.places.items()]
            self.notes.append(f"lacking in a feed and added: {_named(lacking)}")
        return found.places

    def _differences(self, headers: Sequence[Header], within: Span) -> Differences:
        return compare.differences(self.lists, headers, within, self.counted)

    def _add_records(self, missing: Sequence[Header]) -> None:
        """Adds papers that no list has: their OAI-PMH records, then what the API says."""
        by_id = {header.id: header for header in missing}
        found: dict[str, Paper] = {}
        try:
            records = self.doors.records(set(by_id), self.wanted.day, self.wanted.day)
            found |= {entry.paper.id: entry.paper for entry in records}
        except SourceError as error:
            self.notes.append(f"their records cannot be had: {error}")
        try:
            for batch in batches([paper_id for paper_id in by_id if paper_id not in found]):
                found |= {paper.id: paper for paper in self.doors.api.details(batch, self.wanted.day)}
        except SourceError as error:
            self.notes.append(f"the API does not have them either: {error}")
        for paper_id, paper in found.items():
            for category in by_id[paper_id].categories:
                if category in self.lists:
                    self.lists[category] = (*self.lists[category], _listed(paper, category))

    # The mailing

    def _with_details(self, announcements: Sequence[Announcement]) -> tuple[Announcement, ...]:
        """The announcements with the API's details; without those whose version nobody tells."""
        found, problem = detailed(announcements, self.wanted.day, self.doors.api, self.progress)
        completed = compare.first_versions(found)
        if problem:
            self.notes.append(problem)
        if nameless := [a.paper.id for a in completed if a.paper.version == UNKNOWN]:
            self._lack(f"of unknown version and left out: {_named(nameless)}")
        return tuple(a for a in completed if a.paper.version != UNKNOWN)

    def _status(
        self, announcements: Sequence[Announcement], headers: Sequence[Header] | None, within: Span
    ) -> MailingStatus:
        """Empty only where arXiv announced nothing at all; a day without a paper in our categories is complete.

        A feed is empty under today's date both on a holiday and before a late announcement, and OAI-PMH, which knows
        nothing new then either, is a witness only once the usual hours are over.
        """
        if announcements or any(header.id in within for header in headers or ()):
            return MailingStatus.COMPLETE if self.whole else MailingStatus.PARTIAL
        if not self.wanted.may_be_empty:
            self._lack("nothing was announced so far, and it is too early to call the day empty")
            return MailingStatus.PARTIAL
        if self.whole or (self.wanted.is_holiday and headers is None and not self.failed):
            return MailingStatus.EMPTY
        if self.wanted.is_holiday is None:
            self.notes.append(
                f"arXiv's holidays of {self.wanted.day.year} are not known: name them in [arxiv] holidays"
            )
        return MailingStatus.PARTIAL


def _listed(paper: Paper, category: str) -> Entry:
    listed = Listed.NEW if category == paper.primary_category else Listed.CROSS
    return Entry(paper, listed, current=True)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown
