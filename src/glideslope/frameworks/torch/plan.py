"""What is scheduled in an optimizer: the schedules, and the values in its groups that follow them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from glideslope.errors import ScheduleError
from glideslope.frameworks.torch.groups import Group, Momenta, Rates
from glideslope.frameworks.torch.past import resumed, text
from glideslope.schedules import Clock, Schedule, parse
from glideslope.schedules.durations import Time

Given = Schedule | str


class Values(Protocol):
    """Values in parameter groups that a factor determines."""

    numbers: Any
    """Where they are Python numbers."""
    tensors: Any
    """The tensors among them, each with what the factor is multiplied by."""

    def found_in(self, groups: Sequence[Group]) -> None:
        """Sees which groups there are."""

    def write(self, factor: float) -> None:
        """Writes the values."""


class Plan:
    """The schedules of an optimizer, one for each of `values`. For the arguments and errors see `Scheduler`."""

    def __init__(
        self,
        optimizer: Any,
        lr: Given | list[Given],
        *,
        steps: Time | None = None,
        clock: Clock | None = None,
        momentum: Given | None = None,
        weight_decay: Given | None = None,
        betas: tuple[Given | None, Given | None] | None = None,
        peak: float | None = None,
    ) -> None:
        groups = optimizer.param_groups
        rates = list(lr) if isinstance(lr, list | tuple) else [lr]
        if not 1 <= len(rates) <= len(groups):
            raise ScheduleError(f"{len(rates)} schedules of the rate for {len(groups)} groups: give one, or one each")
        if momentum is not None and betas is not None:
            raise ScheduleError("momentum= and betas= both: the first beta is the momentum, give one of them")
        first, second = betas or (momentum, None)
        kinds: list[tuple[str, Given | None, Values]] = [
            *(("lr", rate, Rates("lr")) for rate in rates),
            ("weight_decay", weight_decay, Rates("weight_decay")),
            ("momentum", first, Momenta(0)),
            ("second_beta", second, Momenta(1)),
        ]
        followed = [(name, timed(name, given, steps, clock), own) for name, given, own in kinds if given is not None]
        self.names = [name for name, _, _ in followed]
        self.schedules = [schedule for _, schedule, _ in followed]
        self.values = [own for _, _, own in followed]
        if peak is not None:
            _scale(groups, peak)
        self.find(groups)

    def find(self, groups: Sequence[Group]) -> None:
        """Sees which groups there are; those beyond the schedules of the rate follow the last of them."""
        rates = self.names.count("lr")
        for i, values in enumerate(self.values):
            own = groups[i : i + 1] if i < rates - 1 else groups[i:] if i == rates - 1 else groups
            values.found_in(own)

    def factors(self, t: np.ndarray) -> np.ndarray:
        """The factor of each schedule at positions of shape (n,): shape (schedules, n)."""
        return np.array([np.broadcast_to(schedule(t), t.shape) for schedule in self.schedules], dtype=float)

    def state(self, step: int, time: float) -> dict[str, Any]:
        """What a training that made `step` updates and came to `time` on the schedules needs to go on."""
        return {"step": step, "time": time, "names": self.names, "schedules": [text(own) for own in self.schedules]}

    def position(self, state: dict[str, Any]) -> tuple[int, float]:
        """The updates made, and the position on these schedules, from which a state goes on.

        Raises:
            ScheduleError: it isn't a state, or what was made so far would have been made at other rates.
        """
        if "step" not in state:
            raise ScheduleError(
                f"a state with {', '.join(map(str, state))} is another scheduler's: from it, load the updates made, "
                '{"step": updates}'
            )
        step, names = int(state["step"]), state.get("names", self.names)
        position = time = float(state.get("time", step))
        if names != self.names:
            raise ScheduleError(f"the state was saved with schedules of {', '.join(names)}; this scheduler has them of "
                                f'{", ".join(self.names)}: give the same, or load {{"step": {step}}}')  # fmt: skip
        for was, now in zip(state.get("schedules", [None] * len(names)), self.schedules, strict=True):
            position = resumed(was, now, step, time)
        return step, position


def timed(name: str, given: Given, steps: Time | None, clock: Clock | None) -> Schedule:
    """A schedule that can be called: with its horizon, where one is given or needed.

    Raises:
        ScheduleError: it isn't a schedule, or lacks a horizon or a unit; the message says which argument has it.
    """
    schedule = parse(given) if isinstance(given, str) else given
    if not isinstance(schedule, Schedule):
        raise ScheduleError(f"{name}={given!r}: give a schedule or its text, such as 'warmup(5%) >> cosine'")
    if steps is not None:
        return schedule.over(steps, clock)
    if clock is not None:
        raise ScheduleError(f"{name}={schedule!r}: a clock needs a horizon, steps=")
    try:
        schedule(0)
    except ScheduleError as error:
        raise ScheduleError(f"{name}={schedule!r}: {error}; a scheduler takes it as steps=") from None
    return schedule


def _scale(groups: Sequence[Group], peak: float) -> None:
    """Makes the largest initial rate the peak; the others keep their proportion to it."""
    if not (math.isfinite(peak) and peak > 0):
        raise ScheduleError(f"peak={peak}: it must be a positive rate")
    initial = [float(group["initial_lr"] if "initial_lr" in group else group["lr"]) for group in groups]
    largest = max(initial)
    for group, own in zip(groups, initial, strict=True):
        group["initial_lr"] = peak * own / largest if largest else peak
