"""The laws of public curves, fitted to the losses of a run in progress."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtr

from glideslope.laws import public_curves
from glideslope.laws.bins import Points
from glideslope.laws.form import NAMES, RELAXATION, jacobian, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.minimum import minimized, robust_weights
from glideslope.laws.public_curves import LAWS, LONGEST, REFERENCE, UNIT
from glideslope.laws.rates import Rates

_FREE = [NAMES.index(name) for name in public_curves.NAMES]
_SPREADS = np.array([0.025, 0.05, 0.0375, 0.19, 0.19, 0.19, 0.125, 0.375, 0.125, 0.125, 0.0375])
"""How far the logarithms of a run's parameters lie from those of a public law, apart from its scales."""
_KINDS = ((0.03, 0.03, 0.01, 0.1, 0.0, False), (0.5, 0.5, 0.15, 0.7, -1.0, False), (0.7, 0.7, 0.2, 1.0, -2.0, True))
"""How near a run may be to a public law: the deviations of the logarithms of its clock, its rates and its losses, the
part of `_SPREADS`, the logarithm of the odds, and whether updates and rates count as parts of horizon and peak."""
_NOISE, _EARLY = 0.004, 0.15
"""The relative deviation of a loss from the law, and the part of the horizon before which it is much larger."""
OF_ENDS = 0.003
"""The relative deviation of an end from the best law there is."""
_ROUGH, _FINE, _FAR = 0.1, 1e-3, 25.0
"""How well each is fitted at first, and how well those whose evidence is then within `_FAR` of the best."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """A public law, fitted to a run."""

    like: str
    weight: float
    x: np.ndarray
    theta: dict[str, float]
    covariance: np.ndarray


class Mixture:
    """Public laws, each fitted to the losses of a run, weighted by their evidence."""

    def __init__(self, rates: Rates, points: Points) -> None:
        self.rates, self.reference, self.unit = rates, rates.peak, len(rates) / 24
        self.knots = Knots.of(rates, points.step, self.reference, self.unit)
        self.log = points.log
        self.scale = _NOISE * (1 + (_EARLY * len(rates) / points.step) ** 2)
        rough = [
            self._fitted(like, source, np.array(law), kind, None, _ROUGH)
            for like, source, law in LAWS
            for kind in _KINDS
        ]
        most = max(fit.weight for fit in rough)
        fits = [
            self._fitted(like, source, np.array(law), kind, fit.x, _FINE) if fit.weight > most - _FAR else fit
            for fit, ((like, source, law), kind) in zip(rough, product(LAWS, _KINDS), strict=True)
        ]
        most = max(fit.weight for fit in fits)
        weights = np.exp([fit.weight - most for fit in fits])
        self.fits, self.weights = fits, weights / weights.sum()
        self._own = self._ends(rates)

    @property
    def like(self) -> str:
        """The network with the largest weight."""
        return self.fits[int(np.argmax(self.weights))].like

    def _fitted(
        self,
        like: str,
        source: str,
        law: np.ndarray,
        kind: tuple[float, float, float, float, float, bool],
        start: np.ndarray | None,
        tolerance: float,
    ) -> _Fit:
        of_clock, of_rates, of_losses, part, odds, in_parts = kind
        clock = math.log(LONGEST / 24 / UNIT if in_parts else self.unit / UNIT)
        rates = 0.0 if in_parts else math.log(self.reference / REFERENCE)
        by_clock, by_rates, by_loss = _directions(dict(zip(public_curves.NAMES, law.tolist(), strict=True)))
        middle = np.log(law) + clock * by_clock + rates * by_rates
        if odds:  # the scale of the losses is that of the run
            middle = middle + by_loss * float(
                np.median((self.log - np.log(predicted(self.knots, _theta(middle))))[-5:])
            )
        covariance = np.diag((part * _SPREADS) ** 2)
        for deviation, direction in ((of_clock, by_clock), (of_rates, by_rates), (of_losses, by_loss)):
            covariance += deviation**2 * np.outer(direction, direction)
        whiten = np.linalg.cholesky(np.linalg.inv(covariance)).T

        def residuals(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            by_log, log = _log_loss(self.knots, x)
            values = np.concatenate([(log - self.log) / self.scale, whiten @ (x - middle)])
            return values, np.concatenate([by_log / self.scale[:, None], whiten])

        cost, x = minimized(residuals, middle if start is None else start, tolerance, squared=len(law))
        values, slopes = residuals(x)
        hessian = slopes.T @ (robust_weights(values, len(x))[:, None] * slopes)
        evidence = odds - cost - 0.5 * float(np.linalg.slogdet(hessian)[1] + np.linalg.slogdet(covariance)[1])
        return _Fit(f"{like} ({source})", evidence, x, _theta(x), np.linalg.inv(hessian))

    def _ends(self, rates: Rates) -> list[tuple[float, np.ndarray]]:
        """The logarithm of the loss after all updates, and its derivatives, by each fit."""
        knots = Knots.of(rates, np.array([float(len(rates))]), self.reference, self.unit)
        ends = []
        for fit in self.fits:
            by_log, log = _log_loss(knots, np.log([fit.theta[name] for name in public_curves.NAMES]))
            ends.append((float(log[0]), by_log[0]))
        return ends

    def end(self, rates: Rates) -> tuple[float, float, float]:
        """The mean and the deviation of the logarithm of the loss at the end of some rates, and the probability that it
        is lower than at the end of the run's."""
        ends = self._ends(rates)
        means = np.array([log for log, _ in ends])
        within = np.array([slope @ fit.covariance @ slope for (_, slope), fit in zip(ends, self.fits, strict=True)])
        mean = float(self.weights @ means)
        odds = 0.0
        for weight, fit, (log, slope), (of_run, slope_of_run) in zip(
            self.weights, self.fits, ends, self._own, strict=True
        ):
            apart = slope - slope_of_run
            doubt = math.hypot(math.sqrt(max(float(apart @ fit.covariance @ apart), 0.0)), OF_ENDS)
            odds += float(weight * ndtr((of_run - log) / doubt))
        return mean, math.sqrt(float(self.weights @ (within + (means - mean) ** 2))), odds


