"""What a scheduler's state holds, read and checked as a whole before anything of it is taken over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.feedback import Controlled
from glideslope.frameworks.torch.past import resumed, text
from glideslope.schedules import Schedule


@dataclass(frozen=True)
class Saved:
    """A state that was read.

    Attributes:
        step: the updates made.
        positions: where each schedule goes on, in its own updates.
        feedback_states: of each schedule, None where it has no feedback.
        bases: the initial values of each group by key; None if the state doesn't have them.
        largest: the largest initial rate of the first groups; None if the state doesn't have it.
    """

    step: int
    positions: list[float]
    feedback_states: list[Any]
    bases: list[dict[str, float]] | None
    largest: float | None


def read_state(
    state: Any,
    names: Sequence[str],
    schedules: Sequence[Schedule],
    feedbacks: Sequence[Controlled | None],
    growth: str | None,
) -> Saved:
    """Reads a state for a scheduler with these schedules, each with its name and feedback.

    Numbers may be of any library, sequences lists or tuples, and an infinite number null, as JSON leaves them.

    Raises:
        ScheduleError: it isn't a state, or what was made so far would have been made at other rates.
    """
    try:
        step = _whole(state["step"])
    except (KeyError, TypeError, ValueError, IndexError):
        shown = dict(state) if isinstance(state, Mapping) else state
        raise ScheduleError(
            f"{shown!r} isn't a state of this scheduler, whose `step` is the updates made; from another scheduler's, "
            'load {"step": updates}'
        ) from None
    try:
        return _read(state, step, names, schedules, feedbacks, growth)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ScheduleError):
            raise
        raise ScheduleError(f"a damaged state ({type(error).__name__}: {error}): {state!r}") from error


def _read(
    state: Mapping[str, Any],
    step: int,
    names: Sequence[str],
    schedules: Sequence[Schedule],
    feedbacks: Sequence[Controlled | None],
    growth: str | None,
) -> Saved:
    instead = f'give the same, or load {{"step": {step}}}'
    if (saved := list(state.get("names", names))) != list(names):
        raise ScheduleError(f"the state was saved with schedules of {', '.join(saved)}; this scheduler has them of "
                            f'{", ".join(names)}: {instead}')  # fmt: skip
    if (grown := state.get("growth", growth)) != growth:
        raise ScheduleError(f"the state was saved with {grown or 'no growth of the batch'}; this scheduler has "
                            f"{growth or 'none'}: {instead}")  # fmt: skip
    texts = list(state.get("schedules", [None] * len(names)))
    times = [_number(time) for time in state.get("times", [step] * len(names))]
    if not len(texts) == len(times) == len(names) or not all(math.isfinite(time) for time in times):
        raise ScheduleError(f"a damaged state, without a text and a time for each of {len(names)} schedules: {state!r}")
    positions = [resumed(was, now, step, time) for was, now, time in zip(texts, schedules, times, strict=True)]
    bases = state.get("bases")
    if bases is not None:
        bases = [{str(key): _number(value) for key, value in group.items()} for group in bases]
        if not all(0 <= value < math.inf for group in bases for value in group.values()):
            raise ScheduleError(f"a damaged state, whose bases aren't rates: {state!r}")
    largest = state.get("largest")
    return Saved(
        step,
        positions,
        _feedback_states(state, feedbacks, instead),
        bases,
        None if largest is None else _number(largest),
    )


def _feedback_states(state: Mapping[str, Any], feedbacks: Sequence[Controlled | None], instead: str) -> list[Any]:
    """The state of each feedback; as before any measurement where none was saved."""
    fresh = [None if feedback is None else feedback.init() for feedback in feedbacks]
    if "feedbacks" not in state:
        return fresh
    ours = [feedback and text(feedback) for feedback in feedbacks]
    if (theirs := list(state["feedbacks"])) != ours:
        raise ScheduleError(f"the state was saved with the feedbacks {theirs}; this scheduler has {ours}: {instead}")
    kept = list(state["feedback_states"])
    if [each and set(each) for each in kept] != [each and set(each) for each in fresh]:
        raise ScheduleError(f"a damaged state of the feedbacks: {kept!r}")
    return [
        None if first is None else {name: _number(each[name], first[name]) for name in first}
        for each, first in zip(kept, fresh, strict=True)
    ]


def _number(value: Any, infinite: float | None = None) -> float:
    """A number of any library; null is the infinite one that JSON has no form of, where that is expected."""
    if value is None and infinite is not None and math.isinf(infinite):
        return infinite
    if isinstance(value, bool | str | bytes) or math.isnan(number := float(value)):
        raise ValueError(f"{value!r} is not a number")
    return number


def _whole(value: Any) -> int:
    """A number of updates, from any library."""
    number = _number(value)
    if not (number.is_integer() and number >= 0):
        raise ValueError(f"{value!r} is not a number of updates")
    return int(value)
