"""A job: the training that a search may drive."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

from glideslope.documents import shown
from glideslope.errors import JobError


@runtime_checkable
class Job(Protocol):
    """A training that can make an update at a given rate, measure itself, and go back to where it was.

    A job may also have `reseed(seed)`, which seeds its randomness anew: other data order, the same weights. A range
    test then makes several sweeps. And `estimate(updates)`, the validation loss measured on a part of the validation
    data, the same part each time, for about the cost of so many updates: by it short runs are ranked then, and full
    ones watched on their way.

    And `controls`, the names of what `step` can set besides the rate; `skip()`, which passes a batch by without an
    update, for a guard; `average(kind, amount)`, which begins to average the weights, and `evaluate_average()`.
    """

    def step(self, lr: float, **controls: float) -> Any:
        """Makes one update at rate `lr`; returns its training loss, a float or a scalar left on its device.

        It may be the same tensor each time, into which the next loss is written: it is copied before.
        """

    def evaluate(self) -> float:
        """The validation loss; the model is unchanged by it."""

    def state(self) -> object:
        """An independent snapshot of all that the next step depends on."""

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken, as often as asked."""


JobFactory = Callable[[int], Job]  #: makes a job from a seed

IN_A_FILE = (
    "write a function `def job(seed)` in a file, and give that function, or "
    "glideslope.search.load_job('path/to/file.py:job')"
)
"""What to do where workers can't get the function that makes jobs."""


_OF_MODELS = ("state_dict", "trainable_weights")
"""What models of torch and of Keras have, which may be given in the place of a job."""


def is_factory(source: Any) -> bool:
    """Whether it makes jobs. A job may itself be called, as a torch module; a class makes jobs, though it has `step`. A
    model alone is called with inputs, and not with a seed.

    >>> is_factory(lambda seed: None)
    True
    """
    others = ("step", *_OF_MODELS)
    return callable(source) and (isinstance(source, type) or not any(hasattr(source, name) for name in others))


def check_takes_optimizer(make: JobFactory) -> None:
    """Raises a JobError unless a function that makes jobs takes the name of an optimizer."""
    parameters = inspect.signature(make).parameters
    if "optimizer" not in parameters and all(p.kind != p.VAR_KEYWORD for p in parameters.values()):
        raise JobError(
            "the function that makes jobs takes no optimizer: write `def job(seed, optimizer=None)`, and where one is "
            "given make it with gs.torch.automatic(optimizer, model.parameters())"
        )


def check_methods(job: Any, place: str = "") -> Job:
    """The job, if it has every method of the protocol. Raises a JobError that names those it lacks."""
    missing = [name for name in ("step", "evaluate", "state", "restore") if not callable(getattr(job, name, None))]
    if missing:
        raise JobError(
            f"{f'{place} gives' if place else 'the job is'} {shown(job, 80)}, without {', '.join(missing)}: a job has "
            "step(lr), evaluate(), state() and restore(state); glideslope.torch.Job makes one"
        )
    return job  # type: ignore[no-any-return]


def controls_of(job: Any) -> frozenset[str]:
    """The controls of a job's `step` besides the rate. Raises a JobError if its `controls` aren't names."""
    names = getattr(job, "controls", ())
    if not isinstance(names, str) and isinstance(names, Iterable) and all(isinstance(name, str) for name in names):
        return frozenset(names)
    raise JobError(
        f"the job's controls are {shown(names)}: give the names of what its step sets, such as "
        '("batch_size", "weight_decay")'
    )
