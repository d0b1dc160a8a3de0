"""Calls arXiv's four services, here called doors (feeds, OAI-PMH, listing pages, API): URLs, paging, parsing."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from urllib.parse import quote, urlencode

from newsletter.errors import Malformed
from newsletter.sources.arxiv import feed, listing, oai
from newsletter.sources.arxiv.api import Api
from newsletter.sources.arxiv.entries import Entry, Header
from newsletter.sources.arxiv.http import Polite

PAGES_AT_MOST = 100  # of one list; more means that a token leads in circles
LISTING_SPACING = 5  # times the usual delay: arXiv's robots.txt asks for 15 s between pages
SHOWN = 2000  # entries a listing page, the most there is
BY_NAME_AT_MOST = 5  # records; a page of all records of a day is up to 3.7 MB


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors, by their URLs. Each method raises Unreachable or Malformed."""

    http: Polite
    feed_url: str
    oai_url: str
    api_url: str
    listing_url: str
    delay_seconds: float

    @property
    def api(self) -> Api:
        return Api(self.http, self.api_url)

    def feed(self, category: str, day: date) -> feed.Feed:
        """Returns the announcement feed of one category, of whatever day it is. Also raises UnknownCategory."""
        return self.http.read(f"{self.feed_url}/{quote(category)}", day, feed.parse)

    def new(self, category: str, day: date) -> tuple[Entry, ...]:
        """Returns all entries of the listing page of the newest mailing, which must be that of `day`."""
        base = f"{self.listing_url}/list/{quote(category)}/new"
        return self._pages(lambda page: f"{base}?skip={(page - 1) * SHOWN}&show={SHOWN}", day)

    def catch_up(self, category: str, day: date) -> tuple[Entry, ...]:
        """Returns all entries of the catch-up page of an announced mailing."""
        base = f"{self.listing_url}/catchup/{quote(category)}/{day.isoformat()}"
        return self._pages(lambda page: f"{base}?abs=True&page={page}", day)

    def identifiers(self, since: date, until: date | None, day: date) -> tuple[Header, ...]:
        """Returns each paper whose record last changed from `since` to `until` (UTC, inclusive; None: now)."""
        found: list[Header] = []
        first = {"verb": "ListIdentifiers", "metadataPrefix": "arXiv", "from": since.isoformat()}
        if until:
            first["until"] = until.isoformat()
        for page in self._list(first, day, oai.identifiers):
            found += page.headers
        return tuple(found)

    def records(self, ids: Collection[str], since: date, day: date) -> tuple[Entry, ...]:
        """Returns the records of some papers; many are searched for in all that changed since a UTC day."""
        if len(ids) <= BY_NAME_AT_MOST:
            return tuple(entry for paper_id in sorted(ids) for entry in self._record(paper_id, day).entries)
        found: dict[str, Entry] = {}
        first = {"verb": "ListRecords", "metadataPrefix": "arXiv", "from": since.isoformat()}
        for page in self._list(first, day, oai.records):
            found |= {entry.paper.id: entry for entry in page.entries if entry.paper.id in ids}
            if len(found) == len(ids):
                break
        return tuple(found.values())

    def _record(self, paper_id: str, day: date) -> oai.Page:
        query = {"verb": "GetRecord", "metadataPrefix": "arXiv", "identifier": f"oai:arXiv.org:{paper_id}"}
        return self.http.read(f"{self.oai_url}?{urlencode(query)}", day, partial(oai.records, verb="GetRecord"))

    def _list(self, first: dict[str, str], day: date, parse: Callable[[bytes], oai.Page]) -> Iterator[oai.Page]:
        query, seen = first, set[str]()
        while True:
            page = self.http.read(f"{self.oai_url}?{urlencode(query)}", day, parse)
            yield page
            if not page.token:
                return
            if page.token in seen or len(seen) > PAGES_AT_MOST:
                raise Malformed("OAI-PMH leads in circles: a resumption token came twice")
            seen.add(page.token)
            query = {"verb": first["verb"], "resumptionToken": page.token}

    def _pages(self, url: Callable[[int], str], day: date) -> tuple[Entry, ...]:
        spacing = LISTING_SPACING * self.delay_seconds
        found: list[Entry] = []
        for number in range(1, PAGES_AT_MOST + 1):
            page = self.http.read(url(number), day, listing.parse, spacing)
            if page.date != day:
                raise Malformed(f"the listing page is of {page.date}, not of {day}")
            found += page.entries
            if len(found) >= page.total:
                break
            if not page.entries:
                raise Malformed(f"the listing has {len(found)} of {page.total} entries")
        if len(found) != page.total:
            raise Malformed(f"the listing states {page.total} entries and has {len(found)}")
        return tuple(found)
