"""Calls SQLite and the file system: backups that were opened once, put back when they are needed.

A backup is a folder of open formats: the database, newsletter.toml, the topics files, and a manifest with the
database's SHA-256. The dispatch mark and secrets stay out: by the mark a run notices that a database was restored.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newsletter import __version__
from newsletter.errors import InputError, NewsletterError, StoreError
from newsletter.operations.status import BACKUP_AT
from newsletter.store import Store, copies

MANIFEST = "backup.json"
DATABASE = "newsletter.db"
KEPT_AT_LEAST = 3  # whatever their age
_NAME = re.compile(r"newsletter-(\d{8}T\d{6})Z")
_STAMP = "%Y%m%dT%H%M%S"
_WISHES = ("newsletter.toml", "subscribers")  # of the home, beside the database


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `rows` are those of the large tables."""

    at: str
    version: str
    sha256: str
    bytes: int
    rows: dict[str, int]
    topics_files: int


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made and checked, and the old ones that went for it."""

    folder: Path
    manifest: Manifest
    removed: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class PutBack:
    """A backup that was put back; `aside` holds what was there before."""

    folder: Path
    manifest: Manifest
    aside: Path


def backup(home: Path, store: Store, to: Path, now: datetime, keep: timedelta) -> Made:
    """Copies database and wishes into a new folder of `to`, opens the copy, and drops backups older than `keep`.

    Raises NewsletterError where that cannot be done; there is no half backup then, and no older one is dropped.
    """
    made = to / f"newsletter-{now.astimezone(UTC):{_STAMP}}Z"
    _check_room(store.database.path, to)
    draft = Path(tempfile.mkdtemp(prefix=f".{made.name}.", dir=to))  # its owner's alone: it holds addresses
    try:
        manifest = _fill(draft, home, store.database.path, now)
        draft.rename(made)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise NewsletterError(f"no backup was made: {error.filename or made}: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    store.facts.set(BACKUP_AT, now.isoformat())
    return Made(made, manifest, tuple(_drop(expired(backups(to), now, keep))))


def backups(to: Path) -> list[Path]:
    """The backups in a folder, oldest first."""
    return sorted(path for path in to.glob("newsletter-*") if _NAME.fullmatch(path.name) and path.is_dir())


def expired(found: Iterable[Path], now: datetime, keep: timedelta) -> list[Path]:
    """Those older than `keep`, never the newest three."""
    old = sorted(found)[:-KEPT_AT_LEAST]
    return [path for path in old if now - _made_at(path) > keep]


def verify(folder: Path) -> Manifest:
    """What a backup holds, once its database was compared with the manifest and opened. Raises StoreError."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{folder} is no backup: its {MANIFEST} cannot be read ({error})") from error
    if _sha256(folder / DATABASE) != manifest.sha256:
        raise StoreError(f"{folder / DATABASE} is not what was backed up: take another backup")
    copies.check(folder / DATABASE)
    return manifest


def newest(place: Path) -> Path:
    """The backup at a path: itself, or the newest of those in it. Raises InputError where there is none."""
    if (place / MANIFEST).is_file():
        return place
    found = backups(place)
    if not found:
        raise InputError(f"{place} has no backup: name a folder that `newsletter backup` made")
    return found[-1]


def restore(home: Path, folder: Path, now: datetime) -> PutBack:
    """Puts a backup's database and topics files in place of what is there, which is kept in var/.

    The caller holds the run lock. Settings stay where there are some. Raises StoreError for a backup that is not
    whole, before anything is touched.
    """
    manifest = verify(folder)
    state, files = home / "var", home / "subscribers"
    aside = state / f"before-restore-{now.astimezone(UTC):{_STAMP}}Z"
    aside.mkdir(parents=True, mode=0o700)
    _set_aside(state / DATABASE, aside)
    if files.is_dir():
        files.rename(aside / "subscribers")
    copies.put_back(folder / DATABASE, state / DATABASE)
    if (folder / "subscribers").is_dir():
        shutil.copytree(folder / "subscribers", files)
    if not (home / "newsletter.toml").exists() and (folder / "newsletter.toml").exists():
        shutil.copy2(folder / "newsletter.toml", home / "newsletter.toml")
    return PutBack(folder, manifest, aside)


def _fill(draft: Path, home: Path, database: Path, now: datetime) -> Manifest:
    copies.copy(database, draft / DATABASE)
    (draft / DATABASE).chmod(0o600)
    rows = copies.check(draft / DATABASE)
    for name in _WISHES:
        if (home / name).is_dir():
            shutil.copytree(home / name, draft / name)
        elif (home / name).exists():
            shutil.copy2(home / name, draft / name)
    manifest = Manifest(
        at=now.isoformat(),
        version=__version__,
        sha256=_sha256(draft / DATABASE),
        bytes=(draft / DATABASE).stat().st_size,
        rows=rows,
        topics_files=len(list((draft / "subscribers").glob("*.md"))),
    )
    (draft / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    return manifest


def _set_aside(database: Path, aside: Path) -> None:
    """Keeps the database that is to be replaced; one that does not open is moved away with its logs."""
    if not database.exists():
        return
    try:
        copies.copy(database, aside / DATABASE)
    except StoreError:
        for path in database.parent.glob(f"{database.name}*"):
            path.replace(aside / path.name)


def _check_room(database: Path, to: Path) -> None:
    try:
        to.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(to).free
        if not os.access(to, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(to))
    except OSError as error:
        raise NewsletterError(f"no backup was made: {to}: {error.strerror}") from error
    needed = sum(path.stat().st_size for path in database.parent.glob(f"{database.name}*"))
    if free < needed * 1.1:
        raise NewsletterError(
            f"no backup was made: {to} has {free / 1e6:.0f} MB free, the database needs {needed / 1e6:.0f}: "
            "make room, or name another folder"
        )


def _drop(old: Iterable[Path]) -> Iterable[Path]:
    for path in old:
        shutil.rmtree(path)
        yield path


def _made_at(path: Path) -> datetime:
    named = _NAME.fullmatch(path.name)
    assert named, "only folders named by us are asked for their age"
    return datetime.strptime(named[1], _STAMP).replace(tzinfo=UTC)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
