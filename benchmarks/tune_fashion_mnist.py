"""Tune against an exhaustive grid on Fashion-MNIST, and what the search costs.

    python benchmarks/tune_fashion_mnist.py [--seeds 5] [--steps 4300] [--processes 2]

For each seed: `gs.tune(job, steps, overhead=2)`, and the full grid of constant, linear, cosine, one-cycle, exponential
and power by peaks 0.05, 0.1, 0.2, 0.4, 0.8. The grid's best is taken seed by seed, which favours the grid: it picks
the luckiest of 30 runs, tune makes one.

Overhead: the search's wall time over the time that was spent inside the job's own `step`, `evaluate`, `state` and
`restore` calls, and over `step` alone.

Tried, in the order of trying (digits with momentum, and seeds 0 and 1 here, were used to develop):
1. the peak of the longest short round at full length: far too high on digits (0.161 against the constant's 0.149);
2. the peak lowered by the drift measured over the rounds, with a weak prior: 0.119 on digits seed 0, still too high on
   Fashion-MNIST seed 1 (0.333 at 0.45);
3. the same with a prior as strong as the literature and the factor of two between peaks make it: what is used.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

SCHEDULES = ("constant()", "linear()", "cosine()", "one_cycle()", "exponential()", "power()")
PEAKS = (0.05, 0.1, 0.2, 0.4, 0.8)


def timed(job, spent):
    """The job with the wall time of each of its methods added up in `spent`."""

    def clocked(name, method):
        def call(*args, **kwargs):
            began = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - began

        return call

    for name in ("step", "evaluate", "state", "restore", "reseed"):
        setattr(job, name, clocked(name, getattr(job, name)))
    return job


def one_seed(seed, steps):
    import fashion_mnist
    import torch

    import glideslope as gs

    torch.set_num_threads(1)
    fashion_mnist.images()
    spent = {}
    job = timed(fashion_mnist.job(seed), spent)
    began = time.perf_counter()
    tuned = gs.tune(job, steps, overhead=2, seed=seed)
    whole = time.perf_counter() - began
    job = fashion_mnist.job(seed)
    raced = gs.race(job, SCHEDULES, PEAKS, steps, evaluations=1, seed=seed)
    best = raced.standings[0]
    return {
        "seed": seed, "schedule": str(tuned.schedule), "peak": tuned.peak, "loss": tuned.final_loss,
        "search_updates": tuned.search_updates, "grid": best.mean, "grid_by": str(best.contestant),
        "constant": raced.constant.mean, "constant_by": raced.constant.contestant.peak,
        "over_job": whole / sum(spent.values()) - 1, "over_steps": whole / spent["step"] - 1,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4300)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        for row in pool.map(one_seed, range(options.seeds), [options.steps] * options.seeds):
            rows.append(row)
            print(json.dumps(row), flush=True)
    tuned, grid, constant = (mean(row[name] for row in rows) for name in ("loss", "grid", "constant"))
    print(f"tune {tuned:.4f}, best of grid {grid:.4f}, best constant {constant:.4f}, means of {len(rows)} seeds")
    print(f"tune over the best of the grid: {tuned / grid - 1:+.1%} (wanted: at most +2%)")
    print(f"tune under the best constant: {1 - tuned / constant:.1%} (wanted: at least 8%)")
    medians = {name: sorted(row[name] for row in rows)[len(rows) // 2] for name in ("over_job", "over_steps")}
    print(f"wall time over the job's own calls: {medians['over_job']:+.1%}; over its updates alone: "
          f"{medians['over_steps']:+.1%} (wanted: under 3%)")  # fmt: skip


if __name__ == "__main__":
    main()
