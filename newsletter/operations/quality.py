"""Reads, for each reader of the model, what it was not shown on the last days and how much of that mattered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from newsletter.models.quality import ReadDay
from newsletter.scoring.model.skipping import DAYS, Missed, has_evidence, missed, stopped
from newsletter.store import Store


class Manner(StrEnum):
    """How a reader's next day is read."""

    LEARNING = "learning"  # whole, for too little is known
    SPARING = "sparing"  # without what holds nothing, where there is such
    STOPPED = "stopped"  # whole, for too much was missed
    WHOLE = "whole"  # nothing may be skipped, by newsletter.toml


@dataclass(frozen=True, slots=True)
class Quality:
    """The last days of one reader, or of all together. `read` counts the drawn papers too."""

    days: int
    candidates: int
    read: int
    skipped: int
    sampled: int
    relevant: int
    missed: Missed


@dataclass(frozen=True, slots=True)
class ReaderQuality:
    """One reader's, and how the next day is read."""

    subscriber: str
    manner: Manner
    quality: Quality


def quality(store: Store, *, skips: bool) -> tuple[list[ReaderQuality], Quality]:
    """Of each reader with days by a model, by name, and of all in total; `skips`: papers may be skipped at all."""
    readers, all_days = [], []
    for subscriber_id in store.quality.readers():
        reader = store.subscribers.by_id(subscriber_id)
        if reader is None:
            continue
        days = store.quality.before(subscriber_id, reader.wishes.min_relevance, date.max, DAYS)
        if days:
            readers.append(ReaderQuality(reader.slug, _manner(days, skips=skips), _of(days)))
            all_days += days
    return sorted(readers, key=lambda row: row.subscriber), _of(all_days)


def _manner(days: Sequence[ReadDay], *, skips: bool) -> Manner:
    if not skips:
        return Manner.WHOLE
    if not has_evidence(days):
        return Manner.LEARNING
    return Manner.STOPPED if stopped(days) else Manner.SPARING


def _of(days: Iterable[ReadDay]) -> Quality:
    known = list(days)
    return Quality(
        days=len(known),
        candidates=sum(day.candidates for day in known),
        read=sum(day.candidates - day.unread for day in known),
        skipped=sum(day.skipped for day in known),
        sampled=sum(day.sampled for day in known),
        relevant=sum(day.listed for day in known),
        missed=missed(known),
    )
