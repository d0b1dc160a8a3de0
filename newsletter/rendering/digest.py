"""Decides what one edition tells its reader, in the reader's language and in which order; calls nothing.

The templates place these values; HTML and plain text say the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from newsletter.models.editions import Cadence, Edition, Kind, Links
from newsletter.models.papers import Paper
from newsletter.models.scores import Cost, Scored, Status, Usage
from newsletter.rendering.language import N_, Words
from newsletter.rendering.reasons import worded_fault, worded_reason
from newsletter.text.tex import to_unicode

AUTHORS_SHOWN = 6
FOLLOWED = "★"
SUBJECT_AT_MOST = 77
TITLE_IN_SUBJECT_AT_LEAST = 12
TOP_AT_MOST = 25  # percent; beyond it the place says nothing
SENTENCE = 300  # characters of an abstract that stand for a missing sentence
_UNREADABLE = re.compile(  # characters that XML 1.0 §2.2 forbids, and the separators that end a line unseen
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
)
_OWN_WORK = re.compile(r"\bwe\b|\bthis (paper|work|article|study|letter|thesis|survey|report)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“\"(])")


class Form(StrEnum):
    """How much of a paper is shown: all of it, title and sentence, or one line."""

    FULL = "full"
    BRIEF = "brief"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Entry:
    """One paper as it is shown; `number` counts down the page. Empty fields are left out."""

    number: int
    paper: Paper
    title: str
    authors: str
    new: str = ""
    why: str = ""
    scores: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    abstract: str = ""
    form: Form = Form.BRIEF
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Papers under one heading: a topic, a day, or the rest."""

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
    """What the reading cost: tokens, and the reader's share in USD."""

    model: str
    usage: Usage
    cost: Cost


@dataclass(frozen=True, slots=True)
class Digest:
    """An edition as it is told. `status` is the line that says how many papers of how many, when, and read by whom."""

    subject: str
    title: str
    status: str
    notices: tuple[Notice, ...] = ()
    lead: str = ""
    groups: tuple[Group, ...] = ()
    near_misses: tuple[Entry, ...] = ()
    near_heading: str = ""
    not_scored: tuple[Entry, ...] = ()
    not_scored_hidden: int = 0
    is_shortened: bool = False
    account: Account | None = None
    footer: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The papers in the order of the page."""
        return tuple(entry for group in self.groups for entry in group.entries)

    @property
    def contents(self) -> tuple[Entry, ...]:
        """The papers that the list of contents names: those in full; a single one needs no list."""
        full = tuple(entry for entry in self.entries if entry.form is Form.FULL)
        return full if len(full) > 1 else ()

    @property
    def has_novelty(self) -> bool:
        """True when the marks of the contents are two numbers."""
        return any("·" in entry.mark for entry in self.contents)

    @property
    def brief(self) -> int:
        """How many papers stand there in short."""
        return sum(entry.form is not Form.FULL for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the newsletter's name, who runs it, where the post reaches them, and a line of their own."""

    name: str = "arXiv newsletter"
    operator: str = ""
    postal_address: str = ""
    footer: str = ""


