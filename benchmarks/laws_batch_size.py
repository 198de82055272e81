"""A law of runs of several batch sizes, on Fashion-MNIST with SGD.

    python benchmarks/laws_batch_size.py [--steps 1500]

Two schedules at two peaks, in batches of 32, 128 and 512. A law is fitted on two of the sizes, and judged on the
ends of the third: with the sizes told, and without, as if they were all the same. Then, by a law of all, the critical
batch, and the growth of the batch that it plans for the second schedule at the larger peak: its updates and its loss,
and the mean loss of four such runs beside that of four runs in the least batch.
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
SEEDS = (1, 2, 3, 4)


class Growing:
    """Random batches of indices, of a size for each update."""

    def __init__(self, examples, sizes):
        self.examples, self.sizes = examples, sizes

    def __iter__(self):
        import torch

        return (torch.randint(self.examples, (int(size),)) for size in self.sizes)

    def __len__(self):
        return len(self.sizes)


def losses_of(rates, sampler_of, seed=1):
    """The training loss of each update."""
    import fashion_mnist
    import torch
    from torch.utils.data import DataLoader

    import glideslope as gs

    given = fashion_mnist.job(0)
    data = given.train_loader.dataset
    loader = DataLoader(data, sampler=sampler_of(len(data)), batch_size=None)
    torch.manual_seed(seed)
    job = gs.torch.Job(given.model, given.optimizer, given.loss, loader, given.validation_loader)
    return [float(job.step(rate)) for rate in rates]


def curve(schedule, peak, size, steps):
    """Updates, and means of the training loss around them, each of as many updates."""
    import fashion_mnist

    import glideslope as gs

    rates = peak * gs.parse(schedule).over(steps).sample(steps)
    losses = losses_of(rates, lambda examples: fashion_mnist.Shuffled(examples, size))
    return np.arange(12.5, steps, 25), np.reshape(losses, (-1, 25)).mean(axis=1)


def judge_growth(law, steps):
    """The growth that a law plans, and such runs beside some in the base batch: the loss of the last 5% of examples."""
    import glideslope as gs
    from glideslope import laws
    from glideslope.policy import as_policy

    base, peak, batches = SIZES[0], PEAKS[1], (SIZES[0], SIZES[-1])
    schedule = gs.parse(SCHEDULES[1])
    critical = laws.critical_batch(law, steps, base, batches=batches)
    growth = laws.batch_growth(law, schedule, steps, peak, base, critical, batches)
    alone = law.predict(peak * schedule.over(steps).sample(steps), steps, base)[0]
    print(f"critical batch at the end of {steps} updates of {base}: {critical.value:.0f}")
    if growth is None:
        return
    policy = as_policy(growth.times(schedule))
    plans = (peak * schedule.over(steps).sample(steps), np.full(steps, base)), (
        policy.rates(steps, peak), policy.batch_sizes(steps),
    )  # fmt: skip
    ends = []
    for rates, sizes in plans:
        last = np.cumsum(sizes) > 0.95 * np.sum(sizes)
        runs = [losses_of(rates, lambda examples, sizes=sizes: Growing(examples, sizes), seed) for seed in SEEDS]
        ends.append(np.mean([np.average(np.array(run)[last], weights=sizes[last]) for run in runs]))
    print(f"growth to {growth.largest}: {growth.steps} updates, {1 - growth.steps / steps:.0%} fewer; predicted "
          f"{growth.loss - alone:+.4f} to {alone:.4f}, measured {ends[1] - ends[0]:+.4f} to {ends[0]:.4f}")  # fmt: skip


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
                  + (f", r = {law.parameters['r']:.2f}" if told else ""), flush=True)  # fmt: skip
        if told:
            judge_growth(laws.fit(list(made.values())), steps)


if __name__ == "__main__":
    main()
