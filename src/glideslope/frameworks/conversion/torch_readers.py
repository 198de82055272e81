"""Each torch scheduler as a schedule: a factor of its group's initial rate."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from glideslope.errors import ConversionError
from glideslope.schedules import (
    Schedule,
    constant,
    cosine,
    cosine_restarts,
    exp_range,
    exponential,
    from_function,
    linear,
    multistep,
    piecewise,
    polynomial,
    step,
    three_phase_one_cycle,
    triangular,
    triangular2,
    two_phase_one_cycle,
)
from glideslope.schedules.durations import Duration


@dataclass(frozen=True)
class Place:
    """Where a scheduler acts.

    Attributes:
        group: the number of the parameter group.
        start: the rate that it begins with, which most multiply from then on.
        updates: how many updates it goes on for, as far as is known.
    """

    group: int
    start: float
    updates: float

    def begun(self, scheduler: Any) -> Place:
        """The same for a scheduler that SequentialLR begins at a milestone, with its own base rate."""
        return Place(self.group, float(scheduler.base_lrs[self.group]), self.updates)


Reader = Callable[[Any, Place], Schedule]


def read(scheduler: Any, place: Place) -> Schedule:
    """The schedule of a scheduler in its place."""
    return reader_of(scheduler)(scheduler, place)


def reader_of(scheduler: Any) -> Reader:
    """The reader for a scheduler's class. Raises a ConversionError if there is none."""
    name = name_of(scheduler)
    if name not in _READERS:
        why = "it follows measurements" if name == "ReduceLROnPlateau" else f"known are {', '.join(_READERS)}"
        raise ConversionError(f"a {name} is no schedule that can be read: {why}")
    if type(scheduler).__module__ != "torch.optim.lr_scheduler":
        raise ConversionError(f"this {name} isn't one of torch's: sample its rates, gs.from_points")
    return _READERS[name]


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


def _scaled(schedule: Schedule, rate: float, scheduler: Any, place: Place) -> Schedule:
    """A factor of some rate as one of the initial rate."""
    scale = _ratio(rate, initial_rate(scheduler, place.group))
    return schedule if scale == 1 else scale * schedule


def _multiplying(read: Callable[[Any], Schedule]) -> Reader:
    """The reader of a scheduler that multiplies the rate it begins with by a factor."""
    return lambda scheduler, place: _scaled(read(scheduler), place.start, scheduler, place)


def _whole(scheduler: Any, name: str, least: int = 0) -> int:
    """An attribute in updates. Torch compares counts with it, so anything but a whole number is never reached."""
    value = getattr(scheduler, name)
    if value != int(value) or value < least:
        raise ConversionError(f"a {name_of(scheduler)} with {name}={value}: give a whole number, at least {least}")
    return int(value)


def _constant(scheduler: Any) -> Schedule:
    total = _whole(scheduler, "total_iters")
    # With no updates the end is never come to.
    return piecewise([scheduler.factor, 1.0], [total]) if total else constant(scheduler.factor)


def _linear(scheduler: Any) -> Schedule:
    start, total = scheduler.start_factor, _whole(scheduler, "total_iters")
    return linear(total, start=start, final=scheduler.end_factor) if total else constant(start)


def _polynomial(scheduler: Any) -> Schedule:
    total = _whole(scheduler, "total_iters")
    return polynomial(total, power=scheduler.power) if total else constant()


def _step(scheduler: Any) -> Schedule:
    return step(_whole(scheduler, "step_size", 1), ratio=scheduler.gamma)


def _multistep(scheduler: Any) -> Schedule:
    passed = sorted(scheduler.milestones.elements())
    if any(milestone != int(milestone) or milestone < 0 for milestone in passed):
        raise ConversionError(f"a MultiStepLR with milestones={passed}: give whole numbers from 0")
    times = sorted(scheduler.milestones)
    if len(times) == len(passed):
        return multistep(times, ratio=scheduler.gamma)
    # A milestone that was named twice counts twice.
    values = [scheduler.gamma ** sum(milestone <= time for milestone in passed) for time in times]
    return piecewise([1.0, *values], times)


