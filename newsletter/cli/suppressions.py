"""`newsletter suppressions`: the addresses that get nothing, whatever a topics file says."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery import backends
from newsletter.errors import InputError

commands = typer.Typer(help="List, add and lift suppressions of addresses.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="An email address.")]


@commands.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the suppressed addresses; those of erased people stay hidden.

    Examples:

        newsletter suppressions list
    """
    with app.open_store(app.home_settings()) as store:
        found = [(s.address or "(erased)", s.reason, s.source, s.at.isoformat()) for s in store.suppressions.all()]
    if as_json:
        show.as_json([dict(zip(("address", "reason", "source", "at"), row, strict=True)) for row in found])
    else:
        show.table("suppressions", ("address", "reason", "source", "at"), found)


@commands.command()
def add(address: Address, reason: Annotated[str, typer.Option("--reason", help="Why.")] = "asked") -> None:
    """Suppress an address.

    Examples:

        newsletter suppressions add ada@example.org --reason "asked by phone"
    """
    with app.open_store(app.home_settings()) as store:
        new = store.suppressions.add(_checked(address), reason, "operator", app.now())
    show.say(f"{address}: {'suppressed' if new else 'was suppressed already'}")


@commands.command()
def remove(address: Address) -> None:
    """Lift a suppression, when its owner asked for it. Who unsubscribed stays unsubscribed.

    Examples:

        newsletter suppressions remove ada@example.org
    """
    with app.open_store(app.home_settings()) as store:
        if not store.suppressions.remove(_checked(address), app.now()):
            raise InputError(f"{address} is not suppressed")
    show.say(f"{address}: not suppressed any more")


@commands.command()
def export() -> None:
    """Print the suppressed addresses as CSV: address, reason, source, time.

    Examples:

        newsletter suppressions export > suppressions.csv
    """
    rows = csv.writer(sys.stdout)
    rows.writerow(("address", "reason", "source", "at"))
    with app.open_store(app.home_settings()) as store:
        rows.writerows((s.address, s.reason, s.source, s.at.isoformat()) for s in store.suppressions.all() if s.address)


@commands.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a column `address` or `email`, perhaps `reason`.")],
) -> None:
    """Suppress the addresses of a CSV file, such as another service exports.

    Examples:

        newsletter suppressions import suppressions.csv
    """
    new = skipped = 0
    try:
        with file.open(encoding="utf-8-sig", newline="") as text, app.open_store(app.home_settings()) as store:
            rows = csv.DictReader(text)
            column = next((name for name in rows.fieldnames or () if name.lower() in ("address", "email")), None)
            if column is None:
                raise InputError(f"{file}:1: has no column named address or email")
            for row in rows:
                address = (row[column] or "").strip()
                if "@" not in address:
                    show.warn(f"newsletter: {file}:{rows.line_num}: {address!r} is no address")
                    skipped += 1
                    continue
                new += store.suppressions.add(address, row.get("reason") or "imported", "import", app.now())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    show.say(f"{new} new suppressions")
    if skipped:
        raise InputError(f"{file}: {skipped} lines were left out; the others were taken")


@commands.command()
def sync(
    backend: Annotated[str | None, typer.Option("--backend", help="Whose lists; mail.backend's if left out.")] = None,
) -> None:
    """Take over the addresses that the backend itself suppresses.

    Examples:

        newsletter suppressions sync --backend sendgrid
    """
    settings = app.home_settings()
    name = backend or settings.mail.backend
    with app.open_store(settings) as store:
        found = list(backends.suppressed(name, settings))
        new = sum(store.suppressions.add(address, reason, name, app.now()) for address, reason in found)
    show.say(f"{name} suppresses {len(found)} addresses; {new} were new here")


def _checked(address: str) -> str:
    if "@" not in address:
        raise InputError(f"{address}: is no address")
    return address
