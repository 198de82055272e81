"""What a scheduler's step costs in torch, against torch's and transformers' own; all in one process, taking turns.

    python benchmarks/torch_scheduler.py

SGD with groups of distinct rates; the optimizer's own step isn't timed, but the update it counts is made known to each
scheduler, since ours would otherwise have nothing to do. Medians of 21 rounds. Also printed: the hooks that run in the
optimizer's step, which look whether every group has the rate that was written and count the update.

Tried for 1,000 groups, microseconds a step where bare assignment took 14: C-level loops (`map` over
`dict.__setitem__`, `operator.setitem`), 51 to 80; rates of all groups computed ahead by NumPy, 31; zip of groups and
initial rates, 27; pairs of them, 23; two pairs to a turn of the loop, 20; four, 19, what is used. So 20 times faster
than LambdaLR, which takes 250 here, would be less than bare assignment.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from statistics import median

import torch
from torch.optim import lr_scheduler
from transformers import get_scheduler

import glideslope as gs

STEPS = 10_000_000
NAMES = ("ours", "LambdaLR", "CosineAnnealingLR", "OneCycleLR", "SequentialLR", "transformers' cosine")


def optimizer(groups: int) -> torch.optim.Optimizer:
    """SGD over so many groups, each with a rate of its own."""
    return torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1 * (i + 1) / groups} for i in range(groups)],
        momentum=0.9,
    )


def ours(made: torch.optim.Optimizer) -> Callable[[], object]:
    scheduler = gs.torch.Scheduler(made, gs.cosine(), steps=STEPS)
    updates, step = scheduler._updates, scheduler.step

    def update_and_step() -> None:
        updates.made += 1
        step()

    return update_and_step


def sequence(made: torch.optim.Optimizer) -> Callable[[], object]:
    parts = [lr_scheduler.LinearLR(made, 0.1, total_iters=10), lr_scheduler.CosineAnnealingLR(made, STEPS)]
    return lr_scheduler.SequentialLR(made, parts, [10]).step


def bare(made: torch.optim.Optimizer) -> Callable[[], object]:
    groups = made.param_groups

    def assign() -> None:
        rate = 0.1
        for group in groups:
            group["lr"] = rate

    return assign


STEPPED: dict[str, Callable[[torch.optim.Optimizer], Callable[[], object]]] = {
    "ours": ours,
    "LambdaLR": lambda made: lr_scheduler.LambdaLR(made, lambda t: 1 / (1 + t)).step,
    "CosineAnnealingLR": lambda made: lr_scheduler.CosineAnnealingLR(made, STEPS).step,
    "OneCycleLR": lambda made: lr_scheduler.OneCycleLR(made, 0.1, total_steps=STEPS).step,
    "SequentialLR": sequence,
    "transformers' cosine": lambda made: get_scheduler("cosine", made, 100, STEPS).step,
    "bare": bare,
}


def microseconds(work: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return 1e6 * (time.perf_counter() - began) / calls


def main() -> None:
    warnings.simplefilter("ignore")
    print(f"{'µs a step':>22} {'1':>8} {'10':>8} {'100':>8} {'1000':>8} groups")
    table: dict[str, list[float]] = {name: [] for name in STEPPED}
    for groups in (1, 10, 100, 1000):
        works = {name: make(optimizer(groups)) for name, make in STEPPED.items()}
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(21):
            for name, work in works.items():
                times[name].append(microseconds(work, max(20_000 // groups, 100)))
        for name, own in times.items():
            table[name].append(median(own))
    for name, row in table.items():
        print(f"{name:>22} " + " ".join(f"{value:8.2f}" for value in row))
    fastest = [min(table[name][i] for name in NAMES[1:]) for i in range(4)]
    one, thousand = table["ours"][0], table["ours"][3]
    print(f"1 group: {one:.2f} µs (wanted: at most 0.8), {fastest[0] / one:.1f} × faster than the fastest of the others"
          f" (wanted: at least 3.5)")  # fmt: skip
    print(f"1000 groups: {fastest[3] / thousand:.1f} × faster than the fastest of the others (wanted: at least 12, aim "
          f"20); {thousand / table['bare'][3]:.2f} × bare assignment (wanted: at most 2)")  # fmt: skip
    for groups in (1, 1000):
        made = optimizer(groups)
        scheduler = gs.torch.Scheduler(made, gs.cosine(), steps=STEPS)
        (before,), (after,) = made._optimizer_step_pre_hooks.values(), made._optimizer_step_post_hooks.values()

        def both(made=made, before=before, after=after) -> None:
            before(made, (), {})
            after(made, (), {})

        print(f"the hooks that look at {groups} groups and count an update: {microseconds(both, 10_000):.2f} µs")
        del scheduler


if __name__ == "__main__":
    main()
