"""Decides how an edition is written as a JSON file, and what such a file says. Calls nothing."""

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from newsletter.errors import InputError
from newsletter.models.editions import Cadence, Edition, Kind, Month, Totals
from newsletter.models.papers import Day, Paper
from newsletter.models.scores import Cap, Cost, Fault, Reason, Score, Scored, Status, Strength, Trouble, Usage
from newsletter.models.subscribers import Attach, Length
from newsletter.text.tex import displayed
from newsletter.validation import in_words


class _Usage(BaseModel):
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


class _Cost(BaseModel):
    prompt: str = "0.00"
    completion: str = "0.00"
    total: str = "0.00"


class _Totals(BaseModel):
    announced: int = 0
    scanned: int = 0
    candidates: int = 0
    relevant: int = 0


class _Month(BaseModel):
    spent: str
    budget: str


class _Fault(BaseModel):
    code: Trouble
    numbers: list[int] = []
    cap: Cap | None = None

    def fault(self) -> Fault:
        return Fault(self.code, tuple(self.numbers), self.cap)


class _Reason(BaseModel):
    topic: int = 0
    sentence: str = ""
    words: list[str] = []
    liked: list[str] = []
    strength: Strength | None = Strength.NEAR


class _Item(BaseModel):
    id: str
    title: str
    authors: list[str] = []
    abstract: str = ""
    comment: str = ""
    relevance: int = 1
    novelty: int | None = None
    topic: str = ""
    summary: str = ""
    local: float = 0.0
    followed: list[str] = []
    announced_on: date | None = None
    top: int | None = None
    reason: _Reason | None = None
    companion: str = ""
    version: int = 1
    categories: list[str] = []
    primary_category: str = ""
    paper_comment: str = ""
    journal_ref: str = ""
    doi: str = ""
    submitted_at: datetime | None = None


class _File(BaseModel):
    """Unknown keys are ignored, so that a newer file stays readable."""

    subscriber: str
    date: date
    scorer: str
    model: str = ""
    usage: _Usage = _Usage()
    cost: _Cost = _Cost()
    totals: _Totals = _Totals()
    papers: list[_Item]
    not_scored: list[_Item] = []
    near_misses: list[_Item] = []
    exploration: _Item | None = None
    liked: dict[str, str] = {}
    prompt: str = ""
    kind: Kind = Kind.DIGEST
    cadence: Cadence = Cadence.DAILY
    status: Status = Status.OK
    mailings: list[Day] = []
    older: list[Day] = []
    fault: _Fault | None = None
    economies: list[_Fault] = []
    categories: list[str] = []
    topics: list[str] = []
    length: Length = "brief"
    attach: Attach = "none"
    language: str = "en"
    min_relevance: int = 0
    min_novelty: int = 0
    month: _Month | None = None


def dump(edition: Edition) -> str:
    """The edition as JSON, with the raw text of its papers."""
    usage = edition.usage
    return json.dumps(
        {
            "subscriber": edition.subscriber,
            "date": str(edition.date),
            "kind": edition.kind,
            "cadence": edition.cadence,
            "status": edition.status,
            "mailings": [str(day) for day in edition.mailings],
            "older": [str(day) for day in edition.older],
            "fault": _fault(edition.fault) if edition.fault else None,
            "economies": [_fault(economy) for economy in edition.economies],
            "categories": edition.categories,
            "topics": edition.topics,
            "length": edition.length,
            "attach": edition.attach,
            "language": edition.language,
            "min_relevance": edition.min_relevance,
            "min_novelty": edition.min_novelty,
            "month": asdict(edition.month) if edition.month else None,
            "scorer": edition.scorer,
            "model": edition.model,
            "usage": {
                "prompt_tokens": usage.prompt_tokens,
                "cached_tokens": usage.cached_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
            },
            "cost": {"prompt": edition.cost.prompt, "completion": edition.cost.completion, "total": edition.cost.total},
            "totals": {
                "announced": edition.totals.announced,
                "scanned": edition.totals.scanned,
                "candidates": edition.totals.candidates,
                "relevant": edition.totals.relevant,
            },
            "papers": [_item(item) for item in edition.papers],
            "not_scored": [_bare(paper) for paper in edition.not_scored],
            "near_misses": [_item(item) for item in edition.near_misses],
            **({"liked": dict(edition.liked)} if edition.liked else {}),
            **({"exploration": _item(edition.exploration)} if edition.exploration else {}),
            "prompt": edition.prompt,
        },
        ensure_ascii=False,
        indent=1,
    )


