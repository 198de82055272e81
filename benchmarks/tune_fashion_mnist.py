"""Tune against an exhaustive grid on Fashion-MNIST, and what the search costs.

    python benchmarks/tune_fashion_mnist.py [--seeds 5] [--steps 4300] [--bounds 0.25,0.5,1,2] [--processes 2]

For each seed: `gs.tune(job, steps, overhead=bound)` for each bound, and the full grid of constant, linear, cosine,
one-cycle, exponential and power by peaks 0.05, 0.1, 0.2, 0.4, 0.8. The grid's best is the entry with the least mean
over the seeds. Also printed: the best of each seed, a harder reference, since it picks the luckiest of 30 runs where
tune makes one. What the search was chosen by is in `benchmarks/search/compare.py`; this training had no part in it.

Overhead: the wall time of a search, up to its first full run and with its full runs, over that of a bare torch loop
making as many updates of the same training, alternately in one process. The search's own evaluations and restores count
as overhead.

Tried against the overhead, in the order of trying; medians of four to twelve:
1. the whole validation loss after each short run: +23.5%;
2. an estimate of it, at a hundredth of the run's cost: +5.0%;
3. generator states saved without walking every word, one restore a run: +4.2%;
4. half the estimate's cost: no difference that could be seen, so not kept;
5. gradients cleared without the optimizer's profiler record, 15 of an update's 1,800 µs: +1.9%.

On a machine whose updates take 1,000 to 1,300 µs, by processor time, medians of four or five: +5.2% to +6.3%. Python
that runs once an update isn't in the processor's caches, so a call costs more than in a loop of its own:
6. an update in a third as many calls: `step` 13 to 5 µs above a bare loop;
7. a loss on the CPU read by `item`, without the checks of other numbers: `drive` 9 to 5 µs above `step`;
8. a state's options checked by one signature of the optimizer: 0.17 ms less for a restore of 0.60 ms;
together +3.2%, by wall time too: half is the validation, a third `drive` and `step`, a tenth the restores. No
difference: inference mode, a gradient of 1 given to `backward`, the process's number asked for less often. Half the
estimate's cost again: 0.8% less, but within half a full run three seeds end 1.5% higher, so not taken; two thirds of
it: within a full run five seeds end 0.8% higher.

With the full runs it was +8.0 to +9.1% then, 20 measurements of each by all of the validation data. On the way by
estimates that together cost a hundredth of the run, the same answers with all seeds and bounds: +5.4 to +6.3%; and the
batches of an epoch skipped after a restore only before the next one is needed: +3.4 to +4.2%, up to the first full run
+2.9%. But estimates at the end of an epoch were of fewer examples, by the size of its last batch; by that of the
loader's batch, with the same answers, it is +3.2 and +4.0%.

Half the estimate's cost, taken after all: what single full runs end at differs by 1% by chance. By what the chosen
setting ends at with four other seeds, searches of six seeds within 0.25, 0.5, 1 and 2, up to their first full run,
differ in the mean from those by all data by -0.1, 0.0, 0.0 and -0.1% at half the cost, by 0.0, 0.0, 0.0 and +0.1% at a
quarter, and by 0.0% at the former one. Adding the training losses of the last tenth to an estimate makes it as exact as
all data, but the peak with the least one is 0.02% from the best either way. With a state copied once too: +2.6 and
+2.7%, medians of three.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

SCHEDULES = ("constant()", "linear()", "cosine()", "one_cycle()", "exponential()", "power()")
PEAKS = (0.05, 0.1, 0.2, 0.4, 0.8)


def one_seed(seed, steps, bounds):
    import fashion_mnist
    import torch

    import glideslope as gs

    torch.set_num_threads(1)
    tuned = {bound: gs.tune(fashion_mnist.job(seed), steps, overhead=bound, seed=seed) for bound in bounds}
    raced = gs.race(fashion_mnist.job(seed), SCHEDULES, steps, PEAKS, evaluations=1, seed=seed)
    return {
        "seed": seed,
        "tuned": {bound: (one.peak, one.final_loss) for bound, one in tuned.items()},
        "grid": {str(s.contestant): s.mean for s in raced.standings},
    }


def overhead(steps):
    """The search's wall time over that of as many updates in a bare loop: up to the first full run, and all of it."""
    import fashion_mnist
    import torch
    from wall_time import wall_times

    torch.set_num_threads(1)
    return wall_times(fashion_mnist.job(0), updates(fashion_mnist.job(0)), steps, 2.0)


def updates(job):
    """A bare torch loop of a job's own model, optimizer and loader, an update at a time."""
    model, optimizer, loss = job.model, job.optimizer, job.loss
    while True:
        for inputs, targets in job.train_loader:
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            optimizer.step()
            yield


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4300)
    parser.add_argument("--bounds", type=lambda text: list(map(float, text.split(","))), default=[0.25, 0.5, 1.0, 2.0])
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        for row in pool.map(partial(one_seed, steps=options.steps, bounds=options.bounds), range(options.seeds)):
            rows.append(row)
            least = min(row["grid"].items(), key=lambda entry: entry[1])
            ends = ", ".join(f"{loss:.4f} at {peak:g} within {bound:g}" for bound, (peak, loss) in row["tuned"].items())
            print(f"seed {row['seed']}: tune {ends}; grid {least[1]:.4f} with {least[0]}", flush=True)
    grid = {name: mean(row["grid"][name] for row in rows) for name in rows[0]["grid"]}
    best = min(grid, key=grid.__getitem__)
    constant = min((name for name in grid if name.startswith("constant()")), key=grid.__getitem__)
    lucky = mean(min(row["grid"].values()) for row in rows)
    print(f"means of {len(rows)} seeds: best of grid {grid[best]:.4f}, {best}; best constant {grid[constant]:.4f}, "
          f"{constant}; best of each seed {lucky:.4f}")  # fmt: skip
    for bound in options.bounds:
        tuned = mean(row["tuned"][bound][1] for row in rows)
        print(f"tune within {bound:g} full runs: {tuned:.4f}, {tuned / grid[best] - 1:+.1%} to the best of the grid, "
              f"{tuned / lucky - 1:+.1%} to the best of each seed, "
              f"{1 - tuned / grid[constant]:.1%} under the best constant")  # fmt: skip
    parts = zip(*(overhead(options.steps) for _ in range(5)), strict=True)
    for what, ratios in zip(("up to its first full run", "with its full runs"), parts, strict=True):
        each = ", ".join(f"{ratio:+.1%}" for ratio in sorted(ratios))
        print(f"wall time of the search {what}, over a bare loop: {median(ratios):+.1%} (wanted: under +3%), median "
              f"of {each}")  # fmt: skip


if __name__ == "__main__":
    main()
