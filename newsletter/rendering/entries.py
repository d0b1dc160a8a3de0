"""Decides how each paper of an edition is told: in which form, under which heading, why. Calls nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from newsletter.models.editions import Cadence, Edition
from newsletter.models.papers import Paper
from newsletter.models.scores import Scored
from newsletter.models.turns import in_turns
from newsletter.rendering.language import Words
from newsletter.rendering.reasons import worded_liked, worded_strength, worded_why
from newsletter.rendering.sentences import addresses, phrase, shortened, telling, tells
from newsletter.text.printable import one_line
from newsletter.text.tex import to_unicode

AUTHORS_SHOWN = 6
AUTHORS_IN_BRIEF = 1
FOLLOWED = "★"
BEST = 5  # papers in full, of a brief edition
NEXT = 10  # in short after them; the rest is a line each
GLANCE = 3  # papers of the first screen
# About how many characters a phrase has in a brief edition of fifteen papers or more; fewer papers have more room.
NEW_AT_A_GLANCE, WHY_AT_A_GLANCE = 60, 60
NEW, TELLING = 60, 60
WHY_IN_FULL, WHY_IN_SHORT = 100, 60
MOST_ROOM = 4.0
LIKED = 60  # characters of a liked paper's title


class Form(StrEnum):
    """How much of a paper is shown: all of it, title and sentence, or one line."""

    FULL = "full"
    BRIEF = "brief"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Entry:
    """One paper as it is shown; `number` counts down the page. Empty fields are left out.

    `authors`, `new`, `why` and `excerpt` are as long as the form wants them; `place` counts the best as 0;
    `everyone`, `summary`, `reason` and `abstract` are whole. `also` are papers nearly the same, named below it.
    """

    number: int
    paper: Paper
    title: str
    authors: str
    everyone: str = ""
    new: str = ""
    summary: str = ""
    why: str = ""
    reason: str = ""
    scores: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    excerpt: str = ""
    abstract: str = ""
    form: Form = Form.BRIEF
    place: int = 0
    code: tuple[tuple[str, str], ...] = ()
    also: tuple["Entry", ...] = ()

    @property
    def id(self) -> str:
        """The paper's id, fit to be shown."""
        return one_line(self.paper.id)

    @property
    def mark(self) -> str:
        """The scores in one text."""
        return ", ".join(self.scores)


