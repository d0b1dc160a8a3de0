"""Decides how a reader is told why a paper is there, and what went wrong with scoring: facts in, sentences out."""

from newsletter.models.scores import Cap, Fault, Scored, Trouble
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


def worded_reason(item: Scored, words: Words) -> str:
    """Why a paper is listed: the model's comment, else the facts that the scorer gave; empty where there are none."""
    if item.score.comment:
        return item.score.comment
    if item.reason and item.reason.words:
        return words.say("Matching words: {list}.", list=", ".join(item.reason.words))
    if item.score.topic:
        return words.say("Matches your topic “{topic}”.", topic=item.score.topic)
    return ""
