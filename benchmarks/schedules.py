"""What evaluating a schedule costs, against NumPy by hand and Optax; all in one process, taking turns.

    python benchmarks/schedules.py

Medians of 30 rounds for arrays, of 15 rounds of 10,000 calls for scalars. The machine's clock may change in between, so
a bare Python function of one division is timed beside the scalar calls.

Tried for arrays, each against the expression by hand: a formula over the whole array, 1.7; integer counts turned into
floats phase by phase, 1.4; pieces that fit in the cache, but joined by concatenation, 1.2; pieces written in place, and
only the phase that a piece lies in, what is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import optax

import glideslope as gs

STEPS, WARM = 1_000_000, 50_000


def seconds(work: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - began) / calls


def compared(works: dict[str, Callable[[], object]], rounds: int, calls: int) -> dict[str, float]:
    """The median seconds of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds(work, calls))
    return {name: median(own) for name, own in times.items()}


def main() -> None:
    schedule = (gs.warmup(WARM) >> gs.cosine()).over(STEPS)
    six = gs.warmup("5%") >> gs.hold("15%") >> gs.linear("20%") >> gs.cosine("20%", final=0.1) >> gs.hold()
    six = (six >> gs.cooldown("20%", shape="sqrt")).over(STEPS)
    t = np.arange(STEPS)

    def by_hand() -> np.ndarray:
        return np.where(t < WARM, t / WARM, 0.5 * (1 + np.cos(np.pi * (t - WARM) / (STEPS - WARM))))

    np.testing.assert_allclose(schedule(t), by_hand(), atol=1e-12)
    arrays = compared({"ours": lambda: schedule(t), "hand": by_hand}, 30, 1)
    print(f"{STEPS:,} steps of a cosine with warmup over NumPy by hand: {arrays['ours'] / arrays['hand']:.2f} "
          f"(wanted: at most 1.2); {1e3 * arrays['ours']:.1f} ms")  # fmt: skip

    theirs = optax.warmup_cosine_decay_schedule(0.0, 1.0, WARM, STEPS)
    assert abs(float(theirs(500_000)) - schedule(500_000)) < 1e-5
    eager = compared({"optax": lambda: theirs(500_000), "ours": lambda: schedule(500_000)}, 15, 200)
    print(f"Optax's eager call over ours, one step: {eager['optax'] / eager['ours']:.0f} (wanted: at least 50); "
          f"{1e6 * eager['optax']:.0f} µs")  # fmt: skip

    steps = (100_000, 300_000, 500_000, 700_000, 900_000)
    works: dict[str, Callable[[], object]] = {
        "cosine with warmup": lambda: [schedule(step) for step in steps],
        "a composition of six": lambda: [six(step) for step in steps],
        "a function of one division": lambda: [_division(step) for step in steps],
    }
    scalars = {name: 1e6 * own / len(steps) for name, own in compared(works, 15, 2000).items()}
    bare = scalars.pop("a function of one division")
    for (name, own), wanted in zip(scalars.items(), (1, 3), strict=True):
        print(f"one scalar call, {name}: {own:.2f} µs (wanted: under {wanted}), {own / bare:.1f} × a function of one "
              f"division, {bare:.2f} µs")  # fmt: skip


def _division(step: int) -> float:
    return step / STEPS


if __name__ == "__main__":
    main()
