"""The batch sizes of runs, and how many times a reference they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.rates import Rates
from glideslope.laws.values import numbers, shared
from glideslope.plural import plural

if TYPE_CHECKING:
    from glideslope.laws.run import Run


def checked_sizes(name: str, sizes: Any, updates: int) -> np.ndarray | Rates:
    """Batch sizes, one or one for each update. Raises a LawError if one isn't positive, or there are too few."""
    if isinstance(sizes, Rates) and len(sizes) == updates:
        checked_sizes(name, sizes.values, len(sizes.values))
        return sizes
    values = shared(numbers(name, sizes))
    if values.shape not in ((), (updates,)) or not np.all(np.isfinite(values) & (values > 0)):
        raise LawError(f"{name}: give one batch size, or one for each of {plural(updates, 'update')}, above 0")
    return values


def reference_batch(runs: Sequence[Run]) -> float | None:
    """The geometric mean of the batch sizes of runs, None without. Raises a LawError if some have one, and some not."""
    lacking = [run.name for run in runs if run.batch_size is None]
    if len(lacking) == len(runs):
        return None
    if lacking:
        raise LawError(f"{', '.join(lacking)}: without a batch_size, which other runs have: give it to all or to none")
    return float(np.exp(np.mean([Rates.of(run.batch_size).mean(np.log) for run in runs])))


def extent(runs: Sequence[Run]) -> tuple[float, float] | None:
    """The least and the largest batch size of runs, if they have any."""
    values = [Rates.of(run.batch_size).values for run in runs if run.batch_size is not None]
    return (float(min(map(np.min, values))), float(max(map(np.max, values)))) if values else None


def relative(run: Run, reference: float | None) -> Rates | None:
    """The batch sizes of a run over a reference, shape (T,); None where they are the same."""
    return None if reference is None else over(run.batch_size, reference, len(run.lr))


def over(batch_size: Any, reference: float, updates: int) -> Rates | None:
    """Batch sizes, one or one for each update, over a reference; None where they are the same."""
    sizes = Rates.of(batch_size)
    if np.allclose(sizes.values, reference, rtol=1e-9, atol=0.0):
        return None
    if len(sizes.values) == 1:
        return Rates(sizes.values / reference, [0], updates)
    return Rates(sizes.values / reference, sizes.places, updates)
