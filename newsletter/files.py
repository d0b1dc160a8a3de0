"""Writes files so that a reader sees the old content or the new, and finds templates, prompts and examples."""

import os
from pathlib import Path

SECOND = 10**9  # in nanoseconds, as file times are
PACKAGE = Path(__file__).parent


def write_atomically(
    path: Path, content: bytes, mode: int = 0o644, *, durable: bool = True, nanoseconds: int | None = None
) -> None:
    """Replaces `path`; where it is to be durable, the content is on disk before the name points to it.

    `nanoseconds` replaces the fraction of a second of the file's time of modification, which copies seldom keep.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if nanoseconds is not None:
            time = draft.stat().st_mtime_ns // SECOND * SECOND + nanoseconds
            os.utime(draft, ns=(time, time))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def find(name: str, home: Path | None) -> Path:
    """The file or folder `name` (such as "templates/digest.mjml"). Raises FileNotFoundError."""
    for base in (home, PACKAGE, PACKAGE.parent):
        if base and (base / name).exists():
            return base / name
    raise FileNotFoundError(f"{name} is neither in {home or 'a home folder'} nor in the package: reinstall newsletter")
