"""Decides how a reader is told why a paper is there, and what went wrong with scoring: facts in, sentences out."""

from newsletter.models.scores import Cap, Fault, Scored, Strength, Trouble
from newsletter.rendering.language import N_, Words

_TROUBLES = {
    Trouble.NO_MODEL: N_("No model is set up here, so the papers were ranked by similarity."),
    Trouble.MODEL_STOPPED: N_("The model could not be used; all papers were ranked by similarity instead."),
    Trouble.UNSCORED: N_("{0} of {1} papers got no score; all were ranked by similarity instead."),
    Trouble.SCORER_FAILED: N_("The papers could not be scored, because of an error of ours."),
    Trouble.UNREAD: N_("{0} of {1} papers, those least like your topics, were ranked by similarity only"),
    Trouble.UNRATED: N_("The novelty of {0} papers was not rated"),
    Trouble.NOT_READ_AGAIN: N_("{0} borderline papers were not read a second time"),
    Trouble.NOT_READ_ALONE: N_("Papers beside one that gives orders were not read again alone"),
    Trouble.NO_COMMENTS: N_("The papers have no comments"),
    Trouble.UNKNOWN: N_("Not all papers could be read as planned."),
}
_ALL_UNREAD = N_("All papers were ranked by similarity only")
_CAPS = {
    Cap.RUN: N_("{what}: this run's spending limit is reached."),
    Cap.SERVICE_MONTH: N_("{what}: the service's spending limit of this month is reached."),
    Cap.OWN_MONTH: N_("{what}: your budget of this month is used up."),
    Cap.COMMENTS: N_("{what}: the rest of your budget is kept for comments."),
}


def worded_fault(fault: Fault, words: Words) -> str:
    """One sentence."""
    is_all = fault.code is Trouble.UNREAD and len(set(fault.numbers)) == 1
    text = words.say(_ALL_UNREAD if is_all else _TROUBLES[fault.code])
    what = text.format(*fault.numbers) if fault.numbers else text
    return words.say(_CAPS[fault.cap], what=what) if fault.cap else what


def worded_reason(item: Scored, words: Words, *, with_topic: bool = True) -> str:
    """Why a paper is listed: the model's comment, else topic and closest sentence; empty where nothing is known.

    Without `with_topic` the topic is left out where a sentence is given, for it stands in the heading.
    """
    if item.score.comment:
        return item.score.comment
    topic, sentence = item.score.topic, item.reason.sentence if item.reason else ""
    if sentence and (not with_topic or not topic):
        return words.say("Closest sentence: “{sentence}”", sentence=sentence)
    if sentence:
        return words.say("Closest to your topic “{topic}”: “{sentence}”", topic=topic, sentence=sentence)
    return words.say("Closest to your topic “{topic}”.", topic=topic) if topic else ""


_STRENGTHS = {
    Strength.CLOSE: N_("close match"),
    Strength.MATCH: N_("match"),
    Strength.NEAR: N_("near"),
}


def worded_strength(strength: Strength, words: Words) -> str:
    """How well a paper fits that no model graded."""
    return words.say(_STRENGTHS[strength])