def parse(raw: bytes, name: str) -> Edition:
    """The edition in a file. Raises InputError that names file and key."""
    try:
        file = _File.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{name}: {where + ': ' if where else ''}{in_words(first)}") from None
    return Edition(
        subscriber=file.subscriber,
        date=file.date,
        scorer=file.scorer,
        model=file.model,
        totals=Totals(**file.totals.model_dump()),
        papers=tuple(_scored(item) for item in file.papers),
        near_misses=tuple(_scored(item) for item in file.near_misses),
        exploration=_scored(file.exploration) if file.exploration else None,
        liked=tuple(file.liked.items()),
        not_scored=tuple(_paper(item) for item in file.not_scored),
        usage=Usage(**file.usage.model_dump()),
        cost=Cost(**file.cost.model_dump()),
        prompt=file.prompt,
        kind=file.kind,
        cadence=file.cadence,
        status=file.status,
        mailings=tuple(file.mailings) or (file.date,),
        older=tuple(file.older),
        fault=file.fault.fault() if file.fault else None,
        economies=tuple(economy.fault() for economy in file.economies),
        categories=tuple(file.categories),
        topics=tuple(file.topics),
        length=file.length,
        attach=file.attach,
        language=file.language,
        min_relevance=file.min_relevance,
        min_novelty=file.min_novelty,
        month=Month(**file.month.model_dump()) if file.month else None,
    )


def _bare(paper: Paper) -> dict[str, Any]:
    optional = {
        "version": paper.version if paper.version > 1 else None,
        "categories": paper.categories,
        "primary_category": paper.primary_category,
        "paper_comment": paper.comment,  # the authors'; "comment" is ours
        "journal_ref": paper.journal_ref,
        "doi": paper.doi,
        "submitted_at": paper.submitted_at.isoformat() if paper.submitted_at else None,
    }
    plain = {"id": paper.id, "title": paper.title, "authors": paper.authors, "abstract": paper.abstract}
    return plain | {key: value for key, value in optional.items() if value}


def _fault(fault: Fault) -> dict[str, Any]:
    return {"code": fault.code, "numbers": fault.numbers, "cap": fault.cap}


def _item(item: Scored) -> dict[str, Any]:
    score = item.score
    plain = {"comment": score.comment, "relevance": score.relevance, "novelty": score.novelty}
    optional = {
        "topic": score.topic,
        "summary": score.summary,
        "local": score.local,
        "followed": item.followed,
        "announced_on": str(item.date) if item.date else None,
        "top": item.top,
        "reason": asdict(item.reason) if item.reason else None,
        "companion": item.companion,
    }
    return _bare(item.paper) | plain | {key: value for key, value in optional.items() if value}


def _scored(item: _Item) -> Scored:
    score = Score(item.relevance, item.novelty, item.topic, item.comment, summary=item.summary, local=item.local)
    found = item.reason
    reason = (
        Reason(found.topic, found.sentence, tuple(found.words), tuple(found.liked), found.strength) if found else None
    )
    return Scored(_paper(item), score, tuple(item.followed), item.announced_on, item.top, reason, item.companion)


def _paper(item: _Item) -> Paper:
    return displayed(
        Paper(
            id=item.id,
            title=item.title,
            authors=tuple(item.authors),
            abstract=item.abstract,
            categories=tuple(item.categories),
            primary_category=item.primary_category,
            comment=item.paper_comment,
            version=item.version,
            doi=item.doi,
            journal_ref=item.journal_ref,
            submitted_at=item.submitted_at,
        )
    )
