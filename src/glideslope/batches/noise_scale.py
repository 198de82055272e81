"""The gradient noise scale: about the batch size beyond which more examples help less and less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glideslope.errors import BatchError
from glideslope.schedules.amounts import real

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class NoiseScale:
    """A measured gradient noise scale."""

    value: float  #: tr Σ / ‖G‖², in examples
    #: A 90% interval of it, by bootstrap over the measurements; its upper end is infinite where the gradient itself
    #: can't be distinguished from zero.
    interval: tuple[float, float]
    gradient: float  #: ‖G‖², the squared norm of the true gradient
    trace: float  #: tr Σ, the variance of one example's gradient, summed over the parameters

    @property
    def critical_batch_size(self) -> int:
        """The batch at which a training takes about twice the least number of updates, and twice the least of examples.

        That is the noise scale itself (McCandlish et al. 2018, eq. 2.11): much smaller batches waste time, much larger
        ones waste examples.
        """
        return max(1, round(self.value))


def noise_scale(small: object, large: object, sizes: tuple[int, int]) -> NoiseScale:
    """The gradient noise scale, from squared norms of gradients at two batch sizes.

    With `gs.torch.gradient_norms` they are measured on a model and its batches, or from the gradient of each process
    beside their mean.

    Args:
        small: ‖g‖² of gradients of the small batch, shape (n,), one for each measurement.
        large: of the large batch, shape (n,).
        sizes: the examples in the small batch and in the large one.

    Formula: with B₁ < B₂, ‖G‖² = (B₂‖g₂‖² - B₁‖g₁‖²)/(B₂ - B₁) and tr Σ = (‖g₁‖² - ‖g₂‖²)/(1/B₁ - 1/B₂), each
    averaged over the measurements, before the division.

    Raises:
        BatchError: the numbers don't match, or ‖G‖² comes out at or under 0: the noise is too large for so few
            measurements.

    Source: McCandlish et al. 2018, arXiv:1812.06162, appendix A.1.

    >>> noise_scale([5.0, 5.2], [2.0, 2.1], (10, 40)).critical_batch_size
    39
    """
    import numpy as np

    first, second = sizes if isinstance(sizes, tuple | list) and len(sizes) == 2 else (0, 0)
    if not 0 < real("sizes", first, BatchError) < real("sizes", second, BatchError):
        raise BatchError(f"sizes={sizes}: give the small batch and the large one, in examples")
    try:
        both = np.asarray(small, dtype=float).ravel(), np.asarray(large, dtype=float).ravel()
    except (TypeError, ValueError, OverflowError):
        raise BatchError("small and large: give the squared norms of gradients, as many of each") from None
    if len(both[0]) != len(both[1]):
        raise BatchError(f"{len(both[0])} norms at the small batch, {len(both[1])} at the large one: give pairs")
    norms = np.array(both)
    if norms.shape[1] == 0 or not np.all(np.isfinite(norms)) or np.any(norms < 0):
        raise BatchError("squared norms of gradients are one or more finite numbers, none under 0")
    gradient, trace = _both(norms.mean(1), first, second)
    if not gradient > 0:
        raise BatchError(
            f"the noise scale can't be measured yet: from {norms.shape[1]} measurements ‖G‖² is {gradient:.3g}; "
            "measure more of them, or with larger batches"
        )
    drawn = np.random.default_rng(0).integers(norms.shape[1], size=(1000, norms.shape[1]))
    squares, traces = _both(norms[:, drawn].mean(2), first, second)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(squares > 0, traces / squares, np.inf)
    low, high = np.quantile(ratios, (0.05, 0.95), method="nearest")
    return NoiseScale(
        max(float(trace / gradient), 0.0), (max(float(low), 0.0), max(float(high), 0.0)), float(gradient), float(trace)
    )


def _both(norms: np.ndarray, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    """‖G‖² and tr Σ from mean squared norms, shape (2, …)."""
    gradient = (second * norms[1] - first * norms[0]) / (second - first)
    return gradient, (norms[0] - norms[1]) / (1 / first - 1 / second)
