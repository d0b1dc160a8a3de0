"""An arXiv of our own on 127.0.0.1: four doors in arXiv's real formats, and every way in which they have failed.

It knows some announcements and what time it is; from those it makes the feed of the day, OAI-PMH with its pages, the
API, the listing and the catch-up pages. `fail` makes the next answers of a door wrong. Three habits of arXiv's services
are its own: listing and catch-up pages show each paper as it is now, a form feed in an abstract breaks the feeds of all
its categories, and OAI-PMH has one record a paper, dated by its last change.
"""

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from newsletter.sources.arxiv.calendar import NEW_YORK, Hours

GROUPS = {"cs", "math", "econ", "eess", "q-bio", "q-fin", "stat"}  # every other archive belongs to physics
METADATA_READY = timedelta(hours=2, minutes=30)  # OAI-PMH and API follow the announcement


@dataclass(frozen=True, slots=True)
class Announced:
    """A paper of one mailing. The primary category stands first; `into` are the new places of an old cross-list.

    `html`: pages link to an HTML rendering, which tells the version.
    """

    day: date
    id: str
    categories: tuple[str, ...] = ("cs.LG",)
    version: int = 1
    kind: str = "new"
    into: tuple[str, ...] = ()
    title: str = "On moss"
    abstract: str = "We watch moss grow."
    authors: tuple[str, ...] = ("Ada Winter", "Bo Summer")
    creator: str = ""
    comment: str = "12 pages"
    html: bool = False

    def listed_in(self, category: str) -> str:
        """The announce type in the feed of a category; empty where it is not listed."""
        if self.into:
            return "cross" if category in self.into else ""
        if category not in self.categories:
            return ""
        is_primary = category == self.categories[0]
        return {"new": "new" if is_primary else "cross", "replace": "replace" if is_primary else "replace-cross"}[
            self.kind
        ]


