"""One law over sizes: the parameters of each size's law lie near a line in the logarithm of the size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from glideslope.errors import LawError
from glideslope.laws import bins
from glideslope.laws.batch_sizes import extent, reference_batch, relative
from glideslope.laws.bins import NOISE, Points
from glideslope.laws.chosen import LAST, check_enough, useless
from glideslope.laws.curve_priors import UNITS
from glideslope.laws.curve_problem import shift_of, weights_of
from glideslope.laws.form import NAMES, jacobian, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.law import Fitted
from glideslope.laws.minimum import minimized, near_minimum, robust_weights
from glideslope.laws.run import Run
from glideslope.laws.size_law import Around, SizeLaw, decay_of, theta_of
from glideslope.laws.size_prior import APART, LinePrior, priors
from glideslope.laws.sizes import SizedRun, groups, not_apart
from glideslope.schedules.arguments import checked

_MOST_POINTS = 20_000
_FAR, _ROUGH, _FINE = 4.0, 1e-3, 1e-6


@checked(LawError)
def fit_sizes(runs: Sequence[SizedRun]) -> SizeLaw:
    """Fits one law on runs of several sizes; `law.at(params)` is that of a size, a `Law`.

    The law of a size is that of `fit`, in one clock for all. The logarithm of each parameter lies near a line in that
    of the number of parameters, by less the better all sizes agree (partial pooling), so that a size with one short run
    takes the rest from the others, and one with none has the line. The lowest loss is E + exp(line), as in
    Hoffmann et al. 2022 (arXiv:2203.15556). Where weight decay differs, b, the rate at which weights shrink, is
    proportional to it. The lines have one of two priors, whichever explains the losses better: a wide one, for any
    data, and that of public curves (see `public_curves`).

    Args:
        runs: of two sizes or more; their batch sizes in tokens, where they differ.

    Raises:
        LawError: there is one size only, sizes can't be told from peaks, or as for `fit`.
    """
    kept, notes = [], []
    longest = max((len(member.run.lr) for member in runs), default=0)
    for member in runs:
        notes += [f"{member.run.name}: {note}" for note in member.run.notes]
        if why := useless(member.run, longest):
            notes.append(f"{member.run.name} {why}, and is dropped")
        else:
            kept.append(member)
    by_size = groups(kept)
    notes += not_apart(by_size)
    ordered = [member for members in by_size.values() for member in members]
    check_enough([member.run for member in ordered], notes)
    bare = _Problem(by_size)
    problems = [bare.under(prior) for prior in priors(bare.lowest, bare.center, bare.unit, bare.reference)]
    try:
        begins = [near_minimum(problem, problem.medians, _ROUGH) for problem in problems]
        ends = [(problem, *problem.minimum(place, _ROUGH)) for problem, place in zip(problems, begins, strict=True)]
        problem, _, best = min(ends, key=lambda end: end[1] + float(np.log(end[0].spreads).sum()))
        _, best = problem.minimum(best, _FINE)
        unseen = problem.unseen(best)
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        raise LawError(f"these curves can't be fitted ({error}): look at them, and at their rates") from None
    covariance, noise = problem.settled(best)
    known = {size: [member.run for member in members] for size, members in by_size.items()}
    fitted = tuple(
        (size, tuple(Fitted(run.name, run.peak, len(run.lr), len(run.step)) for run in of_size))
        for size, of_size in known.items()
    )
    decays = tuple(
        float(np.mean([member.weight_decay for member in members])) if members[0].weight_decay is not None else math.nan
        for members in by_size.values()
    )
    batches = extent([member.run for member in ordered])
    around = Around(problem.center, problem.reference, problem.unit, problem.batch, batches, problem.decay)
    return SizeLaw(best, covariance, around, noise, unseen, problem.shift(best), fitted, decays, tuple(notes))


@dataclass(frozen=True)
class _Data:
    """What a fit needs of a size's runs of one weight decay."""

    size: int  #: its place
    decay: float  #: the logarithm of the weight decay over the one that others are taken over
    knots: Knots  #: of all runs
    log: np.ndarray  #: the logarithms of the losses, shape (n,)
    scale: np.ndarray  #: at which each begins to count as an outlier, shape (n,)


