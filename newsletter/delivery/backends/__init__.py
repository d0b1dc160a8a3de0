"""Hands messages to the outside: one file per backend, found by its name in `mail.backend`.

A backend's module offers `Options`, its section of newsletter.toml, and `connect(settings) -> Backend`. Where reports
come in over HTTP it also offers `webhook(settings) -> Webhook | None`, and where the backend keeps suppressions of its
own, `suppressed(settings)`.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from typing import Protocol, cast

from pydantic import Field

from newsletter.errors import SettingsError
from newsletter.models.sends import Backend, Webhook
from newsletter.settings import DEFAULT_SENDER, Section, Settings


class BackendOptions(Section):
    """What every backend has: how many lanes submit at once, and how many messages a second at most (0: no limit)."""

    lanes: int = Field(2, ge=1, le=64)
    per_second: float = Field(0.0, ge=0)


class BackendModule(Protocol):
    """What each file of this folder offers."""

    Options: type[BackendOptions]

    def connect(self, settings: Settings) -> Backend:
        """The backend, ready to submit. Raises SettingsError where a setting or secret is missing."""


def backends() -> list[str]:
    """The names that `mail.backend` may have."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def module(name: str) -> BackendModule:
    """The module of one backend."""
    if name not in backends():
        raise SettingsError(f"mail.backend: there is no backend {name!r}; known: {', '.join(backends())}")
    return cast("BackendModule", importlib.import_module(f"{__name__}.{name}"))


def webhooks(settings: Settings) -> dict[str, Webhook]:
    """How each backend's reports come in, of those that are set up for it."""
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


def connect(settings: Settings) -> Backend:
    """The backend that newsletter.toml names; one that mails people refuses to work half configured."""
    name = settings.mail.backend
    backend = module(name).connect(settings)
    if backend.reaches_people:
        _require_sender(settings, name)
    return backend


def _require_sender(settings: Settings, name: str) -> None:
    mail, web = settings.mail, settings.web
    missing = {
        "mail.from": mail.sender == DEFAULT_SENDER,
        "mail.postal_address": not mail.postal_address,
        "mail.operator": not mail.operator,
        "web.base_url (https)": not web.base_url.startswith("https://"),
        "NEWSLETTER_SECRET": not settings.secret("NEWSLETTER_SECRET"),
    }
    local, _, _ = mail.address.rpartition("@")
    if not local.isascii():
        raise SettingsError(f"mail.from: {mail.address} has letters before the @ that an envelope cannot carry")
    for key, is_missing in missing.items():
        if is_missing:
            raise SettingsError(f"mail.backend = {name} needs {key}: set it in newsletter.toml or the environment")
