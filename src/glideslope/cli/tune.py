"""The command tune: the peak rate of a training, and the training made with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from glideslope.cli import options, output
from glideslope.cli.directory import Directory
from glideslope.cli.executors import Executors, check_speculation
from glideslope.cli.options import command
from glideslope.cli.results import described, events, loaded, parse_schedules, show
from glideslope.errors import FrameworkError, NothingLearnedError
from glideslope.feedback import guard as make_guard

if TYPE_CHECKING:
    from glideslope.search import Tuned
    from glideslope.search.directory.run_directory import RunDirectory
    from glideslope.views.answer import Answer


@command("glideslope tune examples/digits.py:job --steps 1500")
def tune(
    job: options.JobPlace,
    steps: options.Steps,
    overhead: Annotated[float, typer.Option(help="The bound of the search, as a multiple of --steps.")] = 2.0,
    schedules: Annotated[
        str | None,
        typer.Option(help='The schedules to choose from, ";" between them; else a single cycle and a linear decay.'),
    ] = None,
    optimizers: options.Optimizers = None,
    averages: options.Averages = None,
    also: Annotated[
        str | None, typer.Option(help='Also search other numbers of the optimizer: "weight_decay=1e-3:0.3,momentum".')
    ] = None,
    steps_per_epoch: options.StepsPerEpoch = None,
    guard: Annotated[bool, typer.Option("--guard", help="Protect the full run from divergence.")] = False,
    against_constant: Annotated[
        bool, typer.Option("--against-constant", help="Also 4 to 8 full runs of constant rates, to compare with.")
    ] = False,
    seed: options.Seed = 0,
    *,
    kept: Directory,
    checkpoint_every: Annotated[
        str, typer.Option(metavar="TIME", help="How often to checkpoint each run: 90s, 5m or 1h; or never.")
    ] = "60s",
    timeout: options.Timeout = None,
    executors: Executors,
    speculate: Annotated[
        int, typer.Option(metavar="N", help="Let idle workers make this many runs ahead, beyond the bound.")
    ] = 0,
    checkpoints: options.Checkpoints = None,
    log: options.Log = None,
    storage: options.Storage = None,
    as_json: options.Json = False,
) -> None:
    """Find the schedule and the peak rate, and train with them."""
    from glideslope.search import tune as run_tune
    from glideslope.views import terminal
    from glideslope.views import tuned as views

    search: dict[str, Any] = {"steps": steps, "overhead": overhead, "seed": seed}
    choices: dict[str, Any] = {
        "schedules": list(map(str, parse_schedules(schedules, steps_per_epoch))),
        "optimizers": options.listed("--optimizers", optimizers),
        "averages": options.listed("--averages", averages), "also": options.listed("--also", also),
    }  # fmt: skip
    choices = {name: choice for name, choice in choices.items() if choice}
    search |= choices | ({"guard": True} if guard else {})
    nothing = ""
    with loaded(job, timeout, log, storage) as training, executors.open() as executor:
        check_speculation(speculate, executor)
        directory = kept.open("tune", job, search, checkpoint_every, checkpoints)
        try:
            tuned = training.watched(
                directory,
                lambda watch: run_tune(
                    training.factory, steps, overhead=overhead, **choices, guard=make_guard() if guard else None,
                    against_constant=against_constant, seed=seed, memory=directory, watch=watch, say=output.say_line,
                    executor=executor, speculate=speculate,
                ),
            )  # fmt: skip
        except NothingLearnedError as error:
            tuned, nothing = cast("Tuned", error.tuned), str(error)
    problem = nothing or tuned.problem
    said = views.answer(tuned, problem)
    result = _result(tuned, said, problem) | {"out": str(directory.folder), **taken_away(tuned, directory)}
    page = views.page(tuned, job, problem, result["paste"], result["load"])
    directory.finish(result, [run.curve for run in (*tuned.candidates, *tuned.constants, *tuned.full)], page)
    tables = [
        terminal.table(name, views.COLUMNS, map(views.row, runs))
        for name, runs in {"Full runs": views.full_runs(tuned), **views.rounds(tuned.candidates)}.items()
    ]
    show(result, said, tables, directory, as_json, lines(result))
    if problem:
        output.say_line(f"glideslope: {problem}")
        raise typer.Exit(1)


def _result(tuned: Tuned, said: Answer, problem: str | None) -> dict[str, Any]:
    """The result of a tuning as plain data."""
    constant, average = tuned.constant, tuned.final.contestant.average
    return {
        "answer": said.do, "schedule": str(tuned.schedule), "peak": tuned.peak,
        "optimizer": tuned.final.contestant.optimizer, "average": average and str(average), "steps": tuned.steps,
        "final_loss": tuned.final_loss, "predicted": tuned.predicted, "near": tuned.near,
        "sensitivity": dict(zip(("half_peak", "twice_peak"), tuned.sensitivity, strict=True)),
        "search_updates": tuned.search_updates, "wasted_updates": tuned.wasted, "updates_ahead": tuned.ahead,
        "constant": constant and {"peak": constant.contestant.peak, "final_loss": constant.final_loss},
        "candidates": list(map(described, tuned.candidates)), "full_runs": list(map(described, tuned.full)),
        "events": events([tuned.final]), "untrained_loss": tuned.final.untrained, "noise": tuned.noise,
        "problem": problem,
    }  # fmt: skip


def taken_away(tuned: Tuned, directory: RunDirectory) -> dict[str, Any]:
    """Saves the trained network; the lines that load it, those that load the whole state, and those to paste."""
    from glideslope.frameworks.pasted import lines_to_paste

    return {
        "paste": lines_to_paste(tuned.job, tuned.final.made_with, tuned.steps),
        "load": [*_saved_network(tuned, directory), *_checkpoint(tuned, directory)],
    }


def lines(result: dict[str, Any]) -> list[str]:
    """The lines to paste and to load, as they are printed."""
    leads = {"paste": "To train with it yourself:", "load": "To load what was trained:"}
    return [line for name in leads if result[name] for line in (leads[name], *(f"    {each}" for each in result[name]))]


def _saved_network(tuned: Tuned, directory: RunDirectory) -> list[str]:
    from glideslope.frameworks.networks import network
    from glideslope.search.storage.run_files import NETWORK

    if not math.isfinite(tuned.final_loss):
        return []
    try:
        trained = network(tuned.job)
    except FrameworkError as error:
        output.say_line(f"glideslope: {error}")
        return []
    if trained is None:
        return []
    directory.save(NETWORK, trained.write)
    return [trained.loading.format(file=str(directory.folder / NETWORK))]


def _checkpoint(tuned: Tuned, directory: RunDirectory) -> list[str]:
    from glideslope.search.directory.trained import best_of
    from glideslope.search.storage.run_files import BEST, TRAINED

    folder = directory.folder / TRAINED
    lines = [f"gs.load_checkpoint(job, {str(folder)!r})"] if folder.is_dir() else []
    best = best_of(directory.folder)
    if best is not None and best.loss is not None and best.loss < tuned.final_loss:
        lines.append(
            f"gs.load_checkpoint(job, {str(directory.folder / BEST)!r})  # where the validation loss was least, "
            f"{best.loss:.6g} after update {best.updates} of {best.key.partition(' over ')[0]}"
        )
    return lines
