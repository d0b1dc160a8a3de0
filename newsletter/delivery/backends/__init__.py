"""Hands messages to the outside: one file per backend, found by its name in `mail.backend`.

A backend's module offers `Options`, its section of newsletter.toml, and `connect(settings) -> Backend`. One that mails
people also offers `lacks(settings)`, the names of its own settings and secrets that are missing. Where reports come in
over HTTP it also offers `webhook(settings) -> Webhook | None`, and where the backend keeps suppressions of its
own, `suppressed(settings)`.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, cast

from pydantic import Field

from newsletter.errors import SettingsError
from newsletter.links import keys_of
from newsletter.models.sends import Backend, Webhook
from newsletter.settings import DEFAULT_SENDER, SECRETS_FILE, SHORTEST_SECRET, Section, Settings


class BackendOptions(Section):
    """Settings of every backend: `lanes` threads submit, at most `per_second` messages a second (0: no limit)."""

    lanes: int = Field(2, ge=1, le=64)
    per_second: float = Field(0.0, ge=0)


class BackendModule(Protocol):
    """The interface of each module in this folder."""

    Options: type[BackendOptions]

    def connect(self, settings: Settings) -> Backend:
        """The backend, ready to submit. Raises SettingsError where a setting or secret is missing."""


def backends() -> list[str]:
    """The valid values of `mail.backend`."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def module(name: str) -> BackendModule:
    """Imports the module of a backend. Raises SettingsError for an unknown name."""
    if name not in backends():
        raise SettingsError(f"mail.backend: there is no backend {name!r}; known: {', '.join(backends())}")
    return cast("BackendModule", importlib.import_module(f"{__name__}.{name}"))


def webhooks(settings: Settings) -> dict[str, Webhook]:
    """The webhooks that are configured, by the name of their backend."""
    found = ((name, getattr(module(name), "webhook", None)) for name in backends())
    made = ((name, make(settings)) for name, make in found if make)
    return {name: webhook for name, webhook in made if webhook}


def suppressed(name: str, settings: Settings) -> Iterator[tuple[str, str]]:
    """The addresses that a backend itself suppresses, each with the reason. Raises SettingsError, DeliveryStopped."""
    read = getattr(module(name), "suppressed", None)
    if read is None:
        raise SettingsError(f"mail.backend: {name} keeps no suppressions of its own")
    yield from read(settings)


def probe(settings: Settings) -> str:
    """Why the backend cannot be used now, or nothing; sends nothing. Raises SettingsError."""
    ask = getattr(module(settings.mail.backend), "probe", None)
    return str(ask(settings)) if ask else ""


def options(settings: Settings) -> BackendOptions:
    """The options of the backend that newsletter.toml names."""
    return settings.of(module(settings.mail.backend).Options)


def sections() -> Iterable[type[Section]]:
    """The settings sections of all backends."""
    return [module(name).Options for name in backends()]


def connect(settings: Settings, *, just_me: bool = False) -> Backend:
    """The backend that newsletter.toml names.

    Raises SettingsError where it mails people and is half configured; `just_me`: it mails only its own sender.
    """
    check(settings, just_me=just_me)
    return module(settings.mail.backend).connect(settings)


def reaches_people(settings: Settings) -> bool:
    """True when the backend that newsletter.toml names mails people."""
    return hasattr(module(settings.mail.backend), "lacks")


def has_links(settings: Settings) -> bool:
    """True where the links of an email can lead somewhere: to this machine, or to readers by a signed https address."""
    return not reaches_people(settings) or not _lacks_for_links(settings)


def check(settings: Settings, *, just_me: bool = False) -> None:
    """Raises SettingsError that names everything at once which a backend that mails people is still without."""
    mail = settings.mail
    if not reaches_people(settings):
        return
    local, _, _ = mail.address.rpartition("@")
    if not local.isascii():
        raise SettingsError(f"mail.from: {mail.address} has letters before the @ that an envelope cannot carry")
    if missing := lacking(settings, just_me=just_me):
        alone = "" if just_me else "; where the only topics file is that of mail.from itself, much less is needed"
        raise SettingsError(
            f"mail.backend = {mail.backend} needs {_listed(missing)}: settings go to newsletter.toml, "
            f"secrets to {SECRETS_FILE} or the environment{alone}"
        )


def lacking(settings: Settings, *, just_me: bool = False) -> list[str]:
    """The settings and secrets that the backend is without: none where it mails nobody."""
    if not reaches_people(settings):
        return []
    mail = settings.mail
    nobody = ["mail.from"] if mail.sender == DEFAULT_SENDER else []
    rest = [key for key in ("mail.operator", "mail.postal_address") if not getattr(mail, key.removeprefix("mail."))]
    own = list(cast("Any", module(mail.backend)).lacks(settings))
    return nobody + ([] if just_me else rest + _lacks_for_links(settings)) + own


def _lacks_for_links(settings: Settings) -> list[str]:
    lacking = [] if settings.web.base_url.startswith("https://") else ["web.base_url (https)"]
    keys = keys_of(settings.secret("NEWSLETTER_SECRET"))
    if not keys:
        lacking.append("NEWSLETTER_SECRET")
    elif any(len(key) < SHORTEST_SECRET for key in keys):
        lacking.append(f"a NEWSLETTER_SECRET of at least {SHORTEST_SECRET} characters")
    return lacking


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
