"""The command that makes a law of logs: fit."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glideslope.cli import output
from glideslope.cli import sizes as of_sizes
from glideslope.cli import tables as of_tables
from glideslope.cli.options import Json, StepsPerEpoch, check_unused, command
from glideslope.errors import GlideslopeError, LawError
from glideslope.files import write_atomically
from glideslope.plural import plural

if TYPE_CHECKING:
    from glideslope.laws import Law, Read


@command("glideslope fit examples/curves --out law.json")
def fit(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Logs of runs, or folders of them: tables, JSON, what scripts print, TensorBoard's. Or one table of "
            "final losses: params, tokens, batch, peak_lr, loss."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Write the law here; its folder is made.")] = Path("law.json"),
    step: Annotated[
        str | None, typer.Option(help="The column or tag of the updates made, if not recognised; epoch,batch for two.")
    ] = None,
    lr: Annotated[str | None, typer.Option(help="The column or tag of the rate, if not recognised.")] = None,
    loss: Annotated[str | None, typer.Option(help="The column or tag of the loss, where there are several.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Updates of the warmup, where the logs miss it.")] = None,
    schedule: Annotated[str | None, typer.Option(help="The schedule of runs whose rates weren't logged.")] = None,
    peak: Annotated[float | None, typer.Option(help="The rate where that schedule's factor is 1.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="The updates of each run on that schedule; the last logged if not given.")
    ] = None,
    steps_per_epoch: StepsPerEpoch = None,
    sizes: Annotated[
        Path | None,
        typer.Option(help="A CSV file with the columns run, params, tokens_per_step, weight_decay: a law over sizes."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also write a law that predicts nothing.")] = False,
    form: Annotated[str, typer.Option(help="general, or multi-power, the law as published.")] = "general",
    pictures: Annotated[
        Path | None, typer.Option(help="Write the curves, measured and fitted, into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit a law on the loss curves of a few runs, or on a table of final losses."""
    from glideslope import laws
    from glideslope.laws.columns import is_of_losses

    if step is None and len(runs) == 1 and is_of_losses(runs[0]):
        of_curves = {
            "lr": lr, "loss": loss, "warmup": warmup, "schedule": schedule, "peak": peak, "steps": steps,
            "steps-per-epoch": steps_per_epoch, "sizes": sizes, "pictures": pictures,
        }  # fmt: skip
        if given := [f"--{name}" for name, value in of_curves.items() if value is not None]:
            raise GlideslopeError(f"{runs[0]} is a table of final losses, fitted without {', '.join(given)}")
        of_tables.fit(runs[0], out, as_json)
        return
    if sizes is not None:
        check_unused("is for a law of one size", force=force, form=form != "general", pictures=pictures is not None)
    read = laws.read(
        runs, step=step, lr=lr, loss=loss, warmup=warmup, steps_per_epoch=steps_per_epoch, schedule=schedule, peak=peak,
        steps=steps,
    )  # fmt: skip
    if sizes is not None:
        of_sizes.fit(read, sizes, out, as_json)
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the law tells nothing")  # said below
        try:
            law = laws.fit(read.runs, form=form)
        except LawError:
            _say(read.notes)
            raise
    if law.doubt and not force:
        _say(read.notes)
        raise GlideslopeError(f"{law.doubt}. Nothing was written; --force writes the law anyway")
    law.save(out)
    notes = list(dict.fromkeys([*read.notes, *law.notes]))
    if pictures is not None:
        _draw_fit(law, read, pictures)
    result = {
        "law": str(out), "parameters": law.parameters, "noise": law.noise, "runs": [run.name for run in law.fitted],
        "notes": notes, "shift": law.shift, "baseline": law.baseline,
    }  # fmt: skip
    if as_json:
        output.put(json.dumps(result))
        return
    for run in law.fitted:
        output.line(f"{run.name}: {plural(run.points, 'point')} to update {run.steps}, peak {run.peak:g}")
    for note in notes:
        output.line(f"note: {note}")
    output.line(
        f"Ends of runs are {law.noise:.2%} from what fits without them predict ({law.baseline or 0:.2%} from the mean "
        f"loss of the others). Written to {out}."
    )
    if law.shift:
        output.line(f"Final losses on another set lie {law.shift:+.3g} from the curves; predict has both.")


def _say(notes: Iterable[str]) -> None:
    """Writes notes before an error, which they may explain."""
    for note in dict.fromkeys(notes):
        output.say_line(f"note: {note}")


def _draw_fit(law: Law, read: Read, folder: Path) -> None:
    import numpy as np

    from glideslope.laws.bins import MOST, Points
    from glideslope.views import laws as views
    from glideslope.views import plots, report

    predicted, measured = {}, {}
    for run in read.runs:
        points = Points.means(run.step, np.log(run.loss), MOST)
        low, high = law.interval(run.lr, points.step, batch_size=run.batch_size)
        predicted[run.name] = points.step, law.predict(run.lr, points.step, run.batch_size), low, high
        measured[run.name] = points.step, np.exp(points.log)
    chart = views.chart(predicted, "Measured, and fitted with a 90% band", measured)
    rows = [(run.name, run.peak, run.steps, run.points) for run in law.fitted]
    sections = [
        report.paragraph(f"Ends within {law.noise:.2%}."),
        report.figure(chart),
        report.listing("Runs", ("run", "peak", "updates", "points"), rows),
        report.listing("Dropped", ("what",), [(note,) for note in dict.fromkeys([*read.notes, *law.notes])]),
    ]
    write_atomically(folder / "fit.png", plots.png(plots.picture(chart)))
    write_atomically(folder / "fit.html", report.page("A law", sections))
