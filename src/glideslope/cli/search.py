"""The commands that search on a job: find, race, tune."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from glideslope.cli.options import Json, Out, Seed, Steps, StepsPerEpoch, app, count
from glideslope.cli.results import (  # fmt: skip
    RUN_COLUMNS,
    described,
    event_sections,
    events,
    load_factory,
    open_directory,
    parse_schedules,
    read_number,
    row,
    show,
    split_names,
    watched,
)
from glideslope.errors import NothingLearnedError, SearchError

if TYPE_CHECKING:
    from glideslope.search import Tuned

JobPlace = Annotated[str, typer.Argument(metavar="JOB", help="The job: path/to/file.py:function.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Begin anew in a directory that holds a run.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")]
Optimizers = Annotated[str, typer.Option(help='Also with these optimizers, such as "adagrad,schedule-free".')]
Averages = Annotated[str, typer.Option(help='Also averages of the weights: "ema(0.99),swa(75%)".')]


@app.command()
def find(
    job: JobPlace,
    low: Annotated[float, typer.Option(help="The rate at which a sweep begins.")] = 1e-5,
    high: Annotated[float, typer.Option(help="The rate at which it ends.")] = 10.0,
    steps: Annotated[int, count("--steps", "Updates in a sweep.")] = 100,
    sweeps: Annotated[int, typer.Option(help="How many sweeps, in different data orders.")] = 5,
    seed: Seed = 0,
    out: Out = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Find a rate by range tests.

    Example: glideslope find examples/digits.py:job
    """
    from glideslope.search.range_test import range_test
    from glideslope.search.trials import Trials
    from glideslope.views import plots, report, terminal

    factory = load_factory(job)
    search = {"low": low, "high": high, "steps": steps, "sweeps": sweeps, "seed": seed}
    directory = open_directory("find", job, out, overwrite, resume, search)
    found = watched(
        directory,
        lambda watch: range_test(
            Trials(factory, seed, directory, watch), low=low, high=high, steps=steps, sweeps=sweeps
        ),
    )
    result = {
        "suggestion": found.suggestion, "spread": found.spread, "steepest": found.steepest, "minimum": found.minimum,
        "largest_stable": found.largest_stable, "clear": found.clear, "noise": found.noise, "fall": found.fall,
        "steps": found.steps, "problem": found.problem, "search_updates": found.updates, "out": str(directory.folder),
    }  # fmt: skip
    rows: list[tuple[str, Any]] = [
        (name, result[name]) for name in ("suggestion", "steepest", "minimum", "largest_stable")
    ]
    rows.append(("the sweeps' suggestions", f"{found.spread[0]:.3g} to {found.spread[1]:.3g}"))
    rows.append(("fall of the loss; noise of a batch", f"{found.fall:.3g}; {found.noise:.3g}"))
    sections = [
        report.picture("Range test", lambda: plots.range_tests(found)),
        report.listing("Rates", ("", "rate"), rows),
    ]
    lead = f"These rates are for sweeps of {found.steps} updates: longer ones mostly give lower rates."
    said = f"The sweeps say little: {found.problem}." if found.problem else ""
    page = report.page(f"Range test of {job}", f"{said} {lead}".strip(), sections)
    directory.finish(result, [(sweep.rates, sweep.losses) for sweep in found.sweeps], page)
    if said:
        typer.echo(said, err=True)
    show(result, [terminal.table("Range test", ("", "rate"), rows), lead], directory, as_json)


