"""Whether a search learned anything, and why its full run is no good, if it isn't."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glideslope.search.runs.contestant import Run
from glideslope.search.strategy.outcomes import not_finite
from glideslope.search.strategy.sweep import batch_noise

LEARNED = 2.0
"""The noise of a comparison of peaks by which a full run must end below the untrained loss."""

CLEAR = 6.0
"""The standard errors by which a training loss has fallen where that is no noise."""


LUCK = 2.0
"""The noise of a batch by which the first loss may lie below the untrained one."""


def learned(run: Run, noise: float) -> bool:
    """Whether a run ended clearly below the untrained loss, where that is known: by more than the noise, or as its own
    training loss shows, since short runs that don't learn have too large a noise."""
    return not run.gain <= LEARNED * noise or learned_clearly(run)


def learned_clearly(run: Run) -> bool:
    """Whether the training loss fell from the first quarter of a run to its last by more than the noise of batches, and
    the validation loss fell."""
    losses = run.losses
    quarter = len(losses) // 4
    if quarter < 3 or not np.isfinite(losses).all() or run.gain <= 0:
        return False
    noise = batch_noise([losses])
    # A loss that rose at once is no level to fall from.
    first = min(float(losses[:quarter].mean()), float(losses[0]) + LUCK * noise)
    return first - float(losses[-quarter:].mean()) > CLEAR * noise * math.sqrt(2 / quarter)


def nothing_learned(final: Run, candidates: Sequence[Run], constants: Sequence[Run], noise: float) -> str:
    """Says that nothing was learned, and what to do; the arguments are those of `Tuned`."""
    best = max(candidates, key=lambda run: run.gain, default=final)
    if best.gain > 2 * LEARNED * noise > 0:
        return (
            f"nothing learned in the full run, which ended at {final.final_loss:.6g}, the untrained loss being "
            f"{final.untrained:.6g}, though {best.contestant} ended at {best.final_loss:.6g} after {best.steps} "
            "updates: the training loses again what it learned, as by overfitting; train for fewer updates, or at a "
            "lower rate"
        )
    runs = (*candidates, *constants, final)
    peaks = [run.contestant.peak for run in runs]
    about = f" (noise about {noise:.2g})" if noise else ""
    outcome = f"at {final.final_loss:.6g}" if math.isfinite(final.final_loss) else "without a finite loss"
    advice = "train longer, or look at the data, the model and the loss"
    if final.gain > 0:
        advice = "it is lower by less than twice that noise: train longer, or measure the loss on more validation data"
    elif all(run.gain < 0 for run in runs):
        advice = (
            "every run ended above it: find lower rates with glideslope find; or where more is better, as of an "
            "accuracy, let the job give the negative"
        )
    return (
        f"nothing learned at any rate tried, from {min(peaks):.2g} to {max(peaks):.2g}: the best run ended {outcome}, "
        f"the untrained loss is {final.untrained:.6g}{about}; {advice}"
    )


def problem(final: Run, constants: Sequence[Run], candidates: Sequence[Run], noise: float) -> str | None:
    """Why the full run is no good, if it isn't."""
    if not math.isfinite(final.final_loss):
        if final.problem:
            return f"the full run was stopped by its guard: {final.problem}"
        data = not_finite((*candidates, *constants, final))
        reason = data or "its peak is too large for so long a run, or the validation loss isn't finite"
        return f"the full run ended after {len(final.losses)} updates without a finite loss: {reason}"
    if learned(final, noise):
        return None
    beside = f"below the untrained loss, {final.untrained:.6g}, by less than twice the noise, {noise:.2g}"
    beside = beside if final.gain > 0 else f"no better than the untrained loss, {final.untrained:.6g}"
    return f"the best run ended at {final.final_loss:.6g}, {beside}"
