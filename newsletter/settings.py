"""Decides what newsletter.toml, the environment and the defaults say together; reads one file.

Each key of newsletter.toml is also `NEWSLETTER_<SECTION>__<KEY>` in the environment, which wins. Secrets come only
from the environment, as `<NAME>` or as the path of a file in `<NAME>_FILE`, or from secrets.env beside newsletter.toml,
which nobody else may read; the environment wins.

A module that has settings of its own (a delivery backend, a source, the model) declares a frozen pydantic model with
a `section` name; whoever loads passes those models in, so that adding one touches no list here.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from newsletter.errors import SettingsError
from newsletter.validation import in_words

PREFIX = "NEWSLETTER_"
DEFAULT_SENDER = "newsletter@localhost"
SecretName: TypeAlias = Literal[
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "SENDGRID_API_KEY",
    "SMTP_PASSWORD",
    "NEWSLETTER_OPERATOR_TOKEN",
    "NEWSLETTER_SECRET",
]
SECRETS: tuple[SecretName, ...] = get_args(SecretName)
SECRETS_FILE = "secrets.env"
SHORTEST_SECRET = 32  # characters of each key in NEWSLETTER_SECRET
LONGEST_NAME = 100  # characters of a sender's name, so that no header line exceeds 998 octets (RFC 5322 §2.1.1)
LONGEST_ADDRESS = 254
_ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")


class Section(BaseModel):
    """One [section] of newsletter.toml; frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    section: ClassVar[str]


class Mail(Section):
    """Who sends, and by which backend. `postal_address` stands in every email (CAN-SPAM §7704(a)(5))."""

    section: ClassVar[str] = "mail"
    backend: str = "outbox"
    sender: str = Field(DEFAULT_SENDER, alias="from")
    operator: str = ""
    operator_address: str = ""  # alerts go there
    postal_address: str = ""

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, sender: str) -> str:
        name, address = parseaddr(sender)
        if not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", address):
            raise ValueError(f"{sender!r} is no address; write news@example.org or Name <news@example.org>")
        if len(name) > LONGEST_NAME or len(address) > LONGEST_ADDRESS:
            raise ValueError(f"a name has at most {LONGEST_NAME} characters, an address {LONGEST_ADDRESS}")
        return sender

    @property
    def address(self) -> str:
        """The bare address of `from`, without the name before it."""
        return parseaddr(self.sender)[1]


