"""Decides in which language a page speaks: the one asked for, else the first that the browser knows and we do."""

from collections.abc import Iterator

from starlette.requests import Request

from newsletter.rendering.language import ENGLISH, Words, words

LONGEST = 200  # characters of Accept-Language that are looked at


def spoken(request: Request) -> Words:
    """The words of `?lang=de`, else of Accept-Language (RFC 9110 §12.5.4), else English."""
    for tag in (request.query_params.get("lang", ""), *_accepted(request.headers.get("accept-language", "")[:LONGEST])):
        found = words(tag) if tag else None
        if found and (found.language != ENGLISH or tag.lower().startswith(ENGLISH)):
            return found
    return words(ENGLISH)


def _accepted(header: str) -> Iterator[str]:
    """The language tags of the header, best first; those in its own order where their weights are equal."""
    weighed = []
    for part in header.split(","):
        tag, _, weight = part.partition(";q=")
        try:
            weighed.append((-float(weight or 1), tag.strip()))
        except ValueError:
            continue
    return (tag for _, tag in sorted(weighed, key=lambda each: each[0]))
