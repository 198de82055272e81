"""Where a command makes the runs of its search: here, in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from glideslope.errors import GlideslopeError


@dataclass(frozen=True)
class Executors:
    """The options that say where the runs of a search are made."""

    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Make the runs in this many processes; in this one if not given.")
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Make the runs on a Ray cluster: auto, local or ray://HOST:PORT."),
    ] = None
    gpus_per_trial: Annotated[
        float | None, typer.Option(metavar="N", help="The GPUs of each run on workers; parts of one on Ray.")
    ] = None
    cpus_per_trial: Annotated[
        float | None, typer.Option(metavar="N", help="The CPUs of each run on Ray; 1 if not given.")
    ] = None
    working_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder that each node of Ray gets a copy of, the job in it.")
    ] = None

    def open(self) -> AbstractContextManager[Executor | None]:
        """The executor, None without workers or a cluster. Raises a GlideslopeError if an option doesn't fit."""
        if self.workers is not None and self.ray is not None:
            raise GlideslopeError("--workers are processes of this machine, and --ray is a cluster: give one of them")
        if self.ray is not None:
            import glideslope

            cpus = 1.0 if self.cpus_per_trial is None else self.cpus_per_trial
            return glideslope.ray.executor(
                self.ray, cpus_per_trial=cpus, gpus_per_trial=self.gpus_per_trial or 0.0, working_dir=self.working_dir
            )
        for name, value in (("--cpus-per-trial", self.cpus_per_trial), ("--working-dir", self.working_dir)):
            if value is not None:
                raise GlideslopeError(f"{name} is for runs on a cluster: give it with --ray auto or ray://HOST:PORT")
        gpus = self.gpus_per_trial
        if self.workers is None:
            if gpus is not None:
                raise GlideslopeError("--gpus-per-trial is for runs on workers: give it with --workers N or --ray auto")
            return nullcontext()
        if self.workers < 1:
            raise GlideslopeError(f"--workers {self.workers}: give at least 1")
        if gpus is not None and gpus != int(gpus):
            raise GlideslopeError(f"--gpus-per-trial {gpus:g}: processes have whole GPUs; parts of one are for --ray")
        from glideslope.search.executors.processes import processes

        return processes(self.workers, int(gpus or 0))


def check_speculation(ahead: int, executor: Executor | None) -> None:
    """Raises where runs are to be made ahead, and there are no workers."""
    if ahead < 0:
        raise GlideslopeError(f"--speculate {ahead}: give 0 or more")
    if ahead and executor is None:
        raise GlideslopeError("--speculate is for idle workers: give it with --workers N or --ray ADDRESS")
