"""How small trainings end under every schedule, peak rate and horizon: searches are judged by them in seconds.

    python benchmarks/search/tables.py [--jobs a,b] [--workers 2] [--quick] [--out FOLDER]
    python benchmarks/search/tables.py --list

Makes what is missing in benchmarks/search/tables/, a file for each job and seed, first of all jobs with seed 0. Killed
and started again, it goes on. `--quick` makes short runs only, under build/search-tables. `--list` times the jobs.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from grid import GRID, QUICK, Grid
from jobs import JOBS
from runs import POINTS, Result, shared_runs

import glideslope as gs
from glideslope.files import write_atomically

FOLDER = Path(__file__).parent / "tables"
QUICK_FOLDER = Path(__file__).parents[2] / "build" / "search-tables"
_KEPT_BITS = 13
"""Of each mean of a curve: it is stored within 0.01%."""


@dataclass(frozen=True)
class Table:
    """The results of a job.

    Attributes:
        job: its name.
        schedules: texts of the schedules.
        peaks: the peak rates, each twice the one before.
        horizons: the updates of a run, shortest first.
        seeds: the seeds whose results there are.
        losses: the final validation loss, shape (schedules, peaks, horizons, seeds); infinite where a run diverged.
        curves: means of the training loss over parts of a run of equal length, (schedules, peaks, horizons, seeds,
            POINTS); infinite from the part on in which it diverged.
        untrained: the validation loss before any update, shape (seeds,).
    """

    job: str
    schedules: tuple[str, ...]
    peaks: np.ndarray
    horizons: tuple[int, ...]
    seeds: tuple[int, ...]
    losses: np.ndarray
    curves: np.ndarray
    untrained: np.ndarray

    @property
    def best_setting(self) -> tuple[int, int]:
        """The indices of the schedule and the peak whose longest runs end lowest, in the mean over the seeds."""
        means = self.losses[:, :, -1].mean(axis=-1)
        schedule, peak = np.unravel_index(means.argmin(), means.shape)
        return int(schedule), int(peak)

    @property
    def best(self) -> float:
        """The mean final validation loss over the seeds of the longest runs with the best setting."""
        return float(self.losses[(*self.best_setting, -1)].mean())

    @property
    def noise(self) -> float:
        """The standard deviation over the seeds of the final validation loss with the best setting; NaN with one."""
        losses = self.losses[(*self.best_setting, -1)]
        return float(losses.std(ddof=1)) if len(losses) > 1 else float("nan")


def load(job: str, folder: Path = FOLDER) -> Table:
    """The table of a job, with the seeds whose runs are finished.

    Raises:
        FileError: there is none, a file is damaged, or its files have different settings.
    """
    files = sorted(folder.glob(f"{job}-[0-9]*.npz"), key=_seed)
    if not files:
        raise gs.FileError(f"{folder} has no table of {job!r}: make it with `make search-tables`")
    parts = [_read(file) for file in files]
    for file, part in zip(files, parts, strict=True):
        for axis in ("schedules", "peaks", "horizons"):
            if not np.array_equal(part[axis], parts[0][axis]):
                raise gs.FileError(f"{file} has other {axis} than {files[0].name}: delete one, and make it again")
    return Table(
        job, tuple(parts[0]["schedules"].tolist()), parts[0]["peaks"], tuple(parts[0]["horizons"].tolist()),
        tuple(map(_seed, files)), *(np.stack([part["losses"] for part in parts], 3).astype(float),
        np.stack([part["curves"] for part in parts], 3).astype(float),
        np.array([part["untrained"] for part in parts], float)),
    )  # fmt: skip


def save(
    path: Path, grid: Grid, peaks: np.ndarray, results: dict[tuple[int, int, int], Result], untrained: float
) -> None:
    """Writes the results of a job with one seed; the same results give the same bytes."""
    shape = len(grid.schedules), len(peaks), len(grid.horizons)
    losses, curves = np.empty(shape, np.float32), np.empty((*shape, POINTS), np.float32)
    for setting, result in results.items():
        losses[setting], curves[setting] = result.loss, _rounded(result.curve)
    content = io.BytesIO()
    np.savez_compressed(
        content, schedules=np.array(grid.schedules), peaks=peaks, horizons=np.array(grid.horizons), losses=losses,
        curves=curves, untrained=np.float32(untrained),
    )  # fmt: skip
    write_atomically(path, content.getvalue())


def make(folder: Path, grid: Grid, name: str, seed: int) -> float:
    """Makes all runs of a job with one seed and writes their file; the seconds it took."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    job = JOBS[name].make(seed)
    untrained = job.evaluate()
    peaks = JOBS[name].peaks
    save(_file(folder, name, seed), grid, peaks, shared_runs(job, grid.courses(peaks)), untrained)
    return time.perf_counter() - began


