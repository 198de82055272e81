"""Sizes: what is drawn of a long schedule has its extremes; a law of means predicts as one of all points."""

from __future__ import annotations

import numpy as np

import glideslope as gs
from faults.tally import Kinds, seeded
from glideslope.schedules.sampling import sampled

TEXTS = (
    "cosine", "warmup(5) >> cosine", "cosine_restarts(7%)", "one_cycle", "noam(100)", "inverse_sqrt(3%)", "step(9%)",
    "cosine_hard_restarts(cycles=11)", "triangular(2%)", "exp_range(3%, ratio=0.9999)", "wsd(1%, 10%)",
    "linear.reverse()",
    "piecewise([1, 0.5, 2, 0.1], [10, 1003, 20004])", "warmup(3%) * exponential(20%)", "polynomial_cycles(13%)",
    "min(linear, cosine.reverse())", "hold(17).delay(5) >> linear(20%).continued() >> hold()", "cosine.clip(0.1, 0.6)",
)  # fmt: skip


def drawn(seed: int) -> str | None:
    """The extremes of a schedule over a random horizon are among what is drawn of it."""
    random = np.random.default_rng(seed)
    text, steps = TEXTS[seed % len(TEXTS)], int(10 ** random.uniform(4.6, 5.6))
    at, factors = sampled(gs.parse(text), steps)
    every = gs.parse(text).sample(steps)
    if not np.array_equal(factors, every[at]):
        return f"{text} over {steps}: other factors"
    off = max(every.max() - factors.max(), factors.min() - every.min())
    return None if off <= 1e-9 * every.max() else f"{text} over {steps}: an extreme is missed by {off:g}"


KINDS: Kinds = {"drawn": ("long schedules drawn: every extreme is there", seeded(drawn), 400)}
