"""Writes docs/commands.md and the help from the commands themselves: `python -m tests.reference`, or `make docs`."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from newsletter.cli import HELP
from newsletter.cli.commands import command_line

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
APP = command_line()
HEAD = """# Commands

<!-- Written by `make docs` from the commands themselves. -->

Exit codes: 0 all well; 1 something failed, and a sentence on stderr says what; 2 bad usage or input; 75 the mailing is not
ready, try later. Commands work in the current folder or in `NEWSLETTER_HOME`, which must have a newsletter.toml; `demo`,
`init`, `rank`, `topics` and `preview --edition` need none.
"""


def page() -> str:
    """The page."""
    return HEAD + "".join(_entry(name, command) for name, command in commands())


def helps() -> dict[str, str]:
    """What each command and each group of them says of itself when asked, 80 characters wide, by its words."""
    groups = {" ".join(name.split()[1:end]) for name, _ in commands() for end in range(1, len(name.split()) + 1)}
    runner = CliRunner(env={"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"})
    return {
        path: "\n".join(
            line.rstrip()
            for line in runner.invoke(APP, [*path.split(), "--help"], prog_name="newsletter").output.splitlines()
        )
        for path in sorted(groups)
    }


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    return _commands("newsletter", typer.main.get_command(APP))


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
    HELP.write_text(json.dumps(helps(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
