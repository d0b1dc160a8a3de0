"""Says why a paper is, or is not, in a subscriber's edition: what is on record, and what is worked out again.

Recomputed is what nobody keeps: why a paper was not listed. It is worked out with today's topics file and the local
scorer, or with the model's score where one was bought.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from newsletter.editions.candidates import candidates
from newsletter.editions.selection import chosen, rank
from newsletter.models.papers import Announcement, AnnounceType, Paper, Taxonomy
from newsletter.models.scores import Pool, Reading, Scored, Scorer
from newsletter.models.subscribers import Subscriber, SubscriberStatus, Wishes
from newsletter.store import Store

_NAMED = re.compile(
    r"(?:https?://arxiv\.org/(?:abs|pdf|html)/|arxiv:)?(?P<id>.+?)(?:v(?P<version>\d+))?(?:\.pdf)?", re.IGNORECASE
)
_SECTIONS = {
    "near_miss": "stood just under the cut",
    "not_scored": "had no score, and stood there by its title",
    "exploration": "stood last, as the one to try that does not pass: answer it by `newsletter feedback`, more or less",
}


class Because(StrEnum):
    """Why, in a word."""

    LISTED = "listed"
    NEAR_MISS = "near_miss"
    EXPLORATION = "exploration"
    NOT_SCORED = "not_scored"
    NOT_ANNOUNCED = "not_announced"
    OTHER_CATEGORY = "other_category"
    OTHER_KIND = "other_kind"
    EXCLUDED = "excluded"
    NO_EDITION = "no_edition"
    UNDER_THRESHOLD = "under_threshold"
    TOO_MANY = "too_many"
    NEWER_VERSION = "newer_version"
    TAKEN_IN_LATER = "taken_in_later"


@dataclass(frozen=True, slots=True)
class Why:
    """The answer, in sentences; `recomputed` where a part of it was worked out again."""

    paper: str
    because: Because
    said: tuple[str, ...]
    recomputed: bool = False


def why(store: Store, subscriber: Subscriber, text: str, taxonomy: Taxonomy, scorer: Scorer) -> Why:
    """Why the paper named by an id, with or without version, or by its URL is or is not in an edition."""
    named = _NAMED.fullmatch(text.strip())
    name, version = (named["id"], named["version"]) if named else (text, None)
    versions = [paper for paper in store.papers.versions(name) if not version or paper.version == int(version)]
    keys = [paper.key for paper in versions if paper.key is not None]
    announced = store.mailings.of_papers(keys)
    if not announced:
        return Why(text, Because.NOT_ANNOUNCED, (_never_announced(store, text),))
    if found := _on_record(store, subscriber, keys):
        return Why(name, found[0], (_title(versions[-1]), *found[1]))
    return _left_out(store, subscriber, announced[-1], taxonomy, scorer)


def _on_record(store: Store, subscriber: Subscriber, keys: Sequence[int]) -> tuple[Because, tuple[str, ...]] | None:
    rows = store.editions.appearances(subscriber.id, keys)
    if not rows:
        return None
    listed = [row for row in rows if row["section"] == "listed"]
    row = (listed or rows)[0]
    section = "exploration" if row["explored"] else row["section"]
    said = []
    if section == "listed":
        novelty = f", novelty {row['novelty']}" if row["novelty"] is not None else ""
        topic = f", for the topic {row['topic']}" if row["topic"] else ""
        said.append(
            f"it is number {row['position'] + 1} of the {row['kind']} of {row['date']}: "
            f"relevance {row['relevance']}{novelty}{topic}"
        )
        said += [f"it is nearly the same as {row['companion']}, and told with it"] if row["companion"] else []
        liked = json.loads(row["reason"])["liked"] if row["reason"] else []
        said += [f"it is like {', '.join(liked)}, which the subscriber liked"] if liked else []
        said += [f"comment: {row['comment']}"] if row["comment"] else []
    else:
        said.append(f"in the {row['kind']} of {row['date']} it {_SECTIONS[section]}")
        said += [f"its relevance was {row['relevance']}"] if row["relevance"] is not None else []
    said.append(f"that edition's mail is {row['state']}: see `newsletter explain {row['send']}`")
    because = Because.LISTED if section == "listed" else Because(section)
    return because, tuple(said)


def _left_out(store: Store, subscriber: Subscriber, announced: Announcement, taxonomy: Taxonomy, scorer: Scorer) -> Why:
    paper, day = announced.paper, announced.date
    assert day is not None, "a stored announcement has its mailing's date"
    title, where = _title(paper), f"it was announced on {day} as {announced.type} in {', '.join(announced.categories)}"

    def answer(because: Because, said: str, *, recomputed: bool = True) -> Why:
        return Why(paper.id, because, (title, where, said), recomputed)

    if found := filtered(subscriber.wishes, announced, taxonomy):
        return answer(*found)
    editions = store.editions.covering(subscriber.id, day)
    if not editions:
        return answer(Because.NO_EDITION, _no_edition(subscriber, day), recomputed=False)
    if announced.added_at and announced.added_at.isoformat() > editions[-1]["frozen_at"]:
        return answer(
            Because.TAKEN_IN_LATER,
            f"it came after the edition of {day} was frozen, and is a candidate of the next one",
            recomputed=False,
        )
    pool = Pool(tuple(a.paper for a in store.mailings.announcements([day])))
    reading = candidates(subscriber.wishes, store.mailings.announcements([day]), (), taxonomy)
    scored = rank(scorer.score(Reading(subscriber, day, reading.papers, pool)).scored)
    return answer(*_by_score(store, subscriber, day, scored, paper))


def filtered(wishes: Wishes, announced: Announcement, taxonomy: Taxonomy) -> tuple[Because, str] | None:
    """Which of a subscriber's wishes keeps a paper from being a candidate, if one does."""

    def is_candidate(of: Wishes) -> bool:
        return bool(candidates(of, [announced], (), taxonomy).papers)

    if is_candidate(wishes):
        return None
    loose = replace(wishes, announce=tuple(AnnounceType), keywords=replace(wishes.keywords, exclude=()))
    if not is_candidate(loose):
        return Because.OTHER_CATEGORY, f"the subscriber reads {', '.join(wishes.categories)}"
    if not is_candidate(replace(loose, announce=wishes.announce)):
        return Because.OTHER_KIND, f"the subscriber wants {', '.join(wishes.announce)} (announce)"
    return Because.EXCLUDED, "a word of keywords.exclude is in its title or abstract"


