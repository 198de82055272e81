"""The options that every command has, and the command itself."""

import copy
import inspect
import os
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer
from typer.models import OptionInfo

import glideslope
from glideslope.errors import GlideslopeError
from glideslope.schedules.checks import MOST
from glideslope.schedules.numbers import written

app = typer.Typer(
    help="Find, compare, show and convert learning rates and schedules.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip

show_traceback = False  # whether an error is shown with where it was raised


def _say_version(is_asked: bool) -> None:
    if is_asked:
        from glideslope.cli import output

        output.line(f"glideslope {glideslope.__version__}")
        raise typer.Exit


@app.callback()
def main(
    trace: Annotated[
        bool, typer.Option("--traceback", help="Show where an error was raised, before its one line.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Find, compare, show and convert learning rates and schedules."""
    global show_traceback
    show_traceback = trace


F = TypeVar("F", bound=Callable[..., None])


def command(example: str, name: str | None = None, **context: Any) -> Callable[[F], F]:
    """Makes a function a command, its help begun with an example; a dataclass parameter is an option a field. Settings
    of its context are click's."""

    def registered(function: F) -> F:
        text = inspect.getdoc(function) or ""
        brief = text.split("\n")[0]
        register = app.command(name, help=f"Example: {example}\n\n{text}", short_help=brief, context_settings=context)
        register(_with_each_option(function))
        return function

    return registered


def _with_each_option(function: Callable[..., None]) -> Callable[..., None]:
    """The same function with the fields of dataclasses in place of the parameters that take them."""
    kinds = get_type_hints(function, include_extras=True)
    groups = {name: kind for name, kind in kinds.items() if is_dataclass(kind)}
    options = []
    for parameter in inspect.signature(function).parameters.values():
        if (group := groups.get(parameter.name)) is None:
            options.append(parameter.replace(annotation=kinds[parameter.name]))
            continue
        types = get_type_hints(group, include_extras=True)
        options += [
            parameter.replace(name=field.name, default=field.default, annotation=types[field.name])
            for field in fields(group)
        ]

    @wraps(function)
    def call(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})  # type: ignore[operator]
        function(**values)

    options = [_with_reader(option) for option in options]
    call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    return call


def _with_reader(option: inspect.Parameter) -> inspect.Parameter:
    """The same option, or argument; a number is read as people write it, within its range, and no text is empty."""
    kind, *others = get_args(option.annotation)
    read_as = next((one for one in get_args(kind) or (kind,) if one in _READERS), None)
    if read_as is None or others[0].parser is not None:
        return option
    info, read = copy.copy(others[0]), _READERS[read_as]
    is_option = isinstance(info, OptionInfo)
    name = f"--{option.name.replace('_', '-')}" if is_option else info.metavar or option.name.upper()
    least, most, noun = info.min, info.max, "name" if read_as is Path else "value"
    instead = "" if option.default is inspect.Parameter.empty else f", or leave {name} out"

    def parsed(text: Any) -> Any:
        if not str(text).strip():  # as of a variable of a shell that isn't set
            raise GlideslopeError(f"{name}: the {noun} is empty; give one{instead}")
        return within(name, read(name, text), least, most)

    info.parser = parsed
    if is_option or read_as is not str:
        info.metavar = info.metavar or {Path: "PATH", str: "TEXT"}.get(read_as, "N")
    return option.replace(annotation=Annotated[kind, info])


def within(name: str, value: Any, least: float | None, most: float | None) -> Any:
    """The value, unless it is a number out of its range. Raises a GlideslopeError if it is."""
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
        raise GlideslopeError(f"{name} {value:g}: give {bounds}")
    return value


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Seed = Annotated[int, typer.Option(min=0, help="The seed of the job.")]
Folder = Annotated[Path | None, typer.Option("--out", help="Write into this folder too.", metavar="DIR")]


def whole(name: str, text: Any) -> int:
    """A whole number as people write it: 10000, 10_000, 1e4, 10k or 2M. Raises a GlideslopeError for any other text."""
    try:
        number = written(str(text))
        if number.adjusted() < 30 and number == number.to_integral_value():
            return int(number)
        problem = "too large" if number.adjusted() >= 30 else "not a whole number"
    except ValueError:
        problem = "not a number"
    raise GlideslopeError(f"{name} {text}: it is {problem}; write it as 10000, 10_000, 1e4, 10k or 2M")


def real(name: str, text: Any) -> float:
    """A number as people write it. Raises a GlideslopeError for any other text, or one too large to calculate with."""
    try:
        if abs(number := float(written(str(text)))) <= MOST:
            return number
        problem = "too large"
    except ValueError:
        problem = "not a number"
    raise GlideslopeError(f"{name} {text}: it is {problem}; write it as 0.003, 3e-4, 1_000, 1k or 7B")


def path(name: str, text: Any) -> Path:
    """A path; `~` is the home folder, also where a shell leaves it."""
    return Path(os.path.expanduser(text))


def check_unused(why: str, **given: bool) -> None:
    """Raises a GlideslopeError where an option is given that changes nothing."""
    for name in (name for name, is_given in given.items() if is_given):
        raise GlideslopeError(f"--{name.replace('_', '-')} {why}: leave it out")


def listed(name: str, text: str | None, between: str = ",") -> list[str]:
    """The entries of a list, none where the option isn't given. Raises a GlideslopeError where one is empty."""
    if text is None:
        return []
    entries = [entry.strip() for entry in text.strip().removesuffix(between).split(between)]
    if "" in entries:
        raise GlideslopeError(f'{name} "{text}": an entry is empty; write the entries with one "{between}" between two')
    return entries


_READERS: dict[type, Callable[[str, Any], Any]] = {int: whole, float: real, Path: path, str: lambda _, text: text}

Steps = Annotated[int, typer.Option(help="The updates of a full run.")]
StepsPerEpoch = Annotated[float | None, typer.Option(help="Updates in an epoch, for durations in epochs.")]
Peak = Annotated[float, typer.Option(help="The peak rate.")]
Timeout = Annotated[float | None, typer.Option(metavar="SECONDS", help="End the search if a run takes longer.")]
Log = Annotated[str | None, typer.Option(metavar="TRACKER", help="Send runs to wandb, tensorboard or mlflow.")]
Storage = Annotated[str | None, typer.Option(metavar="URL", help="Show runs in optuna-dashboard: sqlite:///runs.db.")]
Checkpoints = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Where checkpoints lie, such as s3://bucket/folder; by default in --out."),
]
JobPlace = Annotated[str, typer.Argument(metavar="JOB", help="The job: path/to/file.py:function.")]
Optimizers = Annotated[str | None, typer.Option(help='Also try these optimizers, such as "adagrad,schedule-free".')]
Averages = Annotated[str | None, typer.Option(help='Also try averages of the weights: "ema(0.99),swa(75%)".')]
