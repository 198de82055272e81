"""The commands that look for a rate, or compare: find and race."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from glideslope.cli import options, output
from glideslope.cli.directory import Directory
from glideslope.cli.executors import Executors
from glideslope.cli.options import command
from glideslope.cli.results import events, loaded, parse_schedules, show

if TYPE_CHECKING:
    from glideslope.search import Race
    from glideslope.views.answer import Answer


@command("glideslope find examples/digits.py:job")
def find(
    job: options.JobPlace,
    low: Annotated[float, typer.Option(help="The rate at which a sweep begins.")] = 1e-5,
    high: Annotated[float, typer.Option(help="The rate at which it ends.")] = 10.0,
    steps: Annotated[int, typer.Option(help="Updates in a sweep.")] = 100,
    sweeps: Annotated[int, typer.Option(help="How many sweeps, in different data orders.")] = 5,
    seed: options.Seed = 0,
    *,
    kept: Directory,
    timeout: options.Timeout = None,
    log: options.Log = None,
    as_json: options.Json = False,
) -> None:
    """Find a rate by range tests."""
    from glideslope.search.range_test import range_test
    from glideslope.search.trials import Trials
    from glideslope.views import range_test as views
    from glideslope.views import terminal
    from glideslope.views.trackers import of_sweep

    search = {"low": low, "high": high, "steps": steps, "sweeps": sweeps, "seed": seed}
    with loaded(job, timeout, log) as training:
        directory = kept.open("find", job, search)
        swept = training.watched(
            directory,
            lambda watch: range_test(
                Trials(training.factory, seed, directory, watch), low=low, high=high, steps=steps, sweeps=sweeps
            ),
        )
    said = views.answer(swept, job)
    result = {
        "answer": said.do, "suggestion": swept.suggestion, "spread": swept.spread, "steepest": swept.steepest,
        "minimum": swept.minimum, "largest_stable": swept.largest_stable, "clear": swept.clear,
        "noise": swept.noise, "fall": swept.fall, "steps": swept.steps, "problem": swept.problem,
        "search_updates": swept.updates, "out": str(directory.folder),
    }  # fmt: skip
    for number, sweep in enumerate(swept.sweeps, 1):
        training.sent.send(of_sweep(sweep, number))
    directory.finish(result, [(sweep.rates, sweep.losses) for sweep in swept.sweeps], views.page(swept, job))
    if swept.problem:
        output.say_line(f"The sweeps say little: {swept.problem}.")
    table = terminal.table("Rates", views.COLUMNS, views.rows(swept))
    show(result, said, [table], directory, as_json)


@command("glideslope race examples/digits.py:job --peaks 0.05,0.1 --steps 200")
def race(
    job: options.JobPlace,
    steps: options.Steps,
    schedules: Annotated[str, typer.Option(help='Schedules with ";" between them.')] = "linear; cosine; one_cycle",
    peaks: Annotated[str, typer.Option(help='Peak rates with "," between them.')] = "0.1",
    seeds: Annotated[int, typer.Option(help="How many seeds to run everything with.")] = 1,
    optimizers: options.Optimizers = None,
    averages: options.Averages = None,
    steps_per_epoch: options.StepsPerEpoch = None,
    evaluations: Annotated[int, typer.Option(help="Measurements of the validation loss in a run.")] = 20,
    target: Annotated[float | None, typer.Option(help="The validation loss to reach.")] = None,
    seed: options.Seed = 0,
    *,
    kept: Directory,
    timeout: options.Timeout = None,
    executors: Executors,
    checkpoints: options.Checkpoints = None,
    log: options.Log = None,
    storage: options.Storage = None,
    as_json: options.Json = False,
) -> None:
    """Run every schedule at every peak rate, and every peak as a constant rate."""
    from glideslope.search import race as run_race
    from glideslope.views import race as views
    from glideslope.views import terminal

    choice = parse_schedules(schedules, steps_per_epoch)
    rates = [options.real("--peaks", text) for text in options.listed("--peaks", peaks)]
    search = {"schedules": list(map(str, choice)), "peaks": rates, "steps": steps, "seeds": seeds, "seed": seed}
    names = {"--optimizers": optimizers, "--averages": averages}
    also = {name.strip("-"): options.listed(name, text) for name, text in names.items()}
    search |= {name: names for name, names in also.items() if names}
    search |= {} if evaluations == 20 else {"evaluations": evaluations}
    with loaded(job, timeout, log, storage) as training, executors.open() as executor:
        directory = kept.open("race", job, search, checkpoints=checkpoints)
        raced = training.watched(
            directory,
            lambda watch: run_race(
                training.factory, choice, steps, rates, **also, seeds=seeds, seed=seed, target=target,
                evaluations=evaluations, memory=directory, watch=watch, executor=executor,
            ),
        )  # fmt: skip
    runs = [run for standing in raced.standings for run in standing.runs]
    said = views.answer(raced)
    result = _result(raced, said, steps) | {"events": events(runs), "out": str(directory.folder)}
    directory.finish(result, [run.curve for run in runs], views.page(raced, job))
    table = terminal.table("Standings", views.columns(raced), views.rows(raced))
    show(result, said, [table], directory, as_json)
    if not raced.learned:
        raise typer.Exit(1)


def _result(raced: Race, said: Answer, steps: int) -> dict[str, Any]:
    """The result of a race as plain data."""
    from glideslope.search.runs.idle import idle

    return {
        "answer": said.do, "steps": steps, "target": raced.target, "tied": list(map(str, raced.tied)),
        "search_updates": raced.updates, "wasted_updates": raced.wasted,
        "constant": {"peak": raced.constant.contestant.peak, "final_loss": raced.constant.mean},
        "candidates": [
            {"schedule": s.contestant.name, "peak": s.contestant.peak, "final_loss": s.mean,
             "standard_error": s.standard_error, "updates_to_target": s.updates_to_target,
             **({"never_acted": list(names)} if (names := idle(s.runs)) else {})} for s in raced.standings
        ],
        "left_out": list(raced.left_out),
    }  # fmt: skip
