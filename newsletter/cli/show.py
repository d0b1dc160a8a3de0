"""How commands speak: tables and progress on a terminal, plain lines elsewhere, JSON where a machine asks."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.control import strip_control_codes
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from newsletter.models.papers import Progress

_NUMBER = re.compile(r"[-+]?[\d,]+(\.\d+)?")


class _Console(Console):
    """Says of a closed pipe that it is one, rather than end the process."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


console = _Console(highlight=False)
errors = _Console(stderr=True, highlight=False)


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal, numbers to the right; tab-separated lines elsewhere."""
    if not console.is_terminal:
        for row in rows:
            print("\t".join(str(cell) for cell in row))
        return
    cells = [[str(cell) for cell in row] for row in rows]
    shown = Table(title=title, title_justify="left")
    for number, head in enumerate(heads):
        are_numbers = bool(cells) and all(_NUMBER.fullmatch(row[number]) for row in cells)
        shown.add_column(head, overflow="fold", justify="right" if are_numbers else "left")
    for row in cells:
        shown.add_row(*row)
    console.print(shown)


def as_json(value: Any) -> None:
    """One JSON document on stdout."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1, default=str)
    print()


def say(line: str) -> None:
    """One line on stdout."""
    _print(console, line)


def warn(line: str) -> None:
    """One line on stderr."""
    _print(errors, line)


def _print(to: Console, line: str) -> None:
    """Coloured on a terminal; elsewhere as it is, in a thirtieth of the time: a large service has many lines."""
    if to.is_terminal:
        to.print(line, markup=False, soft_wrap=True)
    else:
        print(strip_control_codes(line), file=to.file, flush=True)


def aside(line: str) -> None:
    """One line on stderr for a person who waits at a terminal; nothing elsewhere."""
    if errors.is_terminal:
        warn(line)


def warning(line: str) -> None:
    """One line on stderr that says whose it is."""
    warn(f"newsletter: {line}")


def duration(length: timedelta) -> str:
    """`4 h 05 min`, or `2 d 3 h` from a day on."""
    minutes = int(length.total_seconds()) // 60
    days, rest = divmod(minutes, 24 * 60)
    return f"{days} d {rest // 60} h" if days else f"{rest // 60} h {rest % 60:02} min"


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@contextmanager
def progress(totals: Mapping[str, int | None]) -> Iterator[Progress]:
    """Bars for the named stages on a terminal, a moving one where the total is not known; silence elsewhere."""
    if not errors.is_terminal:
        yield _silent
        return
    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=errors, transient=True) as bars:
        tasks = {stage: bars.add_task(stage, total=total) for stage, total in totals.items()}

        def advance(stage: str, done: int) -> None:
            bars.update(tasks[stage], completed=done)

        yield advance


def _silent(stage: str, done: int) -> None:
    """Plain output needs no progress."""
