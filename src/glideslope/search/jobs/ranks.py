"""A job of several processes, as of DDP or FSDP: rank 0 answers, and all ranks save and restore together."""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from glideslope.errors import JobError
from glideslope.plural import plural
from glideslope.search.jobs import interrupts
from glideslope.search.jobs.calls import FAILURES, described, end_child
from glideslope.search.jobs.job import controls_of
from glideslope.search.jobs.scalars import number
from glideslope.search.jobs.shards import Shards, pickled, unpickled
from glideslope.search.jobs.start import optimizer_of
from glideslope.search.jobs.used_files import watched
from glideslope.warning import print_as_lines

_OPTIONAL = ("reseed", "estimate", "skip", "average", "evaluate_average")
_HOST = "127.0.0.1"


class Ranks:
    """A job whose every call is made by all of its processes at once. Each makes a job by the function, which can be
    pickled and makes the process group, with the variables that `torchrun` sets: RANK, LOCAL_RANK, WORLD_SIZE,
    LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT. Raises a JobError if it fails in a process, or a process ends."""

    def __init__(self, make: Callable[[], Any], processes: int) -> None:
        context, port = get_context("spawn"), _free_port()
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        for rank in range(processes):
            here, there = context.Pipe()
            names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
            values = (rank, rank, processes, processes, _HOST, port)
            environment = dict(zip(names, map(str, values), strict=True))
            process = context.Process(target=_serve, args=(there, environment, make), daemon=True)
            with interrupts.held_back():
                process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)
        weakref.finalize(self, _end, self._pipes, self._processes)
        try:
            self._has, self.controls, kind = self._answers()[0]
        except JobError:
            _end(self._pipes, self._processes)
            raise
        self.optimizer = kind and type(kind, (), {})()

    def __getattr__(self, name: str) -> Any:
        if name in _OPTIONAL and name in self.__dict__.get("_has", ()):
            return lambda *args: self._call(name, *args)[0]
        raise AttributeError(f"a job of several processes has no {name}")

    def step(self, lr: float, **controls: float) -> float:
        """Makes an update in all processes; the loss of rank 0."""
        return float(self._call("step", lr, **controls)[0])

    def evaluate(self) -> float:
        """The validation loss of rank 0."""
        return float(self._call("evaluate")[0])

    def state(self) -> dict[str, Any]:
        """The states of all ranks."""
        return {"ranks": self._call("state")}

    def restore(self, state: dict[str, Any]) -> None:
        """Restores each rank's state, all before any goes on. Raises a JobError for another number of processes."""
        states = state["ranks"]
        if len(states) != len(self._pipes):
            raise JobError(
                f"a state of {plural(len(states), 'process')}, and the job has {len(self._pipes)}: make as many"
            )
        for pipe, state_of_rank in zip(self._pipes, states, strict=True):
            self._send(pipe, ("restore", (state_of_rank,), {}))
        self._answers()

    def _call(self, name: str, *args: Any, **options: Any) -> list[Any]:
        for pipe in self._pipes:
            self._send(pipe, (name, args, options))
        return self._answers()

    def _send(self, pipe: Connection, call: Any) -> None:
        try:
            pipe.send_bytes(pickled(call))
        except OSError:
            raise self._ended(self._pipes.index(pipe)) from None

    def _answers(self) -> list[Any]:
        """What each rank answers, or the error of the first that fails; the others may wait for that one for ever."""
        answers: dict[int, Any] = {}
        while len(answers) < len(self._pipes):
            for ready in wait([pipe for rank, pipe in enumerate(self._pipes) if rank not in answers]):
                rank = self._pipes.index(ready)  # type: ignore[arg-type]
                try:
                    failed, answers[rank], used = unpickled(self._pipes[rank].recv_bytes())
                except (EOFError, OSError):
                    raise self._ended(rank) from None
                if failed:
                    _end(self._pipes, self._processes)
                    raise JobError(f"rank {rank} of {len(self._pipes)}: {answers[rank]}")
                for folder, files in used.items():
                    watched[folder].add(files)
        return [answers[rank] for rank in range(len(self._pipes))]

    def _ended(self, rank: int) -> JobError:
        _end(self._pipes, self._processes)
        return JobError(f"the process of rank {rank} of {len(self._pipes)} has ended: it was killed, or lacked memory")


def _serve(calls: Connection, environment: dict[str, str], make: Callable[[], Any]) -> None:
    """What a rank does: it makes the calls that it is sent, until there are no more."""
    print_as_lines()
    interrupts.ignore()
    os.environ.update(environment)
    job: Any = None
    shards, process = Shards(), os.getpid()
    with suppress(EOFError):  # at the end of the calls, and of the process that makes them
        while True:
            call = None if job is None else calls.recv_bytes()
            try:
                if call is None:
                    job = make()
                    shards.pickled(job.state())  # so that the layouts are known, whichever state comes first
                    answer: Any = _described(job)
                else:
                    name, args, options = shards.joined(call)
                    answer = getattr(job, name)(*args, **options)
                    answer = number(answer) if name == "step" else answer
                used = {} if call and name == "step" else {folder: files.used() for folder, files in watched.items()}
                content = shards.pickled((False, answer, used))
            except FAILURES as error:
                content = pickled((True, described(error), {}))
            finally:
                end_child(process, "a call of the job")
            calls.send_bytes(content)
            if job is None:
                return


def _described(job: Any) -> tuple[list[str], frozenset[str], str | None]:
    """What a job has: which of the optional methods, its controls, and the name of its optimizer."""
    optimizer = optimizer_of(job)
    return (
        [name for name in _OPTIONAL if callable(getattr(job, name, None))],
        controls_of(job),
        None if optimizer is None else type(optimizer).__name__,
    )


def _end(pipes: list[Connection], processes: list[BaseProcess]) -> None:
    for pipe in pipes:
        pipe.close()
    for process in processes:
        process.join(1.0)
        if process.is_alive():
            process.kill()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        return int(free.getsockname()[1])
