"""The law with annealing beside ours, by leaving out runs among the fitting runs only.

    python benchmarks/laws_annealing.py --data FOLDER

L = L0 + A·S1^-α - C·S2, S2 = Σ_i Σ_{k≤i} (η_{k-1} - η_k)·λ^{i-k} (Tissue et al. 2024, arXiv:2408.11029), fitted by
robust least squares on the logarithm of the loss with weak priors, from three starts; rates count from the
warmup's end. Of 25M and 100M one of three runs is left out, and its curve judged; of 124M a peak rate, and its last
points.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from laws import FITTED, errors
from loss_curves import convex_agreement, multi_power
from scipy.optimize import least_squares
from scipy.signal import lfilter

from glideslope import laws

MEDIANS = np.array([2.5, 0.9, 0.5, 0.3, 5.0])
"""Of L0, A, α, C, and of the odds of λ a thousandfold: λ = 1 - 1/(1000·odds)."""
SPREADS = np.array([0.5, 1.0, 0.5, 1.5, 1.0])


def predicted(run, x, reference, unit):
    low, a, alpha, c, odds = np.exp(x)
    rate = run.lr / reference
    warm = int(np.argmax(run.lr >= 0.999 * run.peak))
    falls = np.concatenate([np.zeros(warm + 1), -np.diff(rate[warm:])])
    annealed = np.concatenate([[0.0], np.cumsum(lfilter([1.0], [1.0, -(1 - 1e-3 / odds)], falls))]) / 1000
    passed = np.concatenate([[0.0], np.cumsum(rate)])
    at = run.step.astype(int)
    return low + a * (passed[at] / unit + 1e-3) ** -alpha - c * annealed[at]


def with_annealing(runs):
    """A function from a run to its losses."""
    longest = max(len(run.lr) for run in runs)
    reference, unit = float(np.exp(np.mean([np.log(run.peak) for run in runs]))), longest / 24
    late = [run.step > max(0.08 * longest, np.argmax(run.lr >= 0.999 * run.peak)) for run in runs]
    weights = [np.clip(run.step[own] / longest, 0.3, 1.0) ** 0.5 for run, own in zip(runs, late, strict=True)]

    def residuals(x):
        found = [
            weight * (np.log(np.maximum(predicted(run, x, reference, unit)[own], 1e-3)) - np.log(run.loss[own])) / 0.003
            for run, own, weight in zip(runs, late, weights, strict=True)
        ]
        return np.concatenate([*found, (x - np.log(MEDIANS)) / SPREADS])

    draws = np.random.default_rng(0).normal(size=(3, 5)) * [[0.0], [0.4], [0.4]]
    best = min(
        (least_squares(residuals, np.log(MEDIANS) + SPREADS * draw, loss="soft_l1") for draw in draws),
        key=lambda solved: solved.cost,
    )
    return lambda run: predicted(run, best.x, reference, unit)


def ours(runs):
    law = laws.fit(runs)
    return lambda run: law.predict(run.lr, run.step)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    short = [run for row, run in convex_agreement(folder / "convex-agreement/124M") if row["steps"] == "15000"]
    for name, fit in (("with annealing", with_annealing), ("ours", ours)):
        for size in ("25M", "100M"):
            runs = {key: run for key, run in multi_power(folder / "multi-power-law" / size).items() if key in FITTED}
            found = [
                errors(fit([own for other, own in runs.items() if other != key])(run), run.loss)
                for key, run in runs.items()
            ]
            print(f"{name}, {size}: leave-one-run-out MAE {np.mean(found, axis=0)[0]:.4f}, worst "
                  f"{np.mean(found, axis=0)[1]:.4f}", flush=True)  # fmt: skip
        for peak in (5e-4, 1e-3, 2e-3):
            predict = fit([run for run in short if not np.isclose(run.peak, peak)])
            left = [run for run in short if np.isclose(run.peak, peak)]
            error = np.mean([np.abs(predict(run) - run.loss)[-3:].mean() for run in left])
            print(f"{name}, 124M, peak {peak:g} left out: the ends' MAE {error:.4f}", flush=True)


if __name__ == "__main__":
    main()
