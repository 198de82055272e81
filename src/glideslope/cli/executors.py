"""Where a command makes the runs of its search: here, in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from glideslope.errors import GlideslopeError

Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Make the runs in so many processes; in this one if not given.")
]
Speculate = Annotated[
    int,
    typer.Option(metavar="N", help="Let idle workers make so many runs that may come next, beyond the bound."),
]
Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Make the runs on a Ray cluster: auto, local or ray://HOST:PORT."),
]
GpusPerTrial = Annotated[
    float | None, typer.Option(metavar="N", help="The GPUs of each run on workers; parts of one on Ray.")
]
CpusPerTrial = Annotated[float | None, typer.Option(metavar="N", help="The CPUs of each run on Ray; 1 if not given.")]
WorkingDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The folder that each node of Ray gets a copy of, the job in it.")
]
Checkpoints = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Where checkpoints lie, such as s3://bucket/folder; else in --out."),
]


def working(
    workers: int | None, ray: str | None, gpus: float | None, cpus: float | None, folder: Path | None
) -> AbstractContextManager[Executor | None]:
    """The executor that makes the runs of a search; none without workers or a cluster.

    Raises:
        GlideslopeError: an option doesn't fit the others, or there are too few GPUs.
    """
    if workers is not None and ray is not None:
        raise GlideslopeError("--workers are processes of this machine, and --ray is a cluster: give one of them")
    if ray is not None:
        import glideslope

        return glideslope.ray.executor(
            ray, cpus_per_trial=1.0 if cpus is None else cpus, gpus_per_trial=gpus or 0.0, working_dir=folder
        )
    for name, value in (("--cpus-per-trial", cpus), ("--working-dir", folder)):
        if value is not None:
            raise GlideslopeError(f"{name} is for runs on a cluster: give it with --ray auto or ray://HOST:PORT")
    return _processes(workers, gpus)


def check_speculation(ahead: int, executor: Executor | None) -> None:
    """Raises where runs are to be made ahead, and there are no workers."""
    if ahead < 0:
        raise GlideslopeError(f"--speculate {ahead}: give 0 or more")
    if ahead and executor is None:
        raise GlideslopeError("--speculate is for idle workers: give it with --workers N or --ray ADDRESS")


def _processes(workers: int | None, gpus: float | None) -> AbstractContextManager[Executor | None]:
    from glideslope.search.executors.processes import processes

    if workers is None:
        if gpus is not None:
            raise GlideslopeError("--gpus-per-trial is for runs on workers: give it with --workers N or --ray ADDRESS")
        return nullcontext()
    if workers < 1:
        raise GlideslopeError(f"--workers {workers}: give at least 1")
    if gpus is not None and gpus != int(gpus):
        raise GlideslopeError(f"--gpus-per-trial {gpus:g}: processes have whole GPUs; parts of one are for --ray")
    return processes(workers, int(gpus or 0))