def _theta(x: Sequence[float] | np.ndarray) -> dict[str, float]:
    """The parameters of a law, from the logarithms of those of the public ones."""
    values = np.exp(np.clip(x, -30, 30)).tolist()
    return dict(zip(public_curves.NAMES, values, strict=True)) | {"r": 1e-12} | RELAXATION


def _log_loss(knots: Knots, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the logarithm of the loss by those of the parameters, and that logarithm."""
    theta = _theta(x)
    loss, slopes = jacobian(knots, theta)
    loss = np.maximum(loss, 1e-30)
    return slopes[:, _FREE] * np.array([theta[name] for name in public_curves.NAMES]) / loss[:, None], np.log(loss)


def _directions(law: dict[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How the logarithms of a law's parameters change with the logarithm of the clock's unit, of the rate that rates
    are over, and of the losses."""
    by_clock = {"offset": -1.0, "a": 1.0, "b": 1.0, "A": -law["alpha"], "C": 1.0}
    by_rates = {"offset": -1.0, "a": 2.0, "b": 1.0, "A": -law["alpha"], "B": law["p"], "C": 1.0 - law["gamma"]}
    by_loss = {"L0": 1.0, "A": 1.0, "B": 1.0}
    clock, rates, loss = (
        np.array([changes.get(name, 0.0) for name in public_curves.NAMES]) for changes in (by_clock, by_rates, by_loss)
    )
    return clock, rates, loss


def usual(rates: Rates, step: np.ndarray) -> np.ndarray:
    """The loss of a usual run on some rates, the median of the public laws, after some updates, shape (n,)."""
    knots, losses = Knots.of(rates, step, rates.peak, len(rates) / 24), []
    for _, _, law in LAWS:
        by_clock, by_rates, _ = _directions(dict(zip(public_curves.NAMES, law, strict=True)))
        x = np.log(law) + math.log(len(rates) / 24 / UNIT) * by_clock + math.log(rates.peak / REFERENCE) * by_rates
        losses.append(predicted(knots, _theta(x)))
    return np.asarray(np.median(losses, axis=0))
