"""The command that looks ahead of a run in progress: forecast."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glideslope.cli import output
from glideslope.cli.options import Json, Steps, StepsPerEpoch, command
from glideslope.errors import GlideslopeError
from glideslope.plural import plural

if TYPE_CHECKING:
    from glideslope.laws import Forecast, Rates, Run
    from glideslope.laws.forecast import Other

_STOPPED = 3  # the exit status where `--stop-when` ended it


@command("glideslope forecast examples/curves/cosine.csv --schedule cosine --peak 3e-3 --steps 6000")
def forecast(
    log: Annotated[Path, typer.Argument(help="The log of the run so far.")],
    schedule: Annotated[str, typer.Option(help="The run's schedule, to its end.")],
    peak: Annotated[float, typer.Option(help="The rate where its factor is 1.")],
    steps: Steps,
    step: Annotated[str | None, typer.Option(help="The column or tag of the updates made, if not recognised.")] = None,
    loss: Annotated[str | None, typer.Option(help="The column or tag of the loss, where there are several.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Read the log again as it grows, up to the last update.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.01, help="Seconds between two readings.")] = 30.0,
    stop_when: Annotated[
        float | None, typer.Option(help="End with status 3 once the end will be above this loss, by the 90% interval.")
    ] = None,
    extend: Annotated[
        int | None, typer.Option(help="Also print the end if the run is extended to this many updates.")
    ] = None,
    steps_per_epoch: StepsPerEpoch = None,
    as_json: Json = False,
) -> None:
    """Forecast where a run in progress will end, and what a cooldown begun now would end at."""
    from glideslope import laws
    from glideslope.cli.epochs import parsed, rates_of

    curve = parsed(schedule, steps_per_epoch)
    rates = rates_of(curve, peak, steps)
    longer = [] if extend is None else [laws.Rates.of_schedule(curve, extend, peak)]
    last, said = -1.0, set[str]()
    while True:
        read = laws.read(
            [log], step=step, loss=loss, schedule=curve, peak=peak, steps=steps, steps_per_epoch=steps_per_epoch
        )
        if len(read.runs) != 1:
            raise GlideslopeError(
                f"{log}: {plural(len(read.runs), 'run')}, {', '.join(run.name for run in read.runs[:4])}: give one"
            )
        run = read.runs[0]
        if not len(run.step):
            raise GlideslopeError(f"{log}: {plural(len(run.lost), 'loss')}, of which none is a number")
        if run.step[-1] > steps:
            raise GlideslopeError(
                f"{log} goes to update {run.step[-1]:g}, beyond --steps {steps}: give all its updates"
            )
        if run.step[-1] > last:
            last = float(run.step[-1])
            for note in _notes(read.notes, run, rates):
                if note not in said:
                    output.say_line(f"note: {note}")
                said.add(note)
            now = laws.forecast(laws.Run(rates, run.step, run.loss, name=run.name), lost=run.lost, longer=longer)
            _show(now, as_json, follow)
            if stop_when is not None and now.low > stop_when:
                output.say_line(f"The run will end above {stop_when:g}: at {now.low:#.5g} or more, in 95% of cases.")
                raise typer.Exit(_STOPPED)
        if not follow or last >= steps:
            return
        time.sleep(every)


def _notes(notes: Iterable[str], run: Run, rates: Rates) -> Iterator[str]:
    """What to know of a log; of its rates only how they differ from the schedule's, which are taken."""
    from glideslope.laws.logs.table_of_runs import differing

    yield from (note for note in notes if not re.search(r"\brates?\b", note.removeprefix(f"{run.name}: ")))
    if how := differing((run.step, run.rates.at(run.step)), rates, rates.peak):
        yield f"{how}; the schedule's are taken"


def _show(now: Forecast, as_json: bool, brief: bool) -> None:
    """One object, one line, or all."""
    if as_json:
        output.put(json.dumps(_plain(now)))
        return
    band = f"90% interval {now.low:#.5g} to {now.high:#.5g}"
    output.line(f"update {now.step:g} of {now.steps:,}: {now.end:#.5g} at the end ({band})")
    if now.doubt:
        output.say_line(f"Careful: {now.doubt}.")
    if lost := [f"{alarm.step:g}" for alarm in now.alarms if alarm.kind == "not finite"]:
        ends = " to ".join(dict.fromkeys([lost[0], lost[-1]]))
        output.say_line(f"Careful: {plural(len(lost), 'loss')} without a number, at update {ends}.")
    left = [alarm for alarm in now.alarms if alarm.kind != "not finite"]
    for alarm in left[-3:] if brief else left:
        output.say_line(
            f"Careful: at update {alarm.step:g} the loss was {alarm.loss:.4g}, {alarm.kind}; {alarm.expected:.4g} was "
            "expected."
        )
    if brief:
        return
    output.line(
        f"A cooldown begun now, over a fifth of the updates made, would end at {now.cooldown_now:#.5g} "
        f"({now.cooldown_low:#.5g} to {now.cooldown_high:#.5g})."
    )
    for other in now.others:
        output.line(f"{_change(other)}: {other.loss:#.5g}, lower in {other.odds:.0%} of cases.")
    output.line(f"Of the public curves it is nearest to those of {now.like}.")


def _change(other: Other) -> str:
    """What is done otherwise."""
    if other.what == "peak":
        return f"At a peak of {other.value:g} from the beginning"
    updates = f"{plural(other.value, 'update', ',.0f')}"
    return f"Extended to {updates}" if other.what == "extended" else f"Over {updates} from the beginning"


def _plain(now: Forecast) -> dict[str, Any]:
    """A forecast as plain data; what isn't a number is null."""
    plain = asdict(now)
    for alarm in plain["alarms"]:
        alarm |= {name: None for name, value in alarm.items() if value != value}
    return plain
