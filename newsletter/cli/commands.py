"""All commands, each from its own file; a file is loaded where its command is asked for."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from newsletter import __version__
from newsletter.cli import output_may_end

# The name of each command, and its function, or its group of them, in a file of this package.
_PLACES = {
    "demo": "demo.demo",
    "init": "init.init",
    "run": "run.run",
    "fetch": "fetch.fetch",
    "rank": "rank.rank",
    "feedback": "feedback.feedback",
    "costs": "costs.costs",
    "compare": "compare.compare",
    "quality": "quality.quality",
    "preview": "preview.preview",
    "sends": "sends.sends",
    "explain": "explain.explain",
    "resolve": "resolve.resolve",
    "replay": "replay.replay",
    "resume": "resume.resume",
    "schedule": "schedule.schedule",
    "send-test": "send_test.send_test",
    "simulate": "simulate.simulate",
    "serve": "serve.serve",
    "doctor": "doctor.doctor",
    "why": "why.why",
    "status": "status.status",
    "backup": "backup.backup",
    "restore": "backup.restore",
    "bounces": "bounces.bounces",
    "subscribers": "subscribers.commands",
    "suppressions": "suppressions.commands",
    "topics": "topics.commands",
}


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"newsletter {__version__}")
        raise typer.Exit


class _Commands(TyperGroup):
    """Ends well where the reader of the output has enough, as `head` does."""

    def invoke(self, ctx: Any) -> Any:
        with output_may_end():
            return super().invoke(ctx)


def _newsletter(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Mails each subscriber, every morning, the few new arXiv papers that matter to them."""


def command_line(asked: str = "") -> typer.Typer:
    """The command line: with the one command that is asked for, or with all where none of that name exists."""
    app = typer.Typer(
        cls=_Commands,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_newsletter)
    for name in [asked] if asked in _PLACES else _PLACES:
        file, _, verb = _PLACES[name].partition(".")
        found = getattr(import_module(f"newsletter.cli.{file}"), verb)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app
