"""Any SMTP server: its settings here, and what calls it, which is loaded where mail is sent, in client.py."""

from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field

from newsletter.delivery.backends import BackendOptions
from newsletter.errors import SettingsError
from newsletter.models.sends import Receipt
from newsletter.settings import Settings

if TYPE_CHECKING:
    from newsletter.delivery.backends.smtp.client import Smtp


class Options(BackendOptions):
    """`url` is smtp://user@host:587 or smtps://user@host:465; the password in it, or better in SMTP_PASSWORD.

    `encryption` auto: STARTTLS is required for every host but this one. `bounce_address` gets what is returned;
    bounces+SEND@… must reach it too. `dkim_key_file` is a private key in PEM form.
    """

    section: ClassVar[str] = "smtp"
    url: str = "smtp://localhost:25"
    encryption: Literal["auto", "starttls", "none"] = "auto"
    ca_file: str = ""
    timeout_seconds: float = Field(60, gt=0)
    helo: str = ""
    bounce_address: str = ""
    dkim_selector: str = ""
    dkim_domain: str = ""
    dkim_key_file: str = ""


def connect(settings: Settings) -> "Smtp":
    """A client for smtp.url. Raises SettingsError for a URL or a key file that cannot be used."""
    from newsletter.delivery.backends.smtp.client import Smtp

    return Smtp(settings.of(Options), settings.secret("SMTP_PASSWORD"))


def lacks(settings: Settings) -> list[str]:
    """The password, where the URL names a user and has none."""
    url = split(settings.of(Options).url)
    return ["SMTP_PASSWORD"] if url.username and not (url.password or settings.secret("SMTP_PASSWORD")) else []


def probe(settings: Settings) -> str:
    """Why the server cannot be used, or nothing: connects, greets, signs in, leaves."""
    opened = connect(settings).open()
    if isinstance(opened, Receipt):
        return opened.detail
    opened.close()
    return ""


def split(url: str) -> SplitResult:
    """The parts of smtp.url. Raises SettingsError."""
    try:
        split = urlsplit(url)
        valid = split.scheme in ("smtp", "smtps") and split.hostname and (split.port or True)
    except ValueError:
        valid = False
    if not valid:
        raise SettingsError("smtp.url: write smtp://user@host:587 or smtps://user@host:465")
    return split
