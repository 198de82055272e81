"""The commands that search on a job: find, race, tune."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from glideslope.cli.options import Json, Out, Seed, Steps, app
from glideslope.errors import GlideslopeError

if TYPE_CHECKING:
    from glideslope.search.contestant import Run
    from glideslope.search.job import JobFactory
    from glideslope.search.run_directory import RunDirectory
    from glideslope.search.trials import Watch

Result = TypeVar("Result")

JobPlace = Annotated[str, typer.Argument(metavar="JOB", help="The job: path/to/file.py:function.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Begin anew in a directory that holds a run.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")]
RUN_COLUMNS = ("schedule", "peak", "updates", "loss")


@app.command()
def find(
    job: JobPlace,
    low: Annotated[float, typer.Option(help="The rate at which a sweep begins.")] = 1e-5,
    high: Annotated[float, typer.Option(help="The rate at which it ends.")] = 10.0,
    steps: Annotated[int, typer.Option(help="Updates in a sweep.")] = 100,
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

    factory = _loaded(job)
    search = {"low": low, "high": high, "steps": steps, "sweeps": sweeps, "seed": seed}
    directory = _directory("find", job, out, overwrite, resume, search)
    found = _watched(
        directory,
        lambda watch: range_test(
            Trials(factory, seed, directory, watch), low=low, high=high, steps=steps, sweeps=sweeps
        ),
    )
    result = {
        "suggestion": found.suggestion, "spread": found.spread, "steepest": found.steepest, "minimum": found.minimum,
        "largest_stable": found.largest_stable, "problem": found.problem, "search_updates": found.updates,
        "out": str(directory.folder),
    }  # fmt: skip
    rows = [(name, result[name]) for name in ("suggestion", "steepest", "minimum", "largest_stable")]
    rows.append(("spread of the suggestion", f"{found.spread[0]:.3g} to {found.spread[1]:.3g}"))
    sections = [
        report.picture("Range test", lambda: plots.range_tests(found)),
        report.listing("Rates", ("", "rate"), rows),
    ]
    page = report.page(f"Range test of {job}", found.problem or "", sections)
    directory.finish(result, [(sweep.rates, sweep.losses) for sweep in found.sweeps], page)
    if found.problem:
        typer.echo(f"The sweeps say little: {found.problem}.", err=True)
    _print(result, [terminal.table("Range test", ("", "rate"), rows)], directory, as_json)


@app.command()
def race(
    job: JobPlace,
    steps: Steps,
    schedules: Annotated[str, typer.Option(help='Schedules with ";" between them.')] = "linear; cosine; one_cycle",
    peaks: Annotated[str, typer.Option(help='Peak rates with "," between them.')] = "0.1",
    seeds: Annotated[int, typer.Option(help="How many seeds to run everything with.")] = 1,
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
    from glideslope.schedules import parse
    from glideslope.search import race as run_race
    from glideslope.search.race import check_positive
    from glideslope.views import plots, report, terminal

    check_positive(steps=steps, seeds=seeds)
    given = [parse(text) for text in schedules.split(";") if text.strip()]
    rates = [_number("--peaks", text) for text in peaks.split(",")]
    factory = _loaded(job)
    search = {"schedules": list(map(str, given)), "peaks": rates, "steps": steps, "seeds": seeds, "seed": seed}
    directory = _directory("race", job, out, overwrite, resume, search)
    raced = _watched(
        directory,
        lambda watch: run_race(
            factory, given, rates, steps, seeds=seeds, seed=seed, target=target, memory=directory, watch=watch
        ),
    )
    columns = ("schedule", "peak", "loss", "± s.e.", f"updates to {raced.target:.4g}")
    rows = [
        (str(s.contestant.schedule), s.contestant.peak, s.mean, s.standard_error, s.updates_to_target)
        for s in raced.standings
    ]
    result = {
        "steps": steps, "target": raced.target, "tied": list(map(str, raced.tied)), "search_updates": raced.updates,
        "constant": {"peak_lr": raced.constant.contestant.peak, "final_loss": raced.constant.mean},
        "candidates": [
            {"schedule": row[0], "peak_lr": row[1], "final_loss": row[2], "standard_error": row[3],
             "updates_to_target": row[4]} for row in rows
        ],
        "out": str(directory.folder),
    }  # fmt: skip
    runs = [run for standing in raced.standings for run in standing.runs]
    best = [standing.runs[0] for standing in raced.standings[:4]]
    lead = f"Best: {raced.standings[0].contestant}. Best constant rate: {raced.constant.contestant.peak:g}."
    failed = not math.isfinite(raced.standings[0].mean)
    if failed:
        lead = "Every contestant diverged: the rates are too large for this job, or its validation loss isn't finite."
    elif len(raced.tied) > 1:
        lead += f" Within noise of the best, a tie: {'; '.join(map(str, raced.tied))}."
    sections = [report.listing("Standings", columns, rows), report.picture("Losses", lambda: plots.losses(best))]
    directory.finish(result, [run.curve for run in runs], report.page(f"Race of {job}", lead, sections))
    _print(result, [terminal.table("Race", columns, rows), lead], directory, as_json)
    if failed:
        raise typer.Exit(1)


@app.command()
def tune(
    job: JobPlace,
    steps: Steps,
    overhead: Annotated[float, typer.Option(help="Bounds the search, as a multiple of --steps.")] = 2.0,
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
    from glideslope.search import tune as run_tune
    from glideslope.search.race import check_positive
    from glideslope.views import plots, report, terminal

    check_positive(steps=steps, overhead=overhead)
    factory = _loaded(job)
    search = {"steps": steps, "overhead": overhead, "seed": seed}
    directory = _directory("tune", job, out, overwrite, resume, search)
    tuned = _watched(
        directory,
        lambda watch: run_tune(
            factory,
            steps,
            overhead=overhead,
            against_constant=against_constant,
            seed=seed,
            memory=directory,
            watch=watch,
        ),
    )
    constant = tuned.constant and {"peak_lr": tuned.constant.contestant.peak, "final_loss": tuned.constant.final_loss}
    result = {
        "schedule": str(tuned.schedule), "peak_lr": tuned.peak, "steps": steps, "final_loss": tuned.final_loss,
        "search_updates": tuned.search_updates, "constant": constant,
        "candidates": list(map(_described, tuned.candidates)), "out": str(directory.folder),
    }  # fmt: skip
    rows = [_row(run) for run in tuned.candidates]
    full = [_row(run) for run in (tuned.final, *tuned.constants)]
    lead = f"{tuned.schedule} at {tuned.peak:g}: validation loss {tuned.final_loss:.4g}"
    if tuned.constant:
        lead += f"; the best constant rate, {tuned.constant.contestant.peak:g}: {tuned.constant.final_loss:.4g}"
    lead += f". The search took {tuned.search_updates} updates, {tuned.search_updates / steps:.2f} full runs."
    drawn = {str(run.contestant): run.contestant.rates(steps) for run in (*tuned.candidates[-4:], tuned.final)}
    sections = [
        report.picture("Losses of the full runs", lambda: plots.losses([tuned.final, *tuned.constants])),
        report.picture("Schedules of the finalists", lambda: plots.schedules(drawn)),
        report.picture("Range test", lambda: plots.range_tests(tuned.range_test)),
        report.picture("Losses of the finalists", lambda: plots.losses(tuned.candidates[-4:])),
        report.listing("Full runs", RUN_COLUMNS, full),
        report.listing("Short runs", RUN_COLUMNS, rows),
    ]
    curves = [run.curve for run in (*tuned.candidates, *tuned.constants, tuned.final)]
    directory.finish(result, curves, report.page(f"Tuning {job}", lead, sections))
    short = sorted(tuned.candidates, key=lambda run: (-run.steps, run.final_loss))[:16]
    shown = [
        terminal.table("Short runs, the longest first", RUN_COLUMNS, map(_row, short)),
        terminal.table("Full runs", RUN_COLUMNS, full),
        lead,
    ]
    _print(result, shown, directory, as_json)


def _row(run: Run) -> tuple[str, float, int, float]:
    return str(run.contestant.schedule), run.contestant.peak, run.steps, run.final_loss


def _described(run: Run) -> dict[str, Any]:
    return dict(zip(("schedule", "peak_lr", "steps", "final_loss"), _row(run), strict=True))


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise GlideslopeError(f"{option}: {text.strip()!r} is not a number: write them as 0.1,0.2") from None


def _directory(
    command: str, job: str, out: Path | None, overwrite: bool, resume: bool, search: dict[str, Any]
) -> RunDirectory:
    from glideslope.search.run_directory import RunDirectory

    if resume and out is None:
        raise GlideslopeError("--resume: say which run with --out DIR")
    stem = Path(job.rpartition(":")[0]).stem
    folder = out or Path("runs") / f"{command}-{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    return RunDirectory(folder, {"command": command, "job": job, **search}, overwrite=overwrite, resume=resume)


def _loaded(job: str) -> JobFactory:
    from glideslope.search import load_job

    with redirect_stdout(sys.stderr):
        return load_job(job)


def _watched(directory: RunDirectory, search: Callable[[Watch], Result]) -> Result:
    from glideslope.views.terminal import LiveProgress

    try:
        # What a job prints isn't part of the result.
        with redirect_stdout(sys.stderr), LiveProgress() as watch:
            return search(watch)
    except KeyboardInterrupt:
        _leave_partial_report(directory)
        raise typer.Exit(1) from None


def _leave_partial_report(directory: RunDirectory) -> None:
    """Writes what is finished as a report that says that it is partial, and how to go on."""
    import numpy as np

    from glideslope.search.contestant import Run
    from glideslope.views import report

    finished = [Run.remembered(result) for result in directory.values() if "final_loss" in result]
    sweeps = [result for result in directory.values() if "final_loss" not in result]
    result = {
        "interrupted": True, "sweeps": len(sweeps), "candidates": list(map(_described, finished)),
        "out": str(directory.folder),
    }  # fmt: skip
    made = f"{len(sweeps)} sweeps and {len(finished)} runs" if sweeps else f"{len(finished)} runs"
    lead = f"Interrupted with {made} finished; go on with --out {directory.folder} --resume."
    rows = sorted(map(_row, finished), key=lambda row: (-row[2], row[3]))
    sections = [report.listing("Finished runs, the longest first", RUN_COLUMNS, rows)]
    curves = [(np.asarray(sweep["rates"]), np.asarray(sweep["losses"])) for sweep in sweeps]
    curves += [run.curve for run in finished]
    directory.finish(result, curves, report.page("A search, interrupted", lead, sections))
    typer.echo(f"{lead} Partial report: {directory.folder / 'report.html'}", err=True)


def _print(result: dict[str, Any], shown: list[Any], directory: RunDirectory, as_json: bool) -> None:
    from rich.console import Console

    from glideslope.search.run_directory import plain

    if as_json:
        typer.echo(json.dumps(plain(result)))
        return
    console = Console()
    for part in shown:
        console.print(part)
    console.print(f"Report: {directory.folder / 'report.html'}", soft_wrap=True)
