"""The journal of opt-outs: which addresses left or came back, beside the database and outside its backups.

A restored backup does not know who left since it was made; the journal does. It is only appended to, each line is on
disk before the change is committed, and it names addresses by the same keyed hash as the suppressions, whose key lies
in a file of its own, so that a new database can read it too. A kill between line and commit leaves a line too many:
somebody who wanted to leave.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from newsletter.errors import StoreError
from newsletter.files import write_atomically


class Act(StrEnum):
    """What became of an address."""

    SUPPRESSED = "suppressed"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; `key` names the key of the hash, `source` of a lift is empty where it lifted whatever there was."""

    at: str
    act: Act
    hash: str
    key: str
    reason: str = ""
    source: str = ""


class Journal:
    """The lines beside one database. Appending is for the holder of the database's write lock."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name("opt-outs.jsonl")
        self._key_path = database.with_name("opt-outs.key")

    def append(self, entries: Iterable[Entry]) -> tuple[int, int]:
        """Adds lines, flushed to disk; the sizes before and after. Raises StoreError."""
        try:
            return self._append(entries)
        except OSError as error:
            raise _unusable(self.path, error) from error

    def _append(self, entries: Iterable[Entry]) -> tuple[int, int]:
        is_new = not self.path.exists()
        text = "".join(json.dumps(asdict(entry)) + "\n" for entry in entries).encode()
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
            before = file.seek(0, os.SEEK_END)
            if before and os.pread(file.fileno(), 1, before - 1) != b"\n":
                text = b"\n" + text  # a line that a full disk cut short stays one line
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _flush_names(self.path.parent)
        return before, before + len(text)

    def read(self, start: int) -> tuple[list[Entry], int]:
        """The lines from a position on, without those that are none, and where they end; all of a shorter journal.

        Raises StoreError.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise _unusable(self.path, error) from error
        lines = content[start if start <= len(content) else 0 :].splitlines()
        return [entry for line in lines if (entry := _entry(line))], len(content)

    @property
    def key(self) -> str:
        """The key of the hashes, an empty string where none is kept yet. Raises StoreError."""
        try:
            return self._key_path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeError) as error:
            raise _unusable(self._key_path, error) from error

    @key.setter
    def key(self, key: str) -> None:
        try:
            write_atomically(self._key_path, key.encode("ascii"), mode=0o600)
        except OSError as error:
            raise _unusable(self._key_path, error) from error


def _unusable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path}: cannot be used: {error}; it keeps who left, so nothing goes on without it")


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
        return Entry(**(found | {"act": Act(found["act"])}))
    except (ValueError, TypeError, KeyError):
        return None


def _flush_names(folder: Path) -> None:
    """Flushes a folder, so that a new file in it survives a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
