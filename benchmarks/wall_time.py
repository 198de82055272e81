"""What a search takes beside the updates that it makes, on the small trainings without tables.

    python benchmarks/wall_time.py [--quick] [--jobs a,b] [--steps 600] [--bound 1]

Prints for each training the wall time of a search, up to its first full run and with its full runs, over that of as
many bare updates of the same training (calls of a second job's `step`), and the medians. `--quick` takes four
trainings, in half a minute; every third of them, as without it, take ten. That of a larger training is measured by
`tune_fashion_mnist.py`.

These trainings are the worst case: most validate on one batch of hundreds of examples, of which no part can be chosen,
a full run measures up to 20 times, and an update takes a millisecond or two.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import torch

import glideslope as gs

sys.path.insert(0, str(Path(__file__).parent / "search"))

QUICK = ("tabular", "factorisation", "deep", "few_waves")


def wall_times(job: Any, bare: Iterator[Any], steps: int, bound: float) -> tuple[float, float]:
    """A search's wall time over that of as many bare updates, less 1: up to the first full run, and all of it.

    Both take turns every few updates, so that a machine whose speed changes is the same for both.
    """
    tune = gs.tune  # loaded when it is first named
    job.estimate(1), next(bare)  # so is what these need
    clock = {"search": 0.0, "bare": 0.0, "mark": time.perf_counter(), "made": 0}
    before_full_runs = []

    def take_turns(progress: gs.search.Progress) -> None:
        if progress.stage == "full runs" and not before_full_runs:
            before_full_runs.append(clock["search"] / clock["bare"] - 1)
        clock["search"] += time.perf_counter() - clock["mark"]
        began = time.perf_counter()
        for _ in range(progress.made - int(clock["made"])):
            next(bare)
        clock["bare"] += time.perf_counter() - began
        clock["made"], clock["mark"] = progress.made, time.perf_counter()

    with suppress(gs.NothingLearnedError):  # on a plateau
        tune(job, steps, overhead=bound, watch=take_turns)
    clock["search"] += time.perf_counter() - clock["mark"]
    return before_full_runs[0], clock["search"] / clock["bare"] - 1


def updates(job: Any) -> Iterator[float]:
    """Updates of a job, one after another."""
    while True:
        yield job.step(1e-4).item()


def main() -> None:
    import held_out  # noqa: F401  (enters the trainings)
    from held_out_jobs import HELD_OUT

    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="four trainings")
    parser.add_argument("--jobs", type=lambda text: text.split(","), help="their names; every third if not given")
    parser.add_argument("--steps", type=int, default=600, help="the updates of a full run")
    parser.add_argument("--bound", type=float, default=1.0, help="full runs that a search may cost")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in options.jobs or (QUICK if options.quick else list(HELD_OUT)[::3]):
        rows.append(wall_times(HELD_OUT[name].make(0), updates(HELD_OUT[name].make(0)), options.steps, options.bound))
        first, whole = rows[-1]
        print(f"{name:20s} up to the first full run {first:+6.1%}, with its full runs {whole:+6.1%}", flush=True)
    first, whole = (median(column) for column in zip(*rows, strict=True))
    print(f"median of {len(rows)}: up to the first full run {first:+.1%}, with its full runs {whole:+.1%}")


if __name__ == "__main__":
    main()