def _cosine(scheduler: Any, place: Place) -> Schedule:
    half, low = scheduler.T_max, scheduler.eta_min
    if not half > 0:
        raise ConversionError(f"a CosineAnnealingLR with T_max={half}: give a positive number")
    down = _scaled(cosine(half, final=_ratio(low, place.start)), place.start, scheduler, place)
    if place.updates <= half:
        return down
    # It climbs again, from then on to its base rate.
    base = float(scheduler.base_lrs[place.group])
    wave = cosine(half, final=_ratio(low, base))
    return down >> _scaled((wave.reverse() >> wave).repeat(), base, scheduler, place)


def _lambda(scheduler: Any, place: Place) -> Schedule:
    function = from_function(scheduler.lr_lambdas[place.group])
    return _scaled(function, float(scheduler.base_lrs[place.group]), scheduler, place)


def _restarts(scheduler: Any, place: Place) -> Schedule:
    base = float(scheduler.base_lrs[place.group])
    waves = cosine_restarts(scheduler.T_0, stretch=scheduler.T_mult, final=_ratio(scheduler.eta_min, base))
    return _scaled(waves, base, scheduler, place)


def _cyclic(scheduler: Any, place: Place) -> Schedule:
    low, high = float(scheduler.base_lrs[place.group]), float(scheduler.max_lrs[place.group])
    up = Duration(scheduler.total_size * scheduler.step_ratio)
    down = Duration(scheduler.total_size - up.value)
    kinds: dict[str, Callable[[], Schedule]] = {
        "triangular": lambda: triangular(up, down, low=_ratio(low, high)),
        "triangular2": lambda: triangular2(up, down, low=_ratio(low, high)),
        "exp_range": lambda: exp_range(up, down, low=_ratio(low, high), ratio=scheduler.gamma),
    }
    if scheduler._scale_fn_custom is not None or scheduler.mode not in kinds:
        raise ConversionError("this CyclicLR scales by a function of its own: read it with from_function")
    cycles = _scaled(kinds[scheduler.mode](), high, scheduler, place)
    if math.isclose(place.start, low, rel_tol=1e-6):
        return cycles
    # The constructor sets the group's initial rate, where there is one already, and not base_lr.
    return _scaled(constant(1.0, 1), place.start, scheduler, place) >> cycles.skip(1)


def _one_cycle(scheduler: Any, place: Place) -> Schedule:
    rates = scheduler.optimizer.param_groups[place.group]
    peak = rates["max_lr"]
    ends = [phase["end_step"] for phase in scheduler._schedule_phases]
    shape = {"cos": "cosine"}.get(scheduler._anneal_func_type, scheduler._anneal_func_type)
    # Torch's phases end an update early, so that the last update has the final rate.
    rise, fall = Duration(float(ends[0])), Duration(float(ends[-1] - ends[-2]))
    make = three_phase_one_cycle if len(ends) == 3 else two_phase_one_cycle
    cycle = make(rise, fall, start=_ratio(rates["initial_lr"], peak), final=_ratio(rates["min_lr"], peak), shape=shape)
    return _scaled(cycle, peak, scheduler, place)


def _sequential(scheduler: Any, place: Place) -> Schedule:
    inner, milestones = scheduler._schedulers, scheduler._milestones
    if any(milestone != int(milestone) for milestone in milestones) or milestones != sorted(milestones):
        raise ConversionError(f"a SequentialLR with milestones={milestones}: give whole numbers that rise")
    times = [0, *(max(int(milestone), 0) for milestone in milestones), math.inf]
    running = [(one, begin, end) for one, (begin, end) in zip(inner, pairwise(times), strict=True) if end > begin]
    parts = []
    for one, begin, end in running:
        _check_begins(one, begin)
        _check_unused(one, scheduler.last_epoch - begin, end - begin)
        updates = end - begin if math.isfinite(end) else place.updates - begin
        one = one._schedulers[0] if len(getattr(one, "_schedulers", ())) == 1 else one
        there = Place(place.group, place.start, updates)
        part = read(one, there.begun(one) if begin or name_of(one) in _OVERWRITING else there)
        parts.append(part.lasting(updates) if math.isfinite(end) else part)
    return functools.reduce(lambda a, b: a >> b, parts)


