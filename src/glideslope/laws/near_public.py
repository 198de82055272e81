"""The laws of public curves, fitted to the losses of a run in progress."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from glideslope.laws import public_curves
from glideslope.laws.bins import Points
from glideslope.laws.form import NAMES, RELAXATION, jacobian, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.minimum import minimized, robust_weights
from glideslope.laws.public_curves import CENTER, LINE, LONGEST, PEAKS, REFERENCE, SETS, SIZES, UNIT, directions
from glideslope.laws.rates import Rates

_FREE = [NAMES.index(name) for name in public_curves.NAMES]
_NEW, _OTHER = (1.0, (0.25, 0.25, 0.05)), (-2.0, (0.7, 0.7, 0.2))
"""Runs of other data, and those of which nothing is known: the logarithm of the odds, and the deviations of the
logarithms of clock, rates and losses; of the latter over horizon, peak and losses of the run."""
_SAME = -3.0  # the logarithm of the odds that a run is of one of the networks, for each, over those of one on the line
_NOISE, _OFF, _FAR = 0.0007, 0.002, 1.5
"""The relative deviation of a loss from its neighbours, at least, and of the curve from a law; and how far apart, in
logarithms of updates, two losses are off by nearly as much."""
_FIRST, _EARLY = 1200, (0.1, 0.15)
"""The updates before which both deviations are much larger, as laws leave out the beginning; and the least and the
largest part of the horizon that they are."""
_OF_ENDS, _OF_PEAKS, _OF_RATES = 0.003, 0.01, 1.0
"""The relative deviation of an end from the best law there is; and for each factor e of the peak beyond those of public
curves, more of it, and the deviation of the logarithm of what a rate is worth."""
_PART = 0.52
"""The deviation of ends over that by the covariances. With it, 92% of 216 ends forecast at 30%, 50% and 70%, without
the curves of their size, lie within 1.645 deviations; nine tenths of those of all sizes but one with 0.49 to 0.51."""
_TOLERANCE = 1e-4
_NEGLIGIBLE = 20.0  # how far the logarithm of a kind's evidence is under the largest where the kind no longer counts
_UNLIKE = (1.25, 2.0)
"""The distance of a law from the middle of its kind, over its deviation, and the median of what is left of the losses,
over theirs, from which on a run isn't like public curves: these have at most 1.02 and 0.8, without those of their
size, at 15% to 100% of a run."""


@dataclass(frozen=True, eq=False)
class _Kind:
    """What a run may be near to: the median and the covariance of its parameters' logarithms, and their odds; and the
    network, where it is one."""

    of_set: int
    odds: float
    middle: np.ndarray
    covariance: np.ndarray
    network: str = ""


@dataclass(frozen=True, eq=False)
class _Fit:
    """A kind, fitted to a run: the place, its covariance, what is left of the losses, and the slopes of the law there,
    both over the covariance of the losses."""

    kind: _Kind
    weight: float
    x: np.ndarray
    covariance: np.ndarray
    left: np.ndarray
    slopes: np.ndarray


class Mixture:
    """Laws near those of public curves, fitted to the losses of a run, weighted by their evidence.

    The losses lie around the law by noise, and by what they have in common with those before and after: a law that is
    off at 30% of a run is so by as much a little later. This is a Gaussian process in the logarithm of the updates.
    """

    def __init__(self, rates: Rates, points: Points) -> None:
        self.rates, self.line, self.networks = rates, LINE, public_curves.networks()
        self.knots = Knots.of(rates, points.step, REFERENCE, UNIT)
        self.step, self.log = points.step, points.log
        apart = np.diff(self.log - np.log(usual(rates, points.step)))
        noise = max(float(np.median(np.abs(apart))) / (0.6745 * math.sqrt(2)), _NOISE)
        within = np.diag((noise * self._early(points.step)) ** 2)
        self.whiten = np.linalg.inv(np.linalg.cholesky(self._alike(points.step) + within))
        fits = [self._fitted(kind) for kind in self._kinds()]
        most = max(fit.weight for fit in fits)
        self.fits = [fit for fit in fits if fit.weight > most - _NEGLIGIBLE]
        weights = np.exp([fit.weight - most for fit in self.fits])
        self.weights = weights / weights.sum()
        self._of_run = self._ends(rates)

    @property
    def like(self) -> str:
        """The network of public curves that the run is nearest to, with their source."""
        best = self.fits[int(np.argmax(self.weights))]
        if best.kind.network:
            return f"{best.kind.network} ({SETS[best.kind.of_set][0]})"
        over = self.line.slope / self.line.spread**2
        z = float(over @ (best.x - best.kind.middle) / (over @ self.line.slope + SIZES**-2))
        source, networks = SETS[best.kind.of_set]
        name = min(networks, key=lambda network: abs(math.log(network[1] / CENTER) - z))[0]
        return f"{name} ({source})"

    @property
    def unlike(self) -> bool:
        """Whether the likeliest law is far from all that public curves have, or the losses are far from it."""
        best = self.fits[int(np.argmax(self.weights))]
        off = best.x - best.kind.middle
        far = math.sqrt(float(off @ np.linalg.solve(best.kind.covariance, off)) / len(off))
        return far > _UNLIKE[0] or float(np.median(np.abs(best.left))) > _UNLIKE[1]

    def _early(self, step: np.ndarray) -> np.ndarray:
        least, most = (part * len(self.rates) for part in _EARLY)
        first = min(max(_FIRST, least), most)
        return np.asarray(1 + (first / step) ** 2)

    def _alike(self, step: np.ndarray) -> np.ndarray:
        """The covariance of how far the losses at some updates and those of the run lie from a law."""
        apart = np.log(step[:, None] / self.step) / _FAR
        return np.asarray(_OFF**2 * self._early(step)[:, None] * self._early(self.step) * np.exp(-(apart**2) / 2))

    def _kinds(self) -> Iterator[_Kind]:
        line, scaled = self.line, directions(self.line.mean)
        beyond = (_OF_RATES * _beyond(self.rates)) ** 2 * np.outer(scaled[:, 1], scaled[:, 1])
        for known in self.networks:
            yield _Kind(known.of_set, _SAME, known.logs, known.root @ known.root.T + beyond, known.name)
        covariance = np.diag(line.spread**2) + SIZES**2 * np.outer(line.slope, line.slope) + beyond
        sets = [line.mean + scaled @ scales for scales in line.scales]
        yield from (_Kind(i, 0.0, middle, covariance) for i, middle in enumerate(sets))
        middles = (np.mean(sets, axis=0), self._in_parts())
        for middle, (odds, deviations) in zip(middles, (_NEW, _OTHER), strict=True):
            yield _Kind(0, odds, middle, covariance + scaled @ np.diag(np.square(deviations)) @ scaled.T)

    def _in_parts(self) -> np.ndarray:
        """The line's mean where updates and rates count as parts of horizon and peak, and losses as parts of the
        run's."""
        scaled = directions(self.line.mean)
        parts = np.array([math.log(LONGEST / len(self.rates)), math.log(REFERENCE / self.rates.peak)])
        middle = self.line.mean + scaled[:, :2] @ parts
        off = self.log - np.log(predicted(self.knots, _theta(middle)))
        return np.asarray(middle + scaled[:, 2] * float(np.median(off[-5:])))

    def _fitted(self, kind: _Kind) -> _Fit:
        whiten = np.linalg.cholesky(np.linalg.inv(kind.covariance)).T

        def residuals(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            by_log, log = log_loss(self.knots, x)
            values = np.concatenate([self.whiten @ (log - self.log), whiten @ (x - kind.middle)])
            return values, np.concatenate([self.whiten @ by_log, whiten])

        cost, x = minimized(residuals, kind.middle, _TOLERANCE, squared=len(kind.middle))
        values, slopes = residuals(x)
        hessian = slopes.T @ (robust_weights(values, len(x))[:, None] * slopes)
        evidence = kind.odds - cost - 0.5 * float(np.linalg.slogdet(hessian)[1] + np.linalg.slogdet(kind.covariance)[1])
        points = slice(len(self.log))
        return _Fit(kind, evidence, x, np.linalg.inv(hessian), -values[points], slopes[points])

    def _ends(self, rates: Rates) -> list[tuple[float, np.ndarray]]:
        """The logarithm of the loss after all updates, and its derivatives, by each fit."""
        step = np.array([float(len(rates))])
        knots, ends = Knots.of(rates, step, REFERENCE, UNIT), []
        shares = (self._alike(step) @ self.whiten.T)[0]  # of the losses, each free of those before it
        for fit in self.fits:
            by_log, log = log_loss(knots, fit.x)
            ends.append((float(log[0] + shares @ fit.left), by_log[0] - shares @ fit.slopes))
        return ends

    def end(self, rates: Rates) -> tuple[float, float, float]:
        """The mean and the deviation of the logarithm of the loss at the end of some rates, and the probability that it
        is lower than at the end of the run's."""
        of_law = math.hypot(_OF_ENDS, _OF_PEAKS * _beyond(rates))
        ends = self._ends(rates)
        means = np.array([log for log, _ in ends])
        within = np.array([slope @ fit.covariance @ slope for (_, slope), fit in zip(ends, self.fits, strict=True)])
        mean = float(self.weights @ means)
        odds = 0.0
        for weight, fit, (log, slope), (of_run, slope_of_run) in zip(
            self.weights, self.fits, ends, self._of_run, strict=True
        ):
            apart = slope - slope_of_run
            doubt = math.hypot(math.sqrt(max(float(apart @ fit.covariance @ apart), 0.0)), of_law)
            odds += float(weight * ndtr((of_run - log) / doubt))
        return mean, _PART * math.sqrt(float(self.weights @ (within + (means - mean) ** 2)) + of_law**2), odds


def _beyond(rates: Rates) -> float:
    """How far a peak is beyond those of public curves, as a logarithm."""
    least, most = PEAKS
    return max(math.log(least / rates.peak), math.log(rates.peak / most), 0.0)


def _theta(x: np.ndarray) -> dict[str, float]:
    """The parameters of a law, from the logarithms of those of the public ones."""
    values = np.exp(np.clip(x, -30, 30)).tolist()
    return dict(zip(public_curves.NAMES, values, strict=True)) | {"r": 1e-12} | RELAXATION


def log_loss(knots: Knots, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the logarithm of the loss by those of the parameters, and that logarithm."""
    theta = _theta(x)
    loss, slopes = jacobian(knots, theta)
    loss = np.maximum(loss, 1e-30)
    return slopes[:, _FREE] * np.array([theta[name] for name in public_curves.NAMES]) / loss[:, None], np.log(loss)


def usual(rates: Rates, step: np.ndarray) -> np.ndarray:
    """The loss of a usual run on some rates, that of the middle of public curves, after some updates, shape (n,)."""
    return predicted(Knots.of(rates, step, REFERENCE, UNIT), _theta(LINE.mean))
