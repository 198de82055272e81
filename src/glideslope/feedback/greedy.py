"""Greedy: raise the rate while measurements get better, lower it while they don't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from glideslope.feedback.feedback import Feedback, State, measured
from glideslope.feedback.named import Improving, check, check_whole
from glideslope.schedules.checks import MOST
from glideslope.schedules.names import FACTORS
from glideslope.schedules.numbers import plain


@dataclass(frozen=True, repr=False)
class Greedy(Improving):
    """The feedback of `greedy`, whose arguments are its attributes."""

    multiplier: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    warmup: int
    floor: float
    ceiling: float
    mode: str

    maker: ClassVar[Any]

    def init(self) -> State:
        return {"factor": 1.0, "best": self.worst, "good": 0.0, "bad": 0.0, "resting": 0.0}

    def update(self, state: State, metric: Any) -> State:
        metric, xp = measured(metric)
        resting = state["resting"] > 0
        improved = self.is_better(metric, state["best"], xp)
        good = xp.where(resting, 0.0, xp.where(improved, state["good"] + 1.0, 0.0))
        bad = xp.where(resting, 0.0, xp.where(improved, 0.0, state["bad"] + 1.0))
        up, down = good > self.patience, bad > self.patience
        raised = xp.minimum(state["factor"] / self.multiplier, self.ceiling)
        lowered = xp.maximum(state["factor"] * self.multiplier, self.floor)
        rest = xp.where(resting, state["resting"] - 1.0, 0.0)
        return {
            "factor": xp.where(up, raised, xp.where(down, lowered, state["factor"])),
            "best": xp.where(resting, state["best"], xp.where(improved, metric, state["best"])),
            "good": xp.where(up, 0.0, good),
            "bad": xp.where(down, 0.0, bad),
            "resting": xp.where(up, float(self.warmup), xp.where(down, float(self.cooldown), rest)),
        }

    def limits(self) -> dict[str, tuple[float, float]]:
        row, rest = (0.0, float(self.patience)), (0.0, float(max(self.cooldown, self.warmup)))
        return {"factor": (self.floor, self.ceiling), "good": row, "bad": row, "resting": rest}


def greedy(
    factor: float = 0.95, patience: int = 10, threshold: float = 1e-6, threshold_mode: str = "absolute",
    cooldown: int = 0, warmup: int = 0, floor: float = 0.01, ceiling: float = 10.0, mode: str = "min",
) -> Feedback:  # fmt: skip
    """Divides the rate by `factor` after more than `patience` improvements in a row, and multiplies it by `factor`
    after as many measurements without improvement.

    Args:
        factor: between 0 and 1.
        patience: the improvements, or measurements without one, in a row after which the next one changes the rate.
        threshold: how much better than the best a measurement must be to count as an improvement.
        threshold_mode: "relative" to the best, or "absolute".
        cooldown: measurements after a cut that aren't counted.
        warmup: measurements after a rise that aren't counted.
        floor: the least factor.
        ceiling: the greatest.
        mode: "min" where less is better, "max" where more is.

    Raises:
        FeedbackError: a number is out of its range, a mode unknown, or the floor over the ceiling.

    Source: GreedyLR, arXiv:2512.14527, as transformers has it, without its way back to the initial rate.

    >>> import glideslope as gs
    >>> greedy = gs.greedy(factor=0.5, patience=1)
    >>> state = greedy.init()
    >>> for loss in (1.0, 0.9):
    ...     state = greedy.update(state, loss)
    >>> greedy.factor(state)
    2.0
    """
    factor, threshold, floor, ceiling = map(plain, (factor, threshold, floor, ceiling))
    patience, cooldown, warmup = map(plain, (patience, cooldown, warmup))
    check("factor", factor, 0, 1, open_ends=True)
    check_whole(0, patience=patience, cooldown=cooldown, warmup=warmup)
    check("floor", floor, 0, 1)
    check("ceiling", ceiling, 1, MOST)
    return Greedy(factor, patience, threshold, threshold_mode, cooldown, warmup, floor, ceiling, mode)


Greedy.maker = staticmethod(greedy)
FACTORS["greedy"] = greedy
