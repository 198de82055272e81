"""A scheduler's state, read and checked as a whole before anything of it is taken over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from glideslope.documents import checked, shown
from glideslope.errors import DocumentError, FeedbackError, ScheduleError
from glideslope.feedback import Controlled
from glideslope.frameworks.seals import check_seal, plain
from glideslope.frameworks.torch.scheduler.resume import resumed, text
from glideslope.schedules import Schedule
from glideslope.schedules.numbers import is_number

MOST_UPDATES = 2**53  # up to here each count is a float
MOST_RATE = 1e38  # the largest rate, which single precision holds
_Count = Annotated[int, Meta(ge=0, le=MOST_UPDATES)]
_Time = Annotated[float, Meta(ge=0, le=MOST_UPDATES)]
_Rate = Annotated[float, Meta(ge=0, le=MOST_RATE)]
_Numbers = dict[str, float | None]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    """The form of a state; what isn't there wasn't saved."""

    step: _Count
    names: list[str] | UnsetType = UNSET
    schedules: list[str | None] | UnsetType = UNSET
    times: list[_Time] | UnsetType = UNSET
    largest: _Rate | None = None
    bases: list[dict[str, _Rate]] | None = None
    growth: str | UnsetType | None = UNSET
    feedbacks: list[str | None] | UnsetType = UNSET
    feedback_states: list[_Numbers | None] | UnsetType = UNSET
    checksum: str | UnsetType = UNSET


@dataclass(frozen=True)
class Saved:
    """A state that was read."""

    step: int  # the updates made
    positions: list[float]  # where each schedule goes on, in its own updates
    feedback_states: list[Any]  # of each schedule, None where it has no feedback
    bases: list[dict[str, float]] | None  # the initial values of each group by key; None if the state doesn't have them
    largest: float | None  # the largest initial rate of the first groups; None if the state doesn't have it


def read_state(
    state: Any, names: Sequence[str], schedules: Sequence[Schedule], feedbacks: Sequence[Controlled | None],
    growth: str | None,
) -> Saved:  # fmt: skip
    """Reads a state for a scheduler with these schedules, each with its name and feedback. Numbers may be of any
    library, sequences lists, tuples or arrays, and an infinite number null, as JSON leaves them. Raises a ScheduleError
    if it isn't a state, was changed since it was saved, or what was made so far would have been made at other rates."""
    try:
        step = _step(plain(state["step"]))
    except (KeyError, TypeError, ValueError, IndexError, DocumentError):
        raise ScheduleError(
            f"{shown(state)} isn't a state of this scheduler, whose `step` is the updates made; from another "
            'scheduler\'s, load {"step": updates}'
        ) from None
    instead = f'load an older one, or {{"step": {step}}} to begin with the schedules as they are there'
    try:
        read = checked(plain(state) | {"step": step}, _State)
        _check_same(read, step, names, feedbacks, growth)
        positions, states = _numbers(read, step, schedules, feedbacks)
        if read.checksum is not UNSET:
            _check_seal(plain(state) | {"step": step}, read.checksum, feedbacks)
    except (DocumentError, FeedbackError) as error:
        raise ScheduleError(f"a damaged state: {error}; {instead}. It is {shown(state)}") from None
    texts = [None] * len(names) if read.schedules is UNSET else read.schedules
    return Saved(
        step, [resumed(was, now, step, time) for was, now, time in zip(texts, schedules, positions, strict=True)],
        states, read.bases, read.largest,
    )  # fmt: skip


def _check_same(
    read: _State, step: int, names: Sequence[str], feedbacks: Sequence[Controlled | None], growth: str | None
) -> None:
    """Raises where the state is of other schedules, growth or feedbacks."""
    instead = f'give the same, or load {{"step": {step}}}'
    if read.names is not UNSET and read.names != list(names):
        raise ScheduleError(f"the state was saved with schedules of {', '.join(read.names)}; this scheduler has them "
                            f"of {', '.join(names)}: {instead}")  # fmt: skip
    if read.growth is not UNSET and read.growth != growth:
        raise ScheduleError(f"the state was saved with {read.growth or 'no growth of the batch'}; this scheduler has "
                            f"{growth or 'none'}: {instead}")  # fmt: skip
    ours = [feedback and text(feedback) for feedback in feedbacks]
    if read.feedbacks is not UNSET and read.feedbacks != ours:
        raise ScheduleError(
            f"the state was saved with the feedbacks {read.feedbacks}; this scheduler has {ours}: {instead}"
        )


def _numbers(
    read: _State, step: int, schedules: Sequence[Schedule], feedbacks: Sequence[Controlled | None]
) -> tuple[list[float], list[Any]]:
    """The positions on the schedules, and the feedbacks' states. Raises a DocumentError or a FeedbackError."""
    number = len(schedules)
    times = [float(step)] * number if read.times is UNSET else read.times
    if any(map(math.isnan, [*times, read.largest or 0.0, *(v for bases in read.bases or [] for v in bases.values())])):
        raise DocumentError("a time or a rate in it is NaN")
    if not len(times) == number == (number if read.schedules is UNSET else len(read.schedules)):
        raise DocumentError(f"it doesn't have a text and a time for each of {number} schedules")
    if (read.feedbacks is UNSET) != (read.feedback_states is UNSET):
        raise DocumentError("feedbacks and feedback_states belong together, and one is missing")
    if read.feedback_states is UNSET:
        return times, [feedback and feedback.init() for feedback in feedbacks]
    if [state is None for state in read.feedback_states] != [feedback is None for feedback in feedbacks]:
        raise DocumentError(f"it doesn't have a state for each of {sum(map(bool, feedbacks))} feedbacks")
    pairs = zip(feedbacks, read.feedback_states, strict=True)
    return times, [None if feedback is None else feedback.restored(state or {}) for feedback, state in pairs]


def _check_seal(state: dict[str, Any], seal: str, feedbacks: Sequence[Controlled | None]) -> None:
    """Raises if the parts of a state aren't those that were saved together; null is the infinite number it was."""
    kept = dict(state)
    if "feedback_states" in kept:
        kept["feedback_states"] = [
            numbers and feedback and {k: feedback.init()[k] if v is None else v for k, v in numbers.items()}
            for numbers, feedback in zip(kept["feedback_states"], feedbacks, strict=True)
        ]
    check_seal(kept, seal)


def _step(value: Any) -> int:
    """A number of updates."""
    if not (is_number(value) and 0 <= value <= MOST_UPDATES and value == int(value)):
        raise ValueError("not a number of updates")
    return int(value)
