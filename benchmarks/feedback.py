"""What feedback costs: the checks of plateau and guard at each step, and the monitor of update ratios.

    python benchmarks/feedback.py

The checks are those of `guard.step(loss, norm)` on what the loop has already, and a plateau told a validation loss
every 100 steps; beside them the steps of a scheduler without feedback, timed in turn in one process. A snapshot, a
copy of the weights and the optimizer's state in one of 20 updates, and the look at each gradient aren't among the
checks and are printed as shares of an update; then a loop with a guard against the same without, in processor time,
which also has what the caches of the processor lose. The monitor is timed in an update of a network of ten million
parameters, in turn with the same without it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

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
        guard._history.wait(0, guard.state)
        guard._history._due = 10**18  # snapshots are timed for themselves

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


def guarded(width: int, optimizer: Any, batch: int) -> dict[str, list[float]]:
    """Seconds of an update of a network, of a snapshot of it, and of the look at a gradient, in turn."""
    torch.manual_seed(0)
    model = nn.Sequential(*(part for _ in range(4) for part in (nn.Linear(width, width), nn.ReLU())))
    options: dict[str, Any] = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
    stepped = optimizer(model.parameters(), lr=1e-3, **options)
    x, y = torch.randn(batch, width), torch.randn(batch, width)
    guard = gs.torch.Guard(model, gs.torch.Scheduler(stepped, "constant * guard", steps=1500))
    step: Any = type(stepped).step.__wrapped__  # without the look at the gradient, which is timed for itself

    def update() -> None:
        stepped.zero_grad()
        (model(x) - y).square().mean().backward()
        step(stepped)

    def look() -> None:
        guard._refusal._check()
        guard._refusal._after(None, False)
        guard._replay.count(guard._made, calm=True)
        guard._made += 1

    def snapshot() -> None:
        guard._wait()
        guard._history.keep(guard._made, doubtful=False)

    def timed(function: Callable[[], None]) -> Callable[[], float]:
        def run() -> float:
            begin = time.perf_counter()
            function()
            return time.perf_counter() - begin

        return run

    return interleaved({"update": timed(update), "look": timed(look), "snapshot": timed(snapshot)}, 60)


def looped(width: int, optimizer: Any, batch: int, is_guarded: bool) -> Callable[[], float]:
    """Forty updates of a whole loop, with a guard or without: the seconds of the processor for each."""
    torch.manual_seed(0)
    model = nn.Sequential(*(part for _ in range(4) for part in (nn.Linear(width, width), nn.ReLU())))
    options: dict[str, Any] = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
    stepped = optimizer(model.parameters(), lr=1e-3, **options)
    scheduler = gs.torch.Scheduler(stepped, "constant * guard" if is_guarded else "constant", steps=1_000_000)
    guard = gs.torch.Guard(model, scheduler) if is_guarded else None
    x, y = torch.randn(batch, width), torch.randn(batch, width)

    def run() -> float:
        begin = time.process_time()
        for _ in range(40):
            stepped.zero_grad()
            loss = (model(x) - y).square().mean()
            loss.backward()
            stepped.step()
            scheduler.step()
            if guard is None:
                loss.item()  # as a loop that shows its loss
            else:
                guard.step(loss)
        return (time.process_time() - begin) / 40

    run()
    return run


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
    for width in (16, 160, 512, 1600):
        for optimizer in (torch.optim.SGD, torch.optim.AdamW):
            seconds = {name: median(own) for name, own in guarded(width, optimizer, options.batch).items()}
            snapshot, look = (seconds[name] / seconds["update"] for name in ("snapshot", "look"))
            print(f"{4 * width * (width + 1):,} parameters, {optimizer.__name__}, {1e3 * seconds['update']:.2f} ms an "
                  f"update: a snapshot in 20 updates {snapshot / 20:.1%}, wanted: 2%; the look at each gradient "
                  f"{look:.1%}, wanted: 1%", flush=True)  # fmt: skip
    for optimizer in (torch.optim.SGD, torch.optim.AdamW):
        loops = {name: looped(512, optimizer, options.batch, name == "guarded") for name in ("bare", "guarded")}
        timed = interleaved(loops, 2 * options.rounds)
        ratios = [guarded / bare - 1 for guarded, bare in zip(timed["guarded"], timed["bare"], strict=True)]
        name = f"a loop with a guard over one without, 1,050,624 parameters, {optimizer.__name__}"
        print(f"{name}: {median(ratios):+.1%} ({min(ratios):+.1%} to {max(ratios):+.1%})", flush=True)  # fmt: skip
    timed = interleaved({"bare": update(None, options.batch), "monitor": update(50, options.batch)}, options.rounds)
    ratios = [own / other - 1 for own, other in zip(timed["monitor"], timed["bare"], strict=True)]
    print(f"an update of ten million parameters: {1e3 * median(timed['bare']):.1f} ms; with a monitor every 50: "
          f"{median(ratios):+.1%} ({min(ratios):+.1%} to {max(ratios):+.1%}); wanted: under 2%")  # fmt: skip


if __name__ == "__main__":
    main()
