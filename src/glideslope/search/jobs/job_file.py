"""A job file: the function at `path/to/file.py:job` that makes jobs."""

from __future__ import annotations

import functools
import importlib.util
import os
import socket
import sys
import sysconfig
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.files import checked_path
from glideslope.search.jobs.calls import FAILURES, described, end_child
from glideslope.search.jobs.job import Job, check_methods
from glideslope.search.jobs.used_files import watch


class JobFile:
    """The function of a file that makes jobs, by its place `path/to/file.py:job` and its absolute path. It is pickled
    as its place: who unpickles it loads the file on the first call, which raises what `load_job` raises."""

    def __init__(self, place: str, file: Path) -> None:
        self.place, self.file = place, file

    def __call__(self, seed: int, **options: Any) -> Job:
        processes = getattr(self.__wrapped__, "processes", 1)
        if processes == 1:
            return self.of_rank(seed, **options)
        if not isinstance(processes, int) or processes < 1:
            raise JobError(f"{self.place} has processes = {processes!r}: the processes that make a job, 1 or more")
        from glideslope.search.jobs.ranks import Ranks

        return Ranks(functools.partial(self.of_rank, seed, **options), processes)

    def of_rank(self, seed: int, **options: Any) -> Job:
        """The job of this process, one of several or the only one."""
        try:
            return check_methods(self.__wrapped__(seed, **options), self.place)
        except JobError:
            raise
        except FAILURES as error:
            raise JobError(f"{self.place} failed to make a job: {described(error)}") from error

    @functools.cached_property
    def __wrapped__(self) -> Callable[..., Any]:
        """The function; its signature is that of this object too."""
        (path, _, name), file = self.place.rpartition(":"), self.here
        if not file.is_file():
            here = socket.gethostname()
            where = f"on {here}" if self.file == Path(path) else f"({self.file} on {here})"
            what = f"{path!r} is a folder" if file.is_dir() else f"there is no file {path!r}"
            raise JobError(f"{what} {where}: a job is path/to/file.py:function")
        function = getattr(_module(file), name, None)
        if not callable(function):
            raise JobError(f"{path} has no function {name!r}: define `def {name}(seed: int) -> Job`")
        return function  # type: ignore[no-any-return]

    @property
    def here(self) -> Path:
        """The file; on a worker that doesn't have it, that in its copy of the folder."""
        return self.file if self.file.is_file() else Path(self.place.rpartition(":")[0]).absolute()

    def __reduce__(self) -> tuple[type[JobFile], tuple[str, Path]]:
        return JobFile, (self.place, self.file)

    def __repr__(self) -> str:
        return f"<JobFile {self.place}>"


def load_job(place: str) -> JobFile:
    """The function that a job file has: `path/to/file.py:job`. It can be pickled, so workers can make its jobs. Raises
    a JobError if the file or the function is missing, the file can't be run, or what it makes isn't a job."""
    path, colon, name = place.rpartition(":") if isinstance(place, str) else ("", "", "")
    if not colon or not name.isidentifier():
        raise JobError(f"{shown(place)} is not a job: write path/to/file.py:function")
    job = JobFile(place, checked_path(path).absolute())
    job.__wrapped__  # noqa: B018  (loads it)
    return job


def _module(file: Path) -> Any:
    """The module in a file, run as a script's neighbours would expect: imports beside it work."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise JobError(f"{file} is not a Python file: a job is path/to/file.py:function")
    installed = PathFinder.find_spec(file.stem, [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    taken = installed is not None and installed.origin not in (None, str(file))
    if file.stem in sys.stdlib_module_names or taken:
        raise JobError(f"{file} has the name of a library, which others would import in its place: rename the file")
    module = importlib.util.module_from_spec(spec)
    watch(file)
    sys.modules[file.stem] = module  # so that data loader workers find what it defines
    sys.path.insert(0, str(file.parent.resolve()))
    process = os.getpid()
    try:
        spec.loader.exec_module(module)
    except FAILURES as error:
        advice = _beside_its_package(file) if "relative import" in str(error) else ""
        raise JobError(f"{file} can't be run: {described(error)}{advice}") from error
    finally:
        end_child(process, str(file))
    return module


def _beside_its_package(file: Path) -> str:
    """What to do about a file that imports relatively to its package: a job's file is run by itself."""
    names, folder = [file.stem], file.parent.resolve()
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        names, folder = [folder.name, *names], folder.parent
    if len(names) == 1:
        return ": a job's file is run by itself, so write its imports without dots"
    return f": a job's file is run by itself, so name another, in {folder}, with `from {'.'.join(names)} import job`"
