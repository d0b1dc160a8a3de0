"""Finds templates, prompts and examples: the operator's home first, then the package.

In a wheel the folders lie inside the package, in a checkout beside it.
"""

from pathlib import Path

PACKAGE = Path(__file__).parent


def find(name: str, home: Path | None) -> Path:
    """The file or folder `name` (such as "templates/digest.mjml"). Raises FileNotFoundError."""
    for base in (home, PACKAGE, PACKAGE.parent):
        if base and (base / name).exists():
            return base / name
    raise FileNotFoundError(f"{name} is neither in {home or 'a home folder'} nor in the package: reinstall newsletter")
