"""All commands, each from its own file."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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
    output_may_end,
    preview,
    quality,
    rank,
    replay,
    resolve,
    resume,
    run,
    schedule,
    send_test,
    sends,
    serve,
    simulate,
    status,
    subscribers,
    suppressions,
    topics,
    why,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"newsletter {__version__}")
        raise typer.Exit


class _Commands(TyperGroup):
    """Ends well where the reader of the output has enough, as `head` does."""

    def invoke(self, ctx: Any) -> Any:
        with output_may_end():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
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
app.command("quality")(quality.quality)
app.command("preview")(preview.preview)
app.command("sends")(sends.sends)
app.command("explain")(explain.explain)
app.command("resolve")(resolve.resolve)
app.command("replay")(replay.replay)
app.command("resume")(resume.resume)
app.command("schedule")(schedule.schedule)
app.command("send-test")(send_test.send_test)
app.command("simulate")(simulate.simulate)
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
