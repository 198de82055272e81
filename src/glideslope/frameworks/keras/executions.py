"""The rate of each batch where Keras makes several at once, `steps_per_execution`, and calls back once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glideslope.schedules import Schedule


def follow(model: Any, optimizer: Any, schedule: Schedule, begin: int, every: int) -> Callable[[], None]:
    """Makes the rate of an optimizer follow a schedule within a compiled execution, until what is returned is called.

    The optimizer's own rate, a variable, is the peak times what feedbacks do; the factor is computed from its count of
    batches where Keras computes the update.

    Args:
        model: whose update is compiled anew, before and after.
        optimizer: the one that makes the updates.
        schedule: with its horizon.
        begin: the updates made before the schedule begins.
        every: the batches to an update.
    """

    def rate() -> Any:
        return optimizer._learning_rate * schedule(optimizer._iterations.value // every - begin)

    def leave() -> None:
        if optimizer.__dict__.pop("_get_current_learning_rate", None) is not None:
            model.make_train_function(force=True)

    optimizer.__dict__["_get_current_learning_rate"] = rate
    model.make_train_function(force=True)
    return leave
