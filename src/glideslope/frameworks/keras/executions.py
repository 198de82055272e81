"""The rate of each batch where Keras makes several at once, `steps_per_execution`, and calls back once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glideslope.schedules import Schedule


def follow(model: Any, optimizer: Any, schedule: Schedule, begin: int, every: int) -> Callable[[], None]:
    """Makes the rate of an optimizer follow a schedule within a compiled execution, until what is returned is called.

    The optimizer's own rate, a variable, is the peak times the factor of feedbacks; the schedule's factor is computed
    from the optimizer's count of batches, `every` to an update, where Keras computes the update: `begin` updates after
    the first. The model's update is compiled anew, before and after.
    """

    def rate() -> Any:
        return optimizer._learning_rate * schedule(optimizer._iterations.value // every - begin)

    def leave() -> None:
        if optimizer.__dict__.pop("_get_current_learning_rate", None) is not None:
            model.make_train_function(force=True)

    optimizer.__dict__["_get_current_learning_rate"] = rate
    model.make_train_function(force=True)
    return leave