def digest(edition: Edition, links: Links, words: Words, sender: Sender) -> Digest:
    """What the edition tells."""
    groups = _groups(edition, words)
    return Digest(
        subject=_subject(edition, words, sender.name),
        title=words.say("Welcome") if edition.kind is Kind.WELCOME else _when(edition, words),
        status=_status_line(edition, words),
        notices=_notices(edition, links, words),
        lead=_lead(edition, words),
        groups=groups,
        near_misses=tuple(_entry(item, 0, edition, words, full=False) for item in edition.near_misses),
        near_heading=words.say("Just under the cut") if edition.papers else words.say("The closest were"),
        not_scored=tuple(_bare(paper) for paper in edition.not_scored),
        account=_account(edition),
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
    """Full papers by topic, then the rest; an edition of several mailings goes by day."""
    full = [(item, True) for item in edition.papers[: edition.full_papers]]
    rest = [(item, False) for item in edition.papers[edition.full_papers :]]
    by_day = edition.cadence is not Cadence.DAILY and any(item.date for item in edition.papers)
    sections: dict[str, list[tuple[Scored, bool]]] = {}
    if by_day:
        for item, is_full in sorted((*full, *rest), key=lambda pair: pair[0].date or edition.date):
            sections.setdefault(words.day(item.date or edition.date), []).append((item, is_full))
    else:
        has_topics = any(item.score.topic for item, _ in full)
        for item, is_full in full:
            topic = clean(item.score.topic) or (words.say("Beyond your topics") if has_topics else "")
            sections.setdefault(topic, []).append((item, is_full))
        if rest:
            sections.setdefault(words.say("More papers for you") if full else "", []).extend(rest)
    groups, number = [], 0
    for heading, items in sections.items():
        entries = []
        for item, is_full in items:
            number += 1
            entries.append(_entry(item, number, edition, words, full=is_full, with_topic=by_day or not is_full))
        groups.append(Group(heading, tuple(entries)))
    return tuple(groups)


def _entry(item: Scored, number: int, edition: Edition, words: Words, *, full: bool, with_topic: bool = True) -> Entry:
    paper, score = item.paper, item.score
    new = clean(to_unicode(score.summary))
    why = clean(to_unicode(worded_reason(item, words)))
    if not full and not new and (edition.scorer == "local" or not why):
        new = _claim(clean(paper.shown.abstract))
    if full and why.startswith(new.removesuffix("…")):
        new = ""  # the comment says it already
    return Entry(
        number=number,
        paper=paper,
        title=clean(paper.shown.title) or clean(paper.id),
        authors=authors(paper, item.followed, words),
        new=new,
        why=why if full or not new else "",
        scores=_scores(item, edition, words, with_topic=with_topic),
        facts=_facts(paper, words) if full else (),
        abstract=clean(paper.shown.abstract) if full else "",
        form=Form.FULL if full else Form.BRIEF,
        mark=str(score.relevance)
        if score.novelty is None
        else f"{score.relevance}\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}{score.novelty}",
    )


def _claim(abstract: str) -> str:
    """The sentence of an abstract that tells what its authors did, else its first one."""
    sentences = _SENTENCE_END.split(abstract)
    return shortened(next(filter(_OWN_WORK.search, sentences), sentences[0]), SENTENCE)


def _bare(paper: Paper) -> Entry:
    return Entry(0, paper, clean(paper.shown.title) or clean(paper.id), "")


def _scores(item: Scored, edition: Edition, words: Words, *, with_topic: bool) -> tuple[str, ...]:
    score, say = item.score, words.say
    parts = [say("relevance {n}", n=score.relevance)]
    if score.novelty is not None:
        parts.append(say("novelty {n}", n=score.novelty))
    if item.top is not None and item.top <= TOP_AT_MOST:
        is_today = edition.cadence is Cadence.DAILY
        parts.append(say("top {n} % today", n=item.top) if is_today else say("top {n} %", n=item.top))
    if with_topic and score.topic:
        parts.append(clean(score.topic))
    return tuple(parts)


def _facts(paper: Paper, words: Words) -> tuple[str, ...]:
    """When it was submitted, where it is filed, and what its authors say of it."""
    submitted = words.date(paper.submitted_at.date()) if paper.submitted_at else ""
    version = words.say("version {n}", n=paper.version) if paper.version > 1 else ""
    said = [shortened(clean(paper.comment), 160), shortened(clean(paper.journal_ref), 120)]
    return tuple(part for part in (submitted, version, clean(paper.primary_category), *said) if part)


# What is said once


def _when(edition: Edition, words: Words) -> str:
    days = edition.mailings
    if len(days) > 1:
        return words.days(days[0], days[-1])
    return words.day(edition.date)


def _status_line(edition: Edition, words: Words) -> str:
    parts = [_count(edition, words), _when(edition, words)]
    if edition.papers:
        parts.append(_reader(edition, words))
    return " · ".join(part for part in parts if part)


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
    if edition.scorer == "local":
        return words.say("ranked by similarity with your topics, no language model read these")
    return words.say("read by {model}, your share ${usd}", model=clean(edition.model), usd=edition.cost.total)


_LEAD = {
    Status.NO_MATCH: N_("{nothing}, because none of the new papers came close enough to your topics."),
    Status.HOLIDAY: N_("{nothing}, because arXiv announced nothing: it is a holiday there."),
    Status.ARXIV_FAULT: N_("{nothing}, because arXiv's mailing could not be read. It comes once it can be."),
    Status.SCORING_FAULT: N_("{nothing}, because the new papers could not be scored. Their titles follow."),
    Status.BUDGET: N_("{nothing}, because your budget for this month is used up."),
    Status.OK: N_("{nothing}, because every paper that matches was in an earlier mail."),
}


def _lead(edition: Edition, words: Words) -> str:
    """The sentence that opens a welcome, or stands where papers would be."""
    if edition.kind is Kind.WELCOME:
        return words.say(
            "Good to have you. This is the newest mailing, read with your topics, so that you see what to expect."
            " The next mail comes with the next mailing."
        )
    return "" if edition.papers else words.say(_LEAD[edition.status], nothing=_nothing(edition, words))


def _nothing(edition: Edition, words: Words) -> str:
    is_daily = edition.cadence is Cadence.DAILY
    return words.say("Nothing for you today") if is_daily else words.say("Nothing for you this time")


_FAULTS = {
    Status.ARXIV_FAULT: N_("arXiv's mailing was incomplete when this was written; what is missing comes next time."),
    Status.SCORING_FAULT: N_("Not all papers could be scored today; those without a score are named below."),
    Status.BUDGET: N_("Your budget for this month did not reach for all of today's papers."),
}


def _notices(edition: Edition, links: Links, words: Words) -> tuple[Notice, ...]:
    notices = []
    if links.missed_web_copy:
        text = words.say("Yesterday's mail may not have reached you.")
        notices.append(Notice(text, links.missed_web_copy, words.say("Read it on the web")))
    if edition.papers and edition.status in _FAULTS:
        notices.append(Notice(words.say(_FAULTS[edition.status])))
    if edition.fault:
        notices.append(Notice(worded_fault(edition.fault, words)))
    notices.extend(Notice(worded_fault(economy, words)) for economy in edition.economies)
    if edition.older:
        days = ", ".join(words.day(day) for day in edition.older)
        notices.append(Notice(words.say("Too old to be part of this mail: the mailings of {days}.", days=days)))
    return tuple(notices)


def _account(edition: Edition) -> Account | None:
    if edition.scorer == "local":
        return None
    cost = edition.cost
    return Account(
        clean(edition.model), edition.usage, Cost(clean(cost.prompt), clean(cost.completion), clean(cost.total))
    )


def _footer(edition: Edition, words: Words, sender: Sender) -> tuple[str, ...]:
    """Why the reader gets this, who sends it, and where the post reaches them."""
    where = _where(edition)
    why = N_("You get this because you subscribed to {mailer} with topics of your own, in {where}.")
    plain = N_("You get this because you subscribed to {mailer}.")
    lines = [words.say(why if where else plain, mailer=sender.name, where=where)]
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
        return shortened(f"{start} · {_when(edition, words)}", SUBJECT_AT_MOST)
    tail = " · " + words.count("{n} paper for you", "{n} papers for you", len(edition.papers))
    best = clean(edition.papers[0].paper.shown.title) or clean(edition.papers[0].paper.id)
    return shortened(best, max(TITLE_IN_SUBJECT_AT_LEAST, SUBJECT_AT_MOST - len(tail))) + tail


_EMPTY_SUBJECT = {
    Status.HOLIDAY: N_("No arXiv mailing today"),
    Status.ARXIV_FAULT: N_("arXiv could not be read"),
    Status.SCORING_FAULT: N_("Papers could not be scored"),
    Status.BUDGET: N_("Budget used up"),
    Status.OK: N_("Nothing new for you"),
}
