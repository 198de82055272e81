"""Charts of runs: the loss against the peak, losses and rates over the updates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from glideslope.search.runs.contestant import Run
from glideslope.views.charts import Chart, Mark, Series, level
from glideslope.views.thinning import places, smoothed, thinned

SHOWN = 8  # the runs of a chart that are shown at first, those that ended lowest; the legend has the others
_ABOVE = 0.5  # how far above the losses of untrained weights a chart goes at first, over the range of the losses


def peaks(ends: Iterable[tuple[str, float, float]], untrained: float, caption: str) -> Chart:
    """The final loss against the peak rate, a curve for each schedule; where runs diverged, a dotted line. `ends` has
    the name of a schedule, the peak and the final loss of each run."""
    by_name: dict[str, dict[float, float]] = {}
    for name, peak, loss in ends:
        losses = by_name.setdefault(name, {})
        losses[peak] = min(loss, losses.get(peak, math.inf))
    series, marks = [], []
    for name, losses in by_name.items():
        ended = np.array(sorted(pair for pair in losses.items() if math.isfinite(pair[1]))).reshape(-1, 2)
        series.append(Series(name, ended[:, 0], ended[:, 1], "both"))
        marks += [Mark(name, peak, cross=True) for peak, loss in losses.items() if not math.isfinite(loss)]
    tried = [peak for losses in by_name.values() for peak in losses]
    top = _top([loss for losses in by_name.values() for loss in losses.values()], untrained)
    series += level("untrained", untrained, tried)
    note = " A dotted line with a cross is a run that diverged." if marks else ""
    return Chart(
        "Loss against the peak", f"{caption} The dashed line is the untrained loss.{note}", "peak learning rate",
        "validation loss", series, marks, log_x=True, top=top,
    )  # fmt: skip


def losses(runs: Sequence[Run], title: str) -> Chart:
    """The smoothed training loss of each run, faint, and its validation losses as points."""
    updates = max((len(run.losses) for run in runs), default=0)
    at = places(updates)
    series, first = [], []
    for name, run, hidden in zip(names(runs), runs, _hidden(runs), strict=True):
        curve = smoothed(run.losses)
        first += curve[:1].tolist()
        series.append(Series(name, at, thinned(curve, updates), "faint", hidden=hidden))
        measured = np.array(run.evaluations, dtype=float).reshape(-1, 2)
        steps = measured[:, 0].astype(int)
        series.append(Series(name, steps, measured[:, 1], "both", hidden=hidden))
    untrained = max((run.untrained for run in runs), default=math.nan)
    series += level("untrained", untrained, at)
    caption = "Faint curves are training losses, smoothed; points are validation losses."
    if updates > len(at):
        caption += " Of each stretch of updates the least and the largest are drawn."
    return Chart(title, caption, "update", "loss", series, top=_top([run.final_loss for run in runs], untrained, first))


def rates(runs: Sequence[Run], title: str) -> Chart:
    """The rate of each update of each run, as feedback multiplied it."""
    curves = [run.curve[0] for run in runs]
    updates = max(map(len, curves), default=0)
    at = places(updates)
    series = [
        Series(name, at, thinned(curve, updates), hidden=hidden)
        for name, curve, hidden in zip(names(runs), curves, _hidden(runs), strict=True)
    ]
    return Chart(title, "The rate of each update.", "update", "learning rate", series, linear=True)


def names(runs: Sequence[Run]) -> list[str]:
    """A name for each run, with its seed where runs of one contestant have several."""
    seeds = len({run.seed for run in runs}) > 1
    return [f"{run.contestant}{f', seed {run.seed}' if seeds else ''}" for run in runs]


def _hidden(runs: Sequence[Run]) -> list[bool]:
    """Which runs aren't shown at first; of those that end as low the first are."""
    shown = sorted(range(len(runs)), key=lambda i: runs[i].final_loss)[:SHOWN]
    return [i not in shown for i in range(len(runs))]


def _top(losses: Sequence[float], untrained: float, others: Sequence[float] = ()) -> float:
    """The largest loss that a chart shows at first: those of runs that are lost aren't."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    start = [loss for loss in (untrained, *others) if math.isfinite(loss)]
    if not finite or not start:
        return math.inf
    return max(start) + _ABOVE * (max(start) - min(*finite, *start))
