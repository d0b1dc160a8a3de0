"""Keeps the raw bodies that arXiv sent, by mailing and URL, with what to ask for a newer one with."""

import hashlib
import json
import re
import shutil
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from newsletter.errors import Unreachable
from newsletter.files import write_atomically


@dataclass(frozen=True, slots=True)
class Kept:
    """What is written beside a raw body: where it came from, and its validators (RFC 9110 §8.8)."""

    url: str
    status: int
    fetched_at: str
    etag: str = ""
    last_modified: str = ""

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that ask for the body only if it has changed since; none for an error."""
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in found.items() if value} if self.status == 200 else {}


@dataclass(frozen=True, slots=True)
class Bodies:
    """The bodies of one folder: `<mailing date>/<readable part of the URL>.<digest>`, with a `.json` beside each."""

    folder: Path

    def file(self, url: str, day: date) -> Path:
        """Where the body of a URL lies, whether it is there or not."""
        parts = urlsplit(url)
        readable = re.sub(r"[^A-Za-z0-9.=-]+", "_", f"{parts.path}?{parts.query}").strip("_")[:80]
        return self.folder / day.isoformat() / f"{readable}.{hashlib.sha256(url.encode()).hexdigest()[:10]}"

    def kept(self, url: str, day: date) -> Kept | None:
        """What is known of a body; None where there is none, or nothing that fits it."""
        file = self.file(url, day)
        try:
            return Kept(**json.loads(_facts(file).read_bytes())) if file.is_file() else None
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, day: date, kept: Kept, body: bytes) -> None:
        """Writes a body in place of the one before. Raises Unreachable where the folder cannot be written."""
        file = self.file(kept.url, day)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _facts(file).unlink(missing_ok=True)  # so that validators never belong to another body
            write_atomically(file, body)
            write_atomically(_facts(file), json.dumps(asdict(kept)).encode())
        except OSError as error:
            raise Unreachable(f"{file.parent}: cannot be written: {error.strerror}") from error

    def forget(self, url: str, day: date) -> None:
        """Drops the validators of a body that was no good, so that it is transferred again; the bytes stay."""
        _facts(self.file(url, day)).unlink(missing_ok=True)

    def sweep(self, oldest: datetime) -> None:
        """Removes the bodies of mailings for which nothing was asked for since a time."""
        for folder in self.folder.glob("????-??-??"):
            if folder.stat().st_mtime < oldest.timestamp():
                shutil.rmtree(folder, ignore_errors=True)


def _facts(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")
