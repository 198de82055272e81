"""The commands that look for a rate, or compare: find and race."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from glideslope.cli import output
from glideslope.cli.options import (
    AcceptChanges,
    Averages,
    JobPlace,
    Json,
    Optimizers,
    Out,
    Overwrite,
    Resume,
    Seed,
    Steps,
    StepsPerEpoch,
    Timeout,
    command,
    count,
)
from glideslope.cli.results import (  # fmt: skip
    event_sections,
    events,
    loaded,
    open_directory,
    parse_schedules,
    read_number,
    show,
    split_names,
)


@command("glideslope find examples/digits.py:job")
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
    accept_changes: AcceptChanges = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Find a rate by range tests."""
    from glideslope.search.range_test import range_test
    from glideslope.search.trials import Trials
    from glideslope.views import plots, report, terminal

    search = {"low": low, "high": high, "steps": steps, "sweeps": sweeps, "seed": seed}
    with loaded(job, timeout) as training:
        directory = open_directory("find", job, out, overwrite, resume, search, accept_changes)
        swept = training.watched(
            directory,
            lambda watch: range_test(
                Trials(training.factory, seed, directory, watch), low=low, high=high, steps=steps, sweeps=sweeps
            ),
        )
    result = {
        "suggestion": swept.suggestion, "spread": swept.spread, "steepest": swept.steepest, "minimum": swept.minimum,
        "largest_stable": swept.largest_stable, "clear": swept.clear, "noise": swept.noise, "fall": swept.fall,
        "steps": swept.steps, "problem": swept.problem, "search_updates": swept.updates, "out": str(directory.folder),
    }  # fmt: skip
    rows: list[tuple[str, Any]] = [
        (name, result[name]) for name in ("suggestion", "steepest", "minimum", "largest_stable")
    ]
    rows.append(("the sweeps' suggestions", f"{swept.spread[0]:.3g} to {swept.spread[1]:.3g}"))
    rows.append(("fall of the loss; noise of a batch", f"{swept.fall:.3g}; {swept.noise:.3g}"))
    sections = [
        report.picture("Range test", lambda: plots.range_tests(swept)),
        report.listing("Rates", ("", "rate"), rows),
    ]
    lead = f"These rates are for sweeps of {swept.steps} updates: longer ones mostly give lower rates."
    said = f"The sweeps say little: {swept.problem}." if swept.problem else ""
    page = report.page(f"Range test of {job}", f"{said} {lead}".strip(), sections)
    directory.finish(result, [(sweep.rates, sweep.losses) for sweep in swept.sweeps], page)
    if said:
        output.say_line(said)
    show(result, [terminal.table("Range test", ("", "rate"), rows), lead], directory, as_json)


@command("glideslope race examples/digits.py:job --peaks 0.05,0.1 --steps 200")
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
    accept_changes: AcceptChanges = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Run every schedule at every peak rate, and every peak as a constant rate."""
    from glideslope.search import race as run_race
    from glideslope.search.idle import idle, shown_name
    from glideslope.search.outcomes import not_finite
    from glideslope.search.race import check_positive
    from glideslope.views import plots, report, terminal

    check_positive(steps=steps, seeds=seeds, evaluations=evaluations)
    choice = parse_schedules(schedules, steps_per_epoch)
    rates = [read_number("--peaks", text) for text in peaks.split(",")]
    search = {"schedules": list(map(str, choice)), "peaks": rates, "steps": steps, "seeds": seeds, "seed": seed}
    also = {"optimizers": split_names(optimizers), "averages": split_names(averages)}
    search |= {name: names for name, names in also.items() if names}
    search |= {} if evaluations == 20 else {"evaluations": evaluations}
    with loaded(job, timeout) as training:
        directory = open_directory("race", job, out, overwrite, resume, search, accept_changes)
        raced = training.watched(
            directory,
            lambda watch: run_race(
                training.factory,
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
        "constant": {"peak": raced.constant.contestant.peak, "final_loss": raced.constant.mean},
        "candidates": [
            {"schedule": s.contestant.name, "peak": s.contestant.peak, "final_loss": s.mean,
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
