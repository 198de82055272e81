"""Design over sizes: the schedule, peak and batch for a size and tokens, or the size too for an amount of compute."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from glideslope.errors import LawError
from glideslope.laws.design import Design, design
from glideslope.laws.law import Law
from glideslope.laws.rates import Rates
from glideslope.laws.size_law import SizeLaw
from glideslope.laws.table_law import FLOPS
from glideslope.schedules import cooldown, hold, warmup
from glideslope.schedules.arguments import checked

_LEAST = 100  # updates of a run, at least


@dataclass(frozen=True, kw_only=True)
class SizeDesign(Design):
    """What `design_sizes` chose, as a `Design`."""

    params: float  #: the size
    tokens: float  #: of the run
    batch: float  #: tokens in an update
    steps: int  #: the updates
    low: float  #: the lower end of a 90% interval of the best's loss
    high: float  #: the upper end


@checked(LawError, above_0="params tokens flops batch")
def design_sizes(
    law: SizeLaw, *, params: float | None = None, tokens: float | None = None, flops: float | None = None,
    batch: float | None = None,
) -> SizeDesign:  # fmt: skip
    """The run of least loss for a size and tokens; or for an amount of compute, 6·params·tokens, the size too.

    The batch is one between those of the runs, where they differ, or theirs. With an amount of compute and no size, the
    sizes from half the smallest to four times the largest of the runs are tried.

    Args:
        law: fitted on runs with tokens_per_step.
        params: the size.
        tokens: of the run.
        flops: the compute, in the place of one or both.
        batch: tokens in an update, if it is fixed.

    Raises:
        LawError: too much or too little is given, or the runs had no tokens_per_step.
    """
    if (tokens is None) == (flops is None) or (flops is None and params is None):
        raise LawError("give params and tokens, or flops and maybe params")
    if law.around.batch is None or law.around.batches is None:
        raise LawError(
            "the law was fitted on runs without tokens_per_step, so tokens aren't updates: give them to the fit"
        )
    least, most = law.around.batches  # half an octave apart
    batches = np.geomspace(least, most, 1 + round(2 * math.log2(most / least))).tolist() if batch is None else [batch]
    sizes = [params] if params is not None else np.geomspace(law.sizes[0] / 2, 4 * law.sizes[-1], 25).tolist()
    candidates = []
    for size in sizes:
        length = tokens if tokens is not None else (flops or 0.0) / (FLOPS * size)
        lengths = [(tokens_per_step, round(length / tokens_per_step)) for tokens_per_step in batches]
        candidates += [
            (_quick(law.at(size, batch=tokens_per_step), law, steps), size, length, tokens_per_step, steps)
            for tokens_per_step, steps in lengths
            if steps >= _LEAST
        ]
    if not candidates:
        raise LawError(f"under {_LEAST} updates in every case: give more tokens or compute, or a smaller batch")
    _, size, length, tokens_per_step, steps = min(candidates)
    at = law.at(size, batch=tokens_per_step)
    designs = design(law.at(size), steps, batch=tokens_per_step)
    rates = Rates.of_schedule(designs.best.schedule.over(steps), steps, designs.best.peak)
    low, high = at.interval(rates, steps)
    warnings = (*law.warnings(size), *designs.warnings)
    return SizeDesign(
        **vars(designs) | {"warnings": warnings}, params=size, tokens=length, batch=tokens_per_step, steps=steps,
        low=float(low[0]), high=float(high[0]),
    )  # fmt: skip


def _quick(at: Law, law: SizeLaw, steps: int) -> float:
    """The loss of a schedule with a cooldown of a fifth, at its best peak."""
    schedule = (warmup("2%") >> hold() >> cooldown("20%")).over(steps)
    unit = Rates.of_schedule(schedule, steps, 1.0)
    peaks = [run.peak for _, runs in law.fitted for run in runs]

    def loss(log: float) -> float:
        rates = Rates(unit.values * math.exp(log), unit.places, len(unit))
        return float(at.predict(rates, steps)[0])

    bounds = (math.log(min(peaks) / 2), math.log(2 * max(peaks)))
    return float(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.05}).fun)