def missing(folder: Path, grid: Grid, names: list[str]) -> list[tuple[str, int]]:
    """The jobs and seeds whose file isn't there or has other settings, all jobs with the first seed first."""
    return [(name, seed) for seed in grid.seeds for name in names if not _made(_file(folder, name, seed), grid, name)]


def _made(file: Path, grid: Grid, name: str) -> bool:
    if not file.exists():
        return False
    try:
        part = _read(file)
    except gs.FileError:
        return False
    return (
        np.array_equal(part["peaks"], JOBS[name].peaks)
        and tuple(part["schedules"].tolist()) == grid.schedules
        and tuple(part["horizons"].tolist()) == grid.horizons
    )


def _read(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file) as arrays:
            return dict(arrays)
    except (EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise gs.FileError(f"{file} is damaged ({error}): delete it, and make it again") from error


def _file(folder: Path, name: str, seed: int) -> Path:
    return folder / f"{name}-{seed}.npz"


def _seed(file: Path) -> int:
    return int(file.stem.rpartition("-")[2])


def _rounded(values: np.ndarray) -> np.ndarray:
    """The nearest numbers with so few binary digits: what noise would fill doesn't compress."""
    mantissas, exponents = np.frexp(values)
    return np.ldexp(np.rint(mantissas * 2**_KEPT_BITS), exponents - _KEPT_BITS)


def seconds(name: str, updates: int = 600) -> float:
    """The processor time of so many updates of a job on one core, its making left out."""
    torch.set_num_threads(1)
    job = JOBS[name].make(0)
    rate = float(JOBS[name].peaks[0])
    for _ in range(20):
        job.step(rate)
    began = time.process_time()
    for _ in range(updates):
        job.step(rate)
    return time.process_time() - began


def optimizer_name(job: gs.torch.Job) -> str:
    """The class of the optimizer; that of SGD with momentum is called momentum."""
    name = type(job.optimizer).__name__
    return "momentum" if job.optimizer.param_groups[0].get("momentum") and name == "SGD" else name


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=lambda text: text.split(","), default=list(JOBS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="short runs only, with one seed")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--list", action="store_true", help="the time of each job")
    options = parser.parse_args()
    if unknown := [name for name in options.jobs if name not in JOBS]:
        parser.error(f"unknown jobs {', '.join(unknown)}: choose from {', '.join(JOBS)}")
    if options.workers < 1:
        parser.error(f"--workers {options.workers}: give at least 1")
    if options.list:
        for name in options.jobs:
            optimizer = optimizer_name(JOBS[name].make(0))
            print(f"{name:22} {JOBS[name].family:12} {optimizer:9} {seconds(name):5.2f} s", flush=True)
        return
    grid, folder = (QUICK, QUICK_FOLDER) if options.quick else (GRID, FOLDER)
    folder = options.out or folder
    todo = missing(folder, grid, options.jobs)
    for name, seed in todo:
        _file(folder, name, seed).unlink(missing_ok=True)  # of other settings, or damaged
    for i, (name, seed, took) in enumerate(_finished(todo, partial(make, folder, grid), options.workers), 1):
        table = load(name, folder)
        schedule, peak = table.best_setting
        print(
            f"{i}/{len(todo)} {name}, seed {seed}: {took:.0f} s; untrained {table.untrained.mean():.4g}, best "
            f"{table.best:.4g} with {table.schedules[schedule]} at peak {peak} of {len(table.peaks)}", flush=True,
        )  # fmt: skip


def _finished(todo: list[tuple[str, int]], make_one: partial[float], workers: int) -> Iterator[tuple[str, int, float]]:
    """Each job and seed as it is finished, and the seconds it took."""
    if workers == 1:
        yield from ((name, seed, make_one(name, seed)) for name, seed in todo)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as executor:
        waiting = {executor.submit(make_one, name, seed): (name, seed) for name, seed in todo}
        for future in as_completed(waiting):
            yield *waiting[future], future.result()


if __name__ == "__main__":
    try:
        main()
    except gs.GlideslopeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
