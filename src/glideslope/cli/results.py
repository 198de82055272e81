"""The common part of the commands that search: from a job's place to the printed result and the run directory."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from glideslope.cli import output
from glideslope.cli.ending import notice, terminated_after_saving
from glideslope.cli.options import listed
from glideslope.cli.sent import Sent
from glideslope.documents import sealed
from glideslope.errors import NothingLearnedError, ScheduleError
from glideslope.plural import plural
from glideslope.schedules import parse

if TYPE_CHECKING:
    from glideslope.cli.time_limit import Watch as TimeLimit
    from glideslope.search.directory.run_directory import RunDirectory
    from glideslope.search.jobs.job import JobFactory
    from glideslope.search.progress import Progress, Watch
    from glideslope.search.runs.contestant import Run
    from glideslope.views.answer import Answer

Result = TypeVar("Result")


def events(runs: list[Run]) -> list[dict[str, Any]]:
    """The events of guards, and why a run of theirs ended early."""
    return [
        {"run": str(run.contestant), "seed": run.seed, **what}
        for run in runs
        for what in [*map(vars, run.events), *([{"problem": run.problem}] if run.problem else [])]
    ]


def described(run: Run) -> dict[str, Any]:
    """A run as it stands in result.json."""
    from glideslope.search.runs.idle import idle

    quiet = {"never_acted": list(names)} if (names := idle([run])) else {}
    return {
        "schedule": run.contestant.name, "peak": run.contestant.peak, "steps": run.steps,
        "final_loss": run.final_loss, **quiet,
    }  # fmt: skip


def parse_schedules(text: str | None, steps_per_epoch: float | None = None) -> list[Any]:
    """The schedules in an option, with ";" between them. Raises a ScheduleError, which says so where they have ","."""
    from glideslope.cli.epochs import parsed

    try:
        return [parsed(part, steps_per_epoch) for part in listed("--schedules", text, ";")]
    except ScheduleError as error:
        if text and ";" not in text and _reads(text.split(",")):
            separated = "; ".join(part.strip() for part in text.split(","))
            raise ScheduleError(f'--schedules: write ";" between schedules: "{separated}"') from None
        raise ScheduleError(f'--schedules, with ";" between them: {error}') from None


def _reads(texts: list[str]) -> bool:
    try:
        return len([parse(text) for text in texts]) > 1
    except ScheduleError:
        return False


@dataclass(frozen=True)
class Loaded:
    """A function that makes jobs, the limit of their runs, and where these are sent."""

    factory: JobFactory
    time_limit: TimeLimit | None
    sent: Sent

    def watched(self, directory: RunDirectory, search: Callable[[Watch], Result]) -> Result:
        """The result of a search, its progress shown and its runs sent; interrupted, it leaves a partial report. Where
        it has one, or there is nothing to learn, the directory stays locked for its report."""
        from glideslope.views.progress import shown_progress

        directory.is_locked_for_report = True
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a script's background job has it
            output.say(
                "Interrupts are ignored here, as in a background job of a script: Ctrl-C won't stop this search; end "
                "it with kill, and go on with --resume."
            )
        self.sent.open(directory.folder)
        if self.time_limit is not None:
            self.time_limit.folder = directory.folder
        try:
            with terminated_after_saving(), shown_progress() as watch:

                def claiming(progress: Progress) -> None:  # not before the job and the arguments are checked
                    directory.claim()
                    watch(progress)
                    self.sent.see(progress)

                return search(claiming)
        except KeyboardInterrupt:
            leave_partial_report(directory)
            raise typer.Exit(1) from None
        except NothingLearnedError:
            raise
        except BaseException:
            directory.release()
            raise


@contextmanager
def loaded(job: str, timeout: float | None, log: str | None, storage: str | None = None) -> Iterator[Loaded]:
    """Loads the function that makes jobs, where the job can neither spoil the output nor end or hold up the process:
    with the seconds that a run may take, the tracker that finished runs are sent to, and the address of Optuna's
    storage."""
    from glideslope.cli.time_limit import timeout as limit
    from glideslope.search import load_job
    from glideslope.search.jobs.time_limit import one_run

    sent = Sent(log, storage)
    output.lend()  # both until the end of the command, since a job has threads
    notice()
    with limit(timeout) as time_limit:
        with one_run(f"loading {job}"):
            factory = load_job(job)
        yield Loaded(factory, time_limit, sent)


def leave_partial_report(directory: RunDirectory) -> None:
    """Writes what is finished as a report that says that it is partial, and how to go on."""
    import numpy as np

    from glideslope.search.runs.contestant import Run
    from glideslope.views import report, run_charts, tuned

    finished = [Run.remembered(result) for result in directory.values() if "final_loss" in result]
    sweeps = [result for result in directory.values() if "final_loss" not in result]
    result = {
        "interrupted": True, "sweeps": len(sweeps), "candidates": list(map(described, finished)),
        "out": str(directory.folder),
    }  # fmt: skip
    done = (f"{plural(len(sweeps), 'sweep')} and " if sweeps else "") + plural(len(finished), "run")
    lead = f"Interrupted with {done} finished; go on with --out {directory.folder} --resume."
    rows = sorted(map(tuned.row, finished), key=lambda row: (-row[2], row[3]))
    parts = [report.paragraph(lead), report.listing("Finished runs, the longest first", tuned.COLUMNS, rows)]
    if finished:
        parts.insert(1, report.figure(run_charts.losses(finished, "Losses of the finished runs")))
    curves = [(np.asarray(sweep["rates"]), np.asarray(sweep["losses"])) for sweep in sweeps]
    curves += [run.curve for run in finished]
    directory.finish(result, curves, report.page("A search, interrupted", parts))
    output.say_line(f"{lead} Partial report: {directory.folder / 'report.html'}")


def show(
    result: dict[str, Any], answer: Answer, tables: list[Any], directory: RunDirectory, as_json: bool,
    lines: Sequence[str] = (),
) -> None:  # fmt: skip
    """Prints a result, as JSON or as a person reads: what to do, how sure, what it beat, tables, lines to paste."""
    if as_json:
        from glideslope.search.storage.result_files import plain

        output.put(sealed(plain(result)))
        return
    from glideslope.views.answer import drawn, glossary

    report = f"Report: {directory.folder / 'report.html'}"
    output.draw(*drawn(answer), *tables, *lines, *glossary(answer.terms), "", report)
