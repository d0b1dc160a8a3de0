"""What `newsletter init --actions` writes: a repository that runs the newsletter on GitHub's machines."""

import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

from newsletter import __version__
from newsletter.errors import InputError
from newsletter.files import find, write_atomically

FILES = {
    "newsletter.yml": ".github/workflows/newsletter.yml",
    "newsletter.sh": ".github/newsletter.sh",
    "README.md": "README.md",
}
IGNORED = "var/\nsecrets.env\n"


def write_recipe(home: Path) -> Iterator[Path]:
    """Writes the workflow, its script, what to install and what git ignores; files that are there stay as they are."""
    contents = {target: find(f"templates/actions/{name}", None).read_bytes() for name, target in FILES.items()}
    contents |= {"requirements.txt": f"{requirement()}\n".encode(), ".gitignore": IGNORED.encode()}
    for name, content in contents.items():
        path = home / name
        if path.exists():
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        yield path


def requirement() -> str:
    """What pip installs to get this very package: the repository it came from, where pip recorded one (PEP 610)."""
    origin = json.loads(importlib.metadata.distribution("newsletter").read_text("direct_url.json") or "{}")
    info = origin.get("vcs_info", {})
    if info:
        return f"newsletter @ {info['vcs']}+{origin['url']}@{info['commit_id']}"
    return (
        "# Where your copy of the package is: the address of its repository, or a wheel in this folder\n"
        f"# (make one with `pip wheel --no-deps .`), such as ./newsletter-{__version__}-py3-none-any.whl\n"
        f"newsletter=={__version__}"
    )
