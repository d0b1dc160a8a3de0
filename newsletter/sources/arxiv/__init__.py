"""arXiv: each mailing from its announcement feeds, proven complete by OAI-PMH, repaired where they fail.

feeds (or catch-up pages) ─▶ compare with OAI-PMH ─▶ listing pages ─▶ records ─▶ API ─▶ details ─▶ Mailing
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from newsletter import __version__
from newsletter.errors import InputError
from newsletter.models.papers import Clock, Mailing, Origin, Paper, Progress
from newsletter.settings import DEFAULT_SENDER, Section, Settings
from newsletter.sources.arxiv import ladder
from newsletter.sources.arxiv.api import BATCH
from newsletter.sources.arxiv.calendar import NEW_YORK, Hours, is_holiday
from newsletter.sources.arxiv.categories import CATEGORIES, TAXONOMY
from newsletter.sources.arxiv.details import detailed
from newsletter.sources.arxiv.doors import Doors
from newsletter.sources.arxiv.http import Polite
from newsletter.sources.arxiv.proof import Proof
from newsletter.sources.arxiv.turns import Sleep

EARLY_FROM = time(20, 15)  # in New York: the listing pages have turned by then
REACHES_BACK = timedelta(days=90)  # of the catch-up pages
HOURS = Hours()
ORIGIN = Origin(
    name="arxiv",
    title="arXiv",
    url="https://arxiv.org",
    taxonomy=TAXONOMY,
    calendar=HOURS,
    pages={kind: f"https://arxiv.org/{kind}/{{id}}" for kind in ("abs", "pdf", "html", "bibtex")},
)
URL = r"^https?://[^\s]+$"


class Options(Section):
    """Where arXiv's doors are, and how politely to use them."""

    section: ClassVar[str] = "arxiv"
    feed_url: str = Field("https://rss.arxiv.org/rss", pattern=URL)
    oai_url: str = Field("https://oaipmh.arxiv.org/oai", pattern=URL)
    api_url: str = Field("https://export.arxiv.org/api/query", pattern=URL)
    listing_url: str = Field("https://arxiv.org", pattern=URL)
    delay_seconds: float = Field(3.0, ge=0)
    retry_seconds: float = Field(60.0, ge=0)
    timeout_seconds: float = Field(30.0, gt=0)
    early: bool = False
    contact: str = Field("", pattern=r"^[\x20-\x7e]*$")  # it becomes part of a header
    raw_days: int = Field(14, ge=1)
    holidays: tuple[date, ...] = ()  # that arXiv publishes, beyond those of this release

    @field_validator("holidays", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """An environment variable has the dates with commas between them."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def connect(settings: Settings, state: Path, clock: Clock, sleep: Sleep) -> "Arxiv":
    """The source, ready to fetch; it keeps its lock and its raw bodies in `state`."""
    options = settings.of(Options)
    contact = options.contact or (settings.mail.sender if settings.mail.sender != DEFAULT_SENDER else "")
    http = Polite(
        state,
        user_agent=f"arxiv-newsletter/{__version__}" + (f" ({contact})" if contact else ""),
        delay_seconds=options.delay_seconds,
        retry_seconds=options.retry_seconds,
        timeout_seconds=options.timeout_seconds,
        clock=clock,
        sleep=sleep,
    )
    return Arxiv(options, http, clock)


class Arxiv:
    """arXiv as a source of mailings."""

    origin = ORIGIN

    def __init__(self, options: Options, http: Polite, clock: Clock) -> None:
        self._options = options
        self._http = http
        self._clock = clock
        self._proof: Proof | None = None
        self._doors = Doors(
            http,
            options.feed_url.rstrip("/"),
            options.oai_url,
            options.api_url,
            options.listing_url.rstrip("/"),
            options.delay_seconds,
        )

    def newest(self, now: datetime) -> date:
        """The date of the newest mailing that can be fetched: today's in New York, or tomorrow's with `early`."""
        local = now.astimezone(NEW_YORK)
        day = local.date()
        if self._options.early and local.time() >= EARLY_FROM and HOURS.has_mailing(day + timedelta(days=1)):
            return day + timedelta(days=1)
        while not HOURS.has_mailing(day):
            day -= timedelta(days=1)
        return day

    def days(self, first: date, last: date) -> list[date]:
        """The dates of the mailings from `first` to `last`: every day but Saturday and Sunday."""
        count = (last - first).days + 1
        return [day for day in (first + timedelta(days=n) for n in range(count)) if HOURS.has_mailing(day)]

    def categories(self, wishes: tuple[str, ...]) -> tuple[str, ...]:
        """The canonical categories that a list of categories, aliases and archives stands for."""
        return tuple(sorted(TAXONOMY.expand(wishes) & CATEGORIES))

    def plan(self, days: Collection[date]) -> None:
        """Told which mailings will be asked for: their proof is one range of identifiers."""
        self._proof = Proof(self._doors, tuple(days), self._clock().date()) if days else None

    def fetch(self, day: date, categories: tuple[str, ...], before: Mailing | None, progress: Progress) -> Mailing:
        """One mailing in some categories; `before` is the one before it. Partial, with a note, if it is not whole.

        Raises InputError for a day that has no mailing to fetch, SourceError where nothing could be had.
        """
        now = self._clock()
        today = now.astimezone(NEW_YORK).date()
        if not HOURS.has_mailing(day):
            raise InputError(f"{day} is a {day:%A}: arXiv has no mailing on Saturdays and Sundays")
        if day > self.newest(now):
            raise InputError(f"{day} is not announced yet: the newest mailing is that of {self.newest(now)}")
        if today - day > REACHES_BACK:
            raise InputError(f"{day} is too long ago: arXiv's catch-up pages reach back {REACHES_BACK.days} days")
        self._http.sweep(self._options.raw_days)
        wanted = ladder.Wanted(
            day,
            categories,
            before,
            is_past=day < today,
            next_is_out=now >= HOURS.announced_at(_next(day)),
            may_be_empty=HOURS.may_be_empty(day, now),
            is_holiday=is_holiday(day, self._options.holidays),
        )
        if day > today:
            return ladder.fetch_early(wanted, self._doors, progress)
        proof = self._proof if self._proof and day in self._proof.days else Proof(self._doors, (day,), now.date())
        return ladder.fetch(wanted, self._doors, proof, progress)

    def details(self, mailing: Mailing, progress: Progress) -> Mailing:
        """The mailing with what the API did not know of its papers, or could not say, when it was fetched."""
        announcements, problem = detailed(mailing.announcements, mailing.date, self._doors.api, progress)
        return replace(mailing, announcements=tuple(announcements), note=problem)

    def look_up(self, ids: Sequence[str]) -> list[Paper]:
        """The newest versions of these papers, in any order; those that arXiv does not know are absent.

        Raises SourceError.
        """
        day = self._clock().astimezone(NEW_YORK).date()
        wanted = list(dict.fromkeys(ids))
        batches = (wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH))
        return [paper for batch in batches for paper in self._doors.api.details(batch, day)]

    def close(self) -> None:
        self._http.close()


def _next(day: date) -> date:
    following = day + timedelta(days=1)
    while not HOURS.has_mailing(following):
        following += timedelta(days=1)
    return following
