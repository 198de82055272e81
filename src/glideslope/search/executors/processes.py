"""Worker processes of this machine, each of which may be lost without the others."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from glideslope.errors import SearchError
from glideslope.plural import plural
from glideslope.search.jobs import interrupts
from glideslope.search.jobs.calls import FAILURES, described
from glideslope.search.jobs.job import IN_A_FILE
from glideslope.search.jobs.scalars import whole
from glideslope.search.runs import preemption
from glideslope.warning import print_as_lines

P = ParamSpec("P")
T = TypeVar("T")

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What tells the libraries of arrays how many threads to have. One each, where the user doesn't say: so sums are the
same whatever the number of workers, and workers don't wait for one another."""

GRACE = 5.0  # seconds that a process has to checkpoint its run before it is ended


@contextmanager
def processes(number: int, gpus_per_trial: int = 0) -> Iterator[Executor]:
    """An executor of so many processes, which start when they are needed; at its end, those that still work are stopped
    and their runs checkpointed. Each sees `gpus_per_trial` GPUs of its own; with 0 it sees those of this process.
    Raises a SearchError if the number isn't positive, there are too few GPUs, or the program is read from standard
    input, where a process can't read it."""
    _check_script()
    if (number := whole("workers", number)) < 1:
        raise SearchError(f"{number} workers: give at least 1")
    environments = shares(number, whole("gpus_per_trial", gpus_per_trial))
    unset = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))  # before a process starts: libraries read it as they are loaded
    executor = Processes(environments)
    try:
        yield executor
    finally:
        executor.end()
        for name in unset:
            os.environ.pop(name, None)


class Processes(Executor):
    """Processes, each behind a thread that waits for it and replaces it where it is lost. The pool of the standard
    library takes no more work where one of its processes is lost, and ends the others; so each process is a pool. Each
    has the variables of one of the environments besides those of this process."""

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self._threads = ThreadPoolExecutor(len(environments), "glideslope-worker")
        self._environments = list(environments)
        self._of_thread = threading.local()
        self._lock, self._ended = threading.Lock(), False
        self._running: set[_Process] = set()

    def submit(self, function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> Future[T]:
        """Calls a function in a process that is free, as soon as one is."""
        return self._threads.submit(self._call, function, args, options)

    def end(self) -> None:
        """Ends the processes, whatever they do."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._ended = True
            for process in self._running:
                process.stop()
        self._threads.shutdown()
        for process in self._running:
            process.end()

    def _call(self, function: Callable[..., T], args: Any, options: Any) -> T:
        process = self._process()
        try:
            return process.call(function, args, options)
        except BrokenExecutor:
            with self._lock:
                self._running.discard(process)
            self._of_thread.process = None
            process.end()
            raise

    def _process(self) -> _Process:
        """The process of this thread."""
        process: _Process | None = getattr(self._of_thread, "process", None)
        with self._lock:
            if self._ended:
                raise BrokenExecutor("the workers are ended")
            if not hasattr(self._of_thread, "environment"):
                self._of_thread.environment = self._environments.pop()
            if process is None:
                process = self._of_thread.process = _Process(self._of_thread.environment)
                self._running.add(process)
            process.busy = True
        return process


class _Process:
    """A process that lives as long as this one, and no longer than it is wanted; `busy` while it works."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        context = get_context("spawn")  # a process that has used a GPU can't be forked
        self.busy = False
        self._reader, self._wanted = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(1, context, _begin, (self._reader, dict(environment)))

    def call(self, function: Callable[..., T], args: Any, options: Any) -> T:
        try:
            sent = pickle.dumps((function, args, options))  # here, where what it raises is an error of the caller
            with interrupts.held_back():
                future = self._pool.submit(_perform, sent)
            result: T = future.result()
            return result
        finally:
            self.busy = False

    def stop(self) -> None:
        """Ends what it does; its caller then gets a `BrokenExecutor`."""
        if self.busy:
            self._wanted.close()

    def end(self) -> None:
        """Waits for its end, and frees what it takes."""
        self._pool.shutdown()
        self._wanted.close()
        self._reader.close()


def _begin(wanted: Connection, environment: dict[str, str]) -> None:
    """What a worker does first: an interrupt of the terminal is for the search, which ends its workers."""
    os.environ.update(environment)
    print_as_lines()
    interrupts.ignore()
    signal.signal(signal.SIGTERM, lambda number, frame: _leave_after_saving())
    threading.Thread(target=_end_with, args=(wanted,), daemon=True).start()


def _perform(sent: bytes) -> Any:
    """Calls what was sent; where it can't be read, as a class that this process lacks, that is an error of the call."""
    try:
        function, args, options = pickle.loads(sent)
    except FAILURES as error:
        raise SearchError(f"the job can't be read in a worker ({described(error)}): {IN_A_FILE}") from None
    return function(*args, **options)


def _check_script() -> None:
    """Raises a SearchError where processes can't read the program that starts them, which each does first; ends one
    that reads it now, and would start others."""
    if getattr(current_process(), "_inheriting", False):
        sys.exit(
            "glideslope: a worker reads the script that starts it, which would start workers again: put what the "
            'script does under `if __name__ == "__main__":`'
        )
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if file and not os.path.exists(file) and getattr(main, "__spec__", None) is None:
        raise SearchError(f"workers read the script that starts them, and there is no file {file}: write it to one")


def _leave_after_saving() -> bool:
    """Ends this process: at once where it makes no run that is checkpointed, else after the next checkpoint."""
    return preemption.ask(lambda: os._exit(1)) or os._exit(1)


def _end_with(wanted: Connection) -> None:
    """Ends this process as soon as the search has closed its end of a pipe, or is no more."""
    try:
        wanted.recv()
    except (EOFError, OSError):
        _leave_after_saving()
        time.sleep(GRACE)
        os._exit(1)


VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpus() -> list[str]:
    """The GPUs of this process: those in `CUDA_VISIBLE_DEVICES`, where it is set, else all that the driver lists."""
    if (visible := os.environ.get(VISIBLE)) is not None:
        names = [name.strip() for name in visible.split(",")]
        return names[: names.index("-1")] if "-1" in names else [name for name in names if name]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed.stdout.split()


def shares(workers: int, gpus_per_trial: int) -> list[dict[str, str]]:
    """The environment by which each worker sees its GPUs only, {} for 0 each. Raises a SearchError for too few."""
    if gpus_per_trial < 0:
        raise SearchError(f"--gpus-per-trial {gpus_per_trial}: give 0 or more")
    if gpus_per_trial == 0:
        return [{}] * workers
    there, needed = gpus(), workers * gpus_per_trial
    if len(there) < needed:
        which = f"{VISIBLE} names {len(there)}" if VISIBLE in os.environ else f"this machine has {len(there)}"
        advice = f"at most {len(there) // gpus_per_trial} workers, or " if len(there) >= gpus_per_trial else ""
        raise SearchError(
            f"{plural(workers, 'worker')} with {plural(gpus_per_trial, 'GPU')} each need {needed}, and {which}: give "
            f"{advice}--gpus-per-trial 0 for runs on the CPU"
        )
    parts = [there[i * gpus_per_trial : (i + 1) * gpus_per_trial] for i in range(workers)]
    return [{VISIBLE: ",".join(part)} for part in parts]
