"""Runs of a search on a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import ray

from glideslope.documents import shown
from glideslope.errors import SearchError
from glideslope.schedules.numbers import is_number
from glideslope.search.executors.processes import THREADS
from glideslope.search.jobs.calls import one_line

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["executor"]

REACHED = 10.0  # seconds within which a cluster's address is reached, if it is right


@contextmanager
def executor(
    address: str = "auto", *, cpus_per_trial: float = 1.0, gpus_per_trial: float = 0.0,
    working_dir: str | Path | None = None,
) -> Iterator[Executor]:  # fmt: skip
    """An executor whose workers are those of a Ray cluster; its end stops the runs in progress.

    Each run is a task of Ray with these resources, so as many are made at once as the cluster has room for, and each
    sees the GPUs that it was given. A run whose node is lost is made again by the search, from its last checkpoint
    where the new node reaches it.

    Args:
        address: the cluster's: "auto" for the one that this machine belongs to, `ray://HOST:PORT`, or "local" for one
            that is started here for the search. Where this process is connected already, it stays so.
        cpus_per_trial: the CPUs of each run.
        gpus_per_trial: the GPUs of each run; a part of one, such as 0.5, lets runs share it.
        working_dir: a folder that Ray copies to each node; a job file is found there by its relative path.

    Raises:
        SearchError: there is no such cluster, or none of its nodes has the CPUs and GPUs of one run.

    Example:
        with gs.ray.executor("auto", gpus_per_trial=1) as executor:
            gs.tune(gs.search.load_job("train.py:job"), 20_000, executor=executor)
    """
    for name, number in (("cpus_per_trial", cpus_per_trial), ("gpus_per_trial", gpus_per_trial)):
        if not (is_number(number) and 0 <= number < 1e6):
            raise SearchError(f"{name} {number}: give a number, 0 or more")
    if not isinstance(address, str):
        raise SearchError(f'address {shown(address)}: give "auto", "local" or "ray://HOST:PORT"')
    if working_dir is not None and "://" not in str(working_dir) and not Path(working_dir).exists():
        raise SearchError(f"the working_dir {working_dir} doesn't exist: give the folder that each node gets a copy of")
    connected_before = ray.is_initialized()
    if connected_before and working_dir is not None:
        raise SearchError(
            "Ray takes a working_dir as it is connected to, and this process is connected: give it to ray.init, as "
            'runtime_env={"working_dir": ...}'
        )
    if not connected_before:
        _connect(address, working_dir)
    users = {**os.environ, **ray.get_runtime_context().runtime_env.get("env_vars", {})}
    threads = {name: users.get(name, str(max(int(cpus_per_trial), 1))) for name in THREADS}
    environment = {"env_vars": threads}
    tasks = _Tasks({"num_cpus": cpus_per_trial, "num_gpus": gpus_per_trial, "runtime_env": environment})
    try:
        _check_resources(cpus_per_trial, gpus_per_trial)
        yield tasks
    finally:
        tasks.end()
        if not connected_before:
            ray.shutdown()


def _connect(address: str, working_dir: str | Path | None) -> None:
    environment = {} if working_dir is None else {"working_dir": str(working_dir)}
    try:
        _check_reachable(address)
        with warnings.catch_warnings(action="ignore"):  # of what the error says
            ray.init(address, runtime_env=environment or None, log_to_driver=False, logging_level=logging.WARNING)
    except Exception as error:  # of Ray, of gRPC, or of the folder
        reason = one_line(error).rstrip(".")
        if working_dir is not None and str(working_dir) in reason:
            raise SearchError(f"Ray can't take the working_dir {working_dir}: {reason}") from error
        raise SearchError(
            f"no Ray cluster at {address}: {reason}; start one with `ray start --head`, or give ray://HOST:PORT"
        ) from error


def _check_reachable(address: str) -> None:
    """Raises an OSError or a ValueError where nothing listens at HOST:PORT, for which Ray would wait without end."""
    place = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    host, _, port = place.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), REACHED).close()


def _check_resources(cpus: float, gpus: float) -> None:
    """Raises where no node has room for a run."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        most = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in ("CPU", "GPU")}
        raise SearchError(
            f"a run needs {cpus:g} CPUs and {gpus:g} GPUs, and no node of the Ray cluster has both: the most are "
            f"{most['CPU']:g} CPUs and {most['GPU']:g} GPUs"
        )


class _Tasks(Executor):
    """Calls functions as tasks of Ray with these options; Ray isn't to retry a task, since a search does."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._left: dict[Any, Future[Any]] = {}
        self._lock = threading.Lock()

    def submit(self, function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> Future[T]:
        """Calls a function on a node that has room."""
        remote = ray.remote(max_retries=0, max_calls=0, **self._options)(function)
        reference = remote.remote(*args, **options)
        future = _Future(reference)
        with self._lock:
            self._left[reference] = future
        reference.future().add_done_callback(lambda ended: self._ended(reference, future, ended))
        return future

    def end(self) -> None:
        """Ends the tasks that are left."""
        with self._lock:
            left = list(self._left)
        for reference in left:
            with suppress(Exception):  # the cluster may be gone
                ray.cancel(reference, force=True)

    def _ended(self, reference: Any, future: Future[Any], ended: Future[Any]) -> None:
        with self._lock:
            self._left.pop(reference, None)
        if future.cancelled():
            return
        if (error := ended.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(ended.result())


class _Future(Future[Any]):
    """The future of a task that hasn't begun until it has a result; where it is cancelled, Ray cancels the task."""

    def __init__(self, reference: Any) -> None:
        super().__init__()
        self._reference = reference

    def cancel(self) -> bool:
        if cancelled := super().cancel():
            with suppress(Exception):
                ray.cancel(self._reference, force=True)
        return cancelled
