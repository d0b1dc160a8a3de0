"""`newsletter backup` and `newsletter restore`: copies of all that is kept, and the way back."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.errors import InputError
from newsletter.operations import backup as copying
from newsletter.settings import Backup

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def backup(
    to: Annotated[
        Path | None, typer.Option("--to", help="The folder of the backups; backup.to where left out.")
    ] = None,
    keep_days: Annotated[
        int | None, typer.Option("--keep-days", min=1, help="Drop older ones, though never the newest three.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy the database and the topics files, also during a run, and open the copy to see that it is whole.

    Secrets stay out, and so does the dispatch mark: by it a run notices that a database was restored.

    Examples:

        newsletter backup --to /backup/newsletter

        newsletter backup --keep-days 90
    """
    settings = app.home_settings()
    chosen = settings.of(Backup)
    if to is None and not chosen.to:
        raise InputError("--to is missing: name a folder here, or set backup.to in newsletter.toml")
    assert settings.home is not None, "backups are of a home"
    with app.open_store(settings) as store:
        made = copying.backup(
            settings.home,
            store,
            to or settings.home / chosen.to,
            app.now(),
            timedelta(days=keep_days or chosen.keep_days),
        )
    if as_json:
        show.as_json({"folder": made.folder, **asdict(made.manifest), "removed": made.removed})
        return
    rows, size = made.manifest.rows, made.manifest.bytes / 1e6
    show.say(
        f"{made.folder}: {size:.1f} MB, {rows['subscribers']} subscribers, {rows['editions']} editions, "
        f"{made.manifest.topics_files} topics files; opened and found whole"
    )
    for path in made.removed:
        show.say(f"{path}: dropped, it was older than {keep_days or chosen.keep_days} days")


def restore(
    folder: Annotated[Path, typer.Argument(help="A backup, or the folder of the backups: its newest.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup's database and topics files in place of what is there, which is kept in var/.

    Nothing is sent until `newsletter run --confirm-restore`: what waits in the backup may have gone out since.

    Examples:

        newsletter restore /backup/newsletter
    """
    settings = app.home_settings()
    assert settings.home is not None, "backups are of a home"
    with app.run_lock(settings):
        chosen = copying.newest(folder)
        manifest = copying.verify(chosen)
        if not yes:
            typer.confirm(f"Replace the database by that of {manifest.at[:16]}, of {chosen}?", abort=True)
        done = copying.restore(settings.home, chosen, app.now())
    if as_json:
        show.as_json({"folder": done.folder, "aside": done.aside, **asdict(done.manifest)})
        return
    show.say(f"restored {done.folder}, of {manifest.at[:16]}; what was here before lies in {done.aside}")
    if app.reaches_people(settings):
        show.say("nothing is sent until you run `newsletter run --confirm-restore`")
