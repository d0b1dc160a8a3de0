"""Invented editions of every cadence and status, for golden files and for what is looked at in a browser."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from newsletter.files import PACKAGE
from newsletter.models.editions import Cadence, Edition, Kind, Links, Month, Totals
from newsletter.models.papers import Paper
from newsletter.models.scores import Cap, Cost, Fault, Reason, Score, Scored, Status, Strength, Trouble, Usage
from newsletter.sources import mailing_file
from newsletter.text.tex import displayed
from tests.builders import WEDNESDAY

TOPICS = ("Methods with guarantees", "Measurements that surprise", "Tools for open research")
COMMENTS = (
    "Matches your topic closely: the claim comes with a bound and is checked on open data.",
    "Close to your topic: a careful test of what others took for granted.",
)
LINKS = Links(
    unsubscribe="https://news.example.org/u/c2FtcGxlLXRva2VuLW9ubHk",
    web_copy="https://news.example.org/e/c2FtcGxlLXdlYi1jb3B5",
    preferences="https://news.example.org/preferences/c2FtcGxlLXByZWZz",
    feed="https://news.example.org/feed/c2FtcGxlLWZlZWQ",
)


def sample_papers() -> list[Paper]:
    """The invented papers of the demo, with every field filled now and then."""
    read = mailing_file.read(PACKAGE / "demo" / "mailing.jsonl", WEDNESDAY)
    papers = [displayed(announcement.paper) for announcement in read.mailing.announcements]
    papers[1] = replace(papers[1], journal_ref="J. Inv. Res. 12 (2026) 1-24", version=2)
    papers[2] = displayed(replace(papers[2], authors=tuple(f"Author {chr(65 + i)}. Invented" for i in range(11))))
    return papers


def _sentence_with_we(abstract: str) -> str:
    sentences = abstract.split(". ")
    return next((sentence for sentence in sentences if "We " in sentence), sentences[0]).rstrip(".") + "."


def sample_scored(count: int, *, by_model: bool = True) -> tuple[Scored, ...]:
    papers = sample_papers()
    items = []
    for i in range(count):
        paper = papers[i % len(papers)]
        if i >= len(papers):
            paper = replace(paper, id=f"9912.{i:05}")
        score = Score(
            relevance=max(5, 10 - i // 5),
            novelty=max(3, 9 - i // 4) if by_model else None,
            topic=TOPICS[i % 3],
            comment=COMMENTS[i % 2] if by_model else "",
            summary=_sentence_with_we(paper.abstract) if by_model else "",
            local=1 - i / 100,
        )
        followed = (paper.shown.authors[-1],) if i == 2 else ()
        strength = list(Strength)[min(i // 5, 2)]
        reason = Reason(i % 3 + 1, _sentence_with_we(paper.shown.abstract), strength=strength)
        day = WEDNESDAY - timedelta(days=i % 3)
        items.append(Scored(paper, score, followed, day, i + 1, None if by_model else reason))
    return tuple(items)


def sample_edition(count: int = 18, **fields: object) -> Edition:
    items = sample_scored(count + 3)
    edition = Edition(
        subscriber="ada",
        date=WEDNESDAY,
        scorer="openai",
        model="gpt-5-mini",
        totals=Totals(announced=438, scanned=289, candidates=224, relevant=count),
        papers=items[:count],
        near_misses=items[count:],
        usage=Usage(35188, 21504, 5033),
        cost=Cost("0.0028", "0.0012", "0.0040"),
        mailings=(WEDNESDAY,),
        categories=("cs.LG", "stat.ML"),
        topics=TOPICS,
        min_relevance=7,
        month=Month("0.6200", "1.00"),
    )
    return replace(edition, **fields)  # type: ignore[arg-type]


def _days(count: int) -> tuple[date, ...]:
    return tuple(WEDNESDAY - timedelta(days=i) for i in reversed(range(count)))


def _empty(status: Status, **fields: object) -> Edition:
    return sample_edition(0, status=status, **fields)


def _together() -> Edition:
    """A day with two papers that are nearly the same, and one to try."""
    edition = sample_edition(9)
    papers = list(edition.papers)
    papers[4] = replace(papers[4], companion=papers[1].paper.id)
    papers[8] = replace(papers[8], companion=papers[6].paper.id)
    papers[2] = replace(papers[2], reason=Reason(liked=("9911.00077",), strength=None))
    liked = (("9911.00077", "A Catalogue of Harbour Sounds, Recorded in Nine Languages of the Northern Coast"),)
    return replace(edition, papers=tuple(papers), exploration=sample_scored(14)[-1], liked=liked)


def samples() -> dict[str, tuple[Edition, Links]]:
    """Every cadence and status by name, with the links its mail would have."""
    unscored = tuple(item.paper for item in sample_scored(30)[20:])
    marked = replace(LINKS, feedback="https://news.example.org/f/c2FtcGxl")
    missed = replace(LINKS, missed_web_copy="https://news.example.org/e/eWVzdGVyZGF5")
    local = sample_edition(14, scorer="local", model="", usage=Usage(), cost=Cost())
    return {
        "daily": (sample_edition(), LINKS),
        "daily-local": (replace(local, papers=sample_scored(14, by_model=False)), LINKS),
        "daily-page": (sample_edition(25, length="page", attach="page"), LINKS),
        "daily-40": (sample_edition(40), marked),
        "local-40": (replace(local, papers=sample_scored(40, by_model=False)), LINKS),
        "daily-missed": (sample_edition(1, near_misses=()), missed),
        "daily-german": (sample_edition(9, language="de"), LINKS),
        "daily-spanish": (sample_edition(9, language="es"), LINKS),
        "together": (_together(), marked),
        "together-german": (replace(_together(), language="de"), marked),
        "weekly": (sample_edition(cadence=Cadence.WEEKLY, mailings=_days(3)), LINKS),
        "catch-up": (sample_edition(cadence=Cadence.CATCH_UP, mailings=_days(3), older=_days(6)[:3]), LINKS),
        "welcome": (sample_edition(8, kind=Kind.WELCOME), LINKS),
        "no-match": (_empty(Status.NO_MATCH), LINKS),
        "holiday": (_empty(Status.HOLIDAY, near_misses=(), totals=Totals()), LINKS),
        "arxiv-fault": (_empty(Status.ARXIV_FAULT, near_misses=(), totals=Totals()), LINKS),
        "arxiv-partial": (sample_edition(7, status=Status.ARXIV_FAULT), LINKS),
        "scoring-fault": (
            sample_edition(7, status=Status.SCORING_FAULT, not_scored=unscored),
            LINKS,
        ),
        "scoring-outage": (_empty(Status.SCORING_FAULT, near_misses=(), not_scored=unscored), LINKS),
        "budget": (
            sample_edition(7, status=Status.BUDGET, economies=(Fault(Trouble.UNREAD, (212, 424), Cap.OWN_MONTH),)),
            LINKS,
        ),
        "bare": (sample_edition(7, categories=(), totals=Totals(relevant=7)), Links()),
    }


NOW = datetime(2026, 11, 18, 7, 30, tzinfo=UTC)
