"""Calls the doors, rung by rung, until a mailing is whole: feed, OAI-PMH, listing page, records, API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from newsletter.errors import Malformed, SourceError, Unreachable
from newsletter.models.papers import Announcement, Mailing, MailingStatus, Paper, Progress
from newsletter.sources.arxiv import compare
from newsletter.sources.arxiv.api import BATCH
from newsletter.sources.arxiv.compare import Span
from newsletter.sources.arxiv.doors import Doors
from newsletter.sources.arxiv.entries import UNKNOWN, Entry, Header, Listed
from newsletter.sources.arxiv.feed import UnknownCategory
from newsletter.sources.arxiv.http import BrokenPage
from newsletter.sources.arxiv.proof import Proof

FAILURES_AT_MOST = 8  # in a row, then a door counts as closed for the rest of the mailing; as many broken pages, or
SILENCE = 4  # half as many times this: no answer, or a refusal, is of the host and not of one page
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


@dataclass(slots=True)
class _Door:
    """Counts failures in a row, so that a door that is down is not knocked at a hundred times."""

    failures: int = 0
    reason: str = ""

    def knock(self, call: Callable[[], Sequence[Entry]]) -> Sequence[Entry]:
        if self.failures >= FAILURES_AT_MOST:
            raise Unreachable(self.reason)
        try:
            entries = call()
        except Unreachable as error:
            self.failures += 1 if isinstance(error, BrokenPage) else SILENCE
            self.reason = str(error)
            raise
        except SourceError:
            self.failures = 0
            raise
        self.failures = 0
        return entries


@dataclass(slots=True)
class _Gathered:
    """What the rungs have brought so far."""

    lists: dict[str, Sequence[Entry]] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)  # read from a page that states its count
    failed: dict[str, SourceError] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    whole: bool = True
    pages: _Door = field(default_factory=_Door)

    def lacks(self, note: str) -> None:
        self.whole = False
        self.notes.append(note)


def fetch(wanted: Wanted, doors: Doors, proof: Proof, progress: Progress) -> Mailing:
    """The mailing, complete or empty if that is proven, else partial with a note that says what is missing.

    Raises Unreachable or Malformed when no door gave anything.
    """
    gathered = _Gathered()
    if wanted.is_past:
        _from_pages(wanted, wanted.categories, gathered, doors, progress)
    else:
        _from_feeds(wanted, gathered, doors, progress)
        _require_network(wanted, gathered, proof)
        if broken := tuple(gathered.failed):
            _from_pages(wanted, broken, gathered, doors, progress)
    headers = _headers(wanted, gathered, proof)
    if headers is None:
        _from_api(wanted, gathered, doors)
    if gathered.failed and not gathered.lists and headers is None:
        raise next(iter(gathered.failed.values()))
    for category, error in gathered.failed.items():
        gathered.lists[category] = ()  # OAI-PMH may still tell what was new in it
        gathered.lacks(f"{category}: {error}")
    within, places = _repaired(wanted, headers, gathered, doors)
    announcements = compare.assemble(gathered.lists, within, places)
    announcements = tuple(_with_details(announcements, wanted.day, gathered, doors, progress))
    before = wanted.before.mark if wanted.before else ""
    covered = [c for c in wanted.categories if c not in gathered.failed]
    return Mailing(
        date=wanted.day,
        status=_status(wanted, gathered, headers, bool(announcements) or any(h.id in within for h in headers or ())),
        announcements=announcements,
        note="; ".join(gathered.notes),
        mark=compare.mark(gathered.lists, headers or (), within, wanted.day, before),
        covered=tuple(covered),
    )


def fetch_early(wanted: Wanted, doors: Doors, progress: Progress) -> Mailing:
    """What the listing pages show on the evening before: new papers alone, to be completed by feed and OAI-PMH.

    Raises Unreachable or Malformed, also where the pages still show the day before.
    """
    listed: dict[str, Sequence[Entry]] = {}
    for number, category in enumerate(wanted.categories, 1):
        listed[category] = doors.new(category, wanted.day)
        progress("lists", number)
    before = wanted.before.mark if wanted.before else ""
    within = compare.span(listed, (), wanted.day, before, next_is_out=False)
    lists = {
        category: [e for e in entries if e.listed is Listed.NEW or (e.listed is Listed.CROSS and e.paper.id in within)]
        for category, entries in listed.items()
    }
    return Mailing(
        date=wanted.day,
        status=MailingStatus.PARTIAL,
        announcements=tuple(compare.first_versions(compare.assemble(lists, within, {}))),
        note="early, from the listing pages",
        mark=before,
        covered=wanted.categories,
        early=True,
    )


def _status(wanted: Wanted, gathered: _Gathered, headers: tuple[Header, ...] | None, anything: bool) -> MailingStatus:
    """Empty only where arXiv announced nothing at all; a day without a paper in our categories is complete.

    A feed is empty under today's date both on a holiday and before a late announcement, and OAI-PMH, which knows
    nothing new then either, is a witness only once the usual hours are over.
    """
    if anything:
        return MailingStatus.COMPLETE if gathered.whole else MailingStatus.PARTIAL
    if not wanted.may_be_empty:
        gathered.lacks("nothing was announced so far, and it is too early to call the day empty")
        return MailingStatus.PARTIAL
    if gathered.whole or (wanted.is_holiday and headers is None and not gathered.failed):
        return MailingStatus.EMPTY
    if wanted.is_holiday is None:
        gathered.notes.append(f"arXiv's holidays of {wanted.day.year} are not known: name them in [arxiv] holidays")
    return MailingStatus.PARTIAL


def _from_feeds(wanted: Wanted, gathered: _Gathered, doors: Doors, progress: Progress) -> None:
    announced = wanted.before.announcements if wanted.before else ()
    door = _Door()
    for number, category in enumerate(wanted.categories, 1):
        before = {(a.paper.id, a.paper.version) for a in announced if category in a.categories}
        try:
            gathered.lists[category] = door.knock(partial(_feed, category, before, wanted.day, doors))
        except UnknownCategory as error:
            gathered.lists[category] = ()
            gathered.notes.append(f"{category}: arXiv does not know this category ({str(error)[:80]})")
        except SourceError as error:
            gathered.failed[category] = error
            continue
        progress("lists", number)


def _require_network(wanted: Wanted, gathered: _Gathered, proof: Proof) -> None:
    """Raises Unreachable where no feed could be connected to and OAI-PMH, another host, cannot be either."""
    failures = gathered.failed.values()
    if gathered.lists or not all(isinstance(error, Unreachable) and error.offline for error in failures):
        return
    try:
        proof.headers(wanted.day)
    except Unreachable as error:
        if error.offline:
            raise
    except Malformed:
        pass


def _feed(category: str, before: set[tuple[str, int]], day: date, doors: Doors) -> Sequence[Entry]:
    feed = doors.feed(category, day)
    if problem := compare.feed_problem(feed, day, before):
        raise Malformed(problem)
    return feed.entries


def _from_pages(
    wanted: Wanted,
    categories: Sequence[str],
    gathered: _Gathered,
    doors: Doors,
    progress: Progress,
) -> None:
    """Reads listing pages: of categories without a feed, and of good feeds to which they only add."""
    read = doors.catch_up if wanted.is_past or wanted.next_is_out else doors.new
    for number, category in enumerate(categories, 1):
        feed = gathered.lists.get(category)
        try:
            page = gathered.pages.knock(partial(read, category, wanted.day))
        except SourceError as error:
            if feed is None:
                gathered.failed.setdefault(category, error)
        else:
            gathered.lists[category] = compare.under(feed or (), page)
            gathered.counted.add(category)
            if reason := gathered.failed.pop(category, None):
                gathered.notes.append(f"{category}: taken from its listing page, because {reason}")
            progress("lists", number)


def _headers(wanted: Wanted, gathered: _Gathered, proof: Proof) -> tuple[Header, ...] | None:
    """What OAI-PMH names; None where it gives no proof."""
    try:
        headers = proof.headers(wanted.day)
    except SourceError as error:
        gathered.lacks(f"it could not be checked against OAI-PMH: {error}")
        return None
    if not headers:
        gathered.lacks("it could not be checked against OAI-PMH, which names no paper at all")
        return None
    return headers


def _from_api(wanted: Wanted, gathered: _Gathered, doors: Doors) -> None:
    """The last rung, where feed, page and OAI-PMH are all silent: the API's newest papers of a category.

    It knows no mailings, so the mailing stays partial.
    """
    if not (wanted.before and wanted.before.mark):
        return
    for category in list(gathered.failed):
        try:
            papers = doors.api.submitted(category, wanted.before.mark, wanted.day)
        except SourceError:
            return
        error = gathered.failed.pop(category)
        gathered.lists[category] = [_listed(paper, category) for paper in papers]
        gathered.lacks(f"{category}: new papers alone, taken from the API, because {error}")


def _repaired(
    wanted: Wanted, headers: tuple[Header, ...] | None, gathered: _Gathered, doors: Doors
) -> tuple[Span, dict[str, tuple[str, ...]]]:
    """Compares with OAI-PMH and looks for what is missing.

    Papers that no door has make the mailing partial, and so does a category that neither feed nor page fills: what
    OAI-PMH does not prove, replacements and old cross-lists, may be missing in it as well.
    """
    mark = wanted.before.mark if wanted.before else ""
    within = compare.span(gathered.lists, headers or (), wanted.day, mark, next_is_out=wanted.next_is_out)
    if headers is None:
        return within, {}
    found = compare.differences(gathered.lists, headers, within, gathered.counted)
    readable = [c for c in wanted.categories if c not in gathered.counted and c not in gathered.failed]
    doubtful = [c for c in readable if c in found.categories and not gathered.lists[c]]
    if found.papers:
        gathered.notes.append(f"missing in the lists: {_named([h.id for h in found.papers])}")
    if pages := sorted({*doubtful, *compare.covering(found.papers, readable)}):
        _from_pages(wanted, pages, gathered, doors, lambda _stage, _done: None)
        found = compare.differences(gathered.lists, headers, within, gathered.counted)
    for category in wanted.categories:
        if category in found.categories and category not in gathered.failed and not gathered.lists[category]:
            gathered.lacks(f"{category}: taken from OAI-PMH alone, so replacements may be missing")
    if len(found.papers) > LACKING_AT_MOST:
        gathered.lacks(f"{len(found.papers)} papers stand in no list, so replacements may be missing too")
    if found.papers:
        _add_records(wanted, found.papers, gathered, doors)
        found = compare.differences(gathered.lists, headers, within, gathered.counted)
    if found.papers:
        gathered.lacks(f"found nowhere: {_named([h.id for h in found.papers])}")
    if found.places:
        lacking = [f"{paper_id} in {', '.join(places)}" for paper_id, places in found.places.items()]
        gathered.notes.append(f"lacking in a feed and added: {_named(lacking)}")
    return within, dict(found.places)


def _add_records(wanted: Wanted, missing: Sequence[Header], gathered: _Gathered, doors: Doors) -> None:
    """Adds papers that no list has: their OAI-PMH records, then what the API says."""
    by_id = {header.id: header for header in missing}
    found: dict[str, Paper] = {}
    try:
        entries = doors.records(set(by_id), wanted.day, wanted.day)
        found |= {entry.paper.id: entry.paper for entry in entries}
    except SourceError as error:
        gathered.notes.append(f"their records cannot be had: {error}")
    left = [paper_id for paper_id in by_id if paper_id not in found]
    try:
        for batch in _batches(left):
            found |= {paper.id: paper for paper in doors.api.details(batch, wanted.day)}
    except SourceError as error:
        gathered.notes.append(f"the API does not have them either: {error}")
    for paper_id, paper in found.items():
        for category in by_id[paper_id].categories:
            if category in gathered.lists:
                gathered.lists[category] = (*gathered.lists[category], _listed(paper, category))


def detailed(
    announcements: Sequence[Announcement], day: date, doors: Doors, progress: Progress
) -> tuple[list[Announcement], str]:
    """Each announcement with what the API adds, and what went wrong; without an answer it stays as it is."""
    details: dict[tuple[str, int], Paper] = {}
    bare = [_versioned(a.paper) for a in announcements if a.paper.submitted_at is None or not a.paper.version]
    problem = ""
    try:
        for number, batch in enumerate(_batches(bare), 1):
            for paper in doors.api.details(batch, day):
                details[paper.id, paper.version] = details[paper.id, UNKNOWN] = paper
            progress("details", number * BATCH)
    except SourceError as error:
        problem = f"without some papers' details: {error}"
    return [compare.enriched(a, details.get((a.paper.id, a.paper.version))) for a in announcements], problem


def _with_details(
    announcements: Sequence[Announcement], day: date, gathered: _Gathered, doors: Doors, progress: Progress
) -> list[Announcement]:
    found, problem = detailed(announcements, day, doors, progress)
    completed = compare.first_versions(found)
    if problem:
        gathered.notes.append(problem)
    if nameless := [a.paper.id for a in completed if a.paper.version == UNKNOWN]:
        gathered.lacks(f"of unknown version and left out: {_named(nameless)}")
    return [a for a in completed if a.paper.version != UNKNOWN]


def _listed(paper: Paper, category: str) -> Entry:
    listed = Listed.NEW if category == paper.primary_category else Listed.CROSS
    return Entry(paper, listed, current=True)


def _versioned(paper: Paper) -> str:
    return f"{paper.id}v{paper.version}" if paper.version else paper.id


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown
