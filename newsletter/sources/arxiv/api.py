"""Calls the query API through the `arxiv` package: what the announcement feed does not tell of known papers.

The package has no timeout, ignores Retry-After, and takes an HTML page or half a document for zero results. So it
gets a session of ours: our client makes the request, and the body is checked before the package sees it.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import arxiv
import requests
from lxml import etree

from newsletter.errors import Malformed
from newsletter.models.papers import Paper
from newsletter.sources.arxiv import markup
from newsletter.sources.arxiv.categories import aliases, canonical
from newsletter.sources.arxiv.entries import identifier, order
from newsletter.sources.arxiv.http import Polite
from newsletter.text.printable import one_line, printable

BATCH = 100  # identifiers a request; the list is part of the URL
PAGE = 500  # results a request of a search
SEARCHED = 10_000  # results of a search: the API's own limit
WINDOW = timedelta(days=45)  # a paper may wait in moderation for weeks: its submission is that much older
_ATOM = "{http://www.w3.org/2005/Atom}"
_BAD_ID = re.compile(r"incorrect id format for (\S+)")


@dataclass(frozen=True, slots=True)
class Api:
    """The API behind one URL."""

    http: Polite
    url: str

    def details(self, ids: Sequence[str], day: date) -> list[Paper]:
        """What the API knows of at most BATCH identifiers (`2611.00001v1`, or without version the newest).

        Papers it does not know yet are absent; the order is arbitrary. Raises Unreachable or Malformed.
        """
        wanted = list(ids)
        while wanted:
            try:
                search = arxiv.Search(id_list=wanted, max_results=len(wanted))
                return _distinct(self._results(search, len(wanted), day))
            except _BadIdentifier as bad:  # one bad identifier refuses the whole batch
                if bad.name not in wanted:
                    raise Malformed(f"the API refuses {bad.name!r}, which it was not asked for") from None
                wanted.remove(bad.name)
        return []

    def submitted(self, category: str, above: str, day: date) -> list[Paper]:
        """The papers of a category with identifiers above one, by submission date: the last resort.

        The API matches categories as they were written: an alias is asked for by name.

        Raises Unreachable or Malformed.
        """
        since = day - WINDOW
        names = " OR ".join(f"cat:{name}" for name in (category, *aliases(category)))
        query = f"({names}) AND submittedDate:[{since:%Y%m%d}0000 TO {day:%Y%m%d}2359]"
        search = arxiv.Search(query, max_results=SEARCHED, sort_by=arxiv.SortCriterion.SubmittedDate)
        return [paper for paper in _distinct(self._results(search, PAGE, day)) if order(paper.id) > order(above)]

    def _results(self, search: arxiv.Search, page_size: int, day: date) -> Iterator[Paper]:
        client = arxiv.Client(page_size=page_size, delay_seconds=0, num_retries=0)  # our client waits and retries
        client.query_url_format = f"{self.url}?{{}}"
        client._session = _Door(self.http, day)  # noqa: SLF001 - the package offers no other way to set a timeout
        try:
            for result in client.results(search):
                with contextlib.suppress(Malformed):  # one bad entry harms only itself
                    yield _paper(result)
        except arxiv.UnexpectedEmptyPageError:
            return  # entries it could not read made it ask for more than there is
        except (arxiv.ArxivError, ValueError, TypeError, AttributeError) as error:
            raise Malformed(f"the API's answer cannot be read: {error}") from error


class _BadIdentifier(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name  # as arXiv names it


class _Door(requests.Session):
    """The session that the package gets: one polite request, and a body that is what it should be."""

    def __init__(self, http: Polite, day: date) -> None:
        super().__init__()
        self._http = http
        self._day = day

    def get(self, url: str | bytes, **_: object) -> requests.Response:  # type: ignore[override]
        response = requests.Response()
        response.status_code = 200
        response._content = self._http.read(str(url), self._day, checked)  # noqa: SLF001 - it has no public setter
        return response


def checked(body: bytes) -> bytes:
    """A body that the package may parse. Raises Malformed, or names the identifier that arXiv refuses."""
    root = markup.xml(body)
    if root.tag != f"{_ATOM}feed":
        raise Malformed("it is not an Atom feed")
    if (root.findtext(f"{_ATOM}entry/{_ATOM}title") or "").strip() == "Error":
        reason = one_line(root.findtext(f"{_ATOM}entry/{_ATOM}summary") or "")
        if bad := _BAD_ID.search(reason):
            raise _BadIdentifier(bad[1])
        raise Malformed(f"the API says: {reason}")
    return etree.tostring(root)  # well-formed even where the body was repaired


def _distinct(papers: Iterable[Paper]) -> list[Paper]:
    """Each paper version once: the package asks again, from too low a number, for entries it could not read."""
    return list({(paper.id, paper.version): paper for paper in papers}.values())


def _paper(result: arxiv.Result) -> Paper:
    paper_id, version = identifier(result.get_short_id())
    categories = tuple(dict.fromkeys(map(canonical, [result.primary_category, *result.categories])))
    return Paper(
        id=paper_id,
        version=version or 1,
        title=one_line(result.title),
        authors=tuple(name for a in result.authors if any(map(str.isalnum, name := one_line(a.name)))),
        abstract=printable(result.summary),
        categories=tuple(category for category in categories if category),
        primary_category=canonical(result.primary_category),
        comment=one_line(result.comment or ""),
        doi=one_line(result.doi or ""),
        journal_ref=one_line(result.journal_ref or ""),
        submitted_at=_moment(result.published),
    )


def _moment(moment: datetime) -> datetime | None:
    return moment.astimezone(UTC) if moment.year > 1 and moment.tzinfo else None
