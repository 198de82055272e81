"""Each torch scheduler but those of several as a schedule: a factor of its group's initial rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glideslope import schedules
from glideslope.errors import ConversionError
from glideslope.schedules import Schedule
from glideslope.schedules.durations import Duration


@dataclass(frozen=True)
class Place:
    """Where a scheduler acts: the number of the parameter group, the rate that it begins with, which most multiply from
    then on, and how many updates it goes on for, as far as is known."""

    group: int
    start: float
    updates: float

    def begun(self, scheduler: Any) -> Place:
        """The same for a scheduler that SequentialLR begins at a milestone, with its own base rate."""
        return Place(self.group, float(scheduler.base_lrs[self.group]), self.updates)


Reader = Callable[[Any, Place], Schedule]


def name_of(scheduler: Any) -> str:
    """The name of its class."""
    return type(scheduler).__name__


def initial_rate(scheduler: Any, group: int) -> float:
    """The rate of a group that its schedule is a factor of."""
    return float(scheduler.optimizer.param_groups[group]["initial_lr"])


def _ratio(rate: float, to: float) -> float:
    """A rate over another, without the last digit, which is rounding: 0.1, not 0.09999999999999999."""
    return float(f"{rate / to:.15g}")


def updates_made(scheduler: Any) -> int:
    """The updates that a scheduler has been stepped for."""
    if hasattr(scheduler, "last_epoch"):
        return int(scheduler.last_epoch)
    counts = {updates_made(inner) for inner in scheduler._schedulers}
    if len(counts) > 1:
        raise ConversionError(f"the schedulers of this {name_of(scheduler)} were stepped {sorted(counts)} times, so it "
                              "has no one count of updates")  # fmt: skip
    return counts.pop()


def scaled(schedule: Schedule, rate: float, scheduler: Any, place: Place) -> Schedule:
    """A factor of some rate as one of the initial rate."""
    scale = _ratio(rate, initial_rate(scheduler, place.group))
    return schedule if scale == 1 else scale * schedule


def _multiplying(read: Callable[[Any], Schedule]) -> Reader:
    """The reader of a scheduler that multiplies the rate it begins with by a factor."""
    return lambda scheduler, place: scaled(read(scheduler), place.start, scheduler, place)


def _whole(scheduler: Any, name: str, least: int = 0) -> int:
    """An attribute in updates. Torch compares counts with it, so anything but a whole number is never reached."""
    value = getattr(scheduler, name)
    if value != int(value) or value < least:
        raise ConversionError(f"a {name_of(scheduler)} with {name}={value}: give a whole number, at least {least}")
    return int(value)


def _constant(scheduler: Any) -> Schedule:
    total = _whole(scheduler, "total_iters")
    # With no updates the end is never come to.
    return schedules.piecewise([scheduler.factor, 1.0], [total]) if total else schedules.constant(scheduler.factor)


def _linear(scheduler: Any) -> Schedule:
    start, total = scheduler.start_factor, _whole(scheduler, "total_iters")
    return schedules.linear(total, start=start, final=scheduler.end_factor) if total else schedules.constant(start)


def _polynomial(scheduler: Any) -> Schedule:
    total = _whole(scheduler, "total_iters")
    return schedules.polynomial(total, power=scheduler.power) if total else schedules.constant()


def _multistep(scheduler: Any) -> Schedule:
    passed = sorted(scheduler.milestones.elements())
    if any(milestone != int(milestone) or milestone < 0 for milestone in passed):
        raise ConversionError(f"a MultiStepLR with milestones={passed}: give whole numbers from 0")
    times = sorted(scheduler.milestones)
    if len(times) == len(passed):
        return schedules.multistep(times, ratio=scheduler.gamma)
    # A milestone that was named twice counts twice.
    values = [scheduler.gamma ** sum(milestone <= time for milestone in passed) for time in times]
    return schedules.piecewise([1.0, *values], times)


def _cosine(scheduler: Any, place: Place) -> Schedule:
    half, low = scheduler.T_max, scheduler.eta_min
    if not half > 0:
        raise ConversionError(f"a CosineAnnealingLR with T_max={half}: give a positive number")
    down = scaled(schedules.cosine(half, final=_ratio(low, place.start)), place.start, scheduler, place)
    if place.updates <= half:
        return down
    # It climbs again, from then on to its base rate.
    base = float(scheduler.base_lrs[place.group])
    wave = schedules.cosine(half, final=_ratio(low, base))
    return down >> scaled((wave.reverse() >> wave).repeat(), base, scheduler, place)


def _lambda(scheduler: Any, place: Place) -> Schedule:
    function = schedules.from_function(scheduler.lr_lambdas[place.group])
    return scaled(function, float(scheduler.base_lrs[place.group]), scheduler, place)


def _restarts(scheduler: Any, place: Place) -> Schedule:
    base = float(scheduler.base_lrs[place.group])
    waves = schedules.cosine_restarts(scheduler.T_0, stretch=scheduler.T_mult, final=_ratio(scheduler.eta_min, base))
    return scaled(waves, base, scheduler, place)


def _cyclic(scheduler: Any, place: Place) -> Schedule:
    low, high = float(scheduler.base_lrs[place.group]), float(scheduler.max_lrs[place.group])
    up = Duration(scheduler.total_size * scheduler.step_ratio)
    down = Duration(scheduler.total_size - up.value)
    kinds: dict[str, Callable[[], Schedule]] = {
        "triangular": lambda: schedules.triangular(up, down, low=_ratio(low, high)),
        "triangular2": lambda: schedules.triangular2(up, down, low=_ratio(low, high)),
        "exp_range": lambda: schedules.exp_range(up, down, low=_ratio(low, high), ratio=scheduler.gamma),
    }
    if scheduler._scale_fn_custom is not None or scheduler.mode not in kinds:
        raise ConversionError("this CyclicLR scales by a function of its own: read it with from_function")
    cycles = scaled(kinds[scheduler.mode](), high, scheduler, place)
    if math.isclose(place.start, low, rel_tol=1e-6):
        return cycles
    # The constructor sets the group's initial rate, where there is one already, and not base_lr.
    return scaled(schedules.constant(1.0, 1), place.start, scheduler, place) >> cycles.skip(1)


def _one_cycle(scheduler: Any, place: Place) -> Schedule:
    rates = scheduler.optimizer.param_groups[place.group]
    peak = rates["max_lr"]
    ends = [phase["end_step"] for phase in scheduler._schedule_phases]
    shape = {"cos": "cosine"}.get(scheduler._anneal_func_type, scheduler._anneal_func_type)
    # Torch's phases end an update early, so that the last update has the final rate.
    rise, fall = Duration(float(ends[0])), Duration(float(ends[-1] - ends[-2]))
    make = schedules.three_phase_one_cycle if len(ends) == 3 else schedules.two_phase_one_cycle
    cycle = make(rise, fall, start=_ratio(rates["initial_lr"], peak), final=_ratio(rates["min_lr"], peak), shape=shape)
    return scaled(cycle, peak, scheduler, place)


READERS: dict[str, Reader] = {
    "LambdaLR": _lambda,
    "ConstantLR": _multiplying(_constant),
    "LinearLR": _multiplying(_linear),
    "StepLR": _multiplying(lambda one: schedules.step(_whole(one, "step_size", 1), ratio=one.gamma)),
    "MultiStepLR": _multiplying(_multistep),
    "ExponentialLR": _multiplying(lambda scheduler: schedules.exponential(1, ratio=scheduler.gamma)),
    "PolynomialLR": _multiplying(_polynomial),
    "CosineAnnealingLR": _cosine,
    "CosineAnnealingWarmRestarts": _restarts,
    "CyclicLR": _cyclic,
    "OneCycleLR": _one_cycle,
}
