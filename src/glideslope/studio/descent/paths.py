"""The way of a ball: its positions, update by update, within a time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from glideslope.errors import ScheduleError
from glideslope.policy import as_policy
from glideslope.schedules import parse
from glideslope.schedules.numbers import MOST_UPDATES
from glideslope.studio.descent.optimizers import OPTIMIZERS, Name
from glideslope.studio.descent.surfaces import Surface
from glideslope.studio.effort import parts
from glideslope.studio.plan import Text

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


FAR = 1e4  # how many windows away a ball is lost
_LOOK = 256  # updates between two looks at the clock
_WHOLE, _PLACES = 300, 900  # the first updates, each of which is kept, and the positions that are kept in all
Coordinate = Annotated[float, Meta(ge=-1e9, le=1e9)]
Ended = Literal["whole", "diverged", "time"]


class Ball(msgspec.Struct, forbid_unknown_fields=True):
    """What is raced."""

    start: Annotated[list[Coordinate], Meta(min_length=1, max_length=2)]  # where it begins
    optimizer: Name = "descent"  # how a slope becomes an update
    rate: Annotated[float, Meta(gt=0, le=1e6)] = 0.1  # where the factor of the schedule is 1
    schedule: Text = "constant"  # what drives the rate
    momentum: Annotated[float, Meta(ge=0, le=0.9999)] = 0.9  # β, of the optimizers that have one
    layers: Annotated[list[Annotated[float, Meta(ge=0, le=1e4)]], Meta(min_length=2, max_length=2)] = msgspec.field(
        default_factory=lambda: [1.0, 1.0]
    )
    """What the rate is times, for each coordinate."""


class World(msgspec.Struct, forbid_unknown_fields=True):
    """What every ball meets."""

    steps: Annotated[int, Meta(ge=1, le=MOST_UPDATES)] = 100  # the updates
    noise: Annotated[float, Meta(ge=0, le=1e6)] = 0.0
    """The standard deviation of the slope of one example, of a formula."""
    batch: Annotated[int, Meta(ge=0, le=100_000)] = 0  # the examples in an update; 0 is all of them, without noise
    rare: Annotated[int, Meta(ge=1, le=10_000)] = 1
    """The slope along y, where there is one, comes in each such update alone."""
    seed: Annotated[int, Meta(ge=0, le=2**32)] = 0  # of the noise


@dataclass(frozen=True)
class Path:
    """Where a ball went."""

    at: np.ndarray  # updates made, whole numbers from 0, shape (n,): each, or some of many
    positions: np.ndarray  # after these, shape (n, d)
    rates: np.ndarray  # before the next update, shape (n,)
    ended: Ended  # whether all updates were made, the ball was lost, or the time was over


def path(surface: Surface, ball: Ball, world: World, size: float, seconds: float) -> Path:
    """The path of a ball on a surface in a world, for at most so many seconds. A ball is lost far outside a window of
    this size. Raises a ScheduleError if the schedule can't be read or has a guard, or the surface has no height at the
    start."""
    driven = Driven(ball.schedule, world.steps)
    update = OPTIMIZERS[ball.optimizer](ball.momentum)
    random = np.random.default_rng(world.seed)
    dimensions = surface.dimensions
    position = np.array([*ball.start, 0.0][:dimensions], dtype=float)
    layers = np.array(ball.layers[:dimensions])
    if not np.isfinite(surface.values(position[None])[0]):
        raise ScheduleError("the surface has no height where the ball starts: press the picture where it has one")
    places, kept, rates = [position], [0], []
    ended: Ended = "whole"
    keep = _kept(driven.updates)
    until, updates = time.monotonic() + seconds, 0
    while updates < driven.updates:
        rate = ball.rate * driven.factor(updates)
        if updates == kept[-1]:
            rates.append(rate)
        slope = _slope(surface, position, world, updates, driven.batch(updates, world.batch), random)
        position = position - update(slope, rate * layers)
        updates += 1
        if driven.measured_each and updates % driven.measured_each == 0:
            driven.measure(float(surface.values(position[None])[0]))
        if not np.all(np.abs(position) <= FAR * size):
            ended = "diverged"
        elif updates % _LOOK == 0 and time.monotonic() > until:
            ended = "time"
        if updates in keep or ended != "whole":
            places.append(position)
            kept.append(updates)
        if ended != "whole":
            break
    rates += [ball.rate * driven.factor(updates)] * (len(kept) - len(rates))
    return Path(np.array(kept), np.array(places), np.array(rates), ended)


def _slope(
    surface: Surface, position: np.ndarray, world: World, updates: int, size: int, random: np.random.Generator
) -> np.ndarray:
    """The slope at a position, of a batch of a size."""
    batch = random.integers(0, surface.examples, size) if surface.examples and size else None
    slope = np.array(surface.gradient(tuple(position.tolist()), batch), dtype=float)
    if world.noise and size and not surface.examples:
        slope = slope + random.normal(0.0, world.noise / np.sqrt(size), len(slope))
    if len(slope) > 1 and (updates + 1) % world.rare:
        slope[1] = 0.0
    return slope


def _kept(steps: int) -> set[int] | range:
    """The updates after which positions are kept."""
    if steps <= _PLACES:
        return range(1, steps + 1)
    later = np.geomspace(_WHOLE, steps, _PLACES - _WHOLE)
    return {*range(1, _WHOLE + 1), *np.rint(later).astype(int).tolist(), steps}
