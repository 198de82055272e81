"""What drives the rate of a ball: a schedule, a feedback that is told the height, or a batch that grows."""

from __future__ import annotations

import math

from glideslope.errors import ScheduleError
from glideslope.policy import as_policy
from glideslope.schedules import parse
from glideslope.studio.effort import parts

MEASUREMENTS = 50  # how often a feedback is told the height
_MOST_GROWN = 1_000_000
"""The updates over which a growth of the batch is planned, times what the schedule has in parts and a few."""
_FEW = 8  # the parts that an update takes the time of, besides those of its schedule


class Driven:
    """The rate and the batch of each update, as measurements move them; of a batch that grows, `steps` are those at its
    base, and `updates`, which are made, are fewer. A feedback is told the height after `measured_each` updates, None
    without one. Raises a ScheduleError if the text isn't one, or has a guard, which needs a training that goes back.

    >>> driven = Driven("linear * growth(10, 20)", 8)
    >>> driven.updates, [driven.batch(t, 0) for t in range(driven.updates)]
    (6, [10, 11, 13, 17, 20, 9])
    """

    def __init__(self, text: str, steps: int) -> None:
        policy = as_policy(parse(text)).within(steps)
        if any(feedback.each_update for feedback in policy.feedbacks):
            raise ScheduleError(f"{text}: a guard takes a training back, which a ball can't be: leave it out")
        if policy.growth is not None and steps > (most := _MOST_GROWN // (_FEW + parts(policy.schedule))):
            raise ScheduleError(f"{text}: the batch of this schedule grows over at most {most:,} updates here")
        self._schedule, self._feedback = policy.schedule, policy.feedback
        self._state = policy.state()
        self._sizes = policy.batch_sizes(steps)
        self._rates = None if self._sizes is None else policy.rates(steps)
        self.updates = steps if self._sizes is None else len(self._sizes)
        self.measured_each = None if self._feedback is None else max(1, math.ceil(steps / MEASUREMENTS))

    def factor(self, step: int) -> float:
        """What the rate is times, after so many updates."""
        if self._rates is not None:
            return float(self._rates[min(step, self.updates - 1)])
        scale = 1.0 if self._feedback is None else float(self._feedback.factor(self._state))
        return scale * float(self._schedule(step))

    def batch(self, step: int, usual: int) -> int:
        """The examples of the next update; those of the world where the batch doesn't grow."""
        return usual if self._sizes is None else int(self._sizes[step])

    def measure(self, height: float) -> None:
        """Gives the feedback the height."""
        if self._feedback is not None and math.isfinite(height):
            self._state = self._feedback.update(self._state, height)
