"""The command line: builds the clients and calls the pipeline. The only reader of clock and environment.

Help is read from help.json, which `make docs` writes from the commands, because loading them all takes a second.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from newsletter.errors import NewsletterError

HELP = Path(__file__).parent / "help.json"
_ASKS = {"--help", "-h"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command (the process's own by default); an expected error is one sentence on stderr and its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if (text := help_for(given)) is not None:
            with output_may_end():
                print(text)
            return
        from newsletter.cli.commands import command_line  # noqa: PLC0415 - help does without

        command_line(given[0] if given else "")(given)
    except NewsletterError as error:
        print(f"newsletter: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("newsletter: stopped", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        print(f"newsletter: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def output_may_end() -> Iterator[None]:
    """Ends well where the reader of the output has enough, as `head` does. What was printed is flushed."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        sys.exit(0)


def help_for(arguments: Sequence[str]) -> str | None:
    """The help that is asked for, if that is all; None where a command is to run, or to say what is wrong with it."""
    words = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    if not words or not HELP.is_file():
        return None
    path = [word for word in words if word not in _ASKS]
    if len(path) == len(words):
        return None
    texts: dict[str, str] = json.loads(HELP.read_text(encoding="utf-8"))
    return texts.get(" ".join(path))
