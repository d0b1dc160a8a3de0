"""Decides a subscriber's RSS feed: the papers of their editions, newest edition first. Calls nothing."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from email.utils import format_datetime
from itertools import chain, repeat
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from newsletter.models.editions import Edition, Links
from newsletter.models.papers import Origin
from newsletter.rendering.digest import Digest, digest
from newsletter.rendering.entries import Entry
from newsletter.rendering.frame import Sender
from newsletter.rendering.language import words
from newsletter.rendering.templates import page_of

ATOM = "http://www.w3.org/2005/Atom"
ITEMS_AT_MOST = 200


def feed(
    editions: Iterable[Edition],
    own_url: str,
    sender: Sender,
    origins: Mapping[str, Origin],
    web_copies: Iterable[str] = (),
) -> bytes:
    """RSS 2.0 (rssboard.org/rss-specification) of some editions, given newest first.

    A paper is one item; an edition without papers is one that says why. `own_url` is where the feed is read,
    `web_copies` are the pages of the editions, in the same order, where there are any.
    """
    shown = list(editions)
    language = words(shown[0].language).language if shown else "en"
    rss = Element("rss", {"version": "2.0", "xmlns:atom": ATOM})
    channel = SubElement(rss, "channel")
    _add(channel, title=sender.name, link=own_url, description=sender.footer or sender.name, language=language)
    SubElement(channel, "atom:link", {"href": own_url, "rel": "self", "type": "application/rss+xml"})
    _add(channel, docs="https://www.rssboard.org/rss-specification", ttl="60")
    items: list[Element] = []
    for edition, page in zip(shown, chain(web_copies, repeat("")), strict=False):
        told = digest(edition, Links(web_copy=page), words(edition.language), sender)
        shown_here = [paper for entry in told.entries for paper in (entry, *entry.also)]
        items += [_paper(entry, edition, origins) for entry in shown_here] or [_quiet(told, edition, page or own_url)]
    channel.extend(items[:ITEMS_AT_MOST])
    return bytes(tostring(rss, encoding="utf-8", xml_declaration=True))


def _paper(entry: Entry, edition: Edition, origins: Mapping[str, Origin]) -> Element:
    page = page_of(entry.paper, "abs", origins)
    said = (entry.authors, entry.new, entry.why, " · ".join((*entry.scores, *entry.facts)), entry.abstract)
    item = Element("item")
    _add(
        item,
        title=entry.title,
        link=page,
        description=_html(said),
        category=entry.paper.primary_category,
        pubDate=_time(edition),
    )
    SubElement(item, "guid", {"isPermaLink": "false"}).text = f"{page}v{entry.paper.version}"
    return item


def _quiet(told: Digest, edition: Edition, page: str) -> Element:
    item = Element("item")
    said = (told.lead, *(notice.text for notice in told.notices))
    _add(item, title=told.subject, link=page, description=_html(said), pubDate=_time(edition))
    name = f"{edition.subscriber} {edition.date} {edition.kind}"
    SubElement(item, "guid", {"isPermaLink": "false"}).text = f"{page}#{quote(name)}"
    return item


def _html(paragraphs: Iterable[str]) -> str:
    """A description is HTML that is escaped once more as XML."""
    return "".join(Markup("<p>{}</p>").format(text) for text in paragraphs if text)


def _time(edition: Edition) -> str:
    return format_datetime(datetime.combine(edition.date, time(), UTC))


def _add(parent: Element, **texts: str) -> None:
    for tag, text in texts.items():
        if text:
            SubElement(parent, tag).text = text
