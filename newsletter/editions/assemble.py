"""Decides what an edition says: what each stage gave, put together. Calls nothing."""

from dataclasses import replace

from newsletter.editions.due import Due
from newsletter.editions.selection import Selection
from newsletter.models.editions import Candidates, Edition
from newsletter.models.scores import Commented, Scores, Status
from newsletter.models.subscribers import Subscriber


def assemble(  # noqa: PLR0917 - one value of each stage, in the order of the day
    subscriber: Subscriber,
    due: Due,
    candidates: Candidates,
    scores: Scores,
    selected: Selection,
    commented: Commented,
    mailings: Status,
) -> Edition:
    """One subscriber's edition. `mailings` says what is known of them: ok, holiday, arXiv fault."""
    wishes = subscriber.wishes
    return Edition(
        subscriber=subscriber.slug,
        date=due.date,
        scorer=scores.scorer,
        model=scores.model,
        totals=replace(candidates.totals, relevant=len(selected.papers)),
        papers=commented.papers or selected.papers,
        near_misses=selected.near_misses,
        exploration=selected.exploration,
        not_scored=scores.not_scored,
        usage=commented.usage,
        cost=commented.cost,
        prompt=scores.prompt,
        cadence=due.cadence,
        status=_status(scores, mailings, selected),
        mailings=due.mailings,
        older=due.older,
        fault=scores.fault,
        economies=(*scores.economies, *commented.economies),
        categories=wishes.categories,
        topics=tuple(topic.name for topic in subscriber.topics.topics),
        length=wishes.length,
        attach=wishes.attach,
        language=wishes.language,
        min_relevance=wishes.min_relevance,
        min_novelty=wishes.min_novelty,
    )


def _status(scores: Scores, mailings: Status, selected: Selection) -> Status:
    """The scorer's own trouble outranks what is known of the mailings."""
    if scores.status is not Status.OK:
        return scores.status
    if mailings is not Status.OK:
        return mailings
    return Status.OK if selected.papers else Status.NO_MATCH
