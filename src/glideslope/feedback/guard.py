"""Protection from divergence: the signs that a training is being lost, and the snapshot it goes back to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from glideslope.feedback.feedback import State
from glideslope.feedback.named import Named, check, check_whole
from glideslope.schedules.arrays import scalars
from glideslope.schedules.names import FACTORS
from glideslope.schedules.numbers import plain

VERDICTS = (
    "calm", "not finite", "spike", "growth", "weights not finite", "weights grow", "never updated", "state grows",
)  # fmt: skip
"""The meaning of `verdict` in a guard's state: first the signs in a loss, then those in the weights, a scaler and an
optimizer's state."""

WINDOW = 20
"""Updates over which the level of the loss and its deviations are averaged, and before which nothing is a spike."""
_SPIKE, _GROWTH = 0.1, 0.25
"""The part of all that the loss had fallen which a spike, or a growth, undoes: less is noise, and recovers."""
_IN_A_ROW = 3
"""Losses as high as a spike that make one, where none is higher than ever: a single one is a hard batch."""
FEW = 5
"""Losses in a row, among the first, far above those before, which were outliers; and losses that may all be such."""
_PULL, _PULL_BEYOND = 0.3, 0.1
"""The part of what makes a spike by which a loss, and one beyond, pulls the level up: more grows with each outlier."""
_LEVEL = 0.2
"""How far the level deviates by chance, as a part of how far a loss does."""
_LEARNED = 3.0
"""Deviations that the level has fallen where something was learned that can be lost."""

_SNAPSHOTS, CLOSEST, FARTHEST = 300, 5, 50
"""Snapshots in a training, and the updates between them at least and at most. One takes up to a third of the time of an
update: in a short training to go back costs more than they do, and of a long one they are less than 1%."""


@dataclass(frozen=True, repr=False)
class Guard(Named):
    """The feedback of `guard`, whose arguments are its attributes."""

    deviations: float
    multiplier: float
    rest: int
    every: int | None
    kept: int
    times: int

    maker: ClassVar[Any]
    each_update: ClassVar[bool] = True

    def init(self) -> State:
        return {
            "verdict": 0.0, "factor": 1.0, "resting": 0.0, "seen": 0.0, "level": 0.0, "spread": 0.0, "rough": 0.0,
            "high": -math.inf, "low": math.inf, "low_spread": 0.0,
        }  # fmt: skip

    def update(self, state: State, metric: Any, gradient_norm: Any = 0.0) -> State:
        """The state after an update.

        Args:
            state: the state before; its `verdict` says what was seen last, a place in `VERDICTS`.
            metric: the training loss, a number; a JAX array where the state is traced. It may be infinite or NaN.
            gradient_norm: the norm of the gradient, if it is known: whether it is finite is looked at.
        """
        # A million of these are made in a training, so Python's own numbers go through no namespace of arrays.
        traced = type(metric) is not float and type(metric).__module__.startswith("jax")
        xp = metric.__array_namespace__() if traced else scalars
        where = xp.where
        level, spread, seen, rough = state["level"], state["spread"], state["seen"], state["rough"]
        finite = (metric - metric == 0) & (gradient_norm - gradient_norm == 0)
        known, maybe_early = seen >= WINDOW, traced or seen < WINDOW  # most updates need nothing that is for the first
        most = self.deviations * xp.maximum(spread, 1e-6 * abs(level))
        if maybe_early:
            scale = xp.maximum(spread, abs(level))
            most = where(known, most, where(scale > 0, self.deviations * scale, math.inf))
        gain = where(known, state["high"] - state["low"], 0.0)
        above = where(finite, metric - level, 0.0)
        beyond = (above > most) & (above > _SPIKE * gain)
        rough = (rough + 1.0) * beyond
        spike = known & ((rough >= _IN_A_ROW) | (beyond & (metric > state["high"] + most)))
        moved = xp.clip(above, -most, where(beyond, _PULL_BEYOND, _PULL) * most)
        weight = 1.0 / xp.minimum(seen + 1.0, float(WINDOW))
        if maybe_early:
            fallen = (seen < FEW) & (abs(metric) > 0) & (self.deviations**2 * abs(metric) < abs(level))
            anew = fallen | ((seen < WINDOW) & (rough >= FEW))
            level, spread, seen, rough = (where(anew, 0.0, each) for each in (level, spread, seen, rough))
            moved = where(anew, metric, moved)
            weight = where((seen < WINDOW) & (rough > 0), 0.0, where(anew, 1.0, weight))
        level = level + weight * moved
        spread = spread + weight * (abs(moved) - spread)
        lower = known & (level < state["low"])
        risen = level - state["low"]
        growth = self._has_grown(risen, gain, state["low_spread"])
        resting = xp.maximum(state["resting"] - 1.0, 0.0)
        return {
            "verdict": where(finite, where(spike, 2.0, 3.0 * growth), 1.0),
            "factor": where(resting > 0, state["factor"], 1.0),
            "resting": resting,
            "seen": seen + (finite & (weight > 0)),
            "level": level,
            "spread": spread,
            "rough": rough,
            "high": where(known, xp.maximum(state["high"], level), state["high"]),
            "low": where(lower, level, state["low"]),
            "low_spread": where(lower, spread, state["low_spread"]),
        }

    def _has_grown(self, risen: Any, gain: Any, noise: Any) -> Any:
        """Whether a level has risen by more than chance, and by a large part of what it had fallen."""
        return (gain > _LEARNED * noise) & (risen > _LEVEL * self.deviations * noise) & (risen > _GROWTH * gain)

    def is_high(self, state: State, metric: float, part: float = 0.5) -> bool:
        """Whether a loss after a state is so large a part as far above the level as makes a spike."""
        above = metric - state["level"]
        far = above > part * self.deviations * max(state["spread"], 1e-6 * abs(state["level"]))
        return far and state["seen"] >= WINDOW and bool(above > _SPIKE * (state["high"] - state["low"]))

    def is_doubtful(self, state: State) -> bool:
        """Whether the level has risen half as far as makes a growth: the training may be lost already."""
        risen, gain = state["level"] - state["low"], state["high"] - state["low"]
        return state["seen"] > WINDOW and bool(self._has_grown(2.0 * risen, gain, state["low_spread"]))

    def limits(self) -> dict[str, tuple[float, float]]:
        counts = dict.fromkeys(("resting", "seen", "rough", "spread", "low_spread"), (0.0, math.inf))
        return {"factor": (0.0, 1.0), "verdict": (0.0, len(VERDICTS) - 1.0), **counts}

    def spacing(self, end: float, closest: int = CLOSEST) -> int:
        """Updates between snapshots in a training of so many: by no clock, so that a run made again is the same."""
        return self.every or int(min(max(end / _SNAPSHOTS, closest), FARTHEST))

    def lowered(self, state: State, factor: float, updates: float) -> State:
        """The state at a snapshot, from where the rate is lowered for so many updates."""
        return {**state, "verdict": 0.0, "factor": factor, "resting": float(updates)}


