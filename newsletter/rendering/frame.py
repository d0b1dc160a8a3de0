"""Decides what an edition says once: subject, date, how many, what went wrong, what it cost. Calls nothing."""

from dataclasses import dataclass

from newsletter.models.editions import Cadence, Edition, Kind, Links
from newsletter.models.scores import Cost, Status, Trouble, Usage
from newsletter.rendering.language import N_, Words
from newsletter.rendering.reasons import worded_fault
from newsletter.rendering.sentences import shortened
from newsletter.text.printable import one_line

SUBJECT_AT_MOST = 77
TITLE_IN_SUBJECT_AT_LEAST = 12


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that must not be missed, with a page that says more."""

    text: str
    url: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What the reading cost: tokens, the reader's share in USD, this month's sum; `line` says it all in one line."""

    model: str
    usage: Usage
    cost: Cost
    month: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the newsletter's name, who runs it, where the post reaches them, and a line of their own."""

    name: str = "Preprint Post"
    operator: str = ""
    postal_address: str = ""
    footer: str = ""


def title(edition: Edition, words: Words) -> str:
    days = edition.mailings
    if len(days) > 1:
        return words.say("{day} {year}", day=words.days(days[0], days[-1]), year=days[-1].year)
    return words.dated(edition.date)


def _days(edition: Edition, words: Words) -> str:
    days = edition.mailings
    return words.days(days[0], days[-1]) if len(days) > 1 else words.day(edition.date)


def status_line(edition: Edition, words: Words) -> str:
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
    names = [one_line(name) for name in edition.categories]
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


_NOT_READ = frozenset({Trouble.UNREAD, Trouble.SKIPPED})


def _reader(edition: Edition, words: Words) -> str:
    """Who read the papers, and how many of them where it was not all."""
    if edition.scorer == "local":
        if edition.usage.total_tokens:
            return words.say("ranked by similarity with your topics")
        return words.say("ranked by similarity with your topics, no language model read these")
    model, usd = one_line(edition.model), one_line(edition.cost.total)
    unread = [e.numbers for e in edition.economies if e.code in _NOT_READ and len(e.numbers) == 2]
    if unread or edition.not_scored:
        whole = unread[0][1] if unread else edition.totals.candidates
        read = whole - sum(left for left, _ in unread) - len(edition.not_scored)
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


def lead(edition: Edition, words: Words) -> str:
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


def notices(edition: Edition, links: Links, words: Words) -> tuple[Notice, ...]:
    """Each thing once: a fault says more than the status that comes of it. What is skipped by design is no news."""
    notices = []
    if links.missed_web_copy:
        text = words.say("Your last mail may not have reached you.")
        notices.append(Notice(text, links.missed_web_copy, words.say("Read it on the web")))
    economies = tuple(economy for economy in edition.economies if economy.code is not Trouble.SKIPPED)
    faults = (edition.fault, *economies) if edition.fault else economies
    is_said = edition.status is not Status.ARXIV_FAULT and bool(faults)
    if edition.status in _FAULTS and not is_said and (edition.papers or edition.totals.candidates):
        notices.append(Notice(words.say(_FAULTS[edition.status])))
    notices.extend(Notice(worded_fault(fault, words)) for fault in dict.fromkeys(faults) if fault)
    if edition.papers and edition.not_scored:
        unscored = words.count(
            "The paper without a score is named below.",
            "The papers without a score are named below.",
            len(edition.not_scored),
        )
        notices.append(Notice(unscored))
    if edition.older:
        days = ", ".join(words.day(day) for day in edition.older)
        older = words.count(
            "Too old to be part of this mail: the mailing of {days}.",
            "Too old to be part of this mail: the mailings of {days}.",
            len(edition.older),
            days=days,
        )
        notices.append(Notice(older))
    return tuple(notices)


def account(edition: Edition, words: Words) -> Account | None:
    if edition.scorer == "local" and not edition.usage.total_tokens:
        return None
    usage, month = edition.usage, edition.month
    model, cost = (
        one_line(edition.model),
        Cost(*map(one_line, (edition.cost.prompt, edition.cost.completion, edition.cost.total))),
    )
    spent = words.say("this month ${spent} of ${budget}", spent=month.spent, budget=month.budget) if month else ""
    said = [words.count("{n} token", "{n} tokens", usage.total_tokens), spent]
    if edition.scorer == "local" or not edition.papers:  # else the status says it
        said.insert(1, words.say("your share of {model}: ${usd}", model=model, usd=cost.total))
    return Account(model, usage, cost, spent, ", ".join(filter(None, said)))


def totals(edition: Edition, words: Words) -> str:
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


def footer(edition: Edition, words: Words, sender: Sender) -> tuple[str, ...]:
    """What was skipped, who wrote the comments, why the reader gets this, who sends it, where the post reaches them."""
    lines = [words.say("You subscribed to {mailer} with topics of your own.", mailer=sender.name)]
    if edition.scorer != "local" and any(item.score.comment for item in edition.papers):
        lines.insert(0, words.say("Comments written by {model}.", model=one_line(edition.model)))
    lines = [worded_fault(e, words) for e in edition.economies if e.code is Trouble.SKIPPED] + lines
    if sender.operator:
        lines.append(words.say("Sent by {operator}.", operator=one_line(sender.operator)))
    return tuple(line for line in (*lines, one_line(sender.postal_address), one_line(sender.footer)) if line)


# The subject


def subject(edition: Edition, words: Words, mailer: str) -> str:
    """The strongest paper and the count, in less than 78 characters (RFC 5322 §2.1.1)."""
    if edition.kind is Kind.WELCOME:
        return shortened(words.say("Welcome to {mailer}", mailer=mailer), SUBJECT_AT_MOST)
    if not edition.papers:
        said = _EMPTY_SUBJECT.get(edition.status)
        start = words.say(said) if said else _nothing(edition, words)
        return shortened(f"{start} · {_days(edition, words)}", SUBJECT_AT_MOST)
    tail = " · " + words.count("{n} paper for you", "{n} papers for you", len(edition.papers))
    best = one_line(edition.papers[0].paper.shown.title) or one_line(edition.papers[0].paper.id)
    return shortened(best, max(TITLE_IN_SUBJECT_AT_LEAST, SUBJECT_AT_MOST - len(tail))) + tail


_EMPTY_SUBJECT = {
    Status.HOLIDAY: N_("No arXiv mailing"),
    Status.ARXIV_FAULT: N_("arXiv could not be read"),
    Status.SCORING_FAULT: N_("Papers could not be scored"),
    Status.BUDGET: N_("Budget used up"),
    Status.OK: N_("Nothing new for you"),
}
