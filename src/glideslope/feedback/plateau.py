"""Performance scheduling: lower the rate when a measurement stops improving."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from glideslope.errors import FeedbackError
from glideslope.feedback.feedback import Feedback, State, measured
from glideslope.feedback.named import Improving, check, check_whole
from glideslope.schedules.names import FACTORS
from glideslope.schedules.numbers import plain


@dataclass(frozen=True, repr=False)
class Plateau(Improving):
    """The feedback of `plateau`, whose arguments are its attributes."""

    multiplier: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    floor: float
    mode: str
    smoothing: float
    significance: float

    maker: ClassVar[Any]

    def init(self) -> State:
        sums = dict.fromkeys(("first", "sum", "moment", "squares"), 0.0) if self.significance else {}
        return {"factor": 1.0, "best": self.worst, "bad": 0.0, "resting": 0.0, "average": 0.0, "weight": 0.0, **sums}

    def update(self, state: State, metric: Any) -> State:
        metric, xp = measured(metric)
        s, finite = self.smoothing, (metric > -math.inf) & (metric < math.inf)
        # An infinite one is no improvement, and would stay in the average for ever.
        average = xp.where(finite, s * state["average"] + (1.0 - s) * metric, state["average"]) if s else metric
        weight = xp.where(finite, s * state["weight"] + (1.0 - s), state["weight"]) if s else 1.0
        smooth = xp.where(finite, average / xp.maximum(weight, 1e-300), metric) if s else metric
        improved = self.is_better(smooth, state["best"], xp)
        best = xp.where(improved, smooth, state["best"])
        resting = state["resting"] > 0
        bad = xp.where(improved | resting, 0.0, state["bad"] + 1.0)
        enough = bad > self.patience
        sums = self._line(state, metric, bad, xp) if self.significance else {}
        cut = xp.where(self._gets_better(sums, xp), False, enough) if self.significance else enough
        lowered = xp.maximum(state["factor"] * self.multiplier, self.floor)
        return {
            "factor": xp.where(cut & (lowered < state["factor"]), lowered, state["factor"]),
            "best": best,
            "bad": xp.where(enough, 0.0, bad),
            "resting": xp.where(cut, float(self.cooldown), xp.where(resting, state["resting"] - 1.0, 0.0)),
            "average": average if s else state["average"],
            "weight": weight if s else state["weight"],
            **sums,
        }

    def _line(self, state: State, metric: Any, bad: Any, xp: Any) -> State:
        """The sums of a straight line through the measurements since the last improvement, cut or test."""
        first = xp.where(bad == 1, metric, state["first"])
        above = metric - first
        y = xp.where((bad > 0) & (abs(above) < 1e100), above, 0.0)  # an infinite one would stay in the sums for ever
        return {
            "first": first,
            "sum": xp.where(bad > 1, state["sum"], 0.0) + y,
            "moment": xp.where(bad > 1, state["moment"], 0.0) + bad * y,
            "squares": xp.where(bad > 1, state["squares"], 0.0) + y * y,
        }

    def _gets_better(self, sums: State, xp: Any) -> Any:
        """Whether the line through patience + 1 measurements falls, or where more is better rises, significantly."""
        n = self.patience + 1
        spread = n * (n**2 - 1) / 12
        across = sums["moment"] - sums["sum"] * (n + 1) / 2
        along = xp.maximum(sums["squares"] - sums["sum"] * sums["sum"] / n, 0.0)
        # slope < -quantile · its standard error, squared and multiplied out; on a straight line the error is 0.
        left_over = xp.maximum(along * spread - across * across, 0.0) / (n - 2)
        falls = across < 0 if self.mode == "min" else across > 0
        return falls & (across * across > _quantile(1 - self.significance, n - 2) ** 2 * left_over)

    def limits(self) -> dict[str, tuple[float, float]]:
        waits = {"bad": (0.0, float(self.patience)), "resting": (0.0, float(self.cooldown))}
        return {"factor": (self.floor, 1.0), "weight": (0.0, 1.0), "squares": (0.0, math.inf), **waits}


def plateau(
    factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, threshold_mode: str = "relative",
    cooldown: int = 0, floor: float = 0.0, mode: str = "min", smoothing: float = 0.0, significance: float = 0.0,
) -> Feedback:  # fmt: skip
    """Multiplies the rate by `factor` after more than `patience` measurements in a row without improvement.

    Args:
        factor: the factor of the rate at a cut, between 0 and 1.
        patience: the measurements in a row without improvement after which the next one cuts the rate.
        threshold: how much better than the best a measurement must be to count as an improvement.
        threshold_mode: "relative" to the best, or "absolute".
        cooldown: measurements after a cut during which none counts as bad.
        floor: the least product of all cuts.
        mode: "min" where less is better, "max" where more is.
        smoothing: the decay of an exponential average of the measurements, with bias correction; 0 for no average.
        significance: the level of a test for noisy measurements, whose best may be luck. A cut is put off, for
            `patience` more measurements, while a straight line through those without improvement still improves at
            this level (a one-sided t test of its slope). 0 makes no test; 0.05 is usual.

    Raises:
        FeedbackError: a number is out of its range, or a mode unknown.

    Source: Géron, Hands-On Machine Learning, ch. 11. The decisions equal those of torch's ReduceLROnPlateau (eps=0),
    except for a negative best: torch has its relative threshold on the wrong side, so it never cuts at a constant -1.

    >>> import glideslope as gs
    >>> plateau = gs.plateau(factor=0.5, patience=1)
    >>> state = plateau.init()
    >>> for loss in (1.0, 0.9, 0.9, 0.9):
    ...     state = plateau.update(state, loss)
    >>> plateau.factor(state)
    0.5
    >>> gs.cosine() * plateau
    cosine() * plateau(factor=0.5, patience=1)
    """
    factor, threshold, floor = map(plain, (factor, threshold, floor))
    patience, cooldown, smoothing, significance = map(plain, (patience, cooldown, smoothing, significance))
    check("factor", factor, 0, 1, open_ends=True)
    check_whole(0, patience=patience, cooldown=cooldown)
    check("floor", floor, 0, 1)
    check("smoothing", smoothing, 0, 0.9999)
    check("significance", significance, 0, 0.5)
    if significance and patience < 2:
        raise FeedbackError(
            f"significance={significance:g} with patience={patience}: a line needs three measurements, a patience of 2"
        )
    return Plateau(factor, patience, threshold, threshold_mode, cooldown, floor, mode, smoothing, significance)


@cache
def _quantile(level: float, freedom: int) -> float:
    """A quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, level))


Plateau.maker = staticmethod(plateau)
FACTORS["plateau"] = plateau
