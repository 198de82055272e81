"""Pictures of laws: predicted curves with their bands, and the final loss over peak and cooldown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glideslope.laws import Law, Rates
from glideslope.views.plots import figure, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Band = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Updates, and the loss after them with the lower and the upper end of its interval, shape (n,) each."""


def curves(predicted: dict[str, Band], measured: dict[str, tuple[np.ndarray, np.ndarray]] | None = None) -> Figure:
    """Predicted curves with their bands, and measured ones as points."""
    made, axes = figure("update", "loss")
    named = []
    for name, (step, loss, low, high) in predicted.items():
        line = axes.plot(step, loss)[0]
        named.append((line, name))
        axes.fill_between(step, low, high, color=line.get_color(), alpha=0.2)
    for name, (step, loss) in (measured or {}).items():
        named.append((axes.plot(step, loss, ".", markersize=2)[0], f"{name}, measured"))
    legend(axes, named)
    return made


def heat_map(law: Law, steps: int) -> Figure:
    """The predicted final loss over the peak and the part that cools down, linearly."""
    peaks = [run.peak for run in law.fitted]
    rates = np.geomspace(min(peaks) / 2, 2 * max(peaks), 13)
    parts = np.linspace(0.05, 0.95, 10)
    shapes = [f"warmup(2%) >> hold() >> cooldown({100 * part:.0f}%)" for part in parts]
    losses = [
        [float(law.predict(Rates.of_schedule(shape, steps, rate), steps)[0]) for rate in rates] for shape in shapes
    ]
    made, axes = figure("peak rate", "part that cools down")
    image = axes.pcolormesh(rates, parts, np.array(losses), shading="nearest", cmap="viridis_r")
    axes.set_xscale("log")
    made.colorbar(image, label="final loss")
    return made
