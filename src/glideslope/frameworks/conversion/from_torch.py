"""A torch scheduler as a schedule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from glideslope.errors import ConversionError
from glideslope.schedules import (
    Schedule,
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

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LRScheduler


def from_torch(scheduler: LRScheduler) -> Schedule:
    """The schedule that a torch scheduler follows from its beginning, as a factor of each group's initial rate.

    Args:
        scheduler: a scheduler; its groups may have different rates, but one schedule.

    Raises:
        ConversionError: there is no such schedule: it is measured (ReduceLROnPlateau), each group has another one, or
            its class is unknown.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> from_torch(torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100, eta_min=0.01))
    cosine(100, final=0.1)
    """
    name = type(scheduler).__name__
    if name not in _READERS:
        why = "it follows measurements" if name == "ReduceLROnPlateau" else f"known are {', '.join(_READERS)}"
        raise ConversionError(f"a {name} is no schedule that can be read: {why}")
    try:
        found = [_READERS[name](scheduler, i) for i in range(len(scheduler.optimizer.param_groups))]
    except AttributeError as error:
        raise ConversionError(f"this {name} isn't one of torch's: {error}") from None
    except ConversionError:
        raise
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ConversionError(f"this {name} can't be read: {error}") from None
    if any(schedule != found[0] for schedule in found):
        raise ConversionError(f"the groups of this {name} have different schedules: {'; '.join(map(repr, found))}")
    return found[0]


def _initial(scheduler: Any, group: int) -> float:
    return float(scheduler.optimizer.param_groups[group]["initial_lr"])


def _ratio(rate: float, to: float) -> float:
    """A rate over another, without the last digit, which is rounding: 0.1, not 0.09999999999999999."""
    return float(f"{rate / to:.15g}")


def _constant(scheduler: Any, group: int) -> Schedule:
    return piecewise([scheduler.factor, 1.0], [scheduler.total_iters])


def _linear(scheduler: Any, group: int) -> Schedule:
    return linear(scheduler.total_iters, start=scheduler.start_factor, final=scheduler.end_factor)


def _cosine(scheduler: Any, group: int) -> Schedule:
    return cosine(scheduler.T_max, final=_ratio(scheduler.eta_min, _initial(scheduler, group)))


def _restarts(scheduler: Any, group: int) -> Schedule:
    final = _ratio(scheduler.eta_min, _initial(scheduler, group))
    return cosine_restarts(scheduler.T_0, stretch=scheduler.T_mult, final=final)


def _multistep(scheduler: Any, group: int) -> Schedule:
    passed = sorted(scheduler.milestones.elements())
    times = sorted(scheduler.milestones)
    if len(times) == len(passed):
        return multistep(times, ratio=scheduler.gamma)
    # A milestone that was named twice counts twice.
    values = [scheduler.gamma ** sum(milestone <= time for milestone in passed) for time in times]
    return piecewise([1.0, *values], times)


def _cyclic(scheduler: Any, group: int) -> Schedule:
    low, high = float(scheduler.base_lrs[group]), float(scheduler.max_lrs[group])
    up = scheduler.total_size * scheduler.step_ratio
    down = scheduler.total_size - up
    kinds: dict[str, Callable[[], Schedule]] = {
        "triangular": lambda: triangular(up, down, low=_ratio(low, high)),
        "triangular2": lambda: triangular2(up, down, low=_ratio(low, high)),
        "exp_range": lambda: exp_range(up, down, low=_ratio(low, high), ratio=scheduler.gamma),
    }
    if scheduler._scale_fn_custom is not None or scheduler.mode not in kinds:
        raise ConversionError("this CyclicLR scales by a function of its own: read it with from_function")
    return _ratio(high, low) * kinds[scheduler.mode]()


def _one_cycle(scheduler: Any, group: int) -> Schedule:
    own = scheduler.optimizer.param_groups[group]
    peak = own["max_lr"]
    ends = [phase["end_step"] for phase in scheduler._schedule_phases]
    shape = {"cos": "cosine"}.get(scheduler._anneal_func_type, scheduler._anneal_func_type)
    # Torch's phases end an update early, so that the last update has the final rate.
    rise, fall = float(ends[0]), float(ends[-1] - ends[-2])
    make = three_phase_one_cycle if len(ends) == 3 else two_phase_one_cycle
    cycle = make(rise, fall, start=_ratio(own["initial_lr"], peak), final=_ratio(own["min_lr"], peak), shape=shape)
    return cycle * _ratio(peak, own["initial_lr"])


def _sequential(scheduler: Any, group: int) -> Schedule:
    parts = [_part(inner, group) for inner in scheduler._schedulers]
    lengths = [b - a for a, b in pairwise([0, *scheduler._milestones])]
    timed = [part.lasting(length) for part, length in zip(parts, lengths, strict=False)]
    return functools.reduce(lambda a, b: a >> b, [*timed, parts[-1]])


def _chained(scheduler: Any, group: int) -> Schedule:
    for inner in scheduler._schedulers:
        if type(inner).__name__ in ("CyclicLR", "OneCycleLR", "CosineAnnealingWarmRestarts") or (
            getattr(inner, "eta_min", 0) != 0
        ):
            raise ConversionError(
                f"a {type(inner).__name__} in a chain overwrites what the others did: it is no factor"
            )
    return functools.reduce(lambda a, b: a * b, [_part(inner, group) for inner in scheduler._schedulers])


def _part(scheduler: Any, group: int) -> Schedule:
    if (name := type(scheduler).__name__) not in _READERS:
        raise ConversionError(f"a {name} is no schedule that can be read")
    return _READERS[name](scheduler, group)


_READERS: dict[str, Callable[[Any, int], Schedule]] = {
    "LambdaLR": lambda scheduler, group: from_function(scheduler.lr_lambdas[group]),
    "ConstantLR": _constant,
    "LinearLR": _linear,
    "StepLR": lambda scheduler, group: step(scheduler.step_size, ratio=scheduler.gamma),
    "MultiStepLR": _multistep,
    "ExponentialLR": lambda scheduler, group: exponential(1, ratio=scheduler.gamma),
    "PolynomialLR": lambda scheduler, group: polynomial(scheduler.total_iters, power=scheduler.power),
    "CosineAnnealingLR": _cosine,
    "CosineAnnealingWarmRestarts": _restarts,
    "CyclicLR": _cyclic,
    "OneCycleLR": _one_cycle,
    "SequentialLR": _sequential,
    "ChainedScheduler": _chained,
}
