"""Answers what mailings arXiv has, and fetches them politely."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

from newsletter import __version__
from newsletter.errors import InputError
from newsletter.models.papers import Clock, Mailing, Paper, Progress
from newsletter.sources.arxiv import HOURS, ORIGIN, Options, ladder
from newsletter.sources.arxiv.api import BATCH
from newsletter.sources.arxiv.calendar import NEW_YORK, is_holiday
from newsletter.sources.arxiv.categories import CATEGORIES, TAXONOMY
from newsletter.sources.arxiv.details import detailed
from newsletter.sources.arxiv.doors import Doors
from newsletter.sources.arxiv.http import Polite
from newsletter.sources.arxiv.proof import Proof
from newsletter.sources.arxiv.turns import Sleep

EARLY_FROM = time(20, 15)  # in New York: the listing pages have turned by then
REACHES_BACK = timedelta(days=90)  # of the catch-up pages


class Arxiv:
    """arXiv as a source of mailings."""

    origin = ORIGIN

    @classmethod
    def connected(cls, options: Options, contact: str, state: Path, clock: Clock, sleep: Sleep) -> "Arxiv":
        """With a client of its own that tells arXiv its `contact`."""
        http = Polite(
            state,
            user_agent=f"arxiv-newsletter/{__version__}" + (f" ({contact})" if contact else ""),
            delay_seconds=options.delay_seconds,
            retry_seconds=options.retry_seconds,
            timeout_seconds=options.timeout_seconds,
            clock=clock,
            sleep=sleep,
        )
        return cls(options, http, clock)

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
