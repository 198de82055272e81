"""Whether a job keeps what the protocol promises: the checks that Glideslope's own jobs pass."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

from glideslope.errors import JobError
from glideslope.schedules.amounts import check_peak, check_positive
from glideslope.search.jobs.calls import FAILURES, calling, described
from glideslope.search.jobs.job import Job, check_methods
from glideslope.search.jobs.scalars import number, whole


def check_job(job: Job, *, lr: float = 1e-3, steps: int = 5) -> None:
    """Checks a job: that it can be saved, restored and measured as a search does, and goes on exactly as before.

    The checks make about fifteen times `steps` updates, and then restore the job to where it was.

    Args:
        job: the job.
        lr: a rate at which the training doesn't diverge.
        steps: updates in each check; with more than an epoch has, the end of an epoch is checked too.

    Raises:
        JobError: a promise isn't kept; the message lists all that aren't.
        SearchError: the rate or the number of updates isn't positive.

    >>> class Quadratic:
    ...     w = 1.0
    ...     def step(self, lr):
    ...         loss, self.w = self.w**2 / 2, self.w - lr * self.w
    ...         return loss
    ...     def evaluate(self):
    ...         return self.w**2 / 2
    ...     def state(self):
    ...         return self.w
    ...     def restore(self, state):
    ...         self.w = state
    >>> check_job(Quadratic())
    """
    check_methods(job)
    check_positive(steps=steps)
    lr, steps = check_peak(lr), whole("steps", steps)
    with calling("state", "before any check"):
        start = job.state()
    broken: list[str] = []
    for check in CHECKS:
        try:
            if problem := check(job, lr, steps):
                broken.append(f"{check.__doc__}: {problem}")
        except FAILURES as error:
            broken.append(f"{check.__doc__}: {_raised(error)}")
        try:
            job.restore(start)
        except FAILURES as error:
            broken.append(f"restore works: {_raised(error)}")
            break
    if broken:
        what = "a promise" if len(broken) == 1 else f"{len(broken)} promises"
        raise JobError(f"the job {type(job).__name__} doesn't keep {what} of a job:\n" + "\n".join(broken))


def _restores(job: Job, lr: float, steps: int) -> str | None:
    """restore goes back to where state was taken"""
    _losses(job, lr, steps // 2)
    state, before = job.state(), number(job.evaluate())
    first = _losses(job, lr, steps)
    job.restore(state)
    after = number(job.evaluate())
    if problem := _differ(first, _losses(job, lr, steps)):
        return f"{problem} {_SHARED}"
    return None if same(before, after) else f"the validation loss {before:.6g} came again as {after:.6g}: {WHOLE}"


def _restores_again(job: Job, lr: float, steps: int) -> str | None:
    """restore goes back as often as asked"""
    state = job.state()
    first = _losses(job, lr, steps)
    job.restore(state)
    _losses(job, lr, steps // 2)
    job.restore(state)
    return _differ(first, _losses(job, lr, steps))


def _keeps_states(job: Job, lr: float, steps: int) -> str | None:
    """a state is plain data: it can be stored, and what is read again is as good"""
    state = job.state()
    stored = pickle.dumps(state)
    first = _losses(job, lr, steps)
    job.restore(pickle.loads(stored))  # made three lines above
    return _differ(first, _losses(job, lr, steps))


def _evaluates(job: Job, lr: float, steps: int) -> str | None:
    """evaluate changes nothing"""
    return _measures(job, job.evaluate, lr, steps)


def _estimates(job: Job, lr: float, steps: int) -> str | None:
    """estimate, if it has it, changes nothing"""
    estimate = getattr(job, "estimate", None)
    return _measures(job, lambda: estimate(1.0), lr, steps) if callable(estimate) else None


def _measures(job: Job, measure: Callable[[], float], lr: float, steps: int) -> str | None:
    state = job.state()
    first = _losses(job, lr, steps)
    job.restore(state)
    one = number(measure())  # read before the next, which may be written into the same memory
    other = number(measure())
    if math.isnan(one):
        return "it gave nan: look at the validation data"
    if not same(one, other):
        return f"it gave {one!r}, and then {other!r}; it must give the same number"
    return _differ(first, _losses(job, lr, steps))


def _trains(job: Job, lr: float, steps: int) -> str | None:
    """step makes an update"""
    before = number(job.evaluate())
    losses = _losses(job, lr, steps)
    for update, loss in enumerate(losses, 1):
        if not math.isfinite(loss):
            return (
                f"the loss of update {update} is {loss:g} at a rate of {lr:g}; give check_job a lower one, or look for "
                "bad data"
            )
    after = number(job.evaluate())
    if not _unmoved(job, before, after):
        return None
    _losses(job, lr, _MORE * steps)  # a metric of few values, such as accuracy, may stay for a while
    if not _unmoved(job, before, number(job.evaluate())):
        return None
    return f"the validation loss stayed {before:g} over {(1 + _MORE) * steps} updates"


def _obeys(job: Job, lr: float, steps: int) -> str | None:
    """the rate that step is given is the one it uses"""
    state = job.state()
    for updates in (steps, _MORE * steps):
        _losses(job, lr, updates)
        trained = number(job.evaluate())
        job.restore(state)
        _losses(job, lr / 2, updates)
        half = number(job.evaluate())
        if not _unmoved(job, trained, half):
            return None
        job.restore(state)
    return "half the rate gave the same validation loss"


def _takes_controls(job: Job, lr: float, steps: int) -> str | None:
    """step refuses a control that the job doesn't have"""
    try:
        job.step(lr, **{"no_such_control": 1.0})
    except (JobError, TypeError):
        return None
    return "it took no_such_control=1.0"


