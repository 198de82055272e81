"""The loss of averaged weights: what a law predicts for a mean of the last weights, or an exponential one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.law import Law
from glideslope.laws.rates import Rates
from glideslope.laws.values import numbers
from glideslope.schedules.arguments import checked

_POINTS = 257  # rates that are kept of a window, where those of the run are kept at places
_LONG = 12.0  # the updates that an exponential mean reaches back, over 1/(1 - decay)


@checked(LawError, above_0="window decay")
def predict_average(
    law: Law, lr: Any, step: Any, *, window: int | None = None, decay: float | None = None, batch_size: Any = None
) -> np.ndarray:
    """The loss of averaged weights after each of some updates of a run, shape (m,).

    The mean of the weights after each of the last W updates holds the update that is j before the end by the part
    j/W; so does the last of the weights of a run whose rate falls linearly over those W updates, where the gradients
    are alike. An exponential mean holds it by 1 - decay^j. The law predicts the loss of such a run.

    Args:
        law: of the run's network.
        lr: the rate of each update, shape (T,), the warmup too; an array, or `Rates`.
        step: updates made, shape (m,), at most T.
        window: the updates whose weights are averaged; those made, where there are fewer.
        decay: of an exponential mean, in the place of the window, between 0 and 1.
        batch_size: examples in an update, a number or shape (T,), as for `Law.predict`.

    Raises:
        LawError: both or neither of window and decay are given, one is out of range, or as for `Law.predict`.

    >>> from glideslope.laws.form import NAMES
    >>> values = (2.7, 0.8, 0.5, 0.1, 0.7, 0.2, 0.5, 90.0, 0.3, 0.4, 0.9, 0.2)
    >>> law = Law(dict(zip(NAMES, values)), np.zeros((12, 12)), 1e-3, 1000.0, 0.001, 0.0, ())
    >>> constant = np.full(20_000, 1e-3)
    >>> last, mean = law.predict(constant, 20_000), predict_average(law, constant, 20_000, window=500)
    >>> print(f"{last[0] - mean[0]:.3f}")
    0.077
    """
    if (window is None) == (decay is None):
        raise LawError("give the window of a plain mean, or the decay of an exponential one")
    if decay is not None and decay >= 1:
        raise LawError(f"decay={decay!r}: give a number between 0 and 1")
    steps = np.atleast_1d(numbers("step", step))
    last = law.predict(lr, steps, batch_size)  # and checks them
    rates = Rates.of(lr)
    ends = [(place, int(at)) for place, at in enumerate(steps) if at >= 1]
    for place, end in ends:
        falling = _falling(rates, end, window, decay)
        if falling.peak > 0:  # else no weight has moved
            sizes = batch_size if np.ndim(batch_size) == 0 else np.asarray(batch_size)[:end]
            last[place] = law.predict(falling, end, sizes)[0]
    return last


def _falling(rates: Rates, end: int, window: int | None, decay: float | None) -> Rates:
    """The rates of a run that ends where the mean of the last weights lies, plain or exponential."""
    length = min(int(window or math.ceil(_LONG / (1 - (decay or 0.0)))), end)
    begin = end - length
    if rates.places is None:
        before, inside = np.arange(begin), np.arange(begin, end)
    else:
        places = rates.every_place().astype(np.int64)
        before, sampled = places[places < begin], np.rint(np.linspace(begin, end - 1, min(_POINTS, length)))
        inside = np.unique(np.concatenate([sampled.astype(np.int64), places[(places >= begin) & (places < end)]]))
    left = end - inside
    held = left / length if decay is None else -np.expm1(left * math.log(decay))
    values = np.concatenate([rates.at(before), rates.at(inside) * held])
    return Rates(values, None if rates.places is None else np.concatenate([before, inside]), end)