def _check_begins(scheduler: Any, begin: float) -> None:
    """Raises for what a SequentialLR steps once too often at its beginning, or can't begin at a milestone."""
    if begin and (hasattr(scheduler, "_schedulers") or getattr(scheduler, "total_iters", 1) == 0):
        raise ConversionError(
            f"torch doesn't begin this {name_of(scheduler)} at a milestone as it does alone: give the SequentialLR its "
            "schedulers, of at least one update"
        )
    if hasattr(scheduler, "_milestones"):
        raise ConversionError(
            "a SequentialLR in a SequentialLR counts an update ahead in torch: give one SequentialLR all schedulers"
        )
    for inner in getattr(scheduler, "_schedulers", ()):
        if hasattr(inner, "_schedulers"):
            _check_begins(inner, begin)
        if name_of(inner) in ("ExponentialLR", "PolynomialLR", "CosineAnnealingLR"):
            raise ConversionError(
                f"torch steps a {name_of(inner)} once too often where a ChainedScheduler that has it begins a "
                "SequentialLR: put the chain around, or leave it out"
            )


def _check_unused(scheduler: Any, updates: float, length: float) -> None:
    """Raises for a scheduler that was stepped before a SequentialLR had it, and goes on from there."""
    here = 0 <= updates < length
    if (here and updates_made(scheduler) != updates) or (updates < 0 and getattr(scheduler, "T_cur", 0) > 0):
        raise ConversionError(
            f"a {name_of(scheduler)} in this SequentialLR was stepped before, and goes on from there: make it anew"
        )


def _chained(scheduler: Any, place: Place) -> Schedule:
    if len(scheduler._schedulers) == 1:
        return read(scheduler._schedulers[0], place)
    for inner in scheduler._schedulers:
        if name_of(inner) in _OVERWRITING or getattr(inner, "eta_min", 0) != 0:
            raise ConversionError(f"a {name_of(inner)} in a chain overwrites what the others did: it is no factor")
        if getattr(inner, "T_max", math.inf) < place.updates:
            raise ConversionError(f"a {name_of(inner)} in a chain adds to what the others did after its end")
    initial = initial_rate(scheduler, place.group)
    factors = [read(inner, Place(place.group, initial, place.updates)) for inner in scheduler._schedulers]
    return _scaled(functools.reduce(lambda a, b: a * b, factors), place.start, scheduler, place)


_OVERWRITING = ("CyclicLR", "OneCycleLR", "CosineAnnealingWarmRestarts", "LambdaLR", "SequentialLR")
"""Schedulers that set a rate of their own, whatever it was before; SequentialLR does at its milestones."""

_READERS: dict[str, Reader] = {
    "LambdaLR": _lambda,
    "ConstantLR": _multiplying(_constant),
    "LinearLR": _multiplying(_linear),
    "StepLR": _multiplying(_step),
    "MultiStepLR": _multiplying(_multistep),
    "ExponentialLR": _multiplying(lambda scheduler: exponential(1, ratio=scheduler.gamma)),
    "PolynomialLR": _multiplying(_polynomial),
    "CosineAnnealingLR": _cosine,
    "CosineAnnealingWarmRestarts": _restarts,
    "CyclicLR": _cyclic,
    "OneCycleLR": _one_cycle,
    "SequentialLR": _sequential,
    "ChainedScheduler": _chained,
}
