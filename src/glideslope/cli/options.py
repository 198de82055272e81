"""The options that every command has, and the command itself."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from glideslope.errors import GlideslopeError
from glideslope.schedules.numbers import written

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


F = TypeVar("F", bound=Callable[..., None])


def command(example: str, name: str | None = None) -> Callable[[F], F]:
    """Makes a function a command, of its own name or another, whose help begins with an example."""

    def registered(function: F) -> F:
        text = inspect.getdoc(function) or ""
        return app.command(name, help=f"Example: {example}\n\n{text}", short_help=text.split("\n")[0])(function)

    return registered


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Seed = Annotated[int, typer.Option(min=0, help="The seed of the job.")]
Out = Annotated[Path | None, typer.Option(help="The run directory; a new one under runs/ if not given.")]
Folder = Annotated[Path | None, typer.Option("--out", help="Write into this folder too.")]


def whole(name: str, text: Any) -> int:
    """A number of updates as people write it: 10000, 10_000, 1e4, 10k or 2M. Raises a GlideslopeError if it is no whole
    number."""
    try:
        number = written(str(text))
        if number.adjusted() < 30 and number == number.to_integral_value():
            return int(number)
        problem = "too large" if number.adjusted() >= 30 else "no whole number"
    except ValueError:
        problem = "no number"
    raise GlideslopeError(f"{name} {text}: it is {problem}; write updates as 10000, 10_000, 1e4, 10k or 2M")


def real(name: str, text: Any) -> float:
    """A number as people write it. Raises a GlideslopeError if it is none."""
    try:
        return float(written(str(text)))
    except ValueError:
        raise GlideslopeError(f"{name} {text}: it is no number; write it as 1000, 1_000, 1e3 or 1k") from None


def count(name: str, help: str) -> Any:
    """An option that is a number of updates."""
    return typer.Option(name, help=help, metavar="N", parser=_named(whole, name))


def amount(name: str, help: str) -> Any:
    """An option that is an amount: of tokens, parameters, or updates in an epoch."""
    return typer.Option(name, help=help, metavar="N", parser=_named(real, name))


def _named(read: Callable[[str, Any], Any], name: str) -> Callable[[Any], Any]:
    return lambda text: read(name, text)


Steps = Annotated[int, count("--steps", "The updates of a full run.")]
StepsPerEpoch = Annotated[float | None, amount("--steps-per-epoch", "Updates in an epoch, for durations in epochs.")]
Peak = Annotated[float, typer.Option(help="The peak rate.")]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="End the search where a run takes longer.", show_default=False)
]
Log = Annotated[
    str | None,
    typer.Option(metavar="TRACKER", help="Send runs to wandb, tensorboard or mlflow.", show_default=False),
]
Storage = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Show runs in optuna-dashboard: sqlite:///runs.db.", show_default=False),
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
