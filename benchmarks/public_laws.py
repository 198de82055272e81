"""The laws of public loss curves over sizes: the numbers of `glideslope.laws.public_curves`, and its table of networks.

    python benchmarks/public_laws.py --data FOLDER

FOLDER is that of laws.py. The logarithms of a size's parameters lie near a line in that of its size, and a set of
curves may differ from another in the scales of its updates, rates and losses. The lines, how far sizes lie from them
and those scales follow by the EM algorithm: each size is fitted near its line, and the lines are taken anew. The table,
which is written anew, has the law of each network near its line.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
from loss_curves import MULTI_POWER, OF_124M, curves

from glideslope import laws
from glideslope.laws import curve_priors, near_public, public_curves, size_prior
from glideslope.laws.bins import Points
from glideslope.laws.curve_problem import weights_of
from glideslope.laws.knots import Knots
from glideslope.laws.minimum import minimized, robust_weights
from glideslope.laws.near_public import log_loss
from glideslope.laws.public_curves import CENTER, NAMES, PEAKS, REFERENCE, UNIT, Line, Network, directions

PARAMS = {
    "33M": 33479040, "53M": 53027328, "59M": 59845120, "93M": 93159040, "124M": OF_124M, "25M": 25e6, "100M": 100e6,
}  # fmt: skip
POINTS, NOISE = 120, 0.003
ROUNDS = 24
START = np.log([2.8, 0.65, 0.5, 0.06, 0.85, 0.2, 0.5, 100.0, 0.2, 0.5, 0.9])
SPREADS = np.array([0.025, 0.05, 0.0375, 0.19, 0.19, 0.19, 0.125, 0.375, 0.125, 0.125, 0.0375])
"""How far sizes lie from their lines, supposed of `SUPPOSED` sizes."""
NEAR = 3.0
"""How far the law of a network may lie from the line, over that."""
SUPPOSED = 2
SLOPE, SCALE = 0.2, (0.6, 0.6, 0.2)
"""The deviations of a line's slope, and of the logarithms of a set's scales."""
BEGIN = Line(START, np.zeros(len(NAMES)), 2 * SPREADS, ((0.0, 0.0, 0.0),))
TABLE = Path(public_curves.__file__).with_name("public_networks.csv")


class Size:
    """The curves of a size."""

    def __init__(self, name: str, runs: Sequence[laws.Run]) -> None:
        longest = max(len(run.lr) for run in runs)
        points = [Points.of(run, longest, POINTS) for run in runs]
        pairs = zip(runs, points, strict=True)
        self.knots = Knots.joined([Knots.of(run.lr, of_run.step, REFERENCE, UNIT) for run, of_run in pairs])
        self.log = np.concatenate([of_run.log for of_run in points])
        self.scale = np.concatenate([NOISE / np.sqrt(weights_of(of_run.step, longest)) for of_run in points])
        self.name, params = name, PARAMS.get(name) or 1e6 * float(name.removesuffix("M"))
        self.z, self.of_set = math.log(params / CENTER), int(name in MULTI_POWER)

    def near(self, middle: np.ndarray, spread: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The parameters' logarithms, near some, and their variances."""
        x, _, _, inverse = self._near(middle, spread, start)
        return x, np.diag(inverse)

    def network(self, line: Line) -> Network:
        """The law of the network; the covariance is of the points' noise, and of the runs, whose points err alike."""
        off = directions(line.mean) @ np.array(line.scales[min(self.of_set, len(line.scales) - 1)])
        middle = line.mean + line.slope * self.z + off
        x, values, slopes, inverse = self._near(middle, NEAR * line.spread, middle)
        weights, ends = robust_weights(values, len(x)), self.knots.points.tolist()
        pulls = [slopes[a:b].T @ (weights * values)[a:b] for a, b in pairwise(ends)]
        moves, points = np.array(pulls) @ inverse, slice(ends[-1])
        noise = max(float(np.mean(values[points] ** 2 * weights[points])), 0.1)
        covariance = noise * inverse + len(moves) / (len(moves) - 1) * moves.T @ moves
        return Network(self.name, self.of_set, x, np.linalg.cholesky(covariance))

    def _near(self, middle: np.ndarray, spread: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, ...]:
        """The logarithms, the residuals and their derivatives there, and the inverse of the Hessian."""

        def residuals(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            by_log, log = log_loss(self.knots, x)
            values = np.concatenate([(log - self.log) / self.scale, (x - middle) / spread])
            return values, np.concatenate([by_log / self.scale[:, None], np.diag(1 / spread)])

        _, x = minimized(residuals, start, 1e-4, squared=len(start))
        values, slopes = residuals(x)
        hessian = slopes.T @ (robust_weights(values, len(x))[:, None] * slopes)
        return x, values, slopes, np.linalg.inv(hessian)


def network_of(name: str, runs: Sequence[laws.Run], line: Line) -> Network:
    """The law of a network by its runs at usual peaks, each of which counts most at its end."""
    least, most = PEAKS
    usual = [run for run in runs if least / 1.5 < run.peak < 1.5 * most]
    size = Size(name, usual)
    longest = max(len(run.lr) for run in usual)
    weights = [weights_of(Points.of(run, longest, POINTS).step, len(run.lr)) for run in usual]
    size.scale = NOISE / np.sqrt(np.concatenate(weights))
    return size.network(line)


def line_of(known: Iterable[Size], rounds: int = ROUNDS, start: Line = BEGIN) -> Line:
    """The line of some sizes, and the scales of the sets that they are of."""
    known = list(known)
    width, mean, slope, spread = len(NAMES), start.mean, start.slope, start.spread
    scales, places = np.zeros((2, 3)), [start.mean] * len(known)
    scales[: len(start.scales)] = start.scales
    both = len({size.of_set for size in known}) > 1
    for _ in range(rounds):
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
    rows = []
    for name, runs in sorted(by_size.items(), key=lambda entry: float(entry[0].removesuffix("M"))):
        network = network_of(name, runs, line)
        values = [[f"{x:.6g}" if x else "" for x in row] for row in (network.logs, *network.root)]
        rows += [[name, network.of_set, *row] for row in values]
    with TABLE.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["network", "set", *NAMES], *rows])
    print(f"    scales: {', '.join(str(tuple(round(value, 4) for value in scales)) for scales in line.scales)}")


if __name__ == "__main__":
    main()
