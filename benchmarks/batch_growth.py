"""Decay, and the growth of the batch that is equivalent to it, on Fashion-MNIST.

    python benchmarks/batch_growth.py [--seeds 5] [--steps 4300] [--peak 0.2] [--largest 2048]

The same number of epochs, ten, of plain SGD with batches of 128: as many examples, so far fewer updates where the batch
grows. Growth costs nothing measurable with a cosine or a straight line; where the rate falls at once, and the batch
grows to its largest while there is still much to learn, it costs a little. The data are Debian's
`dataset-fashion-mnist`; see examples/fashion_mnist.py.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

SCHEDULES = ("cosine", "linear", "exponential", "step(20%, ratio=0.5)")


def main() -> None:
    import numpy as np
    import torch
    from fashion_mnist import job

    from glideslope.policy import as_policy
    from glideslope.search.runs.contestant import Contestant
    from glideslope.search.trials import Trials

    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4300)
    parser.add_argument("--peak", type=float, default=0.2)
    parser.add_argument("--largest", type=int, default=2048)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for schedule in SCHEDULES:
        texts = schedule, f"{schedule} * growth(base=128, largest={options.largest}, multiple=128)"
        losses, updates = np.zeros((2, options.seeds)), [0, 0]
        for seed in range(options.seeds):
            for i, text in enumerate(texts):
                run = Trials(job, seed).run(Contestant(as_policy(text).value, options.peak), options.steps, stage="")
                losses[i, seed], updates[i] = run.final_loss, len(run.losses)
        gap = losses[1] - losses[0]
        error = gap.std(ddof=1) / math.sqrt(options.seeds)
        print(
            f"{schedule}: decay {losses[0].mean():.4f} in {updates[0]} updates, growth {losses[1].mean():.4f} in "
            f"{updates[1]} ({1 - updates[1] / updates[0]:.0%} fewer); difference {gap.mean():+.4f} ± {error:.4f} "
            f"(s.e.), over seeds the losses of decay vary by ± {losses[0].std(ddof=1):.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
