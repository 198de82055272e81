"""The commands about schedules: show, list, convert, schema."""

from __future__ import annotations

import csv as csv_files
import io
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from glideslope import escape
from glideslope.cli import output
from glideslope.cli.epochs import check_units, parsed
from glideslope.cli.options import Folder, Json, Peak, Steps, StepsPerEpoch, command
from glideslope.errors import GlideslopeError
from glideslope.files import write_atomically
from glideslope.plural import plural
from glideslope.schedules import Clock, parse
from glideslope.schedules.amounts import check_peak, check_positive

Axis = Literal["updates", "epochs", "examples", "tokens"]
_WORTH = "What an update is worth, for durations in this unit and for --axis."


@command('glideslope show "warmup(5%) >> cosine" --steps 10000 --peak 3e-4')
def show(
    schedules: Annotated[list[str], typer.Argument(help='Schedules, such as "warmup(5%) >> cosine".')],
    steps: Steps,
    peak: Annotated[float | None, typer.Option(help="The peak rate; factors are shown if not given.")] = None,
    axis: Annotated[Axis, typer.Option(help="The unit of the time axis.")] = "updates",
    log: Annotated[bool, typer.Option("--log", help="A logarithmic axis of rates.")] = False,
    steps_per_epoch: StepsPerEpoch = None,
    examples_per_step: Annotated[float | None, typer.Option(help=_WORTH)] = None,
    tokens_per_step: Annotated[float | None, typer.Option(help=_WORTH)] = None,
    png: Annotated[Path | None, typer.Option(help="Write a PNG picture here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write an HTML page here.")] = None,
    csv: Annotated[str | None, typer.Option(help="Write step,lr here; - is standard output.")] = None,
    out: Folder = None,
    as_json: Json = False,
) -> None:
    """Show the curves of schedules, with marks where phases begin."""
    from glideslope.search.storage.result_files import plain
    from glideslope.views import plots, report, terminal
    from glideslope.views.curves import Curve, Time, chart, places

    check_positive(steps=steps)
    has_peak, peak = peak is not None, check_peak(1.0 if peak is None else peak)
    if csv == "-" and as_json:
        raise GlideslopeError("--csv - and --json both write to standard output: give one, or --csv a file")
    clock = Clock(steps_per_epoch, examples_per_step, tokens_per_step)
    time = Time.of(axis, clock)
    values = [parse(text) for text in schedules]
    for value in values:
        check_units(value, clock)
    at = places(values, steps, clock)
    curves = [Curve.of(value, steps, peak, clock, at) for value in values]
    if out is not None:
        png, html, csv = png or out / "schedule.png", html or out / "schedule.html", csv or str(out / "schedule.csv")
    if png is not None:
        write_atomically(png, plots.png(plots.picture(chart(curves, time, "", has_peak), log)))
    if html is not None:
        figure = report.figure(chart(curves, time, plural(steps, "update"), has_peak))
        parts = [report.paragraph(f"Peak {peak:g}." if has_peak else "Factors of the peak."), figure]
        write_atomically(html, report.page("; ".join(c.text for c in curves), parts))
    if (csv or as_json) and len(at) < steps:
        output.say(f"note: {len(at):,} of {plural(steps, 'update', ',')} are written, every turn among them")
    if csv not in (None, "-"):
        write_atomically(Path(csv), _csv(curves))
    if csv == "-":
        output.put(_csv(curves), end="")
    elif as_json:
        result = [
            {"schedule": curve.text, "peak": peak, "steps": steps, "boundaries": curve.boundaries,
             **({} if curve.is_whole else {"step": curve.at.tolist()}), "lr": curve.rates.tolist(),
             **({} if curve.sizes is None else {"batch_size": curve.sizes.tolist()})}
            for curve in curves
        ]  # fmt: skip
        output.put(json.dumps(plain(result[0] if len(result) == 1 else {"schedules": result})))
    else:
        output.draw(terminal.curves(curves, time, log))


@command("glideslope list", name="list")
def list_schedules(out: Folder = None, as_json: Json = False) -> None:
    """List every schedule, with a picture of each."""
    from glideslope.views import gallery

    entries = gallery.entries()
    result = json.dumps({"schedules": [{"call": e.call, "example": e.example, "summary": e.summary} for e in entries]})
    if out is not None:
        write_atomically(out / "schedules.json", result)
    if as_json:
        output.put(result)
    else:
        output.draw(gallery.table(entries))


@command('glideslope convert "warmup(5%) >> cosine" --steps 10000 --to optax')
def convert(
    schedule: Annotated[str, typer.Argument(help='The schedule, such as "warmup(5%) >> cosine".')],
    steps: Steps,
    to: Annotated[str, typer.Option(help="torch, optax, keras, transformers, deepspeed or csv.")],
    peak: Peak = 1.0,
    steps_per_epoch: StepsPerEpoch = None,
    out: Folder = None,
    as_json: Json = False,
) -> None:
    """Print code, or a configuration, that reproduces a schedule in another library."""
    from glideslope.conversion.export import export
    from glideslope.policy import as_policy

    check_positive(steps=steps)
    check_peak(peak)
    value = as_policy(parsed(schedule, steps_per_epoch)).curve
    code = export(value, steps, peak, to)
    if out is not None:
        kind = "csv" if to == "csv" else "json" if code.startswith("{") else "py"
        write_atomically(out / f"schedule.{kind}", code)
    result = {"schedule": str(value), "peak": peak, "steps": steps, "to": to, "code": code}
    output.put(json.dumps(result) if as_json else code, end="\n" if as_json else "")


@command("glideslope schema")
def schema(out: Folder = None, as_json: Json = False) -> None:
    """Print the JSON schema of the JSON form of a schedule."""
    from glideslope.conversion.json_schema import json_schema

    text = json.dumps(json_schema(), indent=None if as_json else 2)
    if out is not None:
        write_atomically(out / "schedule.schema.json", text + "\n")
    output.put(text)


def _csv(curves: list[Any]) -> str:
    """A column for each curve, the only one called lr; and one for its batch size, where that grows."""
    buffer = io.StringIO()
    writer = csv_files.writer(buffer, lineterminator="\n")
    names = ["lr"] if len(curves) == 1 else [curve.text for curve in curves]
    columns = [curve.rates.tolist() for curve in curves]
    steps = curves[0].at.tolist()
    for name, curve in zip(tuple(names), curves, strict=True):
        if curve.sizes is not None:
            names.append("batch_size" if len(curves) == 1 else f"batch size of {name}")
            columns.append(curve.sizes.tolist())
    writer.writerow(["step", *map(escape.csv, names)])
    writer.writerows([t, *map(repr, rates)] for t, *rates in zip(steps, *columns, strict=True))
    return buffer.getvalue()
