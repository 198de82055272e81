"""What a schedule inside a CUDA graph costs: replays of an optimizer's step with it and without. Needs a GPU.

python benchmarks/cuda_graph.py [--parameters 10000000] [--groups 4]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import torch

import glideslope as gs

STEPS = 100_000


def optimizer(parameters: int, groups: int, momentum: bool) -> torch.optim.Optimizer:
    """AdamW; where a momentum is to be scheduled, in the only way that takes it from a tensor."""
    made = []
    for i in range(groups):
        weight = torch.nn.Parameter(torch.randn(parameters // groups, device="cuda"))
        weight.grad = torch.randn_like(weight)
        made.append({"params": [weight], "lr": 1e-3 * (i + 1)})
    return torch.optim.AdamW(made, capturable=True, foreach=False if momentum else None)


def captured(work: Callable[[], object]) -> torch.cuda.CUDAGraph:
    """A graph of what `work` does, after the warmup on a side stream that capturing asks for."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph


def replayed(graph: torch.cuda.CUDAGraph, times: int) -> float:
    """Microseconds a replay."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        graph.replay()
    torch.cuda.synchronize()
    return 1e6 * (time.perf_counter() - began) / times


def measured(parameters: int, groups: int, momentum: bool) -> tuple[float, float]:
    """Microseconds of a replay with the schedule and without; the rate that is set is checked.

    Raises:
        AssertionError: a rate isn't the schedule's.
    """
    without = optimizer(parameters, groups, momentum)
    scheduled = optimizer(parameters, groups, momentum)
    cycle = gs.one_cycle()
    scheduler = gs.torch.CapturableScheduler(
        scheduled, cycle, steps=STEPS, momentum=cycle.momentum() if momentum else None
    )

    def both() -> None:
        scheduled.step()
        scheduler.step()

    graphs = {"without": captured(without.step), "with": captured(both)}
    before = scheduler.last_epoch
    graphs["with"].replay()
    expected = [1e-3 * (i + 1) * cycle.over(STEPS)(before + 1) for i in range(groups)]
    torch.testing.assert_close(torch.stack(scheduler.get_last_lr()).cpu(), torch.tensor(expected))
    times: dict[str, list[float]] = {name: [] for name in graphs}
    for _ in range(15):
        for name, graph in graphs.items():
            times[name].append(replayed(graph, 200 if parameters < 50_000_000 else 20))
    return median(times["with"]), median(times["without"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parameters", type=int, default=10_000_000)
    parser.add_argument("--groups", type=int, default=4)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("cuda_graph: this benchmark needs a CUDA device, and torch sees none")
    for momentum in (False, True):
        one, other = measured(options.parameters, options.groups, momentum)
        what = "rate and the momentum" if momentum else "rate"
        print(f"{torch.cuda.get_device_name()}: a replay with a schedule of the {what} {one:.1f} µs, "
              f"without {other:.1f} µs, {one - other:+.1f} µs, {one / other:.2f} ×")  # fmt: skip


if __name__ == "__main__":
    main()
