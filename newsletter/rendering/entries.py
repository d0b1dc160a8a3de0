"""Decides how each paper of an edition is told: in which form, under which heading, why. Calls nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from newsletter.models.editions import Cadence, Edition
from newsletter.models.papers import Paper
from newsletter.models.scores import Scored
from newsletter.rendering.language import Words
from newsletter.rendering.reasons import worded_reason, worded_strength
from newsletter.rendering.sentences import addresses, shortened, telling
from newsletter.text.printable import one_line
from newsletter.text.tex import to_unicode

AUTHORS_SHOWN = 6
AUTHORS_IN_BRIEF = 2
FOLLOWED = "★"
BEST = 5  # papers in full, of a brief edition
NEXT = 10  # in short after them; the rest is a line each
GLANCE = 3  # papers of the first screen
NEW_AT_A_GLANCE, WHY_AT_A_GLANCE = 60, 60  # characters
TELLING = 90  # characters of an abstract's sentences in a brief edition
WHY_IN_FULL, WHY_IN_SHORT = 100, 50  # characters of a comment there


class Form(StrEnum):
    """How much of a paper is shown: all of it, title and sentence, or one line."""

    FULL = "full"
    BRIEF = "brief"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Entry:
    """One paper as it is shown; `number` counts down the page. Empty fields are left out.

    `authors`, `why` and `excerpt` are as long as the form wants them; `place` counts the best as 0;
    `everyone`, `reason` and `abstract` are whole.
    """

    number: int
    paper: Paper
    title: str
    authors: str
    everyone: str = ""
    new: str = ""
    why: str = ""
    reason: str = ""
    scores: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    excerpt: str = ""
    abstract: str = ""
    form: Form = Form.BRIEF
    place: int = 0
    code: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """The paper's id, fit to be shown."""
        return one_line(self.paper.id)

    @property
    def mark(self) -> str:
        """The scores in one text."""
        return ", ".join(self.scores)


@dataclass(frozen=True, slots=True)
class Group:
    """Papers under one heading: a topic, the best of some days, or a day."""

    heading: str
    entries: tuple[Entry, ...]


def authors(paper: Paper, followed: Sequence[str], words: Words, shown: int = AUTHORS_SHOWN) -> str:
    """The authors, shortened after `shown`; followed ones are kept and marked."""
    names = paper.shown.authors
    kept = names if len(names) <= shown else [n for i, n in enumerate(names) if i < shown or n in followed]
    line = one_line(", ".join(f"{FOLLOWED} {name}" if name in followed else name for name in kept))
    hidden = len(names) - len(kept)
    if not hidden:
        return line
    return f"{line} " + words.count("and {n} more", "and {n} more", hidden)


def groups(edition: Edition, words: Words) -> tuple[Group, ...]:
    """The papers by topic, each topic where its best paper stands; those of several mailings: the best, then by day."""
    sections: dict[str, list[tuple[int, Scored]]] = {}
    placed = list(enumerate(edition.papers))
    by_day = edition.cadence is not Cadence.DAILY and any(item.date for item in edition.papers)
    if by_day:
        best, rest = placed[:BEST], placed[BEST:]
        sections[_best_heading(edition, words) if rest else ""] = best
        for place, item in sorted(rest, key=lambda pair: pair[1].date or edition.date):
            sections.setdefault(words.day(item.date or edition.date), []).append((place, item))
    else:
        topics = [_topic(item, edition) for item in edition.papers]
        beyond = words.say("Beyond your topics") if any(topics) else ""
        for topic, pair in zip(topics, placed, strict=True):
            sections.setdefault(topic or beyond, []).append(pair)
    groups, number = [], 0
    for heading, items in sections.items():
        entries = []
        for place, item in items:
            number += 1
            entries.append(entry(item, number, edition, words, _form(place, edition), place, with_topic=by_day))
        if entries:
            groups.append(Group(heading, tuple(entries)))
    return tuple(groups)


def _best_heading(edition: Edition, words: Words) -> str:
    is_week = edition.cadence is Cadence.WEEKLY
    return words.say("The best of the week") if is_week else words.say("The best of these days")


def _form(place: int, edition: Edition) -> Form:
    if edition.length == "page" or place < BEST:
        return Form.FULL
    return Form.BRIEF if place < BEST + NEXT else Form.LINE


def _topic(item: Scored, edition: Edition) -> str:
    """The name of the paper's topic; a comment that names just one other of the reader's topics is followed."""
    topic, comment = one_line(item.score.topic), item.score.comment.casefold()
    if comment and topic and topic.casefold() not in comment:
        named = [name for name in map(one_line, edition.topics) if name and name.casefold() in comment]
        topic = named[0] if len(named) == 1 else topic
    return topic


