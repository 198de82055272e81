"""Pictures of laws: predicted curves with their bands, and the final loss over peak and cooldown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glideslope.laws import Law, Rates
from glideslope.views.charts import Chart, Series
from glideslope.views.plots import figure
from glideslope.views.thinning import WHOLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARTS = np.linspace(0.05, 0.95, 10)  # the parts of a run that cool down

Band = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Updates, and the loss after them with the lower and the upper end of its interval, shape (n,) each."""


def chart(
    predicted: dict[str, Band], title: str, measured: dict[str, tuple[np.ndarray, np.ndarray]] | None = None,
    level: float = 0.9,
) -> Chart:  # fmt: skip
    """Predicted curves by name, with bands that hold a loss in `level` of the runs, and measured ones as points."""
    series = [Series(name, step, loss, band=(low, high)) for name, (step, loss, low, high) in predicted.items()]
    points = [
        Series(f"{name}, measured", *_thin(step, loss), "points") for name, (step, loss) in (measured or {}).items()
    ]
    caption = f"Lines are predicted, with a band where the loss lies in {level:.0%} of runs."
    caption += " Points are measured." if points else ""
    return Chart(title, caption, "update", "loss", [*series, *points])


def _thin(step: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = np.unique(np.linspace(0, max(len(step) - 1, 0), min(len(step), WHOLE)).astype(int))
    return step[kept], loss[kept]


def final_losses(law: Law, steps: int) -> Chart:
    """The predicted final loss against the peak, a curve for each part of the updates that cools down, linearly."""
    rates, losses = _final_losses(law, steps, _PARTS[::3])
    series = [
        Series(f"cooldown({100 * part:.0f}%)", rates, ends) for part, ends in zip(_PARTS[::3], losses, strict=True)
    ]
    caption = "A hold after a warmup, then a linear cooldown over a part of the updates."
    return Chart("Final loss against the peak", caption, "peak rate", "final loss", series, log_x=True)


def heat_map(law: Law, steps: int) -> Figure:
    """The predicted final loss over the peak and the part that cools down, linearly."""
    rates, losses = _final_losses(law, steps, _PARTS)
    drawing, axes = figure("peak rate", "part that cools down")
    image = axes.pcolormesh(rates, _PARTS, losses, shading="nearest", cmap="viridis_r")
    axes.set_xscale("log")
    drawing.colorbar(image, label="final loss")
    return drawing


def _final_losses(law: Law, steps: int, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Peaks, shape (n,), and the final loss at each with each part that cools down, shape (m, n)."""
    peaks = [run.peak for run in law.fitted]
    rates = np.geomspace(min(peaks) / 2, 2 * max(peaks), 13)
    shapes = [f"warmup(2%) >> hold() >> cooldown({100 * part:.0f}%)" for part in parts]
    losses = [
        [float(law.predict(Rates.of_schedule(shape, steps, rate), steps)[0]) for rate in rates] for shape in shapes
    ]
    return rates, np.array(losses)
