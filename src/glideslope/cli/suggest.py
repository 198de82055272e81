"""The command for a start without runs: suggest."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from glideslope.cli import output
from glideslope.cli.options import Json, amount, command


@command("glideslope suggest --params 7e9 --task finetune --method lora --tokens 50e6")
def suggest(
    params: Annotated[float, amount("--params", "The parameters of the network.")],
    task: Annotated[str, typer.Option(help="pretrain, finetune or vision.")] = "pretrain",
    method: Annotated[str, typer.Option(help="full, lora or layer-wise.")] = "full",
    optimizer: Annotated[str, typer.Option(help="adamw, adam or sgd.")] = "adamw",
    batch_tokens: Annotated[
        float | None, amount("--batch-tokens", "Tokens in an update, or images, where the rate goes with them.")
    ] = None,
    tokens: Annotated[float | None, amount("--tokens", "Of the run.")] = None,
    as_json: Json = False,
) -> None:
    """Suggest a peak rate from published laws and recipes, with the runs that would replace it by a measurement."""
    from dataclasses import asdict

    from glideslope import laws
    from glideslope.views import terminal
    from glideslope.views.answer import first

    made = laws.suggest(params=params, task=task, method=method, optimizer=optimizer, tokens=tokens, batch=batch_tokens)
    if as_json:
        output.put(json.dumps(asdict(made)))
        return
    columns = ("source", "peak", "batch", "schedule", "betas", "decay", "measured on", "citation")
    rows = [
        (own.name, f"{own.peak:.3g}", f"{own.batch:.3g} {own.unit}", own.schedule, own.betas, own.weight_decay,
         f"{own.measured[0]:.3g} to {own.measured[1]:.3g}", own.citation)
        for own in made.sources
    ]  # fmt: skip
    lead = f"A start: {made.peak:.2g}; sources have {made.low:.2g} to {made.high:.2g}."
    output.draw(first(lead), "", terminal.table("Published", columns, rows))
    for line in made.plan:
        output.line(f"to measure: {line}")
    for warning in made.warnings:
        output.say_line(f"Careful: {warning}.")