@dataclass(frozen=True, slots=True)
class _Said:
    """What is shown of a paper to every reader of a language: fit for one line each."""

    title: str
    abstract: str
    everyone: str
    few: str  # the authors of a brief edition
    several: str  # those of a page
    facts: tuple[str, ...]
    code: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Papers under one heading: a topic, the best of some days, or a day."""

    heading: str
    entries: tuple[Entry, ...]


def authors(paper: Paper, followed: Sequence[str], words: Words, shown: int = AUTHORS_SHOWN) -> str:
    """The authors, shortened after `shown` where that spares more than one; followed ones are kept and marked."""
    names = kept = paper.shown.authors
    if len(names) > shown + 1:
        kept = tuple(name for i, name in enumerate(names) if i < shown or name in followed)
    if followed:
        line = one_line(", ".join(f"{FOLLOWED} {name}" if name in followed else name for name in kept))
    else:
        line = one_line(", ".join(kept))
    hidden = len(names) - len(kept)
    if not hidden:
        return line
    return f"{line} " + words.count("and {n} more", "and {n} more", hidden)


def groups(edition: Edition, words: Words) -> tuple[Group, ...]:
    """The papers by topic, each topic where its best paper stands; those of several mailings: the best, then by day.

    Of those that are nearly the same only the first has an entry, which names the others; a page has them next to it.
    """
    sections: dict[str, list[tuple[int, Scored]]] = {}
    placed, also = _placed(edition)
    by_day = edition.cadence is not Cadence.DAILY and any(item.date for item in edition.papers)
    if by_day:
        best = [pair for pair in placed if pair[0] < BEST]
        rest = [pair for pair in placed if pair[0] >= BEST]
        sections[_best_heading(edition, words) if rest else ""] = best
        for place, item in sorted(rest, key=lambda pair: pair[1].date or edition.date):
            sections.setdefault(words.day(item.date or edition.date), []).append((place, item))
    else:
        topics = [_topic(item, edition) for _, item in placed]
        beyond = words.say("Beyond your topics") if any(topics) else ""
        for topic, pair in zip(topics, placed, strict=True):
            sections.setdefault(topic or beyond, []).append(pair)
    groups, number = [], 0
    for heading, items in sections.items():
        entries = []
        for place, item in items:
            number += 1
            others = [
                entry(o, 0, edition, words, Form.LINE, place, with_topic=True) for o in also.get(item.paper.id, ())
            ]
            shown = entry(item, number, edition, words, _form(place, edition), place, with_topic=by_day)
            entries.append(replace(shown, also=tuple(others)) if others else shown)
        if entries:
            groups.append(Group(heading, tuple(entries)))
    return tuple(groups)


def _placed(edition: Edition) -> tuple[list[tuple[int, Scored]], dict[str, list[Scored]]]:
    """The papers that have an entry, in their order, with their places; and those that others name, by the other's id.

    Places count by turns: where equals do not all fit into the form of the best, each topic has its best there.
    """
    own, also = [], dict[str, list[Scored]]()
    for item in edition.papers:
        if item.companion and item.companion in also:
            also[item.companion].append(item)
        else:
            own.append(item)
            also.setdefault(item.paper.id, [])
    if edition.length == "page":
        own = [told for item in own for told in (item, *also.get(item.paper.id, ()))]
        also = {}
    places = {item.paper.id: place for place, item in enumerate(in_turns(own))}
    return [(places[item.paper.id], item) for item in own], also


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
    if comment and topic and not _names(comment, topic):
        named = [name for name in map(one_line, edition.topics) if name and _names(comment, name)]
        topic = named[0] if len(named) == 1 else topic
    return topic


def _names(text: str, topic: str) -> bool:
    """True where the topic stands in the casefolded text as words of its own: "AI" is not in "main"."""
    name = topic.casefold()
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        if not text[max(0, start - 1) : start].isalnum() and not text[end : end + 1].isalnum():
            return True
        start = text.find(name, start + 1)
    return False


@dataclass(frozen=True, slots=True)
class _Why:
    """Why a paper is listed, in parts, as Unicode."""

    comment: str
    sentence: str
    topic: str
    words: Words
    with_topic: bool
    liked: str = ""

    def told(self, length: int = 0) -> str:
        """All of it; with a length, its comment or its closest sentence as a phrase of about that length."""
        comment, sentence = self.comment, self.sentence
        if length:
            comment, sentence = phrase(comment, length), phrase(sentence, length)
        reason = worded_why(comment, self.topic, sentence, self.words, with_topic=self.with_topic)
        return f"{worded_liked(self.liked, self.words)} {reason}".strip() if self.liked else reason


def _why(item: Scored, edition: Edition, words: Words, *, with_topic: bool) -> _Why:
    sentence = item.reason.sentence if item.reason and not item.score.comment else ""
    return _Why(
        _unicode(item.score.comment),
        _unicode(sentence),
        one_line(item.score.topic),
        words,
        with_topic,
        _liked(item, edition) if edition.liked and item.reason else "",
    )


def _liked(item: Scored, edition: Edition) -> str:
    """The title of the first paper that the reader liked and that is near to this one."""
    titles = dict(edition.liked)
    found = next((titles[paper] for paper in (item.reason.liked if item.reason else ()) if paper in titles), "")
    return shortened(one_line(found), LIKED)


@lru_cache(maxsize=8192)  # a day's papers are the same for all readers of a language
def _said(paper: Paper, words: Words) -> _Said:
    names = paper.shown.authors
    everyone = authors(paper, (), words, len(names))

    def first(most: int) -> str:
        return everyone if len(names) <= most + 1 else authors(paper, (), words, most)

    return _Said(
        title=_title(paper),
        abstract=one_line(paper.shown.abstract),
        everyone=everyone,
        few=first(AUTHORS_IN_BRIEF),
        several=first(AUTHORS_SHOWN),
        facts=_facts(paper, words),
        code=addresses(paper.comment, paper.abstract),
    )


def _title(paper: Paper) -> str:
    return one_line(paper.shown.title) or one_line(paper.id)


@lru_cache(maxsize=8192)  # readers of the same topics share their comments, and all share the sentences of abstracts
def _unicode(text: str) -> str:
    return one_line(to_unicode(text)) if text else ""


def entry(  # noqa: PLR0917 - a paper, where it stands, and how it is told
    item: Scored, number: int, edition: Edition, words: Words, form: Form, place: int = 0, *, with_topic: bool = False
) -> Entry:
    paper, is_page = item.paper, edition.length == "page"
    said, summary = _said(paper, words), _unicode(item.score.summary)
    why = _why(item, edition, words, with_topic=with_topic)
    reason, abstract = why.told(), said.abstract
    if summary and summary.removesuffix("…") in reason:
        summary = ""  # the comment says it already
    if is_page:
        new, because, excerpt = summary, reason, abstract
    else:
        new, because, excerpt = _in_phrases(form, summary, why, reason, abstract, _room(edition))
    everyone, some = said.everyone, said.several if is_page else said.few
    if item.followed:
        everyone = authors(paper, item.followed, words, len(paper.shown.authors))
        some = authors(paper, item.followed, words, AUTHORS_SHOWN if is_page else AUTHORS_IN_BRIEF)
    return Entry(
        number=number,
        place=place,
        paper=paper,
        title=said.title,
        authors=some,
        everyone=everyone,
        new=new,
        summary=summary,
        why=because,
        reason=reason,
        scores=_scores(item, edition, words, with_topic=with_topic),
        facts=said.facts,
        excerpt=excerpt,
        abstract=abstract,
        form=form,
        code=said.code,
    )


def _room(edition: Edition) -> float:
    """How many times longer than in a long edition a phrase may be: whoever has five papers reads whole comments."""
    papers = len(edition.papers) or 1
    return min(MOST_ROOM, (BEST + NEXT) / papers) if papers < BEST + NEXT else 1.0


def _in_phrases(  # noqa: PLR0917 - what there is to say, and how much room
    form: Form, summary: str, why: _Why, reason: str, abstract: str, room: float
) -> tuple[str, str, str]:
    """What is new, why, and what the abstract tells beside it, as a brief edition has them."""
    if form is Form.LINE:
        return "", "", ""
    new = phrase(summary, round(NEW * room))
    if form is Form.BRIEF:
        return new, why.told(round(WHY_IN_SHORT * room)) or new or _telling(abstract, TELLING, reason), ""
    because = why.told(round(WHY_IN_FULL * room))
    is_told = because and not why.comment and tells(why.sentence)
    telling_of = round(TELLING * room)
    return new, because, "" if is_told else _telling(abstract, telling_of, f"{reason} {summary}")


def _telling(abstract: str, length: int, said: str) -> str:
    """What the abstract tells beside what is said of the paper."""
    return phrase(telling(abstract, length, said), length)


def glance(edition: Edition, groups: tuple[Group, ...], words: Words) -> tuple[Entry, ...]:
    """The best papers with as much of what is new and why as the first screen holds; a single one needs none."""
    if len(edition.papers) < 2:
        return ()
    entries = {entry.place: entry for group in groups for entry in group.entries}
    best = [(place, item) for place, item in _placed(edition)[0] if place < GLANCE]
    return tuple(_at_a_glance(entries[place], item, words) for place, item in best) if len(best) > 1 else ()


def _at_a_glance(shown: Entry, item: Scored, words: Words) -> Entry:
    """Without a comment, what the abstract tells is new, and the topic is why: beside it no sentence has room."""
    new, topic = shown.summary, one_line(item.score.topic)
    if item.score.comment:
        why = phrase(shown.reason, WHY_AT_A_GLANCE)
    else:
        new = new or _telling(shown.abstract, NEW_AT_A_GLANCE, shown.reason)
        strength = worded_strength(item.reason.strength, words) if item.reason and item.reason.strength else ""
        why = ": ".join(filter(None, (topic, strength)))
    return replace(shown, new=phrase(new, NEW_AT_A_GLANCE), why=why)


def bare(paper: Paper) -> Entry:
    return Entry(0, paper, _title(paper), "", form=Form.LINE)


def _scores(item: Scored, edition: Edition, words: Words, *, with_topic: bool) -> tuple[str, ...]:
    """What a model said in numbers, or how near the paper is in a word where none graded it."""
    score, parts = item.score, []
    strength = item.reason.strength if item.reason else None
    if edition.scorer == "local" or strength:
        parts += [worded_strength(strength, words)] if strength else []
    else:
        parts += _numbers(score.relevance, score.novelty, words)
    if with_topic and (topic := _topic(item, edition)):
        parts.append(topic)
    return tuple(parts)


@lru_cache(maxsize=1024)
def _numbers(relevance: int, novelty: int | None, words: Words) -> tuple[str, ...]:
    told = words.say("relevance {n}", n=relevance)
    return (told,) if novelty is None else (told, words.say("novelty {n}", n=novelty))


def _facts(paper: Paper, words: Words) -> tuple[str, ...]:
    """When it was submitted, where it is filed, and what its authors say of it."""
    parts = (
        words.date(paper.submitted_at.date()) if paper.submitted_at else "",
        words.say("version {n}", n=paper.version) if paper.version > 1 else "",
        one_line(paper.primary_category),
        shortened(one_line(paper.comment), 160),
        shortened(one_line(paper.journal_ref), 120),
    )
    return tuple(part for part in parts if part)


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
