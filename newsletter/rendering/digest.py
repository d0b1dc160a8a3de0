"""Decides what one edition tells its reader, in the reader's language and in which order; calls nothing.

The templates place these values; HTML and plain text say the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from newsletter.models.editions import Cadence, Edition, Kind, Links
from newsletter.models.papers import Paper
from newsletter.models.scores import Cost, Scored, Status, Trouble, Usage
from newsletter.rendering.language import N_, Words
from newsletter.rendering.reasons import worded_fault, worded_reason, worded_strength
from newsletter.rendering.sentences import addresses, telling
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
SUBJECT_AT_MOST = 77
TITLE_IN_SUBJECT_AT_LEAST = 12
_UNREADABLE = re.compile(  # characters that XML 1.0 §2.2 forbids, and the separators that end a line unseen
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
)


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
        return clean(self.paper.id)

    @property
    def mark(self) -> str:
        """The scores in one text."""
        return ", ".join(self.scores)


@dataclass(frozen=True, slots=True)
class Group:
    """Papers under one heading: a topic, the best of some days, or a day."""

    heading: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that must not be missed, with a page that says more."""

    text: str
    url: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What the reading cost: tokens, the reader's share in USD, and this month's sum as a sentence."""

    model: str
    usage: Usage
    cost: Cost
    month: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """An edition as it is told. `status` is the line that says how many papers of how many, and read by whom.

    `glance` are the best papers, each with what is new and why, for the first screen.
    """

    subject: str
    title: str
    status: str
    notices: tuple[Notice, ...] = ()
    lead: str = ""
    glance: tuple[Entry, ...] = ()
    groups: tuple[Group, ...] = ()
    is_page: bool = False
    near_misses: tuple[Entry, ...] = ()
    near_heading: str = ""
    not_scored: tuple[Entry, ...] = ()
    not_scored_hidden: int = 0
    is_shortened: bool = False
    account: Account | None = None
    totals: str = ""
    footer: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The papers in the order of the page."""
        return tuple(entry for group in self.groups for entry in group.entries)

    @property
    def contents(self) -> tuple[Group, ...]:
        """The papers that the list of contents names, by group: those in full, of a page of several."""
        if not self.is_page or len(self.entries) == 1:
            return ()
        groups = (Group(g.heading, tuple(e for e in g.entries if e.form is Form.FULL)) for g in self.groups)
        return tuple(group for group in groups if group.entries)

    @property
    def in_short(self) -> int:
        """How many papers a page has in short, because they did not fit."""
        return sum(entry.form is not Form.FULL for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the newsletter's name, who runs it, where the post reaches them, and a line of their own."""

    name: str = "Preprint Post"
    operator: str = ""
    postal_address: str = ""
    footer: str = ""


def digest(edition: Edition, links: Links, words: Words, sender: Sender) -> Digest:
    """What the edition tells."""
    groups = _groups(edition, words)
    return Digest(
        subject=_subject(edition, words, sender.name),
        title=_when(edition, words),
        status=_status_line(edition, words),
        notices=_notices(edition, links, words),
        lead=_lead(edition, words),
        glance=_glance(edition, groups, words),
        groups=groups,
        is_page=edition.length == "page",
        near_misses=tuple(_entry(item, 0, edition, words, Form.LINE) for item in edition.near_misses),
        near_heading=_near_heading(edition, words),
        not_scored=tuple(_bare(paper) for paper in edition.not_scored),
        account=_account(edition, words),
        totals=_totals(edition, words),
        footer=_footer(edition, words, sender),
    )


def clean(text: str) -> str:
    """One line of readable text: white space collapsed, characters gone that XML forbids."""
    if text.isprintable() and "  " not in text:  # nearly always, and much faster
        return text.strip(" ")
    return " ".join(_UNREADABLE.sub(" ", text).split())


def shortened(text: str, length: int) -> str:
    """The text, or its beginning up to a word's end with an ellipsis, in at most `length` characters."""
    if len(text) <= length:
        return text
    start = text[: length - 1]
    at_word = start.rpartition(" ")[0]
    return (at_word if len(at_word) > length // 2 else start).rstrip(" ,;:.–—-") + "…"


def authors(paper: Paper, followed: Sequence[str], words: Words, shown: int = AUTHORS_SHOWN) -> str:
    """The authors, shortened after `shown`; followed ones are kept and marked."""
    names = paper.shown.authors
    kept = names if len(names) <= shown else [n for i, n in enumerate(names) if i < shown or n in followed]
    line = clean(", ".join(f"{FOLLOWED} {name}" if name in followed else name for name in kept))
    hidden = len(names) - len(kept)
    if not hidden:
        return line
    return f"{line} " + words.count("and {n} more", "and {n} more", hidden)


# The papers


def _groups(edition: Edition, words: Words) -> tuple[Group, ...]:
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
            entries.append(_entry(item, number, edition, words, _form(place, edition), place, with_topic=by_day))
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
    topic, comment = clean(item.score.topic), item.score.comment.casefold()
    if comment and topic and topic.casefold() not in comment:
        named = [name for name in map(clean, edition.topics) if name and name.casefold() in comment]
        topic = named[0] if len(named) == 1 else topic
    return topic


def _entry(  # noqa: PLR0917 - a paper, where it stands, and how it is told
    item: Scored, number: int, edition: Edition, words: Words, form: Form, place: int = 0, *, with_topic: bool = False
) -> Entry:
    paper, score, is_page = item.paper, item.score, edition.length == "page"
    new = clean(to_unicode(score.summary))
    reason = clean(to_unicode(worded_reason(item, words, with_topic=with_topic)))
    if reason.startswith(new.removesuffix("…")):
        new = ""  # the comment says it already
    abstract = clean(paper.shown.abstract)
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
        title=clean(paper.shown.title) or clean(paper.id),
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


def _glance(edition: Edition, groups: tuple[Group, ...], words: Words) -> tuple[Entry, ...]:
    """The best papers with as much of what is new and why as the first screen holds; a single one needs none."""
    if len(edition.papers) < 2:
        return ()
    numbers = {entry.place: entry.number for group in groups for entry in group.entries}
    short = []
    for place, item in enumerate(edition.papers[:GLANCE]):
        entry = _entry(item, numbers[place], edition, words, Form.FULL, place, with_topic=True)
        new = entry.new or ("" if item.score.comment else _telling_once(entry))
        short.append(
            replace(
                entry,
                new=shortened(new, NEW_AT_A_GLANCE),
                why=shortened(_why_at_a_glance(item, entry, words), WHY_AT_A_GLANCE),
            )
        )
    return tuple(short)


def _why_at_a_glance(item: Scored, entry: Entry, words: Words) -> str:
    """The comment, or the topic alone: beside it no sentence has room."""
    without = replace(item, reason=None) if item.score.topic and not item.score.comment else item
    return clean(to_unicode(worded_reason(without, words))) or entry.reason


def _telling_once(entry: Entry) -> str:
    return telling(entry.abstract, 0, said=entry.reason)


def _bare(paper: Paper) -> Entry:
    return Entry(0, paper, clean(paper.shown.title) or clean(paper.id), "", form=Form.LINE)


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
    said = [shortened(clean(paper.comment), 160), shortened(clean(paper.journal_ref), 120)]
    return tuple(part for part in (submitted, version, clean(paper.primary_category), *said) if part)


def _near_heading(edition: Edition, words: Words) -> str:
    """Under the cut is only what is one point below a threshold."""
    if not edition.papers:
        return words.say("The closest were")
    is_just = edition.min_relevance and all(
        item.score.relevance >= edition.min_relevance - 1
        and (item.score.novelty is None or item.score.novelty >= edition.min_novelty - 1)
        for item in edition.near_misses
    )
    return words.say("Just under the cut") if is_just else words.say("Closest")


# What is said once


def _when(edition: Edition, words: Words) -> str:
    days = edition.mailings
    if len(days) > 1:
        return words.say("{day} {year}", day=words.days(days[0], days[-1]), year=days[-1].year)
    return words.dated(edition.date)


def _days(edition: Edition, words: Words) -> str:
    days = edition.mailings
    return words.days(days[0], days[-1]) if len(days) > 1 else words.day(edition.date)


def _status_line(edition: Edition, words: Words) -> str:
    parts = [_count(edition, words)]
    if edition.papers:
        parts.append(_reader(edition, words))
    return " · ".join(part for part in parts if part) or words.say("No papers for you")


def _count(edition: Edition, words: Words) -> str:
    totals, found = edition.totals, len(edition.papers)
    values = {"total": totals.candidates or totals.scanned, "where": _where(edition)}
    if not values["total"]:
        return words.count("{n} paper for you", "{n} papers for you", found) if found else ""
    if not values["where"]:
        return words.count("{n} paper for you of {total} new", "{n} papers for you of {total} new", found, **values)
    return words.count(
        "{n} paper for you of {total} new in {where}",
        "{n} papers for you of {total} new in {where}",
        found,
        **values,
    )


def _where(edition: Edition) -> str:
    names = [clean(name) for name in edition.categories]
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _reader(edition: Edition, words: Words) -> str:
    """Who read the papers, and how many of them where it was not all."""
    if edition.scorer == "local":
        if edition.usage.total_tokens:
            return words.say("ranked by similarity with your topics")
        return words.say("ranked by similarity with your topics, no language model read these")
    model, usd = clean(edition.model), clean(edition.cost.total)
    unread = next((e.numbers for e in edition.economies if e.code is Trouble.UNREAD and len(e.numbers) == 2), None)
    if unread or edition.not_scored:
        left, whole = unread or (0, edition.totals.candidates)
        read = whole - left - len(edition.not_scored)
        if read > 0:
            return words.say(
                "{read} of {whole} read by {model}, your share ${usd}", read=read, whole=whole, model=model, usd=usd
            )
        return words.say("your share of {model}: ${usd}", model=model, usd=usd)
    return words.say("read by {model}, your share ${usd}", model=model, usd=usd)


_LEAD = {
    Status.NO_MATCH: N_("{nothing}, because none of the new papers came close enough to your topics."),
    Status.HOLIDAY: N_("{nothing}, because arXiv announced nothing: it is a holiday there."),
    Status.ARXIV_FAULT: N_(
        "{nothing}, because arXiv's mailing could not be read in full. What is missing comes later."
    ),
    Status.SCORING_FAULT: N_("{nothing}, because the new papers could not be scored. Their titles follow."),
    Status.BUDGET: N_("{nothing}, because your budget for this month is used up."),
    Status.OK: N_("{nothing}, because every paper that matches was in an earlier mail."),
}
_NONE_LEFT = N_("{nothing}, because no new paper of your categories was left to choose from.")


def _lead(edition: Edition, words: Words) -> str:
    """The sentence that opens a welcome, or stands where papers would be."""
    if edition.kind is Kind.WELCOME:
        return words.say(
            "Good to have you. This is the newest mailing, read with your topics, so that you see what to expect."
            " The next mail comes with the next mailing."
        )
    return "" if edition.papers else words.say(_empty(edition), nothing=_nothing(edition, words))


def _empty(edition: Edition) -> str:
    """Why an edition lists no paper. Papers that were ranked by similarity, for want of a model, were not close."""
    status, is_ranked = edition.status, edition.fault is not None and not edition.not_scored
    if status is Status.SCORING_FAULT and edition.not_scored:
        return _LEAD[status]
    if status is Status.ARXIV_FAULT and not edition.totals.candidates:
        return _LEAD[status]
    if status in (Status.HOLIDAY, Status.OK) or (status is Status.BUDGET and not is_ranked):
        return _LEAD[status]
    return _LEAD[Status.NO_MATCH] if edition.totals.candidates or edition.near_misses else _NONE_LEFT


def _nothing(edition: Edition, words: Words) -> str:
    is_daily = edition.cadence is Cadence.DAILY
    return words.say("Nothing for you today") if is_daily else words.say("Nothing for you this time")


_FAULTS = {
    Status.ARXIV_FAULT: N_("arXiv's mailing was incomplete when this was written; what is missing comes next time."),
    Status.SCORING_FAULT: N_("Not all papers could be scored."),
    Status.BUDGET: N_("Your budget for this month did not reach for all papers."),
}


def _notices(edition: Edition, links: Links, words: Words) -> tuple[Notice, ...]:
    """Each thing once: a fault says more than the status that comes of it."""
    notices = []
    if links.missed_web_copy:
        text = words.say("Your last mail may not have reached you.")
        notices.append(Notice(text, links.missed_web_copy, words.say("Read it on the web")))
    faults = (edition.fault, *edition.economies) if edition.fault else edition.economies
    is_said = edition.status is not Status.ARXIV_FAULT and bool(faults)
    if edition.status in _FAULTS and not is_said and (edition.papers or edition.totals.candidates):
        notices.append(Notice(words.say(_FAULTS[edition.status])))
    notices.extend(Notice(worded_fault(fault, words)) for fault in dict.fromkeys(faults) if fault)
    if edition.papers and edition.not_scored:
        notices.append(Notice(words.say("The papers without a score are named below.")))
    if edition.older:
        days = ", ".join(words.day(day) for day in edition.older)
        notices.append(Notice(words.say("Too old to be part of this mail: the mailings of {days}.", days=days)))
    return tuple(notices)


def _account(edition: Edition, words: Words) -> Account | None:
    if edition.scorer == "local" and not edition.usage.total_tokens:
        return None
    cost, month = edition.cost, edition.month
    spent = words.say("this month ${spent} of ${budget}", spent=month.spent, budget=month.budget) if month else ""
    return Account(
        clean(edition.model), edition.usage, Cost(clean(cost.prompt), clean(cost.completion), clean(cost.total)), spent
    )


def _totals(edition: Edition, words: Words) -> str:
    """How many papers arXiv announced, how many were scanned, how many are here."""
    totals = edition.totals
    if not totals.announced and not totals.scanned:
        return ""
    return words.say(
        "announced {announced} · scanned {scanned} · relevant {relevant}",
        announced=totals.announced,
        scanned=totals.scanned,
        relevant=totals.relevant,
    )


def _footer(edition: Edition, words: Words, sender: Sender) -> tuple[str, ...]:
    """Who wrote the comments, why the reader gets this, who sends it, and where the post reaches them."""
    lines = [words.say("You get this because you subscribed to {mailer} with topics of your own.", mailer=sender.name)]
    if edition.scorer != "local" and any(item.score.comment for item in edition.papers):
        lines.insert(0, words.say("Comments written by {model}.", model=clean(edition.model)))
    if sender.operator:
        lines.append(words.say("Sent by {operator}.", operator=clean(sender.operator)))
    return tuple(line for line in (*lines, clean(sender.postal_address), clean(sender.footer)) if line)


# The subject


def _subject(edition: Edition, words: Words, mailer: str) -> str:
    """The strongest paper and the count, in less than 78 characters (RFC 5322 §2.1.1)."""
    if edition.kind is Kind.WELCOME:
        return shortened(words.say("Welcome to {mailer}", mailer=mailer), SUBJECT_AT_MOST)
    if not edition.papers:
        said = _EMPTY_SUBJECT.get(edition.status)
        start = words.say(said) if said else _nothing(edition, words)
        return shortened(f"{start} · {_days(edition, words)}", SUBJECT_AT_MOST)
    tail = " · " + words.count("{n} paper for you", "{n} papers for you", len(edition.papers))
    best = clean(edition.papers[0].paper.shown.title) or clean(edition.papers[0].paper.id)
    return shortened(best, max(TITLE_IN_SUBJECT_AT_LEAST, SUBJECT_AT_MOST - len(tail))) + tail


_EMPTY_SUBJECT = {
    Status.HOLIDAY: N_("No arXiv mailing"),
    Status.ARXIV_FAULT: N_("arXiv could not be read"),
    Status.SCORING_FAULT: N_("Papers could not be scored"),
    Status.BUDGET: N_("Budget used up"),
    Status.OK: N_("Nothing new for you"),
}
