"""What feedback costs: the checks of plateau and guard at each step, and the monitor of update ratios.

    python benchmarks/feedback.py

The checks are those of `guard.step(loss, norm)` on what the loop has already, and a plateau told a validation loss
every 100 steps; beside them the steps of a scheduler without feedback, timed in turn in one process. A snapshot, a
copy of the weights and the optimizer's state in one of 5 to 50 updates, isn't among the checks and is printed for
itself. The monitor is timed in an update of a network of ten million parameters, in turn with the same without it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn

import glideslope as gs


def interleaved(functions: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The seconds that each says it took, in turn, some rounds."""
    found: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            found[name].append(function())
    return found


def loop(schedule: str, steps: int, tensors: bool) -> Callable[[], float]:
    """A loop that makes no update but for the counting of it, so that what is timed is the checks."""
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = gs.torch.Scheduler(optimizer, schedule, steps=100_000_000)
    guard = gs.torch.Guard(model, scheduler) if "guard" in schedule else None
    plateau = "plateau" in schedule
    losses = [1.0 + 0.01 * (i % 7) for i in range(steps)]
    values = [torch.tensor(loss) for loss in losses] if tensors else losses
    norms = [torch.tensor(1.0)] * steps if tensors else [1.0] * steps
    updates = scheduler._updates
    if guard is not None:
        guard._due = 10**18  # snapshots are timed for themselves

    def run() -> float:
        begin = time.perf_counter()
        for i in range(steps):
            updates.made += 1  # what the optimizer's hook does
            scheduler.step()
            if guard is not None:
                guard.step(values[i], norms[i])
            if plateau and i % 100 == 99:
                scheduler.measure(losses[i])
        return (time.perf_counter() - begin) / steps

    return run


def snapshot(parameters: int) -> float:
    """Seconds of a snapshot of a network with momentum."""
    model = nn.Linear(1000, parameters // 1000, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 1000)).sum().backward()
    optimizer.step()
    guard = gs.torch.Guard(model, gs.torch.Scheduler(optimizer, "constant * guard"))
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        guard._wait()
        times.append(time.perf_counter() - begin)
    return median(times)


def update(every: int | None, batch: int) -> Callable[[], float]:
    """A hundred updates of ten million parameters, with a monitor or without."""
    torch.manual_seed(0)
    model = nn.Sequential(*(part for _ in range(10) for part in (nn.Linear(1000, 1000), nn.ReLU())))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    monitor = gs.torch.Monitor(model, optimizer, every, to=lambda ratios: None) if every else None
    x = torch.randn(batch, 1000)

    def run() -> float:
        begin = time.perf_counter()
        for _ in range(100):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
        if monitor is not None:
            monitor.read()
        return (time.perf_counter() - begin) / 100

    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    steps, both = 20_000, "cosine * plateau(patience=1000000) * guard"
    found = interleaved(
        {
            "bare": loop("cosine", steps, False),
            "numbers": loop(both, steps, False),
            "tensors": loop(both, steps, True),
        },
        options.rounds,
    )
    bare = median(found["bare"])
    print(f"a scheduler's step without feedback: {bare * 1e6:.2f} µs")
    wanted = "wanted: under 5"
    for name in ("numbers", "tensors"):
        extra = [1e6 * (own - other) for own, other in zip(found[name], found["bare"], strict=True)]
        print(
            f"plateau and guard on {name}: {median(extra):.2f} µs more a step "
            f"({min(extra):.2f} to {max(extra):.2f}); {wanted}"
        )
    print(f"a snapshot of ten million parameters, in one of 5 to 50 updates: {1e3 * snapshot(10_000_000):.0f} ms")
    timed = interleaved({"bare": update(None, options.batch), "monitor": update(50, options.batch)}, options.rounds)
    ratios = [own / other - 1 for own, other in zip(timed["monitor"], timed["bare"], strict=True)]
    print(f"an update of ten million parameters: {1e3 * median(timed['bare']):.1f} ms; with a monitor every 50: "
          f"{median(ratios):+.1%} ({min(ratios):+.1%} to {max(ratios):+.1%}); wanted: under 2%")  # fmt: skip


if __name__ == "__main__":
    main()