class Web(Section):
    """Where readers reach the service."""

    section: ClassVar[str] = "web"
    base_url: str = Field("http://localhost:8000", max_length=400, pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    subscribe: str = Field("closed", pattern=r"^(closed|open|@[^\s@]+)$")  # who may join by the form
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")  # whose X-Forwarded-For is believed
    budget_usd_per_month: float = Field(1.0, ge=0, allow_inf_nan=False)  # that readers may give themselves at most


class Run(Section):
    """How a day is run: `workers` threads compose and send.

    Editions that need no model are computed in this process, or by as many others (`executor`; auto: by others where
    there are enough readers for it to pay), or on the Dask cluster of a scheduler (`cluster`, tcp://scheduler:8786).
    """

    section: ClassVar[str] = "run"
    workers: int = Field(2, ge=1, le=64)
    executor: Literal["auto", "serial", "processes"] = "auto"
    cluster: str = ""


class Backup(Section):
    """Where backups go, from the home where it is no absolute path, and how long they are kept."""

    section: ClassVar[str] = "backup"
    to: str = ""
    keep_days: int = Field(30, ge=1)


class Alerts(Section):
    """How the operator is told what a day's judge found, beside the mail to mail.operator_address.

    `command` is run with the alert as JSON on its standard input, `webhook` is posted the same. `heartbeat` is the ping
    URL of a check (healthchecks.io's protocol): it is told of each run's start, end and failure.
    """

    section: ClassVar[str] = "alerts"
    command: str = ""
    webhook: str = Field("", pattern=r"^(https?://[^\s]+)?$")
    heartbeat: str = Field("", pattern=r"^(https?://[^\s]+)?$")


CORE: tuple[type[Section], ...] = (Mail, Web, Run, Backup, Alerts)
S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, read once. `home` is the operator's folder; None where a command needs none."""

    home: Path | None
    sections: Mapping[str, Section]
    secrets: Mapping[str, str] = field(repr=False)

    def of(self, section: type[S]) -> S:
        """The settings of one section, by its model."""
        found = self.sections[section.section]
        if not isinstance(found, section):
            raise TypeError(f"section {section.section} was loaded as {type(found).__name__}")
        return found

    @property
    def mail(self) -> Mail:
        return self.of(Mail)

    @property
    def web(self) -> Web:
        return self.of(Web)

    @property
    def run(self) -> Run:
        return self.of(Run)

    def secret(self, name: SecretName) -> str:
        """A secret, or an empty string where it is not set."""
        return self.secrets.get(name, "")


def load(environ: Mapping[str, str], file: Path | None, extra: Iterable[type[Section]] = ()) -> Settings:
    """The settings of a home folder (`file` is its newsletter.toml, None for defaults and environment alone).

    Raises SettingsError that names file or variable, key, and the known keys.
    """
    models = {model.section: model for model in (*CORE, *extra)}
    origins: dict[tuple[str, str], str] = {}
    values = _from_file(file, models, origins) if file else {}
    for section, key, name, value in _from_environment(environ, models):
        values.setdefault(section, {})[key] = value
        origins[section, key] = name
    sections = {name: _section(model, values.get(name, {}), origins) for name, model in models.items()}
    secrets = _from_secrets_file(file.parent / SECRETS_FILE) if file else {}
    return Settings(file.parent if file else None, sections, secrets | _secrets(environ))


def _from_file(
    file: Path, models: Mapping[str, type[Section]], origins: dict[tuple[str, str], str]
) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not valid TOML: {error}") from error
    for name, table in tables.items():
        if name not in models:
            raise SettingsError(f"{file}: unknown section [{name}]; known sections: {', '.join(sorted(models))}")
        if not isinstance(table, dict):
            raise SettingsError(f"{file}: {name} must be a section: write [{name}] on a line of its own")
        for key in table:
            origins[name, key] = f"{file}: {name}.{key}"
    return tables


def _from_environment(
    environ: Mapping[str, str], models: Mapping[str, type[Section]]
) -> Iterable[tuple[str, str, str, str]]:
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX):
            continue
        section, separator, key = name.removeprefix(PREFIX).lower().partition("__")
        if not separator or section not in models:
            continue  # somebody else's variable
        yield section, key, name, value


def _section(model: type[Section], values: Mapping[str, Any], origins: Mapping[tuple[str, str], str]) -> Section:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        where = origins.get((model.section, key), f"{model.section}.{key}")
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(f.alias or name for name, f in model.model_fields.items()))
            raise SettingsError(f"{where}: unknown key; known keys of [{model.section}]: {known}") from None
        raise SettingsError(f"{where}: {in_words(first)}") from None


def _from_secrets_file(path: Path) -> dict[str, str]:
    """The secrets in lines of `NAME=value`, as a shell or systemd reads them. Raises SettingsError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        others = path.stat().st_mode & 0o077
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {getattr(error, 'strerror', '') or 'no UTF-8'}") from error
    if others:
        raise SettingsError(f"{path}: others on this machine may read it: run chmod 600 {path}")
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line.strip())
        if match is None or match["name"] not in SECRETS:
            name = match["name"] if match else "the line"
            raise SettingsError(f"{path}:{number}: {name} is no secret; write NAME=value, with {', '.join(SECRETS)}")
        value = match["value"].strip()
        found[match["name"]] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    return found


def _secrets(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in SECRETS:
        path = environ.get(f"{name}_FILE")
        if environ.get(name):
            found[name] = environ[name].strip()
        elif path:
            try:
                found[name] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{name}_FILE: {path} cannot be read: {error.strerror}") from error
    return found
