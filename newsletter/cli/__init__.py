"""The command line: builds the clients and calls the pipeline. The only reader of clock and environment."""

import sys

import typer

from newsletter.cli import demo, fetch, init, preview, rank, run, subscribers, topics
from newsletter.errors import NewsletterError

app = typer.Typer(
    help="Mails each subscriber, every morning, the few new arXiv papers that matter to them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("run")(run.run)
app.command("fetch")(fetch.fetch)
app.command("rank")(rank.rank)
app.command("preview")(preview.preview)
app.add_typer(subscribers.app, name="subscribers")
app.add_typer(topics.app, name="topics")


def main() -> None:
    """Runs a command; an expected error becomes one sentence on stderr and its exit code."""
    try:
        app()
    except NewsletterError as error:
        print(f"newsletter: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(141)  # the reader of our output went away, as `head` does
