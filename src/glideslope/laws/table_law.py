"""A law of final losses over size, tokens, batch and peak rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.kinds import LOSSES
from glideslope.laws.law import write
from glideslope.laws.table_edge import limits
from glideslope.laws.values import ByValue, numbers, read_only
from glideslope.schedules.arguments import checked

NAMES = (
    "peak", "peak by params", "peak by tokens", "peak by batch", "batch", "batch by params", "batch by tokens",
    "peak width", "peak width by params", "peak width by tokens", "batch width", "batch width by params",
    "batch width by tokens", "peak skew", "batch skew", "E", "A", "B", "alpha", "beta",
)  # fmt: skip
"""The parameters; those of widths and of the loss as logarithms."""
FLOPS = 6.0  # floating-point operations for each parameter and token of a training
_SIZES = 60  # among which the best for an amount of compute is looked for
_TRIED = 200  # batches among which the best is looked for, where its peak would be larger than those of the table
VERSION = 1  # of the file
_MOST = 100.0  # the logarithm of a loss, at most
APART = 0.01  # the relative deviation of a grid's loss from that of the sizes and tokens


@dataclass(frozen=True)
class Best:
    """What a table's law advises for a size and a number of tokens."""

    peak: float  #: the peak rate
    batch: float  #: the batch, in the unit of the table
    loss: float  #: predicted
    low: float  #: the lower end of a 90% interval of it
    high: float  #: the upper end


