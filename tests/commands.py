"""The command line as a person uses it: arguments in, exit code and text out, in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from newsletter import cli


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


def command(home: Path, capsys: pytest.CaptureFixture[str], environment: pytest.MonkeyPatch) -> Command:
    """Calls `newsletter` with arguments, in `home`."""
    environment.setenv("NEWSLETTER_HOME", str(home))

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = 0
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 0
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call