def entry(  # noqa: PLR0917 - a paper, where it stands, and how it is told
    item: Scored, number: int, edition: Edition, words: Words, form: Form, place: int = 0, *, with_topic: bool = False
) -> Entry:
    paper, score, is_page = item.paper, item.score, edition.length == "page"
    new = one_line(to_unicode(score.summary))
    reason = one_line(to_unicode(worded_reason(item, words, with_topic=with_topic)))
    if reason.startswith(new.removesuffix("…")):
        new = ""  # the comment says it already
    abstract = one_line(paper.shown.abstract)
    excerpt = abstract if is_page else telling(abstract, TELLING, said=f"{reason} {new}")
    if not is_page:
        new, excerpt = shortened(new, WHY_IN_FULL), shortened(excerpt, TELLING * 3 // 2)
    why = reason if is_page else shortened(reason, WHY_IN_FULL if form is Form.FULL else WHY_IN_SHORT)
    if form is Form.BRIEF and not why:
        why = shortened(new or excerpt, WHY_IN_SHORT)
    return Entry(
        number=number,
        place=place,
        paper=paper,
        title=one_line(paper.shown.title) or one_line(paper.id),
        authors=authors(paper, item.followed, words, AUTHORS_SHOWN if is_page else AUTHORS_IN_BRIEF),
        everyone=authors(paper, item.followed, words, len(paper.shown.authors)),
        new=new,
        why=why,
        reason=reason,
        scores=_scores(item, edition, words, with_topic=with_topic),
        facts=_facts(paper, words),
        excerpt=excerpt,
        abstract=abstract,
        form=form,
        code=addresses(paper.comment, paper.abstract),
    )


def glance(edition: Edition, groups: tuple[Group, ...], words: Words) -> tuple[Entry, ...]:
    """The best papers with as much of what is new and why as the first screen holds; a single one needs none."""
    if len(edition.papers) < 2:
        return ()
    numbers = {entry.place: entry.number for group in groups for entry in group.entries}
    short = []
    for place, item in enumerate(edition.papers[:GLANCE]):
        shown = entry(item, numbers[place], edition, words, Form.FULL, place, with_topic=True)
        new = shown.new or ("" if item.score.comment else _telling_once(shown))
        short.append(
            replace(
                shown,
                new=shortened(new, NEW_AT_A_GLANCE),
                why=shortened(_why_at_a_glance(item, shown, words), WHY_AT_A_GLANCE),
            )
        )
    return tuple(short)


def _why_at_a_glance(item: Scored, entry: Entry, words: Words) -> str:
    """The comment, or the topic alone: beside it no sentence has room."""
    without = replace(item, reason=None) if item.score.topic and not item.score.comment else item
    return one_line(to_unicode(worded_reason(without, words))) or entry.reason


def _telling_once(entry: Entry) -> str:
    return telling(entry.abstract, 0, said=entry.reason)


def bare(paper: Paper) -> Entry:
    return Entry(0, paper, one_line(paper.shown.title) or one_line(paper.id), "", form=Form.LINE)


def _scores(item: Scored, edition: Edition, words: Words, *, with_topic: bool) -> tuple[str, ...]:
    """What a model said in numbers, or how near the paper is in a word where none graded it."""
    score, parts = item.score, []
    if edition.scorer == "local" or item.reason:
        parts += [worded_strength(item.reason.strength, words)] if item.reason else []
    else:
        parts.append(words.say("relevance {n}", n=score.relevance))
        parts += [words.say("novelty {n}", n=score.novelty)] if score.novelty is not None else []
    if with_topic and (topic := _topic(item, edition)):
        parts.append(topic)
    return tuple(parts)


def _facts(paper: Paper, words: Words) -> tuple[str, ...]:
    """When it was submitted, where it is filed, and what its authors say of it."""
    submitted = words.date(paper.submitted_at.date()) if paper.submitted_at else ""
    version = words.say("version {n}", n=paper.version) if paper.version > 1 else ""
    said = [shortened(one_line(paper.comment), 160), shortened(one_line(paper.journal_ref), 120)]
    return tuple(part for part in (submitted, version, one_line(paper.primary_category), *said) if part)


def near_heading(edition: Edition, words: Words) -> str:
    """Under the cut is only what is one point below a threshold."""
    if not edition.papers:
        return words.say("The closest were")
    is_just = edition.min_relevance and all(
        item.score.relevance >= edition.min_relevance - 1
        and (item.score.novelty is None or item.score.novelty >= edition.min_novelty - 1)
        for item in edition.near_misses
    )
    return words.say("Just under the cut") if is_just else words.say("Closest")
