"""What the commands that search share: from a job's place to what is printed and left in a run directory."""

from __future__ import annotations

import itertools
import json
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from glideslope.errors import GlideslopeError, ScheduleError

if TYPE_CHECKING:
    from glideslope.search.contestant import Run
    from glideslope.search.job import JobFactory
    from glideslope.search.run_directory import RunDirectory
    from glideslope.search.trials import Watch

Result = TypeVar("Result")

RUN_COLUMNS = ("schedule", "peak", "updates", "loss")


def row(run: Run) -> tuple[str, float, int, float]:
    """A run as a row under `RUN_COLUMNS`; a feedback that never acted is called that."""
    from glideslope.search.idle import shown_name

    return shown_name([run]), run.contestant.peak, run.steps, run.final_loss


def events(runs: list[Run]) -> list[dict[str, Any]]:
    """What guards did, and why a run of theirs ended early."""
    return [
        {"run": str(run.contestant), "seed": run.seed, **what}
        for run in runs
        for what in [*map(vars, run.events), *([{"problem": run.problem}] if run.problem else [])]
    ]


def event_sections(runs: list[Run]) -> list[str]:
    """A section of the report for what guards did, where they did anything."""
    from glideslope.views import report

    rows = [
        (str(run.contestant), event.update, event.kind, event.loss, event.back_to, event.factor,
         "skipped" if event.skipped else "")
        for run in runs
        for event in run.events
    ]  # fmt: skip
    columns = ("run", "update", "what", "loss", "went back to", "rate times", "batch")
    problems = [(str(run.contestant), run.problem) for run in runs if run.problem]
    found = [report.listing("What the guard did", columns, rows)] if rows else []
    return found + ([report.listing("Runs that a guard stopped", ("run", "why"), problems)] if problems else [])


def split_names(text: str) -> list[str]:
    """The names in a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def described(run: Run) -> dict[str, Any]:
    """A run as it stands in result.json."""
    from glideslope.search.idle import idle

    quiet = {"never_acted": list(names)} if (names := idle([run])) else {}
    return {
        "schedule": run.contestant.name, "peak_lr": run.contestant.peak, "steps": run.steps,
        "final_loss": run.final_loss, **quiet,
    }  # fmt: skip


def read_number(option: str, text: str) -> float:
    """The number that an option was given as."""
    try:
        return float(text)
    except ValueError:
        raise GlideslopeError(f"{option}: {text.strip()!r} is not a number: write them as 0.1,0.2") from None


def open_directory(
    command: str, job: str, out: Path | None, overwrite: bool, resume: bool, search: dict[str, Any]
) -> RunDirectory:
    """The run directory of a search."""
    from glideslope.search.run_directory import RunDirectory

    if resume and out is None:
        raise GlideslopeError("--resume: say which run with --out DIR")
    stem = Path(job.rpartition(":")[0]).stem
    folder = out or _new_folder(Path("runs") / f"{command}-{stem}-{datetime.now():%Y%m%d-%H%M%S}")
    return RunDirectory(folder, {"command": command, "job": job, **search}, overwrite=overwrite, resume=resume)


def _new_folder(folder: Path) -> Path:
    """A folder that no other command has, even one begun in the same second: made here, with a number if need be."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            claimed = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
            with suppress(FileExistsError):
                claimed.mkdir()
                return claimed
    except OSError as error:
        raise GlideslopeError(f"{folder} can't be made: {error.strerror}; name another folder with --out") from error
    raise AssertionError("there is always another number")


def parse_schedules(text: str, steps_per_epoch: float | None = None) -> list[Any]:
    """The schedules in an option, with ";" between them, their epochs as so many updates.

    Raises:
        ScheduleError: one can't be read; where they have "," between them, the message says so.
    """
    from glideslope.cli.epochs import parsed

    try:
        return [parsed(part, steps_per_epoch) for part in text.split(";") if part.strip()]
    except ScheduleError as error:
        if ";" not in text and _reads(text.split(",")):
            separated = "; ".join(part.strip() for part in text.split(","))
            raise ScheduleError(f'--schedules: write ";" between schedules: "{separated}"') from None
        raise ScheduleError(f'--schedules, with ";" between them: {error}') from None


def _reads(texts: list[str]) -> bool:
    from glideslope.schedules import parse

    try:
        return len([parse(text) for text in texts]) > 1
    except ScheduleError:
        return False


def say_if_not_interruptible() -> None:
    """Says where an interrupt can't stop the command: a script's background job ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        typer.echo(
            "Interrupts are ignored here, as in a background job of a script: Ctrl-C won't stop this search; end it "
            "with kill, and go on with --resume.", err=True,
        )  # fmt: skip


def load_factory(job: str) -> JobFactory:
    """The function that makes jobs."""
    from glideslope.search import load_job

    with redirect_stdout(sys.stderr):
        return load_job(job)


def watched(directory: RunDirectory, search: Callable[[Watch], Result]) -> Result:
    """The result of a search, its progress shown; interrupted, it leaves a partial report."""
    from glideslope.views.terminal import LiveProgress

    say_if_not_interruptible()
    try:
        # What a job prints isn't part of the result.
        with redirect_stdout(sys.stderr), LiveProgress() as watch:
            return search(watch)
    except KeyboardInterrupt:
        leave_partial_report(directory)
        raise typer.Exit(1) from None


def leave_partial_report(directory: RunDirectory) -> None:
    """Writes what is finished as a report that says that it is partial, and how to go on."""
    import numpy as np

    from glideslope.search.contestant import Run
    from glideslope.views import report

    finished = [Run.remembered(result) for result in directory.values() if "final_loss" in result]
    sweeps = [result for result in directory.values() if "final_loss" not in result]
    result = {
        "interrupted": True, "sweeps": len(sweeps), "candidates": list(map(described, finished)),
        "out": str(directory.folder),
    }  # fmt: skip
    made = f"{len(sweeps)} sweeps and {len(finished)} runs" if sweeps else f"{len(finished)} runs"
    lead = f"Interrupted with {made} finished; go on with --out {directory.folder} --resume."
    rows = sorted(map(row, finished), key=lambda row: (-row[2], row[3]))
    sections = [report.listing("Finished runs, the longest first", RUN_COLUMNS, rows)]
    curves = [(np.asarray(sweep["rates"]), np.asarray(sweep["losses"])) for sweep in sweeps]
    curves += [run.curve for run in finished]
    directory.finish(result, curves, report.page("A search, interrupted", lead, sections))
    typer.echo(f"{lead} Partial report: {directory.folder / 'report.html'}", err=True)


def show(result: dict[str, Any], shown: list[Any], directory: RunDirectory, as_json: bool) -> None:
    """Prints a result, as JSON or as tables."""
    from rich.console import Console

    from glideslope.search.run_directory import plain

    if as_json:
        typer.echo(json.dumps(plain(result)))
        return
    console = Console()
    for part in shown:
        console.print(part)
    console.print(f"Report: {directory.folder / 'report.html'}", soft_wrap=True)
