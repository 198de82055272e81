"""Pictures, drawn by matplotlib: PNG and SVG."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glideslope.errors import GlideslopeError
from glideslope.escape import mathtext
from glideslope.search.contestant import Run
from glideslope.search.range_test import RangeTest
from glideslope.search.sweep import SMOOTHING
from glideslope.views.curves import Curve, Time

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(x_label: str, y_label: str) -> tuple[Figure, Any]:
    """An empty figure with labelled axes.

    Raises:
        GlideslopeError: matplotlib isn't installed; the message says how to.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise GlideslopeError('pictures need matplotlib: pip install "glideslope[plot]"') from error
    made = Figure(figsize=(7, 3.4), layout="constrained")
    axes = made.add_subplot()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return made, axes


def legend(axes: Any, named: Iterable[tuple[Any, str]]) -> None:
    """A legend of what was drawn and its names, as they stand."""
    drawn, names = zip(*named, strict=True)
    axes.legend(drawn, list(map(mathtext, names)), frameon=False, fontsize="small")


def schedules(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """The rates at some updates, a line for each name."""
    made, axes = figure("update", "learning rate")
    legend(axes, [(axes.plot(at, rates)[0], name) for name, (at, rates) in curves.items()])
    return made


def each(rates: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rates of each update, with the updates that they are of."""
    return {name: (np.arange(len(values)), values) for name, values in rates.items()}


def curves(drawn: Sequence[Curve], time: Time, log: bool) -> Figure:
    """The rate over time, a line for each schedule and dotted ones where its phases begin."""
    made, axes = figure(time.name, "learning rate")
    named = []
    for curve in drawn:
        line = axes.plot(curve.at * time.per_update, curve.rates)[0]
        named.append((line, curve.text))
        for boundary in curve.boundaries:
            axes.axvline(boundary * time.per_update, color=line.get_color(), linestyle=":", linewidth=0.8, alpha=0.6)
    if log:
        axes.set_yscale("log")
    legend(axes, named)
    return made


def range_tests(found: RangeTest) -> Figure:
    """The sweeps, with the suggestion and its spread."""
    made, axes = figure("learning rate", "training loss, smoothed")
    for sweep in found.sweeps:
        curve = sweep.smoothed
        most = sweep.level + 2 * sweep.fall + 6 * sweep.noise
        axes.semilogx(sweep.rates, np.where(curve <= most, curve, np.nan), alpha=0.7)
    axes.axvspan(*found.spread, alpha=0.12, color="black")
    axes.axvline(found.suggestion, color="black", label=f"suggestion {found.suggestion:.2g}")
    axes.axvline(found.largest_stable, color="black", linestyle=":", label=f"largest stable {found.largest_stable:.2g}")
    axes.legend(frameon=False, fontsize="small")
    return made


def peaks(runs: Sequence[Run]) -> Figure:
    """The final loss against the peak rate, a line for each schedule; the untrained loss, and where runs diverged."""
    made, axes = figure("peak learning rate", "validation loss")
    axes.set_xscale("log")
    by_name: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.contestant.peak):
        by_name.setdefault(run.contestant.name, []).append(run)
    named = []
    for name, some in by_name.items():
        ended = [(run.contestant.peak, run.final_loss) for run in some if math.isfinite(run.final_loss)]
        line = axes.plot(*(zip(*ended, strict=True) if ended else ([], [])), "o-", markersize=4)[0]
        named.append((line, name))
        for run in some:
            if not math.isfinite(run.final_loss):
                axes.axvline(run.contestant.peak, color=line.get_color(), linestyle=":")
    untrained = max(run.untrained for run in runs)
    if math.isfinite(untrained):
        named.append((axes.axhline(untrained, color="black", linewidth=0.8, linestyle="--"), "untrained"))
    legend(axes, named)
    return made


def losses(runs: Sequence[Run]) -> Figure:
    """The smoothed training loss of each run, its validation losses as points; logarithmic where all are positive."""
    made, axes = figure("update", "loss")
    shown = [*(smoothed(run.losses) for run in runs), *(np.array([y for _, y in run.evaluations]) for run in runs)]
    if all(np.all(values[np.isfinite(values)] > 0) for values in shown):
        axes.set_yscale("log")
    named = []
    for run in runs:
        curve = smoothed(run.losses)
        line = axes.plot(np.arange(1, len(curve) + 1), curve, alpha=0.6)[0]
        named.append((line, str(run.contestant)))
        if run.evaluations:
            axes.plot(*zip(*run.evaluations, strict=True), "o-", markersize=3, color=line.get_color())
    legend(axes, named)
    return made


def smoothed(losses: np.ndarray) -> np.ndarray:
    """m_t/(1 - β^t) with m_t = β·m_{t-1} + (1 - β)·loss_t, β = 0.9; infinite from a loss that isn't finite on."""
    average, result = 0.0, np.full(len(losses), np.inf)
    for i, loss in enumerate(losses.tolist()):
        if not math.isfinite(loss):
            break
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        result[i] = average / (1 - SMOOTHING ** (i + 1))
    return result


def svg(picture: Figure) -> str:
    """A picture as an SVG element, to stand in a page."""
    buffer = io.StringIO()
    picture.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def png(picture: Figure) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()
