"""Decides what is left out of an email that grows too long: from the bottom up, the least needed first.

Calls nothing. Every paper stays named and linked; the web copy stays complete.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from operator import attrgetter

from markupsafe import escape

from newsletter.rendering.digest import Digest
from newsletter.rendering.entries import Entry, Form
from newsletter.rendering.sentences import shortened

BUDGET = 90_000  # bytes of HTML; Gmail clips a message at about 102 kB
TEXT_TO_HTML = 2.75  # different words; at three times SpamAssassin sees two mails in one (MPART_ALT_DIFF_COUNT)
_KEPT_NOT_SCORED = 20
_place = attrgetter("place")
_TEXT = re.compile(r">([^<]+)")  # between tags
_MARKUP = {Form.FULL: 1500, Form.BRIEF: 700, Form.LINE: 260}  # bytes around the texts of an entry, roughly


def _abstract_to(length: int) -> Callable[[Entry], Entry]:
    return lambda entry: replace(entry, excerpt=shortened(entry.excerpt, length) if length else "")


def _sentences_to(length: int) -> Callable[[Entry], Entry]:
    def shrink(entry: Entry) -> Entry:
        if not length:
            return replace(entry, new="", why="")
        return replace(entry, new=shortened(entry.new, length), why=shortened(entry.why, length))

    return shrink


def _authors_to(length: int) -> Callable[[Entry], Entry]:
    return lambda entry: replace(entry, authors=shortened(entry.authors, length))


def _title_to(length: int) -> Callable[[Entry], Entry]:
    return lambda entry: replace(entry, title=shortened(entry.title, length))


def _to_form(form: Form) -> Callable[[Entry], Entry]:
    return lambda entry: entry if entry.form is Form.LINE else replace(entry, form=form)


_SHRINKS: tuple[Callable[[Entry], Entry], ...] = (
    _abstract_to(400),
    _abstract_to(0),
    _sentences_to(160),
    _authors_to(60),
    _to_form(Form.BRIEF),
    _to_form(Form.LINE),
    _title_to(120),
)


def fitted(told: Digest, write: Callable[[Digest], str], lean: Callable[[Digest], str], budget: int = BUDGET) -> str:
    """The HTML of a digest in at most `budget` bytes, for as long as its papers' titles alone fit.

    Before a word goes, the styles of each element go, which the head has too: `lean` writes without them.
    """
    html = write(told)
    if len(html.encode()) > budget:
        html = lean(told)
    excess = len(html.encode()) - budget
    steps: list[Callable[[Digest, int], Digest]] = [_fewer_not_scored]
    steps += [partial(_shrunk, shrink) for shrink in _SHRINKS]
    while steps and excess > 0:
        less = steps[0](told, excess)
        if less == told:  # there is no more to save in this way
            steps.pop(0)
            continue
        told = replace(less, is_shortened=True)
        html = lean(told)
        excess = len(html.encode()) - budget
    return html


def balanced(told: Digest, html: str, links: int) -> Digest:
    """The digest of the plain text, with all abstracts or those of as many of the best papers as its HTML bears.

    `links` is how many addresses every paper has in the text.
    """
    shown = set(" ".join(_TEXT.findall(html, html.find("<body"))).split())
    entries = told.entries
    also = [other for entry in entries for other in entry.also]
    named = (*entries, *also, *told.near_misses, *((told.exploration,) if told.exploration else ()))
    room = TEXT_TO_HTML * len(shown) - links * len(named) - len(told.not_scored)
    said = shown.union(*(words for entry in named for words in _said(entry)))
    for kept, entry in enumerate(sorted(entries, key=_place)):
        said |= _words(entry.abstract)
        if len(said) > room:
            return replace(told, abstracts=kept)
    return told


def _said(entry: Entry) -> Iterator[Collection[str]]:
    """The words that the text says of a paper beside its abstract."""
    yield _words_of((entry.title, entry.everyone, *entry.facts))
    yield _words(entry.reason)
    yield _words(entry.mark)
    if entry.summary:
        yield entry.summary.split()
    if entry.form is Form.FULL:
        yield f"pdf/{entry.id}", f"html/{entry.id}", f"bibtex/{entry.id}"


@lru_cache(maxsize=8192)  # a day's papers are the same for all readers
def _words_of(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


@lru_cache(maxsize=8192)  # so are their abstracts
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _shrunk(shrink: Callable[[Entry], Entry], told: Digest, excess: int) -> Digest:
    """Shrinks entries from the last to the first until `excess` bytes are saved, or all are shrunk."""
    groups = []
    for group in reversed(told.groups):
        entries = list(group.entries)
        for i in reversed(range(len(entries))):
            if excess <= 0:
                break
            shrunk = shrink(entries[i])
            excess -= _bytes(entries[i]) - _bytes(shrunk)
            entries[i] = shrunk
        groups.append(replace(group, entries=tuple(entries)))
    return replace(told, groups=tuple(reversed(groups)))


def _fewer_not_scored(told: Digest, excess: int) -> Digest:
    kept = list(told.not_scored)
    while excess > 0 and len(kept) > _KEPT_NOT_SCORED:
        excess -= _bytes(kept.pop())
    return replace(told, not_scored=tuple(kept), not_scored_hidden=len(told.not_scored) - len(kept))


def _bytes(entry: Entry) -> int:
    """Roughly what an entry weighs in HTML."""
    parts = {
        Form.FULL: (
            entry.title,
            entry.title,
            entry.authors,
            entry.authors,
            entry.new,
            entry.why,
            *entry.facts,
            entry.excerpt,
        ),
        Form.BRIEF: (entry.title, entry.why or entry.new),
        Form.LINE: (entry.title,),
    }
    own = _MARKUP[entry.form] + sum(len(escape(part).encode()) for part in parts[entry.form])
    return own + sum(map(_bytes, entry.also))
