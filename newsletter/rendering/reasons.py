"""Decides how a reader is told why a paper is there, and what went wrong with scoring: facts in, sentences out."""

from collections.abc import Callable

from newsletter.models.scores import Cap, Fault, Scored, Strength, Trouble
from newsletter.rendering.language import N_, Words

_Numbers = tuple[int, ...]
_TROUBLES: dict[Trouble, Callable[[Words, _Numbers], str]] = {
    Trouble.NO_MODEL: lambda words, _: words.say("No model is set up here, so the papers were ranked by similarity."),
    Trouble.MODEL_STOPPED: lambda words, _: words.say(
        "The model could not be used; all papers were ranked by similarity instead."
    ),
    Trouble.UNSCORED: lambda words, n: words.count(
        "{n} of {total} papers got no score; all were ranked by similarity instead.",
        "{n} of {total} papers got no score; all were ranked by similarity instead.",
        n[0],
        total=n[1],
    ),
    Trouble.SCORER_FAILED: lambda words, _: words.say("The papers could not be scored, because of an error of ours."),
    Trouble.UNREAD: lambda words, n: (
        words.say("All papers were ranked by similarity only")
        if n[0] == n[1]
        else words.count(
            "{n} of {total} papers, the one least like your topics, was ranked by similarity only",
            "{n} of {total} papers, those least like your topics, were ranked by similarity only",
            n[0],
            total=n[1],
        )
    ),
    Trouble.SKIPPED: lambda words, n: words.count(
        "{n} of {total} papers was ranked by similarity only: by earlier days, papers like it are not for you.",
        "{n} of {total} papers were ranked by similarity only: by earlier days, papers like them are not for you.",
        n[0],
        total=n[1],
    ),
    Trouble.UNRATED: lambda words, n: words.count(
        "The novelty of {n} paper was not rated", "The novelty of {n} papers was not rated", n[0]
    ),
    Trouble.NOT_READ_AGAIN: lambda words, n: words.count(
        "{n} borderline paper was not read a second time", "{n} borderline papers were not read a second time", n[0]
    ),
    Trouble.NOT_READ_ALONE: lambda words, _: words.say("Papers beside one that gives orders were not read again alone"),
    Trouble.NO_COMMENTS: lambda words, _: words.say("The papers have no comments"),
    Trouble.FEW_COMMENTS: lambda words, n: words.count(
        "{n} of {total} papers has no comment", "{n} of {total} papers have no comment", n[0], total=n[1]
    ),
    Trouble.UNKNOWN: lambda words, _: words.say("Not all papers could be read as planned."),
}
_NUMBERS = {
    Trouble.UNSCORED: 2,
    Trouble.UNREAD: 2,
    Trouble.SKIPPED: 2,
    Trouble.UNRATED: 1,
    Trouble.FEW_COMMENTS: 2,
    Trouble.NOT_READ_AGAIN: 1,
}
_CAPS = {
    Cap.RUN: N_("{what}: this run's spending limit is reached."),
    Cap.SERVICE_MONTH: N_("{what}: the service's spending limit of this month is reached."),
    Cap.OWN_MONTH: N_("{what}: your budget of this month is used up."),
    Cap.DAY: N_("{what}: your budget is spread over the month, and today's part of it is used up."),
    Cap.COMMENTS: N_("{what}: the rest of your budget is kept for comments."),
}


def worded_fault(fault: Fault, words: Words) -> str:
    """One sentence; of a fault that lacks its numbers only that there was one."""
    is_whole = len(fault.numbers) >= _NUMBERS.get(fault.code, 0)
    what = _TROUBLES[fault.code if is_whole else Trouble.UNKNOWN](words, fault.numbers)
    if not fault.cap:
        return what if what.endswith(".") else f"{what}."
    return words.say(_CAPS[fault.cap], what=what.removesuffix("."))


def worded_reason(item: Scored, words: Words) -> str:
    """Why a paper is listed: the model's comment, else topic and closest sentence; empty where nothing is known."""
    sentence = item.reason.sentence if item.reason else ""
    return worded_why(item.score.comment, item.score.topic, sentence, words)


def worded_why(comment: str, topic: str, sentence: str, words: Words, *, with_topic: bool = True) -> str:
    """The same of its parts. Without `with_topic` the topic is left out beside a sentence: it stands in the heading."""
    if comment:
        return comment
    if sentence and (not with_topic or not topic):
        return words.say("Closest: “{sentence}”", sentence=sentence)
    if sentence:
        return words.say("Closest to your topic “{topic}”: “{sentence}”", topic=topic, sentence=sentence)
    return words.say("Closest to your topic “{topic}”.", topic=topic) if topic else ""


def worded_liked(title: str, words: Words) -> str:
    """That the reader's own mark counts here."""
    return words.say("Because you liked “{title}”.", title=title)


_STRENGTHS = {
    Strength.CLOSE: N_("close match"),
    Strength.MATCH: N_("match"),
    Strength.NEAR: N_("near"),
}


def worded_strength(strength: Strength, words: Words) -> str:
    """How well a paper fits that no model graded."""
    return words.say(_STRENGTHS[strength])
