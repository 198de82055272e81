"""The rate for another batch size."""

from __future__ import annotations

from glideslope.errors import BatchError
from glideslope.schedules.arguments import checked

RULES = {"linear": 1.0, "square_root": 0.5}


@checked(BatchError, above_0="lr batch other noise_scale")
def rate_for(lr: float, batch: float, other: float, rule: str = "linear", noise_scale: float | None = None) -> float:
    """The rate for another batch size at which a training goes on about as before.

    Args:
        lr: the rate.
        batch: the examples in the batch that the rate is for.
        other: the examples in the other batch.
        rule: "linear" for SGD, "square_root" for Adam and similar optimizers.
        noise_scale: the gradient noise scale in examples, where it is known: the rate grows less for batches near it,
            and towards a limit for larger ones.

    Formula: η(B) = η_max / (1 + B_noise / B)^a with a = 1 for "linear" and 1/2 for "square_root"; without a noise
    scale, its limit for small batches, η(B) ∝ B^a.

    Source: McCandlish et al. 2018, arXiv:1812.06162; Goyal et al. 2017, arXiv:1706.02677; Malladi et al. 2022,
    arXiv:2205.10287.

    Raises:
        BatchError: a number isn't positive, or the rule unknown.

    >>> rate_for(0.1, 256, 1024)
    0.4
    >>> rate_for(1e-3, 256, 1024, "square_root")
    0.002
    >>> round(rate_for(0.1, 256, 1024, noise_scale=1024), 6)
    0.25
    """
    if rule not in RULES:
        raise BatchError(f"rule={rule!r}: give 'linear', for SGD, or 'square_root', for Adam")
    ratio = other / batch
    if noise_scale is not None:
        ratio = (1 + noise_scale / batch) / (1 + noise_scale / other)
    return float(lr * ratio ** RULES[rule])
