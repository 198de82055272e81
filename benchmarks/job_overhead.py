"""The time of an update of `gs.torch.Job` over that of the same update in a loop written by hand.

A network of a million parameters on the CPU, with and without clipping, autocast (bfloat16) and accumulation. Both
trainings run in one process, update by update in turn and in random order, so that whatever else the machine does meets
both; the table has the median of each, and the median of the ratios of neighbours with the 95% interval of that median.

    python benchmarks/job_overhead.py
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import glideslope as gs

BATCH, FEATURES, CLASSES = 32, 256, 100
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "clip": {"clip_norm": 1.0},
    "autocast": {"autocast": torch.bfloat16},
    "accumulate": {"accumulate": 4},
    "all three": {"clip_norm": 1.0, "autocast": torch.bfloat16, "accumulate": 4},
}


def network() -> nn.Module:
    """A million parameters."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(FEATURES, 960), nn.GELU(), nn.Linear(960, 704), nn.GELU(), nn.Linear(704, CLASSES))


class Batches:
    """Batches in memory, in a new order each epoch: as cheap as a loader can be, so that it hides no overhead."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.inputs = torch.randn(64, BATCH, FEATURES, generator=generator)
        self.targets = torch.randint(CLASSES, (64, BATCH), generator=generator)

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for i in torch.randperm(len(self)).tolist():
            yield self.inputs[i], self.targets[i]


def by_hand(
    clip_norm: float | None = None, autocast: torch.dtype | None = None, accumulate: int = 1
) -> Callable[[], Any]:
    """An update as people write it."""
    model, loader = network(), Batches()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def endless() -> Iterator[Any]:
        while True:
            yield from loader

    batches = endless()

    def update() -> torch.Tensor:
        total = torch.zeros(())
        optimizer.zero_grad()
        for _ in range(accumulate):
            inputs, targets = next(batches)
            with torch.autocast("cpu", autocast, enabled=autocast is not None):
                loss = cross_entropy(model(inputs), targets) / accumulate
            loss.backward()
            total += loss.detach()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        return total

    return update


def by_job(**options: Any) -> Callable[[], Any]:
    """The same update of a job."""
    model, loader = network(), Batches()
    optimizer = torch.optim.AdamW(model.parameters())
    job = gs.torch.Job(
        model, optimizer, batch_loss=lambda model, batch: cross_entropy(model(batch[0]), batch[1]),
        train_loader=loader, validation_loader=loader, **options,
    )  # fmt: skip
    return lambda: job.step(1e-4)


def times(updates: int, **options: Any) -> tuple[list[float], list[float]]:
    """The seconds of each update of the job and of the loop, in turn."""
    pair = by_job(**options), by_hand(**options)
    seconds: tuple[list[float], list[float]] = [], []
    order = random.Random(0)
    for i in range(updates + 10):
        for which in order.sample((0, 1), 2):
            began = time.process_time()
            pair[which]()
            if i >= 10:  # after memory is allocated
                seconds[which].append(time.process_time() - began)
    return seconds


def median_and_interval(values: list[float]) -> tuple[float, float, float]:
    """The median, and its 95% interval by the order statistics, of any distribution."""
    ordered, n = sorted(values), len(values)
    half = 0.98 * n**0.5
    return statistics.median(ordered), ordered[max(int(n / 2 - half), 0)], ordered[min(int(n / 2 + half) + 1, n - 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--only", choices=CASES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    size = sum(parameter.numel() for parameter in network().parameters())
    print(f"{size:,} parameters, batches of {BATCH}, {arguments.updates} updates of each\n")
    print("| update | by hand, ms | job, ms | job / by hand | 95% interval |\n|---|---|---|---|---|")
    for name in [arguments.only] if arguments.only else CASES:
        job, hand = times(arguments.updates, **CASES[name])
        ratio, low, high = median_and_interval([one / other for one, other in zip(job, hand, strict=True)])
        print(
            f"| {name} | {1e3 * statistics.median(hand):.2f} | {1e3 * statistics.median(job):.2f} | {ratio:.4f} | "
            f"{low:.4f} to {high:.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
