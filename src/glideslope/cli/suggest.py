"""The command for a start without runs: suggest."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from glideslope.cli import output
from glideslope.cli.options import Json, command
from glideslope.schedules.durations import number_text


@command("glideslope suggest --params 7e9 --task finetune --method lora")
def suggest(
    params: Annotated[float, typer.Option(help="The parameters of the network.")],
    task: Annotated[str, typer.Option(help="pretrain, finetune or vision.")] = "pretrain",
    method: Annotated[str, typer.Option(help="full, lora, layer-wise, mup or completep.")] = "full",
    optimizer: Annotated[str, typer.Option(help="adamw, adam or sgd.")] = "adamw",
    batch_tokens: Annotated[
        float | None, typer.Option(help="Tokens, or images, in an update, where the rate depends on them.")
    ] = None,
    tokens: Annotated[float | None, typer.Option(help="The tokens of the run.")] = None,
    tuned_peak: Annotated[
        float | None, typer.Option(help="The best peak of a small network, for mup and completep.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Suggest a peak rate from published laws and recipes, with the runs that would replace it by a measurement."""
    from glideslope import laws
    from glideslope.views import terminal

    start = laws.suggest(
        params=params, task=task, method=method, optimizer=optimizer, tokens=tokens, batch=batch_tokens,
        tuned_peak=tuned_peak,
    )  # fmt: skip
    if as_json:
        output.put(json.dumps(asdict(start)))
        return
    batches = ["as tuned" if one.batch is None else f"{one.batch:.3g} {one.unit}" for one in start.sources]
    pairs = zip(start.sources, batches, strict=True)
    rows = [(source.name, f"{source.peak:.3g}", size, source.schedule) for source, size in pairs]
    lead = f"Peak to begin with: {start.peak:.2g}; the sources give {start.low:.2g} to {start.high:.2g}."
    output.answer(lead, terminal.table("Published", ("source", "peak", "batch", "schedule"), rows))
    for source in start.sources:
        decay = f", weight decay {source.weight_decay}" if source.weight_decay not in (None, "") else ""
        sizes = " to ".join(dict.fromkeys(number_text(size) for size in source.measured))
        output.line(f"{source.name}: {source.citation}; {sizes} parameters; betas {source.betas}{decay}")
    output.line("")
    for line in start.plan:
        output.line(f"To measure: {line}")
    for warning in start.warnings:
        output.say_line(f"Careful: {warning}.")