@app.command()
def race(
    job: JobPlace,
    steps: Steps,
    schedules: Annotated[str, typer.Option(help='Schedules with ";" between them.')] = "linear; cosine; one_cycle",
    peaks: Annotated[str, typer.Option(help='Peak rates with "," between them.')] = "0.1",
    seeds: Annotated[int, typer.Option(help="How many seeds to run everything with.")] = 1,
    optimizers: Optimizers = "",
    averages: Averages = "",
    steps_per_epoch: StepsPerEpoch = None,
    evaluations: Annotated[int, typer.Option(help="How often in a run to measure, and tell a feedback.")] = 20,
    target: Annotated[float | None, typer.Option(help="The validation loss to reach.")] = None,
    seed: Seed = 0,
    out: Out = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Run every schedule at every peak rate, and every peak as a constant rate.

    Example: glideslope race examples/digits.py:job --schedules "cosine; one_cycle" --peaks 0.05,0.1 --steps 500
    """
    from glideslope.search import race as run_race
    from glideslope.search.idle import idle, shown_name
    from glideslope.search.peaks import not_finite
    from glideslope.search.race import check_positive
    from glideslope.views import plots, report, terminal

    check_positive(steps=steps, seeds=seeds, evaluations=evaluations)
    choice = parse_schedules(schedules, steps_per_epoch)
    rates = [read_number("--peaks", text) for text in peaks.split(",")]
    factory = load_factory(job)
    search = {"schedules": list(map(str, choice)), "peaks": rates, "steps": steps, "seeds": seeds, "seed": seed}
    also = {"optimizers": split_names(optimizers), "averages": split_names(averages)}
    search |= {name: names for name, names in also.items() if names}
    search |= {} if evaluations == 20 else {"evaluations": evaluations}
    directory = open_directory("race", job, out, overwrite, resume, search)
    raced = watched(
        directory,
        lambda watch: run_race(
            factory,
            choice,
            rates,
            steps,
            **also,
            seeds=seeds,
            seed=seed,
            target=target,
            evaluations=evaluations,
            memory=directory,
            watch=watch,
        ),
    )
    runs = [run for standing in raced.standings for run in standing.runs]
    columns = ("schedule", "peak", "loss", "± s.e.", f"updates to {raced.target:.4g}")
    rows = [
        (shown_name(s.runs), s.contestant.peak, s.mean, s.standard_error, s.updates_to_target) for s in raced.standings
    ]
    result = {
        "steps": steps, "target": raced.target, "tied": list(map(str, raced.tied)), "search_updates": raced.updates,
        "constant": {"peak_lr": raced.constant.contestant.peak, "final_loss": raced.constant.mean},
        "candidates": [
            {"schedule": s.contestant.name, "peak_lr": s.contestant.peak, "final_loss": s.mean,
             "standard_error": s.standard_error, "updates_to_target": s.updates_to_target,
             **({"never_acted": list(names)} if (names := idle(s.runs)) else {})} for s in raced.standings
        ],
        "left_out": list(raced.left_out),
        "events": events(runs),
        "out": str(directory.folder),
    }  # fmt: skip
    best = [standing.runs[0] for standing in raced.standings[:4]]
    lead = f"Best: {raced.standings[0].contestant}. Best constant rate: {raced.constant.contestant.peak:g}."
    failed = not math.isfinite(raced.standings[0].mean)
    if failed:
        reason = not_finite(runs) or "the rates are too large for this job, or its validation loss isn't finite"
        lead = f"Every contestant diverged: {reason}."
    elif len(raced.tied) > 1:
        lead += f" Within noise of the best, a tie: {'; '.join(map(str, raced.tied))}."
    if raced.left_out:
        lead += f" Not run: {'; '.join(raced.left_out)}."
    sections = [report.listing("Standings", columns, rows), report.picture("Losses", lambda: plots.losses(best))]
    sections += event_sections(runs)
    directory.finish(result, [run.curve for run in runs], report.page(f"Race of {job}", lead, sections))
    show(result, [terminal.table("Race", columns, rows), lead], directory, as_json)
    if failed:
        raise typer.Exit(1)


@app.command()
def tune(
    job: JobPlace,
    steps: Steps,
    overhead: Annotated[float, typer.Option(help="Bounds the search, as a multiple of --steps.")] = 2.0,
    strategy: Annotated[
        str, typer.Option(help="halving; or law, which predicts full runs from four short ones: for small overheads.")
    ] = "halving",
    schedules: Annotated[str, typer.Option(help='Those to choose from, ";" between them; else the base set.')] = "",
    optimizers: Optimizers = "",
    averages: Averages = "",
    steps_per_epoch: StepsPerEpoch = None,
    guard: Annotated[bool, typer.Option("--guard", help="Protect the full run from divergence.")] = False,
    against_constant: Annotated[
        bool, typer.Option("--against-constant/--no-constant", help="Also run constant rates in full, for reference.")
    ] = True,
    seed: Seed = 0,
    out: Out = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Find the schedule and the peak rate, and train with them.

    Example: glideslope tune examples/digits.py:job --steps 1500
    """
    from glideslope.feedback import guard as make_guard
    from glideslope.search import tune as run_tune
    from glideslope.search.race import check_positive
    from glideslope.views import plots, report, terminal

    check_positive(steps=steps, overhead=overhead)
    factory = load_factory(job)
    search: dict[str, Any] = {"steps": steps, "overhead": overhead, "seed": seed}
    if strategy not in ("halving", "law"):
        raise SearchError(f"--strategy {strategy}: give halving or law")
    also: dict[str, Any] = {
        "strategy": "" if strategy == "halving" else strategy,
        "schedules": list(map(str, parse_schedules(schedules, steps_per_epoch))),
        "optimizers": split_names(optimizers), "averages": split_names(averages),
    }  # fmt: skip
    also = {name: given for name, given in also.items() if given}
    search |= also | ({"guard": True} if guard else {})
    directory = open_directory("tune", job, out, overwrite, resume, search)
    nothing = ""
    try:
        tuned = watched(
            directory,
            lambda watch: run_tune(
                factory,
                steps,
                overhead=overhead,
                **also,
                guard=make_guard() if guard else None,
                against_constant=against_constant,
                seed=seed,
                memory=directory,
                watch=watch,
            ),
        )
    except NothingLearnedError as error:
        tuned, nothing = cast("Tuned", error.tuned), str(error)
    problem = nothing or tuned.problem
    doubt = tuned.range_test.problem
    constant = tuned.constant and {"peak_lr": tuned.constant.contestant.peak, "final_loss": tuned.constant.final_loss}
    average = tuned.final.contestant.average
    result = {
        "schedule": str(tuned.schedule), "peak_lr": tuned.peak, "optimizer": tuned.final.contestant.optimizer,
        "average": average and str(average), "strategy": strategy, "steps": steps, "final_loss": tuned.final_loss,
        "search_updates": tuned.search_updates, "constant": constant,
        "candidates": list(map(described, tuned.candidates)), "events": events([tuned.final]),
        "untrained_loss": tuned.final.untrained, "noise": tuned.noise, "problem": problem,
        "range_test": {"suggestion": tuned.range_test.suggestion, "spread": tuned.range_test.spread,
                       "steps": tuned.range_test.steps, "problem": doubt},
        "out": str(directory.folder),
    }  # fmt: skip
    rows = [row(run) for run in tuned.candidates]
    full = [row(run) for run in (tuned.final, *tuned.constants)]
    lead = f"{tuned.final.contestant}: validation loss {tuned.final_loss:.4g}"
    if tuned.constant:
        lead += f"; the best constant rate, {tuned.constant.contestant.peak:g}: {tuned.constant.final_loss:.4g}"
    lead += f". The search took {tuned.search_updates} updates, {tuned.search_updates / steps:.2f} full runs."
    if doubt:
        lead += f" Of the range test: {doubt}."
    if problem:
        lead = f"{problem[0].upper()}{problem[1:]}. {lead}"
    drawn = {str(run.contestant): run.contestant.rates(steps) for run in (*tuned.candidates[-4:], tuned.final)}
    sections = [
        report.picture("Losses of the full runs", lambda: plots.losses([tuned.final, *tuned.constants])),
        report.picture("Schedules of the finalists", lambda: plots.schedules(plots.each(drawn))),
        report.picture("Range test", lambda: plots.range_tests(tuned.range_test)),
        report.picture("Losses of the finalists", lambda: plots.losses(tuned.candidates[-4:])),
        report.listing("Full runs", RUN_COLUMNS, full),
        report.listing("Short runs", RUN_COLUMNS, rows),
        *_predictions(tuned),
        *event_sections([tuned.final]),
    ]
    curves = [run.curve for run in (*tuned.candidates, *tuned.constants, tuned.final)]
    directory.finish(result, curves, report.page(f"Tuning {job}", lead, sections))
    short = sorted(tuned.candidates, key=lambda run: (-run.steps, run.final_loss))[:16]
    shown = [
        terminal.table("Short runs, the longest first", RUN_COLUMNS, map(row, short)),
        terminal.table("Full runs", RUN_COLUMNS, full),
        lead,
    ]
    show(result, shown, directory, as_json)
    if problem:
        typer.echo(f"glideslope: {problem}", err=True)
        raise typer.Exit(1)


def _predictions(tuned: Tuned) -> list[Any]:
    """A table of what a law predicts for the full run of other schedules, where one was fitted."""
    from glideslope.search.contestant import Contestant
    from glideslope.search.tune import SCHEDULES
    from glideslope.views import report

    if tuned.law is None:
        return []
    rates = {str(schedule): Contestant(schedule, tuned.peak).rates(tuned.steps) for schedule in SCHEDULES}
    ends = {name: float(tuned.law.predict(lr, tuned.steps)[0]) for name, lr in rates.items()}
    rows = sorted(ends.items(), key=lambda entry: entry[1])
    return [report.listing(f"Predicted by the law at {tuned.peak:g}", ("schedule", "training loss"), rows)]