def _by_score(
    store: Store, subscriber: Subscriber, day: date, ranked: Sequence[Scored], paper: Paper
) -> tuple[Because, str]:
    wishes = subscriber.wishes
    places = {item.paper.key: (place, item) for place, item in enumerate(ranked, 1)}
    if paper.key not in places:
        return Because.NEWER_VERSION, "a newer version of it was a candidate in its place"
    place, item = places[paper.key]
    bought = store.scores.given_before(subscriber.id, subscriber.topics, [day]).get(paper.key or 0)
    relevance, by = (bought[1], "the model") if bought else (item.score.relevance, "the local scorer")
    said = (
        f"worked out again with today's topics file: {by} gives relevance {relevance} where {wishes.min_relevance} is "
        f"asked for; by similarity it is number {place} of {len(ranked)} candidates"
    )
    if relevance >= wishes.min_relevance and item not in chosen(ranked, wishes):
        return Because.TOO_MANY, f"{said}; max_papers is {wishes.max_papers}, and among equals topics take turns"
    if relevance >= wishes.min_relevance:
        return Because.UNDER_THRESHOLD, f"{said}; it would pass today, so topics or scores were others then"
    return Because.UNDER_THRESHOLD, said


def _never_announced(store: Store, text: str) -> str:
    days = [day.date for day in store.mailings.days()]
    if not days:
        return f"{text}: no mailing is stored yet: run `newsletter fetch`"
    return f"{text}: no mailing from {days[0]} to {days[-1]} announced it, in the categories that are fetched"


def _no_edition(subscriber: Subscriber, day: date) -> str:
    if subscriber.status is not SubscriberStatus.ACTIVE:
        return f"{subscriber.slug} is {subscriber.status}: no edition covers the mailing of {day}"
    return f"no edition of {subscriber.slug} covers the mailing of {day} yet: it waits for the next one, or came before"


def _title(paper: Paper) -> str:
    return f"{paper.id}v{paper.version}: {paper.shown.title}"
