"""The laws of public loss curves over sizes: the numbers of `glideslope.laws.public_curves`.

    python benchmarks/public_laws.py --data FOLDER

FOLDER is that of laws.py. The logarithms of a size's parameters lie near a line in that of its size, and a set of
curves may differ from another in the scales of its updates, rates and losses. The lines, how far sizes lie from them
and those scales follow by the EM algorithm: each size is fitted near its line, and the lines are taken anew.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from loss_curves import MULTI_POWER, OF_124M, curves

from glideslope import laws
from glideslope.laws import curve_priors, near_public, size_prior
from glideslope.laws.bins import Points
from glideslope.laws.curve_problem import weights_of
from glideslope.laws.knots import Knots
from glideslope.laws.minimum import minimized, robust_weights
from glideslope.laws.near_public import log_loss
from glideslope.laws.public_curves import CENTER, NAMES, REFERENCE, UNIT, Line, directions

PARAMS = {
    "33M": 33479040, "53M": 53027328, "59M": 59845120, "93M": 93159040, "124M": OF_124M, "25M": 25e6, "100M": 100e6,
}  # fmt: skip
POINTS, NOISE = 120, 0.003
ROUNDS = 24
START = np.log([2.8, 0.65, 0.5, 0.06, 0.85, 0.2, 0.5, 100.0, 0.2, 0.5, 0.9])
SPREADS = np.array([0.025, 0.05, 0.0375, 0.19, 0.19, 0.19, 0.125, 0.375, 0.125, 0.125, 0.0375])
"""How far sizes lie from their lines, supposed of `SUPPOSED` sizes."""
SUPPOSED = 2
SLOPE, SCALE = 0.2, (0.6, 0.6, 0.2)
"""The deviations of a line's slope, and of the logarithms of a set's scales."""


class Size:
    """The curves of a size."""

    def __init__(self, name: str, runs: list[laws.Run]) -> None:
        longest = max(len(run.lr) for run in runs)
        points = [Points.of(run, longest, POINTS) for run in runs]
        pairs = zip(runs, points, strict=True)
        self.knots = Knots.joined([Knots.of(run.lr, of_run.step, REFERENCE, UNIT) for run, of_run in pairs])
        self.log = np.concatenate([of_run.log for of_run in points])
        self.scale = np.concatenate([NOISE / np.sqrt(weights_of(of_run.step, longest)) for of_run in points])
        params = PARAMS.get(name) or 1e6 * float(name.removesuffix("M"))
        self.z, self.of_set = math.log(params / CENTER), int(name in MULTI_POWER)

    def near(self, middle: np.ndarray, spread: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The parameters' logarithms, near some, and their variances."""

        def residuals(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            by_log, log = log_loss(self.knots, x)
            values = np.concatenate([(log - self.log) / self.scale, (x - middle) / spread])
            return values, np.concatenate([by_log / self.scale[:, None], np.diag(1 / spread)])

        _, x = minimized(residuals, start, 1e-4, squared=len(start))
        values, slopes = residuals(x)
        hessian = slopes.T @ (robust_weights(values, len(x))[:, None] * slopes)
        return x, np.diag(np.linalg.inv(hessian))


def line_of(known: Iterable[Size]) -> Line:
    """The line of some sizes, and the scales of the sets that they are of."""
    known = list(known)
    width, mean, slope, spread = len(NAMES), START, np.zeros(len(NAMES)), 2 * SPREADS
    scales, places = np.zeros((2, 3)), [START] * len(known)
    both = len({size.of_set for size in known}) > 1
    for _ in range(ROUNDS):
        scaled = [directions(mean) @ scales[size.of_set] for size in known]
        fits = [
            size.near(mean + slope * size.z + off, spread, place)
            for size, off, place in zip(known, scaled, places, strict=True)
        ]
        places = [place for place, _ in fits]
        hessian, pull = np.zeros((2 * width + 3,) * 2), np.zeros(2 * width + 3)
        for size, place in zip(known, places, strict=True):
            of_scales = directions(mean) * (both and size.of_set)
            form = np.hstack([np.eye(width), size.z * np.eye(width), of_scales]) / spread[:, None]
            hessian, pull = hessian + form.T @ form, pull + form.T @ (place / spread)
        prior = np.concatenate([np.full(width, 1e-6), np.full(width, SLOPE**-2), np.array(SCALE) ** -2.0])
        mean, slope, scales[1] = np.split(np.linalg.solve(hessian + np.diag(prior), pull), [width, 2 * width])
        total = SUPPOSED * SPREADS**2
        for size, (place, variance) in zip(known, fits, strict=True):
            off = place - mean - slope * size.z - directions(mean) @ scales[size.of_set]
            total = total + off**2 + variance
        spread = np.sqrt(total / (SUPPOSED + len(known)))
    return Line(mean, slope, spread, tuple(map(tuple, scales[: 1 + both].tolist())))


def lines_without(folder: Path) -> Callable[..., object]:
    """What puts the lines of public curves in place that were taken without those of some sizes."""
    by_size: dict[str, list[laws.Run]] = {}
    for name, run in curves(folder):
        by_size.setdefault(name, []).append(run)
    known = {name: Size(name, runs) for name, runs in by_size.items()}

    @contextmanager
    def without(*names: str) -> Iterator[None]:
        line = line_of(size for name, size in known.items() if name not in names)
        with ExitStack() as stack:
            for module in (curve_priors, near_public, size_prior):
                stack.enter_context(patch.object(module, "LINE", line))
            yield

    return without


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    by_size: dict[str, list[laws.Run]] = {}
    for name, run in curves(parser.parse_args().data):
        by_size.setdefault(name, []).append(run)
    line = line_of(Size(name, runs) for name, runs in by_size.items())
    for name, *values in zip(NAMES, np.exp(line.mean), line.slope, line.spread, strict=True):
        print(f'    "{name}": ({values[0]:.4g}, {values[1]:.4f}, {values[2]:.4f}),')
    print(f"    scales: {', '.join(str(tuple(round(value, 4) for value in scales)) for scales in line.scales)}")


if __name__ == "__main__":
    main()
