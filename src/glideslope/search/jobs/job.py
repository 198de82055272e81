"""A job: the training that a search may drive."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from glideslope.errors import JobError
from glideslope.search.jobs.calls import FAILURES, described


@runtime_checkable
class Job(Protocol):
    """A training that can make an update at a given rate, measure itself, and go back to where it was.

    A job may also have `reseed(seed)`, which seeds its randomness anew: other data order, the same weights. A range
    test then makes several sweeps. And `estimate(updates)`, the validation loss measured on a part of the validation
    data, the same part each time, for about the cost of so many updates: short runs are then ranked by it.

    And `controls`, the names of what `step` can set besides the rate; `skip()`, which passes a batch by without an
    update, for a guard; `average(kind, amount)`, which begins to average the weights, and `evaluate_average()`.
    """

    def step(self, lr: float, **controls: float) -> Any:
        """Makes one update at rate `lr`; returns its training loss, a float or a scalar left on its device.

        It may be the same tensor each time, into which the next loss is written: it is copied before.
        """
        ...

    def evaluate(self) -> float:
        """The validation loss; the model is unchanged by it."""
        ...

    def state(self) -> object:
        """An independent snapshot of all that the next step depends on."""
        ...

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken, as often as asked."""
        ...


JobFactory = Callable[[int], Job]
"""Makes a job from a seed."""


IN_A_FILE = (
    "write a function `def job(seed)` in a file, and give that function, or "
    "glideslope.search.load_job('path/to/file.py:job')"
)
"""What to do where workers can't get the function that makes jobs."""


def is_factory(source: Any) -> bool:
    """Whether it makes jobs. A job may itself be called, as a torch module; a class makes jobs, though it has `step`.

    >>> is_factory(lambda seed: None)
    True
    """
    return callable(source) and (isinstance(source, type) or not hasattr(source, "step"))


class JobFile:
    """The function of a file that makes jobs, by its place `path/to/file.py:job` and its absolute path.

    It is pickled as its place: who unpickles it loads the file on the first call, which raises what `load_job` raises.
    """

    def __init__(self, place: str, file: Path) -> None:
        self.place, self.file = place, file

    def __call__(self, seed: int, **options: Any) -> Job:
        processes = getattr(self.__wrapped__, "processes", 1)
        if processes == 1:
            return self.of_rank(seed, **options)
        if not isinstance(processes, int) or processes < 1:
            raise JobError(
                f"{self.place} has processes = {processes!r}: it is how many processes make a job, 1 or more"
            )
        from glideslope.search.jobs.ranks import Ranks

        return Ranks(functools.partial(self.of_rank, seed, **options), processes)

    def of_rank(self, seed: int, **options: Any) -> Job:
        """The job of this process, one of several or the only one."""
        make = functools.partial(self.__wrapped__, **options)
        return check_methods(_made(make, self.place, seed), self.place)

    @functools.cached_property
    def __wrapped__(self) -> Callable[..., Any]:
        """The function; its signature is that of this object too."""
        path, _, name = self.place.rpartition(":")
        file = self.file if self.file.is_file() else Path(path).absolute()  # on a worker, in its copy of the folder
        if not file.is_file():
            here = socket.gethostname()
            where = f"on {here}" if self.file == Path(path) else f"({self.file} on {here})"
            raise JobError(f"there is no file {path!r} {where}: a job is path/to/file.py:function")
        function = getattr(_module(file), name, None)
        if not callable(function):
            raise JobError(f"{path} has no function {name!r}: define `def {name}(seed: int) -> Job`")
        return function  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[type[JobFile], tuple[str, Path]]:
        return JobFile, (self.place, self.file)

    def __repr__(self) -> str:
        return f"<JobFile {self.place}>"


def load_job(place: str) -> JobFile:
    """The function that a job file has: `path/to/file.py:job`. It can be pickled, so workers can make its jobs.

    Raises:
        JobError: the file or the function is missing, the file can't be run, or what it makes isn't a job.
    """
    path, colon, name = place.rpartition(":")
    if not colon or not name.isidentifier():
        raise JobError(f"{place!r} is not a job: write path/to/file.py:function")
    job = JobFile(place, Path(path).absolute())
    job.__wrapped__  # noqa: B018  (loads it)
    return job


def check_takes_optimizer(make: JobFactory) -> None:
    """Raises a JobError unless a function that makes jobs takes the name of an optimizer."""
    parameters = inspect.signature(make).parameters
    if "optimizer" not in parameters and all(p.kind != p.VAR_KEYWORD for p in parameters.values()):
        raise JobError(
            "the function that makes jobs takes no optimizer: write `def job(seed, optimizer=None)`, and where one is "
            "given make it with gs.torch.automatic(optimizer, model.parameters())"
        )


def check_methods(job: Any, place: str = "the job") -> Job:
    """The job, if it has every method of the protocol. Raises a JobError that names those it lacks."""
    missing = [name for name in ("step", "evaluate", "state", "restore") if not callable(getattr(job, name, None))]
    if missing:
        raise JobError(
            f"{place} gives a {type(job).__name__} without {', '.join(missing)}: a job has step(lr), evaluate(), "
            "state() and restore(state); glideslope.torch.Job makes one"
        )
    return job  # type: ignore[no-any-return]


def _module(file: Path) -> Any:
    """The module in a file, run as a script's neighbours would expect: imports beside it work."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise JobError(f"{file} is not a Python file: a job is path/to/file.py:function")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # so that data loader workers find what it defines
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except FAILURES as error:
        advice = _beside_its_package(file) if "relative import" in str(error) else ""
        raise JobError(f"{file} can't be run: {described(error)}{advice}") from error
    return module


def _beside_its_package(file: Path) -> str:
    """What to do about a file that imports relatively to its package: a job's file is run by itself."""
    names, folder = [file.stem], file.parent.resolve()
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        names, folder = [folder.name, *names], folder.parent
    if len(names) == 1:
        return ": a job's file is run by itself, so write its imports without dots"
    return f": a job's file is run by itself, so name another, in {folder}, with `from {'.'.join(names)} import job`"


def _made(make: Callable[[int], Any], place: str, seed: int) -> Any:
    try:
        return make(seed)
    except JobError:
        raise
    except FAILURES as error:
        raise JobError(f"{place} failed to make a job: {described(error)}") from error
