"""SendGrid: its v3 mail/send for what goes out, its signed event webhook for what comes back.

What calls it and what verifies it are loaded where they are used: settings are read by every command.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from newsletter.delivery.backends import BackendOptions
from newsletter.errors import SettingsError
from newsletter.settings import Settings

if TYPE_CHECKING:
    from newsletter.delivery.backends.sendgrid.client import SendGrid
    from newsletter.delivery.backends.sendgrid.events import EventWebhook


class Options(BackendOptions):
    """`host` https://api.eu.sendgrid.com keeps mail in the EU. `webhook_public_key` verifies the event webhook."""

    section: ClassVar[str] = "sendgrid"
    host: str = "https://api.sendgrid.com"
    timeout_seconds: float = Field(30, gt=0)
    categories: list[str] = Field(default_factory=lambda: ["arxiv-newsletter"], max_length=10)
    sandbox: bool = False
    webhook_public_key: str = ""


def connect(settings: Settings) -> "SendGrid":
    """A client with the key of the environment. Raises SettingsError without one."""
    from newsletter.delivery.backends.sendgrid.client import SendGrid

    return SendGrid(settings.of(Options), _api_key(settings), lambda: datetime.now(UTC))


def lacks(settings: Settings) -> list[str]:
    """The key, where it is missing."""
    return [] if settings.secret("SENDGRID_API_KEY") else ["SENDGRID_API_KEY"]


def webhook(settings: Settings) -> "EventWebhook | None":
    """The event webhook, where its public key is set. Raises SettingsError for a key that is none."""
    key = settings.of(Options).webhook_public_key
    if not key:
        return None
    from newsletter.delivery.backends.sendgrid.events import EventWebhook

    return EventWebhook(key)


def suppressed(settings: Settings) -> Iterator[tuple[str, str]]:
    """The addresses on SendGrid's own lists, each with its reason. Raises DeliveryStopped when it does not answer."""
    from newsletter.delivery.backends.sendgrid import client

    return client.suppressed(settings.of(Options), _api_key(settings))


def probe(settings: Settings) -> str:
    """Why the key cannot send, or nothing."""
    from newsletter.delivery.backends.sendgrid import client

    return client.probe(settings.of(Options), _api_key(settings))


def _api_key(settings: Settings) -> str:
    key = settings.secret("SENDGRID_API_KEY")
    if not key:
        raise SettingsError("mail.backend = sendgrid needs SENDGRID_API_KEY: set it in the environment")
    return key
