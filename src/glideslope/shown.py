"""Values that a notebook shows as a curve and text, by a floor above that is loaded when a notebook asks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Shown:
    """A value whose notebook form `glideslope.views.notebook` makes."""

    def _repr_html_(self) -> str | None:
        html: str | None = import_module("glideslope.views.notebook").html(self)
        return html


class Drawn(Shown):
    """What a rate follows: it can be drawn over a horizon."""

    def plot(self, steps: float | None = None, *, peak: float | None = None, log: bool = False) -> Figure:
        """Draws the rate of each update, with dotted lines where phases begin; a notebook shows the figure.

        Args:
            steps: the updates to draw; the horizon of the schedule, if it has one and none are given.
            peak: the rate where the factor is 1; factors are drawn if not given.
            log: a logarithmic axis of rates.

        Raises:
            ScheduleError: it has no horizon and no steps are given, or a unit needs a clock: `.over` gives it.
            GlideslopeError: matplotlib isn't installed.

        >>> import glideslope as gs
        >>> gs.cosine().plot(1000).axes[0].get_ylabel(), gs.cosine().plot(1000, peak=0.1).axes[0].get_ylabel()
        ('factor', 'learning rate')
        """
        figure: Figure = import_module("glideslope.views.plots").schedule(self, steps, peak, log)
        return figure