class _Problem:
    """The residuals of runs of several sizes, over E, the lines and each size's distances from them."""

    def __init__(self, by_size: dict[float, list[SizedRun]]) -> None:
        alike = [
            (size, decay, [member for member in members if member.weight_decay == decay])
            for size, members in enumerate(by_size.values())
            for decay in dict.fromkeys(member.weight_decay for member in members)
        ]
        runs = [member.run for _, _, members in alike for member in members]
        self.logs = np.log(list(by_size))
        self.center = float(self.logs.mean())
        self.longest = max(len(run.lr) for run in runs)
        self.unit = self.longest / UNITS
        self.reference = float(np.exp(np.mean([math.log(run.peak) for run in runs])))
        self.batch = reference_batch(runs)
        decays = [member.weight_decay for _, _, members in alike for member in members if member.weight_decay]
        self.decay = float(np.exp(np.mean(np.log(decays)))) if decays else None
        most = min(bins.most_of_a_run(len(runs)), max(bins.LEAST, _MOST_POINTS // len(runs)))
        self.data = [
            self._data(size, decay, [member.run for member in members], most) for size, decay, members in alike
        ]
        self.runs = runs
        self.lowest = min(float(run.loss.min()) for run in runs)
        self.medians = self.spreads = np.empty(0)
        self.factor = 1.0

    def under(self, prior: LinePrior) -> _Problem:
        """The problem with a prior of the lines; sizes lie near them."""
        problem, apart = copy(self), np.array([APART[name] for name in NAMES])
        problem.medians = np.concatenate([prior.medians, np.zeros(len(self.logs) * len(NAMES))])
        problem.spreads = np.concatenate([prior.spreads, np.tile(apart, len(self.logs))])
        return problem

    def _data(self, size: int, decay: float | None, runs: Sequence[Run], most: int) -> _Data:
        points = [Points.of(run, self.longest, most) for run in runs]
        knots = [
            Knots.of(run.lr, of_run.step, self.reference, self.unit, relative(run, self.batch))
            for run, of_run in zip(runs, points, strict=True)
        ]
        scales = [NOISE / np.sqrt(weights_of(of_run.step, self.longest)) for of_run in points]
        logs = np.concatenate([of_run.log for of_run in points])
        return _Data(size, decay_of(decay or 0.0, self.decay), Knots.joined(knots), logs, np.concatenate(scales))

    def theta(self, u: np.ndarray, size: int, decay: float) -> dict[str, float]:
        """The parameters of a size's law."""
        return theta_of(u, float(self.logs[size]) - self.center, size, decay)

    def residuals(self, u: np.ndarray, but: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Those of the points, but for one size's, and of the priors, and their derivatives."""
        width = len(NAMES)
        values, slopes = [], []
        for data in (data for data in self.data if data.size != but):
            z, theta = float(self.logs[data.size]) - self.center, self.theta(u, data.size, data.decay)
            loss, by_theta = jacobian(data.knots, theta)
            loss, scale = np.maximum(loss, 1e-30), self.factor * data.scale
            floor = float(np.exp(u[0]))
            by_log = by_theta * np.array([theta[name] for name in NAMES])
            by_log[:, 0] = theta["L0"] - floor
            by_log /= (loss * scale)[:, None]
            slope = np.zeros((len(loss), len(u)))
            slope[:, 0] = floor / (loss * scale)
            slope[:, 1 : 1 + width], slope[:, 1 + width : 1 + 2 * width] = by_log, z * by_log
            begin = 1 + (2 + data.size) * width
            slope[:, begin : begin + width] = by_log
            values.append((np.log(loss) - data.log) / scale)
            slopes.append(slope)
        values.append((u - self.medians) / self.spreads)
        slopes.append(np.diag(1 / self.spreads))
        return np.concatenate(values), np.concatenate(slopes)

    def minimum(self, start: np.ndarray, tolerance: float, but: int | None = None) -> tuple[float, np.ndarray]:
        """The cost and the place of a minimum, with the points of all sizes but one.

        The priors count by their squares: else a size may lie a hundred deviations from the line at little cost.
        """
        return minimized(partial(self.residuals, but=but), start, tolerance, squared=len(start))

    def settled(self, u: np.ndarray) -> tuple[np.ndarray, float]:
        """The covariance of u, and the root mean square of the relative errors that ends of runs have by fits without
        them, one step of Newton's method away.

        The covariance has two parts: of the points' noise, and of the runs, whose points err together.
        """
        values, slopes = self.residuals(u)
        robust = robust_weights(values, len(u))
        hessian = slopes.T @ (robust[:, None] * slopes)
        inverse = np.linalg.inv(hessian)
        scales = np.concatenate([data.scale for data in self.data])
        ends = np.cumsum([0, *(count for data in self.data for count in np.diff(data.knots.points))])
        variance = max(float(np.mean(values[: ends[-1]] ** 2 * robust[: ends[-1]])), 0.1)
        pulls, errors = [], []
        for begin, end in pairwise(ends):
            rows, last = slice(begin, end), slice(max(begin, end - LAST), end)
            pulls.append(slopes[rows].T @ (values[rows] * robust[rows]))
            without = hessian - slopes[rows].T @ (robust[rows, None] * slopes[rows])
            move = np.linalg.solve(without + 1e-9 * np.eye(len(u)), pulls[-1])
            errors.append(float(np.median(scales[last] * (values[last] + slopes[last] @ move))))
        moves = np.array(pulls) @ inverse
        of_runs = len(moves) / (len(moves) - 1) * moves.T @ moves
        misses = np.abs(errors)
        misses = np.minimum(misses, _FAR * np.median(misses))  # of a size's only run, a step of Newton's may be far off
        return variance * inverse + of_runs, float(np.sqrt(np.mean(misses**2)))

    def unseen(self, u: np.ndarray) -> float:
        """The root mean square of the relative errors that ends of runs have by a fit without any run of their size, of
        each size counting by the runs that are left: of few, a law of other sizes tells little."""
        squares, remaining = [], []
        for size in range(len(self.logs)):
            _, place = self.minimum(u, _ROUGH, but=size)
            errors: list[float] = []
            for data in (data for data in self.data if data.size == size):
                misses = np.log(predicted(data.knots, self.theta(place, size, data.decay))) - data.log
                errors += [float(np.median(misses[max(a, b - LAST) : b])) for a, b in pairwise(data.knots.points)]
            squares.append(float(np.mean(np.square(errors))))
            remaining.append(len(self.runs) - len(errors))
        return float(np.sqrt(np.average(squares, weights=remaining)))

    def shift(self, u: np.ndarray) -> float:
        thetas = [self.theta(u, data.size, data.decay) for data in self.data for _ in data.knots.points[1:]]
        return shift_of(self.runs, thetas, self.reference, self.unit, self.batch)
