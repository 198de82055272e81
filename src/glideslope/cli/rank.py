"""The command that ranks candidates by the loss that a law predicts for their ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glideslope.cli import output
from glideslope.cli import tables as of_tables
from glideslope.cli.epochs import parsed, rates_of
from glideslope.cli.laws import LawFile
from glideslope.cli.options import Json, StepsPerEpoch, check_unused, command, real, whole
from glideslope.errors import GlideslopeError
from glideslope.schedules.amounts import check_positive

if TYPE_CHECKING:
    from glideslope.laws import Law

Row = dict[str, Any]
Predict = Callable[[Row], tuple[Row, list[str]]]
"""Gives a candidate with its predicted loss, and what should be known of it."""


@command("glideslope rank examples/law.json examples/candidates.csv")
def rank(
    law: LawFile,
    candidates: Annotated[
        Path, typer.Argument(help="A CSV file: schedule, peak, maybe steps; or with params, tokens, batch too.")
    ],
    steps: Annotated[
        int | None, typer.Option(help="The updates of a candidate, where the file has no column steps.")
    ] = None,
    steps_per_epoch: StepsPerEpoch = None,
    as_json: Json = False,
) -> None:
    """Rank candidates by their predicted final loss; for a law over sizes or of final losses, of several sizes."""
    from glideslope.laws.columns import OF_LOSSES, rows_of
    from glideslope.laws.kinds import LOSSES, SIZES, kind_of
    from glideslope.views import terminal

    if steps is not None:
        check_positive(steps=steps)
    if (kind := kind_of(law)) in (LOSSES, SIZES):
        check_unused("is for a law of one size", steps=steps is not None, steps_per_epoch=steps_per_epoch is not None)
    if kind == LOSSES:
        rows = rows_of(candidates, OF_LOSSES[:4])
        predict = of_tables.predictor(law)
    elif kind == SIZES:
        rows = rows_of(candidates, ("params", "tokens", "schedule", "peak_lr"), ("batch",))
        predict = _over_sizes(law, "batch" in rows.names)
    else:
        rows = rows_of(candidates, ("schedule", "peak_lr"), ("steps",))
        predict = _of_one_size(law, steps, steps_per_epoch)
    ranked, warnings = [], set[str]()
    for place, row in zip(rows.places, rows.entries, strict=True):
        try:
            with output.warned() as said:
                entry, notes = predict(dict(row))
        except GlideslopeError as error:
            raise GlideslopeError(f"{place}: {error}") from None
        ranked.append(entry)
        warnings.update(notes, said)
    ranked.sort(key=lambda entry: entry["final_loss"])
    if as_json:
        output.put(json.dumps({"candidates": ranked}))
        return
    first = ranked[0]
    schedule, peak = first.get("schedule"), first.get("peak_lr", first.get("peak"))
    lead = f"First: {schedule} at {peak:g}" if schedule else f"First: {peak:g} at a batch of {first['batch']:g}"
    if "params" in first:
        lead += f", {first['params']:.3g} parameters, {first['tokens']:.3g} tokens"
    columns = tuple({"steps": "updates", "final_loss": "loss"}.get(name, name) for name in first)
    shown = terminal.table("Ranked", columns, [tuple(entry.values()) for entry in ranked])
    output.answer(f"{lead}.", shown, sorted(warnings), ("peak", "predicted loss", "low, high"))


def _of_one_size(law: Path, steps: int | None, steps_per_epoch: float | None) -> Predict:
    """Predicts by a law of one size; `steps` holds where a row has none."""
    from glideslope import laws

    fitted = laws.load(law)

    def predict(row: Row) -> tuple[Row, list[str]]:
        peak, length = real("peak_lr", row["peak_lr"]), whole("steps", row.get("steps") or steps or 0)
        if length < 1:
            raise GlideslopeError("no steps; give the column steps, or --steps")
        lr = rates_of(parsed(row["schedule"].strip(), steps_per_epoch), peak, length)
        entry = {"schedule": row["schedule"], "peak": peak, "steps": length}
        return entry | _of_the_end(fitted, lr), fitted.warnings(length, peak)

    return predict


def _over_sizes(law: Path, has_batch: bool) -> Predict:
    """Predicts by a law over sizes."""
    from glideslope import laws

    fitted = laws.load_sizes(law)
    if not has_batch and fitted.around.batch is None:
        raise GlideslopeError(
            "the candidates have no column batch: the law's runs had no tokens_per_step, so give the tokens of an "
            "update"
        )

    def predict(row: Row) -> tuple[Row, list[str]]:
        params, tokens, peak = (real(name, row[name]) for name in ("params", "tokens", "peak_lr"))
        batch = real("batch", row["batch"]) if row.get("batch") else fitted.around.batch or 1.0
        if not (tokens > 0 and batch > 0 and params > 0 and tokens >= batch):
            raise GlideslopeError(
                f"params={params:g}, tokens={tokens:g}, batch={batch:g}: give numbers above 0, an update or more"
            )
        steps, schedule = round(tokens / batch), row["schedule"].strip()
        at = fitted.at(params, batch=batch if fitted.around.batch is not None else None)
        entry = {"params": params, "tokens": tokens, "batch": batch, "schedule": schedule, "peak_lr": peak}
        notes = [*fitted.warnings(params, batch), *at.warnings(steps, peak)]
        return entry | _of_the_end(at, rates_of(schedule, peak, steps)), notes

    return predict


def _of_the_end(law: Law, lr: Any) -> Row:
    """The loss that a law predicts after the last update, with its interval."""
    loss, (low, high) = law.predict(lr, len(lr)), law.interval(lr, len(lr))
    return {"final_loss": float(loss[0]), "low": float(low[0]), "high": float(high[0])}
