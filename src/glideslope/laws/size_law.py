"""A law over sizes: of each number of parameters, a law."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.form import NAMES, RELAXATION
from glideslope.laws.kinds import SIZES
from glideslope.laws.law import Fitted, Law, write
from glideslope.laws.values import ByValue, read_only
from glideslope.schedules.arguments import checked

VERSION = 1  # of the file
SAME = 0.02  # the relative difference up to which a size is one that runs are of


@dataclass(frozen=True)
class Around:
    """What a law over sizes counts from."""

    center: float  # the logarithm of the size that sizes are taken over
    reference: float  # the rate that rates are taken over
    unit: float  # the updates in a unit of the clock
    batch: float | None = None  # the tokens of an update that batches are taken over, where the runs have them
    batches: tuple[float, float] | None = None  # the smallest and the largest of the runs
    decay: float | None = None  # the weight decay that others are taken over, where the runs have it


@dataclass(frozen=True, eq=False)
class SizeLaw(ByValue):
    """A law of the loss over sizes, fitted on runs of several."""

    #: The logarithm of E, the lowest loss of any size; the lines' levels and slopes, by parameter; and the distances of
    #: each size from them: shape (1 + 12·(2 + sizes),).
    place: np.ndarray
    covariance: np.ndarray  #: of the place
    around: Around  #: what it counts from
    noise: float  #: the relative error that the ends of runs have by fits without them
    unseen: float  #: the same of sizes by fits without any run of theirs
    shift: float  #: how far a final loss on another evaluation set lies above the curve
    fitted: tuple[tuple[float, tuple[Fitted, ...]], ...]  #: each size, with its runs
    decays: tuple[float, ...]  #: the mean weight decay of each size's runs; not a number where it isn't known
    notes: tuple[str, ...] = ()  #: what was dropped

    def __post_init__(self) -> None:
        for name in ("place", "covariance"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __repr__(self) -> str:
        runs, sizes = sum(len(members) for _, members in self.fitted), [size for size, _ in self.fitted]
        return (
            f"<SizeLaw of {runs} runs of {len(sizes)} sizes, {sizes[0]:.3g} to {sizes[-1]:.3g}: ends within "
            f"{self.noise:.2%}, of other sizes {self.unseen:.2%}>"
        )

    @property
    def sizes(self) -> tuple[float, ...]:
        """The sizes that runs are of."""
        return tuple(size for size, _ in self.fitted)

    @checked(LawError, above_0="params batch")
    def at(self, params: float, *, batch: float | None = None, weight_decay: float | None = None) -> Law:
        """The law of a size: it predicts, and designs, as one that `fit` made.

        Args:
            params: the parameters of the network.
            batch: tokens in an update; those of the runs, or their mean, if not given: then predictions take others.
            weight_decay: that of the size's runs, or their mean, if not given.

        Raises:
            LawError: a number isn't positive, or the runs had no batch size or weight decay.
        """
        if params < 1:
            raise LawError(f"params={params}: give the number of parameters, such as 124e6")
        z = math.log(params) - self.around.center
        size = next((i for i, known in enumerate(self.sizes) if abs(params / known - 1) < SAME), None)
        theta = theta_of(self.place, z, size, self._decay(size, weight_decay))
        slopes = self._slopes(theta, z, size)
        covariance = slopes @ self.covariance @ slopes.T
        runs = tuple(run for _, members in self.fitted for run in members) if size is None else self.fitted[size][1]
        notes = (*self.notes, *self.warnings(params, batch))
        known = 0 if size is None else len(runs)
        noise = math.hypot(self.noise, self.unseen / math.sqrt(1 + known))  # its runs show what a size has for itself
        covariance = (covariance + covariance.T) / 2
        around = self.around
        law = Law(
            theta, covariance, around.reference, around.unit, noise, self.shift, runs, notes, around.batch,
            batches=around.batches,
        )  # fmt: skip
        return law if batch is None else law.at_batch(batch)

    @checked(LawError, above_0="params batch")
    def warnings(self, params: float, batch: float | None = None) -> list[str]:
        """What should be known of a prediction for a size: it is far from those of the runs."""
        warnings = []
        low, high = self.sizes[0], self.sizes[-1]
        if not low / 2 <= params <= 4 * high:
            warnings.append(f"{params:.3g} parameters are far from those fitted, {low:.3g} to {high:.3g}")
        if batch is not None and self.around.batches is not None:
            least, most = self.around.batches
            if not least / 2 <= batch <= 2 * most:
                warnings.append(f"a batch of {batch:.3g} tokens is far from those fitted, {least:.3g} to {most:.3g}")
        return warnings

    @checked(LawError)
    def save(self, path: Path | str) -> None:
        """Writes the law to a JSON file, with a checksum. Raises a LawError if a number isn't finite; a FileError."""
        plain = [  # without the runs' means, which a law over sizes doesn't keep
            [{name: value for name, value in asdict(run).items() if name != "means"} for run in members]
            for _, members in self.fitted
        ]
        sizes = [
            {"params": size, "weight_decay": None if math.isnan(decay) else decay, "runs": runs}
            for size, decay, runs in zip(self.sizes, self.decays, plain, strict=True)
        ]
        write(
            {
                SIZES: VERSION, "place": self.place.tolist(), "covariance": self.covariance.tolist(),
                "around": asdict(self.around), "noise": self.noise, "unseen": self.unseen, "shift": self.shift,
                "sizes": sizes, "notes": list(self.notes),
            }, path,
        )  # fmt: skip

    def _decay(self, size: int | None, weight_decay: float | None) -> float:
        """The logarithm of a weight decay over the one that others are taken over."""
        if weight_decay is not None and self.around.decay is None:
            raise LawError("the law was fitted on runs without a weight_decay: give it to all, or none here")
        if weight_decay is not None and weight_decay < 0:
            raise LawError(f"weight_decay={weight_decay}: give a number from 0")
        if self.around.decay is None:
            return 0.0
        decay = weight_decay if weight_decay is not None else self.around.decay if size is None else self.decays[size]
        return decay_of(decay, self.around.decay)

    def _slopes(self, theta: dict[str, float], z: float, size: int | None) -> np.ndarray:
        """The derivatives of the logarithms of a law's parameters by the place, shape (12, …)."""
        width = len(NAMES)
        slopes = np.zeros((width, len(self.place)))
        part = np.ones(width)  # how the lines' values count for the logarithms of the parameters
        part[0] = abs(1 - math.exp(self.place[0]) / theta["L0"])
        slopes[0, 0] = 1 - part[0]
        for k in range(width):
            slopes[k, 1 + k], slopes[k, 1 + width + k] = part[k], z * part[k]
            if size is not None:
                slopes[k, 1 + (2 + size) * width + k] = part[k]
        return slopes


def decay_of(decay: float, reference: float | None) -> float:
    """The logarithm of a weight decay over another; one of 0 counts as a thousandth."""
    return 0.0 if not reference else math.log(max(decay, 1e-3 * reference) / reference)


def theta_of(place: np.ndarray, z: float, size: int | None, decay: float) -> dict[str, float]:
    """The parameters of the law of a size, by its index and its distance z in logarithms from the center; of a size
    that no run is of, those on the lines. Batches count from the law's, and weight decay from `decay`, a logarithm."""
    width = len(NAMES)
    x = place[1 : 1 + width] + z * place[1 + width : 1 + 2 * width]
    if size is not None:
        x = x + place[1 + (2 + size) * width : 1 + (3 + size) * width]
    values = dict(zip(NAMES, np.exp(np.clip(x, -30, 30)).tolist(), strict=True))
    lowest = float(np.exp(place[0])) + values["L0"]
    return values | {"L0": lowest, "b": values["b"] * math.exp(decay)} | RELAXATION
