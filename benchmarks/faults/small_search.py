"""A small search as the command `race` makes it, in forks of this process; its job is in a file and a module."""

from __future__ import annotations

import functools
import itertools
import json
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import glideslope as gs
from faults.tally import seeded
from glideslope.search import load_job, race
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.storage.identity import identity

JOB = """
from target import TARGET
class Quadratic:
    def __init__(self): self.w = 10.0
    def step(self, lr):
        loss = self.evaluate()
        self.w -= lr * (self.w - TARGET)
        return loss
    def evaluate(self): return (self.w - TARGET) ** 2 / 2 + TARGET
    def state(self): return self.w
    def restore(self, state): self.w = state
def job(seed): return Quadratic()
"""
TARGETS = (1.0, 5.0)
"""Of two jobs; the losses of each end there."""
STEPS = 8
RUNS = {"steps": STEPS, "schedules": ["linear()"], "peaks": [0.3, 0.9]}
_MEMORY = Path("/dev/shm")
_HELD = tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
_NUMBERS = itertools.count()


def folder() -> Path:
    """A new folder."""
    path = Path(_HELD.name) / f"{os.getpid()}-{next(_NUMBERS)}"
    path.mkdir()
    return path


@functools.cache
def job_file(which: int) -> Path:
    """The job file of one of the two jobs, its target in a module beside it."""
    place = folder()
    (place / "target.py").write_text(f"TARGET = {TARGETS[which]}\n")
    (place / "job.py").write_text(JOB)
    return place / "job.py"


def loaded(file: Path) -> Any:
    """The function in a job file, as in a new process: modules of another with the same names are forgotten."""
    for name in ("job", "target"):
        sys.modules.pop(name, None)
    sys.path_importer_cache.clear()
    sys.dont_write_bytecode = True
    sys.path[:] = [path for path in sys.path if not path.startswith(_HELD.name)]
    return load_job(f"{file}:job")


def searched(out: Path, file: Path, **mode: Any) -> list[float]:
    """What the command `race` does with a run directory: the final losses of the search."""
    factory = loaded(file)
    directory = RunDirectory(out, identity("race", f"{file}:job", RUNS), **mode)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raced = race(factory, RUNS["schedules"], STEPS, RUNS["peaks"], evaluations=2, memory=directory,
                         watch=lambda _: directory.claim())  # fmt: skip
        losses = [standing.mean for standing in raced.standings]
        curves = [run.curve for standing in raced.standings for run in standing.runs]
        directory.finish({"losses": losses}, curves, "<p>report</p>")
    finally:
        directory.release()
    return losses


def in_child(work: Callable[[], Any]) -> Any:
    """What a function returns in a fork of this process: its value, its GlideslopeError's text, or None if killed.

    Raises:
        RuntimeError: it raised something else; the message is the traceback.
    """
    receiving, sending = os.pipe()
    if (child := os.fork()) == 0:
        os.close(receiving)
        try:
            answer = {"value": work()}
        except gs.GlideslopeError as error:
            answer = {"value": f"refused: {error}"}
        except BaseException:
            answer = {"traceback": traceback.format_exc()[-600:]}
        os.write(sending, json.dumps(answer).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        return None
    if "traceback" in (answer := json.loads(text)):
        raise RuntimeError(answer["traceback"])
    return answer["value"]


@functools.cache
def right(which: int) -> list[float]:
    """The losses of a search on one of the jobs, in memory: another way than through files."""

    def work() -> list[float]:
        return [standing.mean for standing in race(loaded(job_file(which)), RUNS["schedules"], STEPS,
                                                   RUNS["peaks"], evaluations=2).standings]  # fmt: skip

    return in_child(work)


@functools.cache
def finished(which: int) -> Path:
    """The run directory of a finished search on one of the jobs; to be copied."""
    out = folder() / "out"
    assert in_child(lambda: searched(out, job_file(which))) == right(which)
    return out


def prepared(case: Callable[[int], str | None]) -> Callable[[int], Any]:
    """A kind whose cases need the jobs and finished searches that are copied."""

    def tally(number: int) -> Any:
        searched(folder() / "out", job_file(0))  # what is loaded here needn't be in each fork
        for which in range(2):
            job_file(which), right(which), finished(which)
        return seeded(case)(number)

    return tally
