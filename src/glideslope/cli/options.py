"""The options that every command has, and the command itself."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Find, compare, show and convert learning rates and schedules.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip

show_traceback = False
"""Whether an error is shown with where it was raised."""


@app.callback()
def main(
    trace: Annotated[
        bool, typer.Option("--traceback", help="Show where an error was raised, before its one line.")
    ] = False,
) -> None:
    """Find, compare, show and convert learning rates and schedules."""
    global show_traceback
    show_traceback = trace


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Seed = Annotated[int, typer.Option(min=0, help="The seed of the job.")]
NoSeed = Annotated[int, typer.Option("--seed", help="Accepted as everywhere; a schedule has no randomness.")]
Out = Annotated[Path | None, typer.Option(help="The run directory; a new one under runs/ if not given.")]
Folder = Annotated[Path | None, typer.Option("--out", help="Write into this folder too.")]
Steps = Annotated[int, typer.Option(help="The updates of a full run.")]
Peak = Annotated[float, typer.Option(help="The peak rate.")]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="End the search where a run takes longer.", show_default=False)
]
JobPlace = Annotated[str, typer.Argument(metavar="JOB", help="The job: path/to/file.py:function.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Begin anew in a directory that holds a run.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")]
CheckpointEvery = Annotated[
    str, typer.Option(metavar="TIME", help="Checkpoint each run so often, 90s, 5m or 1h; or never.")
]
AcceptChanges = Annotated[
    bool, typer.Option("--accept-changes", help="Go on with --resume though the job, an option or a version changed.")
]
Optimizers = Annotated[str, typer.Option(help='Also with these optimizers, such as "adagrad,schedule-free".')]
Averages = Annotated[str, typer.Option(help='Also averages of the weights: "ema(0.99),swa(75%)".')]
