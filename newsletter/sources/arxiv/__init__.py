"""arXiv: each mailing from its announcement feeds, proven complete by OAI-PMH, repaired where they fail.

What fetches is loaded where something is fetched: settings and calendar are read by every command.

feeds (or catch-up pages) ─▶ compare with OAI-PMH ─▶ listing pages ─▶ records ─▶ API ─▶ details ─▶ Mailing
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from newsletter.models.papers import Clock, Origin
from newsletter.settings import DEFAULT_SENDER, Section, Settings
from newsletter.sources.arxiv.calendar import Hours
from newsletter.sources.arxiv.categories import TAXONOMY

if TYPE_CHECKING:
    from newsletter.sources.arxiv.fetching import Arxiv

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


def connect(settings: Settings, state: Path, clock: Clock, sleep: Callable[[float], None]) -> "Arxiv":
    """The source, ready to fetch; it keeps its lock and its raw bodies in `state`."""
    from newsletter.sources.arxiv.fetching import Arxiv

    options = settings.of(Options)
    contact = options.contact or (settings.mail.sender if settings.mail.sender != DEFAULT_SENDER else "")
    return Arxiv.connected(options, contact, state, clock, sleep)