@dataclass(frozen=True, slots=True)
class Reply:
    """A raw HTTP answer. `cut` bytes of the promised body are not sent; `stall` never answers at all."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cut: int = 0
    stall: bool = False


RATE_EXCEEDED = Reply(
    b"<!DOCTYPE html><html><body>Rate exceeded.</body></html>", headers=(("Content-Type", "text/html"),)
)
STALL = Reply(stall=True)


def refused(status: int, retry_after: str = "") -> Reply:
    return Reply(b"slower, please", status, (("Retry-After", retry_after),) if retry_after else ())


Fault = Reply | Callable[[Reply], Reply]


@dataclass(slots=True)
class FakeArxiv:
    """The server; use it as a context manager."""

    papers: list[Announced]
    now: Callable[[], datetime]
    oai_page: int = 20_000
    listing_page: int = 2000
    hidden_from: dict[str, set[str]] = field(default_factory=dict)  # door -> ids it leaves out
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    on_request: Callable[[int], None] = lambda _count: None
    concurrent: int = 0
    most_concurrent: int = 0
    _faults: list[tuple[re.Pattern[str], list[Fault]]] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.Lock)
    _stop: Any = field(default_factory=threading.Event)
    _http: Any = None

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.serve(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Tests are quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def settings(self) -> dict[str, Any]:
        """The [arxiv] section that leads here, without pauses."""
        return {
            "feed_url": f"{self.url}/rss",
            "oai_url": f"{self.url}/oai",
            "api_url": f"{self.url}/api/query",
            "listing_url": self.url,
            "delay_seconds": 0,
            "retry_seconds": 0,
            "timeout_seconds": 5,
        }

    def fail(self, door: str, *faults: Fault, times: int = 1) -> None:
        """The next requests whose path and query match `door` are answered so; `times` repeats the whole list."""
        self._faults.append((re.compile(door), list(faults) * times))

    def recover(self) -> None:
        """Every door works again."""
        self._faults.clear()

    def asked(self, door: str) -> list[str]:
        """The requests whose path and query match."""
        return [path for path in self.requests if re.search(door, path)]

    # One request

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.requests.append(handler.path)
            self.headers.append(dict(handler.headers))
            self.concurrent += 1
            self.most_concurrent = max(self.most_concurrent, self.concurrent)
            fault = self._fault(handler.path)
            self.on_request(len(self.requests))
        try:
            reply = fault if isinstance(fault, Reply) else self.answer(handler.path)
            if callable(fault) and not isinstance(fault, Reply):
                reply = fault(reply)
            self._send(handler, reply)
        finally:
            with self._lock:
                self.concurrent -= 1

    def _fault(self, path: str) -> Fault | None:
        for pattern, faults in self._faults:
            if faults and pattern.search(path):
                return faults.pop(0)
        return None

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.stall:
            self._stop.wait(30)
            handler.close_connection = True
            return
        etag = f'"{hash(reply.body) & 0xFFFFFFFF:x}"'
        if reply.status == 200 and handler.headers.get("If-None-Match") == etag:
            handler.send_response(304)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(reply.status)
        for name, value in reply.headers:
            handler.send_header(name, value)
        handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body[: len(reply.body) - reply.cut])
        if reply.cut:
            handler.close_connection = True

    def answer(self, path: str) -> Reply:
        """What arXiv would say."""
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        pieces = [unquote(piece) for piece in parts.path.strip("/").split("/")]
        match pieces:
            case ["rss", category]:
                return self._feed(category)
            case ["oai"]:
                return Reply(self._oai(query))
            case ["api", "query"]:
                return self._api(query)
            case ["list", category, "new"]:
                return Reply(self._listing(category, int(query["skip"]), int(query["show"])))
            case ["catchup", category, day]:
                return self._catch_up(category, date.fromisoformat(day), int(query["page"]))
        return Reply(b"<html><body>Not found</body></html>", 404)

    # What is out

    def local(self) -> datetime:
        return self.now().astimezone(NEW_YORK)

    def out(self, door: str, delay: timedelta = timedelta(0)) -> list[Announced]:
        hidden = self.hidden_from.get(door, set())
        return [p for p in self.papers if self.now() >= Hours().announced_at(p.day) + delay and p.id not in hidden]

    def _feed(self, category: str) -> Reply:
        if category in {"cs.XX", "cs.lg"} or category.startswith("retired"):
            return Reply(error_feed(category), 400)
        day = self.local().date()
        items = [p for p in self.out("feed") if p.day == day and p.listed_in(category)]
        if any("\f" in p.abstract for p in items):
            return Reply(b"Internal Server Error", 500)
        rank = ("replace-cross", "replace", "cross", "new")  # the feed is cut from its end, where the new papers are
        items.sort(key=lambda p: rank.index(p.listed_in(category)))
        return Reply(feed_body(category, day, items[:2000]))

    def _records(self) -> dict[str, Announced]:
        """The record of each paper: its newest version, of the day on which it last changed."""
        return {p.id: p for p in sorted(self.out("oai", METADATA_READY), key=lambda p: (p.day, p.version))}

    def _oai(self, query: dict[str, str]) -> bytes:
        if query["verb"] == "GetRecord":
            record = self._records().get(query["identifier"].removeprefix("oai:arXiv.org:"))
            if record is None:
                return oai_error("idDoesNotExist", f"Nothing found for this id {query['identifier']}.")
            return oai_body("GetRecord", [record], None)
        if "resumptionToken" in query:
            asked = dict(pair.split("=", 1) for pair in unquote(query["resumptionToken"]).split("&"))
        else:
            asked = query
        verb, since, skip = query["verb"], date.fromisoformat(asked["from"]), int(asked.get("skip", "0"))
        until = date.fromisoformat(asked.get("until", "9999-12-31"))
        found = sorted((p for p in self._records().values() if since <= p.day <= until), key=lambda p: (p.day, p.id))
        if not found:
            return oai_error("noRecordsMatch", "the arguments result in an empty list.")
        page = found[skip : skip + self.oai_page]
        token = ""
        if skip + self.oai_page < len(found):
            arguments = f"from={since}&until={until}&skip={skip + self.oai_page}"
            token = quote(f"verb={verb}&metadataPrefix=arXiv&{arguments}", safe="")
        return oai_body(verb, page, token if token or skip else None)

    def _api(self, query: dict[str, str]) -> Reply:
        out = self.out("api", METADATA_READY)
        if query.get("id_list"):
            found = []
            for name in query["id_list"].split(","):
                match = re.fullmatch(r"((?:[a-z-]+(?:\.[A-Z]{2})?/\d{7})|\d{4}\.\d{4,5})(?:v(\d+))?", name)
                if match is None:
                    return Reply(api_error(name), 400)
                of_id = [p for p in out if p.id == match[1] and match[2] in (None, str(p.version))]
                found += sorted(of_id, key=lambda p: p.version)[-1:]
        else:
            named = set(re.findall(r"cat:(\S+?)(?=[ )])", query["search_query"]))  # of aliases it knows nothing
            found = sorted((p for p in out if named & set(p.categories)), key=lambda p: p.id, reverse=True)
        start, count = int(query["start"]), int(query["max_results"])
        return Reply(api_body(found[start : start + count], len(found)))

    def _listing(self, category: str, skip: int, show: int) -> bytes:
        day = max((p.day for p in self.out("listing")), default=self.local().date())
        shown = self._of(category, day)
        heading = f"<h1>Some subject</h1><h3>Showing new listings for {day:%A}, {day.day} {day:%B %Y}</h3>"
        total = f"<div class='paging'>Total of {len(shown)} entries </div>" if shown else "<p>No updates today.</p>"
        return page_body(heading + total, shown, skip, min(show, self.listing_page), category)

    def _catch_up(self, category: str, day: date, page: int) -> Reply:
        if day > self.local().date():
            return Reply(f"<html><h1>Invalid date: {day}. Can&#39;t request date later than today</h1>".encode(), 400)
        shown = self._of(category, day)
        total = f"Total of {len(shown)} entries for {day:%a, %d %b %Y}"
        heading = f"<h1>Catchup results for Some subject on {day:%a, %d %b %Y}</h1><div>{total}</div>"
        if not shown:
            heading += f"<p>No updates for {day:%a, %d %b %Y}.</p>"
        return Reply(page_body(heading, shown, (page - 1) * self.listing_page, self.listing_page, category))

    def _of(self, category: str, day: date) -> list[Announced]:
        """What was announced on a day, each paper as it is now."""
        out = self.out("listing")
        newest = {p.id: p for p in sorted(out, key=lambda p: p.version)}
        shown = [p for p in out if p.day == day and p.listed_in(category)]
        return [replace(newest[p.id], day=day, kind=p.kind, categories=p.categories, into=p.into) for p in shown]


# The formats, as the recorded bodies have them


def feed_body(category: str, day: date, papers: Iterable[Announced]) -> bytes:
    midnight = format_datetime(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK))
    items = "".join(
        f"""
    <item>
      <title>{escape(p.title, quote=False)}</title>
      <link>https://arxiv.org/abs/{p.id}</link>
      <description>arXiv:{p.id}v{p.version} Announce Type: {p.listed_in(category)} \nAbstract: {escape(p.abstract, quote=False)}</description>
      <guid isPermaLink="false">oai:arXiv.org:{p.id}v{p.version}</guid>
      {"".join(f"<category>{c}</category>" for c in p.categories)}
      <pubDate>{midnight}</pubDate>
      <arxiv:announce_type>{p.listed_in(category)}</arxiv:announce_type>
      <dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>
      <dc:creator>{escape(p.creator or ", ".join(p.authors), quote=False)}</dc:creator>
    </item>"""
        for p in papers
    )
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" version="2.0">
  <channel>
    <title>{category} updates on arXiv.org</title>
    <link>http://rss.arxiv.org/rss/{category}</link>
    <description>{category} updates on the arXiv.org e-print archive.</description>
    <language>en-us</language>
    <lastBuildDate>{midnight}</lastBuildDate>
    <managingEditor>rss-help@arxiv.org</managingEditor>
    <pubDate>{midnight}</pubDate>
    <skipDays><day>Saturday</day><day>Sunday</day></skipDays>{items}
  </channel>
</rss>""".encode()


