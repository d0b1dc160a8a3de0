"""The command line: builds the clients and calls the pipeline. The only reader of clock and environment."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from newsletter import __version__
from newsletter.cli import (
    backup,
    bounces,
    compare,
    costs,
    demo,
    doctor,
    explain,
    feedback,
    fetch,
    init,
    preview,
    rank,
    replay,
    resolve,
    resume,
    run,
    schedule,
    send_test,
    sends,
    serve,
    status,
    subscribers,
    suppressions,
    topics,
    why,
)
from newsletter.errors import NewsletterError


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"newsletter {__version__}")
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _newsletter(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Mails each subscriber, every morning, the few new arXiv papers that matter to them."""


app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("run")(run.run)
app.command("fetch")(fetch.fetch)
app.command("rank")(rank.rank)
app.command("feedback")(feedback.feedback)
app.command("costs")(costs.costs)
app.command("compare")(compare.compare)
app.command("preview")(preview.preview)
app.command("sends")(sends.sends)
app.command("explain")(explain.explain)
app.command("resolve")(resolve.resolve)
app.command("replay")(replay.replay)
app.command("resume")(resume.resume)
app.command("schedule")(schedule.schedule)
app.command("send-test")(send_test.send_test)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
app.command("why")(why.why)
app.command("status")(status.status)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("bounces")(bounces.bounces)
app.add_typer(subscribers.commands, name="subscribers")
app.add_typer(suppressions.commands, name="suppressions")
app.add_typer(topics.commands, name="topics")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command (the process's own by default); an expected error is one sentence on stderr and its exit code."""
    try:
        app(arguments)
    except NewsletterError as error:
        print(f"newsletter: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        sys.exit(0)
    except KeyboardInterrupt:
        print("newsletter: stopped", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        print(f"newsletter: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