def _reseeds(job: Job, lr: float, steps: int) -> str | None:
    """reseed, if it has it, changes the data order and no weight"""
    reseed = getattr(job, "reseed", None)
    if not callable(reseed):
        return None
    before = number(job.evaluate())
    reseed(1)
    if not same(number(job.evaluate()), before):
        return "the validation loss is another"
    first = _losses(job, lr, steps)
    reseed(2)
    return "the losses are the same" if _losses(job, lr, steps) == first else None


CHECKS: tuple[Callable[[Job, float, int], str | None], ...] = (
    _restores, _restores_again, _keeps_states, _evaluates, _estimates, _trains, _obeys, _takes_controls,
    _reseeds,
)  # fmt: skip
"""Each returns how its promise, its docstring, is broken; or None."""

_SHARED = "(if the state is whole: data that draw item by item from the model's generator need one of their own)"
WHOLE = (
    "let state() copy all that training changes (deepcopy), the optimizer's state too; in gs.torch.Job an average of "
    "the weights, a second network or a count belongs in the model, as a module or a buffer"
)
"""What to do where a job isn't restored."""
_MORE = 10  # times as many updates are made again where the validation loss didn't move

SUMMATION = 1e-5
"""The relative difference between validation losses that the order of a sum in single precision may make."""


def same(one: float, other: float) -> bool:
    """Whether two validation losses of the same weights are equal, but for the order in which they were summed."""
    return repr(one) == repr(other) or abs(one - other) <= SUMMATION * max(abs(one), abs(other))


def _unmoved(job: Job, one: float, other: float) -> bool:
    """Whether two validation losses are of the same weights: equal, or as near as two measurements in a row are."""
    if math.isnan(one):  # which says nothing, and is said elsewhere
        return False
    exact = number(job.evaluate()) == number(job.evaluate())
    return one == other if exact else same(one, other)


def _raised(error: BaseException) -> str:
    return described(error) if isinstance(error, SystemExit) else f"it raised {described(error)}"


def _losses(job: Job, lr: float, steps: int) -> list[float]:
    return [number(job.step(lr)) for _ in range(steps)]


def _differ(first: list[float], second: list[float]) -> str | None:
    if repr(first) == repr(second):  # where it is nan again too
        return None
    return f"the losses {_shown(first)} came again as {_shown(second)}"


def _shown(losses: list[float]) -> str:
    return ", ".join(f"{loss:.6g}" for loss in losses[:2]) + ", ..."
