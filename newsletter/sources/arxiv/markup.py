"""Decides how the bytes of an XML or HTML answer are read; calls nothing but the parser.

A body that is not well-formed is read once more without the characters XML forbids and with HTML's names for
characters (`&nbsp;`) resolved, because arXiv's doors have sent both; one that is cut off stays an error.
"""

import html
import re

from lxml import etree
from lxml import html as lxml_html

from newsletter.errors import Malformed

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2
_REFERENCE = re.compile(r"&(#\d{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
_KEPT = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}


def xml(body: bytes) -> etree._Element:
    """The root element. Raises Malformed for what is no XML, is cut off, or brings a document type."""
    if re.match(rb"\s*(<!doctype\s+html|<html)", body[:200], re.IGNORECASE):
        raise Malformed("it is an HTML page, not XML")
    try:
        root = _strict(body)
    except etree.XMLSyntaxError:
        try:
            root = _strict(_repaired(body))
        except (etree.XMLSyntaxError, ValueError) as error:
            raise Malformed(f"it is not well-formed XML: {error}") from None
    except ValueError as error:
        raise Malformed(f"it is not XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Malformed("it brings a document type, which arXiv never does")
    return root


def page(body: bytes) -> etree._Element:
    """The root element of an HTML page. Raises Malformed for an empty one, or one whose end is missing."""
    if b"</html>" not in body[-100:].lower():
        raise Malformed("the HTML page is cut off")
    try:
        parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True)
        return lxml_html.document_fromstring(body, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Malformed(f"it is not an HTML page: {error}") from None


def _strict(body: bytes) -> etree._Element:
    # Entities are never expanded from a document type, and nothing is fetched.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    root = etree.fromstring(body, parser=parser)
    if root is None:
        raise ValueError("it is empty")
    return root


def _repaired(body: bytes) -> bytes:
    text = _REFERENCE.sub(_resolved, body.decode("utf-8", errors="replace"))
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    return _FORBIDDEN.sub(" ", text).encode()


def _resolved(match: re.Match[str]) -> str:
    if match[0] in _KEPT:
        return match[0]
    character = html.unescape(match[0])
    return html.escape(character) if character != match[0] else html.escape(match[0])
