"""A law of runs of several batch sizes, on Fashion-MNIST with SGD.

    python benchmarks/laws_batch_size.py [--steps 1500]

Two schedules at two peaks, in batches of 32, 128 and 512. A law is fitted on two of the sizes, and judged on the
ends of the third: with the sizes told, and without, as if they were all the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

SIZES = (32, 128, 512)
SCHEDULES = ("warmup(5%) >> hold() >> cooldown(20%)", "warmup(5%) >> linear()")
PEAKS = (0.1, 0.2)


def curve(schedule, peak, size, steps):
    """Updates, and means of the training loss around them, each of as many updates."""
    import fashion_mnist
    import torch
    from torch.utils.data import DataLoader

    import glideslope as gs

    given = fashion_mnist.job(0)
    data = given.train_loader.dataset
    batches = fashion_mnist.Shuffled(len(data), size)
    loader = DataLoader(data, sampler=batches, batch_size=None)
    torch.manual_seed(1)
    job = gs.torch.Job(given.model, given.optimizer, given.loss, loader, given.validation_loader)
    losses = [float(job.step(rate)) for rate in peak * gs.parse(schedule).over(steps).sample(steps)]
    return np.arange(12.5, steps, 25), np.reshape(losses, (-1, 25)).mean(axis=1)


def main() -> None:
    import torch

    from glideslope import laws

    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1500)
    steps = parser.parse_args().steps // 25 * 25
    torch.set_num_threads(1)
    runs = {}
    for size in SIZES:
        for schedule in SCHEDULES:
            for peak in PEAKS:
                step, loss = curve(schedule, peak, size, steps)
                runs[size, schedule, peak] = (peak, schedule, step, loss)
    for told in (True, False):
        for left in SIZES:
            made = {
                key: laws.Run.from_schedule(
                    key[1], peak=key[2], steps=steps, step=step, loss=loss, batch_size=key[0] if told else None,
                    name=str(key),
                )
                for key, (_, _, step, loss) in runs.items()
            }  # fmt: skip
            law = laws.fit([run for key, run in made.items() if key[0] != left])
            errors = [
                abs(law.predict(run.lr, run.step[-4:], left if told else None).mean() / run.loss[-4:].mean() - 1)
                for key, run in made.items()
                if key[0] == left
            ]
            print(f"sizes {'told' if told else 'not told'}, {left} left out: ends {np.mean(errors):.1%} off"
                  + (f", r = {law.parameters['r']:.2f}" if told else ""))  # fmt: skip


if __name__ == "__main__":
    main()
