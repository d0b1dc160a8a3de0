"""Writes docs/commands.md from the commands themselves: `python -m tests.reference`, or `make docs`."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from newsletter.cli import app

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
HEAD = """# Commands

<!-- Written by `make docs` from the commands themselves. -->

Exit codes: 0 all well; 1 something failed, and a sentence on stderr says what; 2 bad usage or input; 75 the mailing is not
ready, try later. Commands work in the current folder or in `NEWSLETTER_HOME`, which must have a newsletter.toml; `demo`,
`init`, `rank`, `topics` and `preview --edition` need none.
"""


def page() -> str:
    """The page."""
    return HEAD + "".join(_entry(name, command) for name, command in commands())


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    return _commands("newsletter", typer.main.get_command(app))


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", {})
    for word, child in inner.items():
        if not child.hidden:
            yield from _commands(f"{name} {word}", child)
    if not inner:
        yield name, command


def _entry(name: str, command: Any) -> str:
    about, _, examples = inspect.cleandoc(command.help or "").partition("Examples:")
    lines = [f"\n## `{name}`\n", about.strip() + "\n"]
    if examples.strip():
        lines += ["```sh", *(line.strip() for line in examples.splitlines() if line.strip()), "```\n"]
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            lines.append(f"- `{parameter.name.upper()}`: {parameter.help}")
        elif not getattr(parameter, "hidden", False):
            lines.append(f"- `{', '.join([*parameter.opts, *parameter.secondary_opts])}`: {parameter.help}")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
