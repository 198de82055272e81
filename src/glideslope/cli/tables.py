"""The commands fit, design and rank for a law of final losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glideslope.cli import output
from glideslope.cli.options import real
from glideslope.errors import GlideslopeError

Row = dict[str, Any]


def fit(table: Path, out: Path, as_json: bool) -> None:
    """Fits a law of final losses on a table, and writes it."""
    from glideslope import laws
    from glideslope.laws.columns import OF_LOSSES

    law = laws.fit_table(table)
    law.save(out)
    ranges = dict(zip(OF_LOSSES, law.ranges, strict=False))
    if as_json:
        output.put(json.dumps({"law": str(out), "noise": law.noise, "ranges": ranges, "notes": law.notes}))
        return
    rows = ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in ranges.items())
    output.line(f"Final losses of {rows}: near the best they are within {law.noise:.2%} of the law. Written to {out}.")
    for note in law.notes:
        output.line(f"note: {note}")


def design(
    law: Path, params: float | None, tokens: float | None, flops: float | None, batch: float | None, as_json: bool
) -> None:
    """The peak and batch of least loss for a size and tokens, or for an amount of compute, and the size too."""
    from glideslope import laws

    fitted = laws.load_table(law)
    if flops is not None and tokens is None:
        params, tokens = fitted.best_size(flops, params)
    elif flops is not None or params is None or tokens is None:
        raise GlideslopeError("give --params and --tokens, or --flops and maybe --params")
    best, warnings = fitted.best(params, tokens, batch), fitted.warnings(params, tokens)
    if as_json:
        run = {"params": params, "tokens": tokens, "peak": best.peak, "batch": best.batch, "final_loss": best.loss}
        output.put(json.dumps(run | {"interval": [best.low, best.high], "warnings": warnings}))
        return
    output.line(
        f"{params:.3g} parameters, {tokens:.3g} tokens: a peak of {best.peak:.3g} at a batch of {best.batch:,.0f}, "
        f"{best.loss:#.5g} (90% interval {best.low:#.5g} to {best.high:#.5g})."
    )
    for warning in warnings:
        output.say_line(f"Careful: {warning}.")


def predictor(law: Path) -> Any:
    """Predicts the final losses of candidates."""
    from glideslope import laws
    from glideslope.laws.columns import OF_LOSSES

    fitted = laws.load_table(law)

    def predict(row: Row) -> tuple[Row, list[str]]:
        run = {name: real(name, row[name]) for name in OF_LOSSES[:4]}
        params, tokens, batch, peak = run.values()
        loss, low, high = fitted.interval(params, tokens, batch, peak)
        most, notes = fitted.largest_peak(params, tokens, batch), fitted.warnings(params, tokens)
        if peak > most * (1 + 1e-6):
            notes.append(
                f"runs with a peak above {most:.3g} at {params:.3g} parameters and a batch of {batch:g} diverge"
            )
        return run | {"final_loss": loss, "low": low, "high": high}, notes

    return predict
