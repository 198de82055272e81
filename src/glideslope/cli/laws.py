"""The commands that ask a law about a run: predict and design."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glideslope.cli import output
from glideslope.cli import sizes as of_sizes
from glideslope.cli import tables as of_tables
from glideslope.cli.options import Folder, Json, Steps, StepsPerEpoch, check_unused, command
from glideslope.errors import GlideslopeError
from glideslope.files import write_atomically
from glideslope.plural import plural

if TYPE_CHECKING:
    from glideslope.views.charts import Chart

LawFile = Annotated[Path, typer.Argument(metavar="LAW", help="The law: what `glideslope fit` wrote.")]
OnePeak = Annotated[float, typer.Option(help="The rate where the factor is 1.")]


@command("glideslope predict examples/law.json cosine --peak 3e-3 --steps 6000")
def predict(
    law: LawFile,
    schedule: Annotated[str, typer.Argument(help='The schedule, such as "warmup(300) >> hold >> cooldown(40%)".')],
    steps: Steps,
    peak: OnePeak,
    level: Annotated[float, typer.Option(help="The probability of the interval.")] = 0.9,
    batch_size: Annotated[
        float | None, typer.Option(help="The batch size of the run, where the fitted runs differ in it.")
    ] = None,
    target: Annotated[float | None, typer.Option(help="Also print the updates that a run needs for this loss.")] = None,
    average: Annotated[
        int | None, typer.Option(help="Also print the loss of weights averaged over this many last updates.")
    ] = None,
    steps_per_epoch: StepsPerEpoch = None,
    out: Folder = None,
    as_json: Json = False,
) -> None:
    """Predict the loss curve of a schedule."""
    import numpy as np

    from glideslope import laws
    from glideslope.cli.epochs import parsed, rates_of
    from glideslope.views import laws as views
    from glideslope.views import report, terminal

    if average is not None and not 1 <= average <= steps:
        raise GlideslopeError(f"--average {average}: give updates of the run, 1 to {steps}")
    fitted, curve = laws.load(law), parsed(schedule, steps_per_epoch)
    lr = rates_of(curve, peak, steps)
    at = np.unique(np.linspace(steps / 50, steps, 50).round()).astype(np.int64)
    with output.warned() as warnings:
        loss, (low, high) = fitted.predict(lr, at, batch_size), fitted.interval(lr, at, level, batch_size)
        needed = fitted.steps_for(target, curve, peak, batch_size=batch_size) if target is not None else None
        averaged = None
        if average is not None:
            averaged = float(laws.predict_average(fitted, lr, steps, window=average, batch_size=batch_size)[0])
    warnings += fitted.warnings(steps, float(lr.max()))
    result = {
        "schedule": schedule, "peak": peak, "steps": steps, "final_loss": float(loss[-1]),
        "final_loss_on_other_set": float(loss[-1]) + fitted.shift if fitted.shift else None,
        "interval": [float(low[-1]), float(high[-1])], "level": level, "steps_for_target": needed,
        "final_loss_of_average": averaged, "warnings": warnings,
        "curve": {"step": at.tolist(), "loss": loss.tolist(), "low": low.tolist(), "high": high.tolist()},
    }  # fmt: skip
    lead = (
        f"{schedule} at {peak:g}: {loss[-1]:#.5g} after {plural(steps, 'update')}, {level:.0%} interval {low[-1]:#.5g} "
        f"to {high[-1]:#.5g}"
    )
    if fitted.shift:
        lead += f"; {loss[-1] + fitted.shift:#.5g} on the set of the final losses"
    if needed is not None:
        lead += f"; {target:g} needs {plural(needed, 'update', ',')}"
    if averaged is not None:
        lead += f"; {averaged:#.5g} by the mean of the weights of the last {average:,} updates"
    if out is not None:
        chart = views.chart({schedule: (at, loss, low, high)}, "The loss predicted", level=level)
        _write(out, "prediction", "A prediction", result, [report.paragraph(lead), report.figure(chart)], chart)
    if as_json:
        output.put(json.dumps(result))
        return
    shown = [(int(at[i]), float(loss[i]), float(low[i]), float(high[i])) for i in range(4, len(at), 5)]
    table = terminal.table("Predicted", ("update", "loss", "low", "high"), shown)
    output.answer(lead, table, warnings, ("predicted loss", "low, high"))


def _option(name: str) -> str:
    """The option of `design` of a name that a column of a table may have."""
    from glideslope.laws.logs.column_names import named

    known = named([name], ("params", "tokens", "batch", "steps", "peak_lr"))
    return next(iter(known), name).removesuffix("_lr")


@command("glideslope design examples/law.json --steps 6000", token_normalize_func=_option)
def design(
    law: LawFile,
    steps: Annotated[int | None, typer.Option(help="For a law of one size: the updates of the run.")] = None,
    params: Annotated[float | None, typer.Option(help="For a law over sizes: the parameters of the network.")] = None,
    tokens: Annotated[float | None, typer.Option(help="For a law over sizes: the tokens of the run.")] = None,
    flops: Annotated[float | None, typer.Option(help="For a law over sizes: 6 x params x tokens.")] = None,
    batch: Annotated[float | None, typer.Option(help="Of an update: tokens, or what a law of one size has.")] = None,
    peak: Annotated[float | None, typer.Option(help="The peak rate; by default the best one.")] = None,
    floor: Annotated[float, typer.Option(help="The smallest rate, as a part of the peak.")] = 0.0,
    tolerance: Annotated[float | None, typer.Option(help="What a simpler schedule may cost; or 0.002 of loss.")] = None,
    out: Folder = None,
    as_json: Json = False,
) -> None:
    """Design the schedule with the lowest predicted final loss; for a law over sizes also the batch and the size."""
    from glideslope.laws.kinds import LOSSES, kind_of

    if params is not None or tokens is not None or flops is not None:
        of_one_size = {"steps": steps, "peak": peak, "floor": floor or None, "tolerance": tolerance, "out": out}
        check_unused("is for a law of one size", **{name: value is not None for name, value in of_one_size.items()})
        design_of = of_tables.design if kind_of(law) == LOSSES else of_sizes.design
        design_of(law, params, tokens, flops, batch, as_json)
        return
    if steps is None:
        raise GlideslopeError("give --steps, the updates of the run; or, for a law over sizes, --params and --tokens")
    from glideslope import laws
    from glideslope.views import laws as views
    from glideslope.views import plots, report, terminal
    from glideslope.views.charts import Chart, Series
    from glideslope.views.thinning import places

    fitted = laws.load(law)
    with output.warned() as warnings:
        designed = laws.design(fitted, steps, peak=peak, floor=floor, batch=batch)
    warnings += designed.warnings
    entries = {"designed": designed.best, **designed.named}
    columns = ("family", "peak", "loss", "schedule")
    rows = [(name, best.peak, best.loss, str(best.schedule)) for name, best in entries.items()]
    most = designed.tolerance if tolerance is None else tolerance
    simplest = designed.simplest(most)
    result = {
        "steps": steps, "warnings": warnings, "simplest": of_sizes.described(simplest),
        **{name: of_sizes.described(best) for name, best in entries.items()}, **of_sizes.batches_of(designed),
    }  # fmt: skip
    lead = (
        f"Within {most:.3g} of the least predicted loss: {simplest.schedule} at {simplest.peak:g}, "
        f"{simplest.loss:#.5g}."
    )
    if out is not None:
        rates = {
            f"{name}, {best.loss:#.5g}": laws.Rates.of_schedule(best.schedule.over(steps), steps, best.peak)
            for name, best in entries.items()
        }
        at = places(steps) - 1
        charts = [
            Chart("Schedules, with the loss predicted", "The rate of each update.", "update", "learning rate",
                  [Series(name, at, curve.at(at)) for name, curve in rates.items()]),
            views.final_losses(fitted, steps),
        ]  # fmt: skip
        parts = [report.paragraph(lead), *map(report.figure, charts), report.listing("Designed", columns, rows)]
        _write(out, "design", f"A schedule for {plural(steps, 'update')}", result, parts, charts[0])
        write_atomically(out / "final_loss.png", plots.png(views.heat_map(fitted, steps)))
    if as_json:
        output.put(json.dumps(result))
        return
    output.answer(lead, terminal.table("Designed", columns, rows), warnings, ("peak", "predicted loss"))
    of_sizes.say_batches(designed, steps)


def _write(out: Path, name: str, title: str, result: dict[str, Any], parts: list[str], chart: Chart) -> None:
    """Writes a result into a folder: as JSON, as a page of parts, and its chart as a picture."""
    from glideslope.views import plots, report

    write_atomically(out / f"{name}.png", plots.png(plots.picture(chart)))
    write_atomically(out / f"{name}.html", report.page(title, parts))
    write_atomically(out / f"{name}.json", json.dumps(result) + "\n")