def error_feed(category: str) -> bytes:
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss version="2.0"><channel><title>Feed error for query: http://rss.arxiv.org/rss/{category}</title>
<description>Bad subject class '{category}'.</description>
<pubDate>Wed, 18 Nov 2026 00:00:00 -0500</pubDate></channel></rss>""".encode()


def set_spec(category: str) -> str:
    archive, _, subject = category.partition(".")
    group = archive if archive in GROUPS else "physics"
    return ":".join(part for part in (group, archive, subject) if part)


def oai_body(verb: str, papers: Iterable[Announced], token: str | None) -> bytes:
    pieces = []
    for p in papers:
        sets = "".join(f"<setSpec>{set_spec(c)}</setSpec>" for c in sorted({*p.categories, *p.into}))
        head = f"<header><identifier>oai:arXiv.org:{p.id}</identifier><datestamp>{p.day}</datestamp>{sets}</header>"
        if verb == "ListIdentifiers":
            pieces.append(head)
            continue
        authors = "".join(
            f"<author><keyname>{escape(name.rpartition(' ')[2])}</keyname>"
            f"<forenames>{escape(name.rpartition(' ')[0])}</forenames></author>"
            for name in p.authors
        )
        pieces.append(
            f"""<record>{head}<metadata><arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>{p.id}</id>
<created>{p.day}</created><authors>{authors}</authors><title>{escape(p.title)}</title>
<categories>{" ".join(p.categories)}</categories><comments>{escape(p.comment)}</comments>
<abstract>{escape(p.abstract)}</abstract></arXiv></metadata></record>"""
        )
    more = "" if token is None else f"<resumptionToken expirationDate='2026-11-24T00:00:00Z'>{token}</resumptionToken>"
    return oai_frame(f"<{verb}>{''.join(pieces)}{more}</{verb}>")


def oai_error(code: str, text: str) -> bytes:
    return oai_frame(f"<error code='{code}'>{text}</error>")


def oai_frame(inside: str) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<responseDate>2026-11-23T14:49:51Z</responseDate><request>http://localhost/oai</request>{inside}</OAI-PMH>""".encode()