@dataclass(frozen=True, eq=False, repr=False)
class TableLaw(ByValue):
    """A law of final losses over size, tokens, batch and peak rate."""

    place: np.ndarray  #: its parameters, in the order of `NAMES`
    covariance: np.ndarray  #: of the parameters
    center: tuple[float, float, float, float]
    """The logarithms of size, tokens and batch that others are taken over, and of the lowest loss."""
    noise: float  #: the relative error of the losses near the best of each grid
    ranges: tuple[tuple[float, float], ...]  #: the least and the largest size, tokens, batch and peak of the table
    notes: tuple[str, ...] = ()  #: what was dropped
    edges: np.ndarray = field(default_factory=lambda: np.empty((0, 5)), repr=False)
    """The logarithms of size, tokens, batch, the largest peak that ended well and the smallest that diverged."""

    def __post_init__(self) -> None:
        for name in ("place", "covariance", "edges"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __repr__(self) -> str:
        (least, most), tokens = self.ranges[:2]
        return (
            f"<TableLaw of {least:.3g} to {most:.3g} parameters, {tokens[0]:.3g} to {tokens[1]:.3g} tokens: losses "
            f"within {self.noise:.2%}>"
        )

    def predict(self, params: Any, tokens: Any, batch: Any, peak: Any) -> np.ndarray:
        """The final losses of runs, shape (n,): of networks of so many parameters, on so many tokens, with a batch in
        the table's unit and a peak rate, numbers or of shape (n,) each. Where runs of such a peak diverge (see
        `largest_peak`), it is e times as high or more. Raises a LawError if one isn't positive."""
        arguments = {"params": params, "tokens": tokens, "batch": batch, "peak": peak}
        at = [np.atleast_1d(numbers(name, value)) for name, value in arguments.items()]
        if not all(np.all(np.isfinite(values) & (values > 0)) for values in at):
            raise LawError("params, tokens, batch and peak are numbers above 0")
        logs = centered(at, self.center)
        beyond = logs[3] - limits(self.edges, np.log(np.stack(np.broadcast_arrays(*at)))[:3])
        return np.exp(predicted(self.place, logs) + self.center[3] + np.where(beyond > 1e-6, 1 + beyond, 0.0))

    @checked(LawError, above_0="params tokens batch")
    def largest_peak(self, params: float, tokens: float, batch: float) -> float:
        """The largest peak that is safe, by the runs of the table that diverged; infinite where none did. One that
        wasn't tried lies below the edge by what isn't known of it. Raises a LawError if a number isn't positive."""
        return math.exp(limits(self.edges, np.log([[params], [tokens], [batch]]))[0])

    @checked(LawError, above_0="params tokens batch")
    def best(self, params: float, tokens: float, batch: float | None = None) -> Best:
        """The peak and the batch of least loss for a size and tokens; at a batch, the peak for it.

        The batch is no smaller than those of the table, and larger ones only by as much as the tokens are more; the
        peak is no larger than those tried, nor than `largest_peak`. Raises a LawError if a number isn't positive."""
        n, d = math.log(params) - self.center[0], math.log(tokens) - self.center[1]
        values = dict(zip(NAMES, self.place.tolist(), strict=True))
        least, most = (math.log(edge) - self.center[2] for edge in self.ranges[2])
        most += max(0.0, math.log(tokens / self.ranges[1][1]))
        best = _best_batch(values, n, d)
        tried = np.append(np.linspace(least, most, _TRIED), min(max(best, least), most))
        sizes = tried if batch is None else np.array([math.log(batch) - self.center[2]])
        near = (-0.35, 0.0, 0.35) if batch is None else (0.0,)  # a batch may be rounded by half a factor of two
        asked = [np.broadcast_arrays(math.log(params), math.log(tokens), sizes + self.center[2] + off) for off in near]
        safe = np.min([limits(self.edges, np.stack(place)) for place in asked], axis=0)
        if len(tried := self.edges[:, 3:][np.isfinite(self.edges[:, 3:])]):  # below an edge, one tried
            safe = np.array([max(tried[tried <= most], default=most) for most in safe.tolist()])
        peaks = np.minimum(_best_peak(values, n, d, sizes - best), np.minimum(math.log(self.ranges[3][1]), safe))
        first = int(np.argmin(predicted(self.place, np.stack(np.broadcast_arrays(n, d, sizes, peaks)))))
        peak, size = math.exp(peaks[first]), math.exp(sizes[first] + self.center[2])
        loss, low, high = self.interval(params, tokens, size, peak)
        return Best(peak, size, loss, low, high)

    @checked(LawError, above_0="params tokens batch peak")
    def interval(self, params: float, tokens: float, batch: float, peak: float) -> tuple[float, float, float]:
        """The final loss of a run, and the lower and the upper end of a 90% interval. Raises a LawError as `predict`
        does."""
        loss = float(self.predict(params, tokens, batch, peak)[0])
        at = centered([np.array([value]) for value in (params, tokens, batch, peak)], self.center)
        steps = 1e-5 * np.eye(len(self.place))
        up, down = ([predicted(self.place + sign * step, at)[0] for step in steps] for sign in (1, -1))
        slopes = np.subtract(up, down) / 2e-5
        variance = float(slopes @ self.covariance @ slopes) + self.noise**2 + APART**2
        width = min(1.645 * math.sqrt(variance), _MOST)
        return loss, loss * math.exp(-width), loss * math.exp(width)

    @checked(LawError, above_0="flops params")
    def best_size(self, flops: float, params: float | None = None) -> tuple[float, float]:
        """The size and the tokens of least loss for an amount of compute, 6·params·tokens, from half the smallest size
        of the table to four times the largest; of a size, the tokens. Raises a LawError if one isn't positive."""
        every = np.geomspace(self.ranges[0][0] / 2, 4 * self.ranges[0][1], _SIZES).tolist()
        sizes = every if params is None else [params]
        return min(((size, flops / (FLOPS * size)) for size in sizes), key=lambda run: self.best(*run).loss)

    @checked(LawError)
    def save(self, path: Path | str) -> None:
        """Writes the law to a JSON file, with a checksum. Raises a LawError if a number isn't finite; a FileError."""
        edges = [[value if math.isfinite(value) else None for value in edge] for edge in self.edges.tolist()]
        plain = {name: getattr(self, name) for name in ("center", "noise", "ranges", "notes")}
        arrays = {"place": self.place.tolist(), "covariance": self.covariance.tolist(), "edges": edges}
        write({LOSSES: VERSION} | arrays | plain, path)

    @checked(LawError, above_0="params tokens")
    def warnings(self, params: float, tokens: float) -> list[str]:
        """What should be known of a prediction: it is far from the table."""
        warnings = []
        for name, value, (low, high) in zip(("params", "tokens"), (params, tokens), self.ranges[:2], strict=True):
            if not low / 3 <= value <= 10 * high:
                warnings.append(f"{value:.3g} {name} are far from those of the table, {low:.3g} to {high:.3g}")
        return warnings


def centered(at: Sequence[np.ndarray], center: Sequence[float]) -> np.ndarray:
    """The logarithms of size, tokens and batch over the center, and of the peak, shape (4, n)."""
    logs = [np.log(values) for values in np.broadcast_arrays(*at)]
    return np.stack([logs[0] - center[0], logs[1] - center[1], logs[2] - center[2], logs[3]])


def _best_batch(values: Mapping[str, float], n: Any, d: Any) -> Any:
    return values["batch"] + values["batch by params"] * n + values["batch by tokens"] * d


def _best_peak(values: Mapping[str, float], n: Any, d: Any, b: Any) -> Any:
    """The logarithm of the best peak at a size, tokens, and a batch over the best."""
    return values["peak"] + values["peak by params"] * n + values["peak by tokens"] * d + values["peak by batch"] * b


def _valley(x: np.ndarray, width: np.ndarray, skew: float) -> np.ndarray:
    """k·(e^(s·x) - s·x - 1)·2/s², which is k·x² for a small s."""
    s = np.clip(skew * x, -30.0, 30.0)
    near = np.abs(s) < 1e-3
    shape = np.where(near, 1 + s / 3, 2 * (np.expm1(s) - s) / np.where(near, 1.0, s) ** 2)
    return np.asarray(np.exp(np.minimum(width, 10.0)) * x**2 * shape)


def predicted(place: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The logarithm of the loss over the lowest of the table."""
    n, d, b, peak = at
    values = dict(zip(NAMES, place.tolist(), strict=True))
    off = b - _best_batch(values, n, d)
    alpha, beta = math.exp(values["alpha"]), math.exp(values["beta"])
    by_size, by_tokens = (np.exp(np.minimum(part, _MOST)) for part in (values["A"] - alpha * n, values["B"] - beta * d))
    level = math.exp(values["E"]) + by_size + by_tokens
    peak_width, batch_width = (
        values[name] + values[f"{name} by params"] * n + values[f"{name} by tokens"] * d
        for name in ("peak width", "batch width")
    )
    by_peak = _valley(peak - _best_peak(values, n, d, off), peak_width, values["peak skew"])
    return np.asarray(np.minimum(np.log(level) + by_peak + _valley(off, batch_width, values["batch skew"]), _MOST))
