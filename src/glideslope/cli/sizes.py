"""The commands fit and design for a law over sizes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glideslope.cli import output
from glideslope.plural import plural

if TYPE_CHECKING:
    from glideslope.laws import Design, Designed


def fit(read: Any, sizes: Path, out: Path, as_json: bool) -> None:
    """Fits a law over the sizes that a table says the runs are of, and writes it."""
    from glideslope import laws
    from glideslope.views import terminal

    law = laws.fit_sizes(laws.sized(read.runs, sizes))
    law.save(out)
    notes = list(dict.fromkeys([*read.notes, *law.notes]))
    result = {
        "law": str(out), "noise": law.noise, "noise_of_other_sizes": law.unseen, "shift": law.shift, "notes": notes,
        "sizes": [{"params": size, "runs": [run.name for run in members]} for size, members in law.fitted],
    }  # fmt: skip
    if as_json:
        output.put(json.dumps(result))
        return
    rows = [(f"{size:.4g}", len(members), max(run.steps for run in members)) for size, members in law.fitted]
    lead = (
        f"Ends of runs are {law.noise:.2%} from what fits without them predict, and {law.unseen:.2%} without any run "
        f"of their size. Written to {out}."
    )
    output.answer(lead, terminal.table("Sizes", ("params", "runs", "longest"), rows))
    for note in notes:
        output.line(f"note: {note}")


def design(
    law: Path, params: float | None, tokens: float | None, flops: float | None, batch: float | None, as_json: bool
) -> None:
    """Designs the run of a size and tokens, or of an amount of compute."""
    from glideslope import laws
    from glideslope.views import terminal

    with output.warned() as warnings:
        plan = laws.design_sizes(laws.load_sizes(law), params=params, tokens=tokens, flops=flops, batch=batch)
    warnings += plan.warnings
    entries = {"designed": plan.best, **plan.named}
    result = {
        "params": plan.params, "tokens": plan.tokens, "batch": plan.batch, "steps": plan.steps,
        **described(plan.best), "interval": [plan.low, plan.high], "warnings": warnings,
        "named": {name: described(best) for name, best in plan.named.items()},
    }  # fmt: skip
    result |= batches_of(plan)
    if as_json:
        output.put(json.dumps(result))
        return
    lead = (
        f"{plan.params:.3g} parameters, {plan.tokens:.3g} tokens in {plural(plan.steps, 'update', ',')} of "
        f"{plan.batch:,.0f}: {plan.best.schedule} at {plan.best.peak:g}, {plan.best.loss:#.5g} (90% interval "
        f"{plan.low:#.5g} to {plan.high:#.5g})."
    )
    rows = [(name, best.peak, best.loss, str(best.schedule)) for name, best in entries.items()]
    output.answer(lead, terminal.table("Designed", ("family", "peak", "loss", "schedule"), rows), warnings)
    say_batches(plan, plan.steps, " tokens")


def batches_of(plan: Design) -> dict[str, Any]:
    """The critical batch and the growth of a design, as plain data, where it has them."""
    result: dict[str, Any] = {}
    if plan.critical is not None:
        value = plan.critical.value
        result["critical_batch"] = value if math.isfinite(value) else None
    if plan.growth is not None:
        policy = plan.growth.times(plan.best.schedule)
        result["growth"] = {"policy": policy, "steps": plan.growth.steps, "loss": plan.growth.loss}
    return result


def say_batches(plan: Design, steps: int, unit: str = "") -> None:
    """Prints the critical batch and the growth of a design of so many updates, where it has them."""
    if plan.critical is not None and not math.isnan(value := plan.critical.value):
        words = f"{value:,.0f}{unit}" if math.isfinite(value) else "far over those of the runs"
        output.line(f"Critical batch at the end: {words if value else 'under those of the runs'}.")
    if plan.growth is not None:
        fewer, policy = 1 - plan.growth.steps / steps, plan.growth.times(plan.best.schedule)
        output.line(
            f"With a batch that grows, {policy}: {plural(plan.growth.steps, 'update', ',')}, {fewer:.0%} fewer, and "
            f"{plan.growth.loss:#.5g}."
        )


def described(best: Designed) -> dict[str, Any]:
    """A designed schedule as plain data."""
    return {"schedule": str(best.schedule), "peak": best.peak, "final_loss": best.loss}