def guard(
    deviations: float = 10.0, factor: float = 0.1, rest: int = 50, every: int | None = None, kept: int = 3,
    times: int = 8,
) -> Guard:  # fmt: skip
    """Detects divergence, goes back to a snapshot from before it, and lowers the rate where that doesn't help.

    Signs of divergence are a loss or a gradient that isn't finite; a spike, a loss more than `deviations` mean absolute
    deviations above its level, the mean of about 20, three times in a row or once above the highest level; and growth
    of the level. The training goes back to the last snapshot; a search then leaves out the batch. Where the training
    diverges there again, or the loss grew, the rate is multiplied by `factor` until `rest` updates past the place.

    A `race` or `tune` does this for a schedule times a guard; `gs.torch.Guard` does it in a plain torch loop.

    Args:
        deviations: the mean absolute deviations that make a spike.
        factor: the multiplier of the rate where it is lowered, between 0 and 1.
        rest: the updates past the place before the rate is the schedule's again.
        every: the updates between snapshots. By default a 300th of the training, from 20 to 50, or from 5 to 50 where a
            torch loop can't repeat updates. A search takes ten times `every`, by default 50.
        kept: the number of snapshots: the last two, and older ones further apart.
        times: how often it goes back for one place before it stops with a diagnosis. A place is passed after half of
            `rest` updates at the schedule's own rate.

    Raises:
        FeedbackError: a number is out of its range.

    >>> import glideslope as gs
    >>> gs.cosine() * gs.guard(factor=0.5)
    cosine() * guard(factor=0.5)
    >>> guard = gs.guard()
    >>> state = guard.init()
    >>> for loss in [1.0, 0.9] * 20 + [5.0]:
    ...     state = guard.update(state, loss)
    >>> gs.feedback.VERDICTS[int(state["verdict"])]
    'spike'
    """
    deviations, factor, rest, every, kept, times = map(plain, (deviations, factor, rest, every, kept, times))
    check("deviations", deviations, 0, open_ends=True)
    check("factor", factor, 0, 1, open_ends=True)
    check_whole(1, rest=rest, **({} if every is None else {"every": every}), kept=kept, times=times)
    return Guard(deviations, factor, int(rest), None if every is None else int(every), int(kept), int(times))


Guard.maker = staticmethod(guard)
FACTORS["guard"] = guard