def api_body(papers: Iterable[Announced], total: int) -> bytes:
    return api_frame("".join(api_entry(p) for p in papers), total)


def api_entry(p: Announced) -> str:
    submitted = datetime(p.day.year, p.day.month, p.day.day, 9, tzinfo=UTC) - timedelta(days=2)
    authors = "".join(f"<author><name>{escape(name, quote=False)}</name></author>" for name in p.authors)
    return f"""
  <entry>
    <id>http://arxiv.org/abs/{p.id}v{p.version}</id>
    <title>{escape(p.title, quote=False)}</title>
    <updated>{submitted:%Y-%m-%dT%H:%M:%SZ}</updated>
    <link href="https://arxiv.org/abs/{p.id}v{p.version}" rel="alternate" type="text/html"/>
    <summary>{escape(p.abstract, quote=False)}</summary>
    {"".join(f'<category term="{c}" scheme="http://arxiv.org/schemas/atom"/>' for c in p.categories)}
    <published>{submitted:%Y-%m-%dT%H:%M:%SZ}</published>
    <arxiv:comment>{escape(p.comment, quote=False)}</arxiv:comment>
    <arxiv:primary_category term="{p.categories[0]}"/>
    {authors}
  </entry>"""


def api_error(name: str) -> bytes:
    entry = f"""<entry><id>https://arxiv.org/api/errors#incorrect_id_format_for_{name}</id><title>Error</title>
<updated>2026-04-12T22:59:06Z</updated><summary>incorrect id format for {name}</summary>
<author><name>arXiv api core</name></author></entry>"""
    return api_frame(entry, 1)


def api_frame(inside: str, total: int) -> bytes:
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/abc</id><title>arXiv Query</title><updated>2026-04-12T22:09:36Z</updated>
  <opensearch:itemsPerPage>100</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>{inside}
</feed>""".encode()


def page_body(heading: str, papers: list[Announced], skip: int, show: int, category: str) -> bytes:
    sections = {"New": ("new",), "Cross": ("cross",), "Replacement": ("replace", "replace-cross")}
    ordered = [(name, p) for name, kinds in sections.items() for p in papers if p.listed_in(category) in kinds]
    shown = ordered[skip : skip + show]
    body = ""
    for name in sections:
        of_all = [p for section, p in ordered if section == name]
        here = [p for section, p in shown if section == name]
        if not here:
            continue
        first = here[0] == of_all[0]
        words = "" if len(here) == len(of_all) else ("first " if first else "last ")
        lead = "" if first else "continued, "
        body += f"<h3>{name} submissions ({lead}showing {words}{len(here)} of {len(of_all)} entries)</h3>"
        body += "".join(page_entry(number, p, category) for number, p in enumerate(here, 1))
    return f"<!DOCTYPE html><html><body>{heading}<dl id='articles'>{body}</dl></body></html>".encode()


def page_entry(number: int, p: Announced, category: str) -> str:
    how = {"cross": f"(cross-list from {p.categories[0]})", "new": ""}.get(p.listed_in(category), "(replaced)")
    others = "; ".join(f"Some subject ({c})" for c in p.categories[1:])
    authors = ", ".join(f'<a href="https://arxiv.org/search/?query=x">{escape(name)}</a>' for name in p.authors)
    html = f'<a href="https://arxiv.org/html/{p.id}v{p.version}">html</a>, ' if p.html else ""
    return f"""
    <dt><a name='item{number}'>[{number}]</a>
      <a href ="/abs/{p.id}" title="Abstract" id="{p.id}">arXiv:{p.id}</a> {how}
        [<a href="/pdf/{p.id}" title="Download PDF">pdf</a>, {html}<a href="/format/{p.id}">other</a>]
    </dt>
    <dd><div class='meta'>
        <div class='list-title mathjax'><span class='descriptor'>Title:</span>
          {escape(p.title, quote=False)}
        </div>
        <div class='list-authors'>{authors}</div>
        <div class='list-comments mathjax'><span class='descriptor'>Comments:</span> {escape(p.comment)}</div>
        <div class='list-subjects'><span class='descriptor'>Subjects:</span>
          <span class="primary-subject">Some subject ({p.categories[0]})</span>{"; " + others if others else ""}
        </div>
        <p class='mathjax'>{escape(p.abstract, quote=False)}</p>
    </div></dd>"""
