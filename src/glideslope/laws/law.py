"""A fitted law: what it predicts, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from glideslope.documents import sealed, shown
from glideslope.errors import DocumentError, LawError, ScheduleError
from glideslope.files import write_atomically
from glideslope.laws.batch_sizes import checked_sizes, over
from glideslope.laws.form import NAMES, RELAXATION, jacobian, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.rates import Rates
from glideslope.laws.reach import TIMES_THE_LONGEST, far_peak, span
from glideslope.laws.run import EARLY, are_rates, checked_rates
from glideslope.laws.values import ByValue, numbers, read_only
from glideslope.plural import plural
from glideslope.schedules import Schedule
from glideslope.schedules.arguments import as_kind, checked
from glideslope.schedules.numbers import is_count
from glideslope.shown import Shown
from glideslope.warning import warn

VERSION = 5  # of the file of a law
AT_ONCE = 2048  # losses that are predicted at a time: what is in between has one number for each of them and each knot
MOST_NOISE = 0.5  # the relative error from which on a law tells nothing, whatever the losses are


@dataclass(frozen=True)
class Fitted:
    """A run that a law was fitted on."""

    name: str  #: of the run
    peak: float  #: its largest rate
    steps: int  #: its updates
    points: int  #: its losses
    #: The updates made and the losses, means of those that the fit used, to be drawn; none in a law over sizes and in
    #: one of a former file.
    means: tuple[tuple[float, ...], tuple[float, ...]] = field(default=((), ()), repr=False)


@dataclass(frozen=True, eq=False)
class Law(Shown, ByValue):
    """A law of the loss, fitted on runs."""

    parameters: dict[str, float]  #: by name; see `fit`
    covariance: np.ndarray  #: of the parameters' logarithms, shape (12, 12), in the order of `laws.NAMES`
    reference: float  #: the rate that rates are taken over
    unit: float  #: the updates in a unit of its clock
    noise: float  #: the relative error that the ends of runs have by fits without them
    shift: float  #: how far a final loss on another evaluation set lies above the curve
    fitted: tuple[Fitted, ...]  #: the runs
    notes: tuple[str, ...] = ()  #: what was dropped
    batch_size: float | None = None  #: the size that batches are taken over, where the runs have one
    baseline: float | None = None
    """The relative error that the ends of runs have by the mean loss of the other runs, where it is known."""
    misfit: float = 0.0
    """The relative deviation of a loss from the law, by how far the runs lie from it beyond their noise."""
    drift: float = 0.0
    """The same for each doubling of the updates of the longest run, by how far the ends of the runs lie from what their
    first halves say."""
    batches: tuple[float, float] | None = None  #: the least and the largest batch of the runs, where they have one

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", {**RELAXATION, **self.parameters})
        object.__setattr__(self, "covariance", read_only(self.covariance))

    def __repr__(self) -> str:
        return f"<Law of {plural(len(self.fitted), 'run')}: ends within {self.noise:.2%}, {len(NAMES)} parameters>"

    @property
    def doubt(self) -> str:
        """Why the law tells nothing, with what to do; "" if it tells something, or that isn't known."""
        if self.baseline is None or self.noise < min(self.baseline, MOST_NOISE):
            return ""
        return (
            f"the law tells nothing: ends of runs are {self.noise:.2%} from what fits without them predict, and "
            f"{self.baseline:.2%} from the mean loss of the other runs; look at the curves, at their rates and steps"
        )

    def predict(self, lr: Any, step: Any, batch_size: Any = None) -> np.ndarray:
        """The loss after updates of a run, shape (m,): no less than L0, the lowest, with a warning where the sum is.

        Args:
            lr: the rate of each update, shape (T,), the warmup too; an array, or `laws.Rates` for very many.
            step: updates made, shape (m,), at most T.
            batch_size: examples in an update, a number or shape (T,); that of the runs, or their mean, if not given.

        Raises:
            LawError: a rate isn't a number from 0, a step is beyond the rates, or the law knows no batch size.
        """
        parts = [predicted(knots, self.parameters) for knots in self._knots(lr, step, batch_size)]
        return self._from_lowest(np.concatenate(parts))

    @checked(LawError, above_0="level")
    def interval(self, lr: Any, step: Any, level: float = 0.9, batch_size: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper end, shape (m,) each, of an interval in which the loss should lie with a probability
        of `level`, from the covariance of the parameters, the noise, the misfit and the drift. The other arguments are
        those of `predict`.

        Raises:
            LawError: as for `predict`; or the level isn't between 0 and 1.
        """
        if level >= 1:
            raise LawError(f"level={level}: give a number between 0 and 1")
        parts = [jacobian(knots, self.parameters) for knots in self._knots(lr, step, batch_size)]
        loss, by_theta = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        loss = self._from_lowest(loss)
        by_log = by_theta * np.array([self.parameters[name] for name in NAMES]) / loss[:, None]
        longest = max((run.steps for run in self.fitted), default=1)
        beyond = self.drift * np.log2(np.maximum(np.atleast_1d(numbers("step", step)) / longest, 1.0))
        known = np.einsum("ni,ij,nj->n", by_log, self.covariance, by_log)
        variance = known + self.noise**2 + self.misfit**2 + beyond**2
        width = float(ndtri(0.5 + level / 2)) * np.sqrt(variance)
        return loss * np.exp(-width), loss * np.exp(width)

    @checked(LawError, above_0="batch")
    def at_batch(self, batch: float) -> Law:
        """The law of runs of one batch, which knows no other. Raises a LawError if the batch isn't positive, or the
        runs had none."""
        if self.batch_size is None:
            raise LawError("the runs of the law had no batch_size or tokens_per_step: give it to all, or no batch here")
        times, theta = batch / self.batch_size, self.parameters
        reference, theta = self.reference / times ** theta["r"], theta | {"B": theta["B"] / times}
        return replace(self, parameters=theta, reference=reference, batch_size=None, batches=None)

    def design(self, steps: int, peak: float | None = None, floor: float = 0.0) -> Schedule:
        """The schedule for which the least loss is predicted after so many updates, as rates: its factor is the rate.
        The peak is found if not given; `floor` is the least rate over it. `laws.design` tells more. Raises a LawError
        if a number is out of its range."""
        from glideslope.laws.design import design

        best = design(self, steps, peak=peak, floor=floor).best
        return best.peak * best.schedule.over(steps)

    @checked(LawError, above_0="target peak most")
    def steps_for(
        self, target: float, schedule: Schedule | str, peak: float, most: int = 10_000_000,
        batch_size: float | None = None,
    ) -> int:  # fmt: skip
        """The updates after which a run on a schedule, a value or its text, ends at a loss; parts of the horizon grow
        with them. Raises a LawError if `most` of them don't suffice."""

        def end(steps: int) -> float:
            """The loss after so many updates; infinite if the fixed phases are longer, or all rates are 0."""
            try:
                rates = Rates.of_schedule(schedule, steps, peak)
            except ScheduleError:
                if steps >= most:
                    raise
                return math.inf
            return float(self.predict(rates, steps, batch_size)[0]) if rates.peak > 0 else math.inf

        low, high = 0, min(100, most)
        while end(high) > target:
            if high >= most:
                raise LawError(
                    f"a loss of {target:g} isn't reached in {plural(most, 'update', ',')}: {end(most):#.5g} is"
                )
            low, high = high, min(2 * high, most)
        while high - low > max(1, high // 1000):
            middle = (low + high) // 2
            low, high = (middle, high) if end(middle) > target else (low, middle)
        return high

    def warnings(self, steps: int, peak: float) -> list[str]:
        """What should be known of a prediction over so many updates at a peak rate: it is far from what was fitted, or
        the law tells nothing. Raises a LawError if the updates aren't a whole number from 1, as where the two are given
        in the order before."""
        peak = as_kind(LawError, "peak", peak, "float", is_positive=True)
        if not is_count(steps) or steps < 1:
            raise LawError(f"steps={shown(steps)}, peak={peak}: give law.warnings(steps, peak)")
        peaks, longest = [run.peak for run in self.fitted], max(run.steps for run in self.fitted)
        warnings = []
        if far_peak(peak, peaks):
            warnings.append(f"a peak of {peak:g} is far from those fitted, {span(peaks)}")
        if steps > TIMES_THE_LONGEST * longest:
            warnings.append(f"{plural(int(steps), 'update', ',')} are {steps / longest:,.1f} times the longest run")
        if steps <= EARLY * longest and all(run.steps > steps for run in self.fitted):
            warnings.append(
                f"a run of {plural(int(steps), 'update', ',')} ends within the first {EARLY:.0%} of the longest run, "
                "which a fit leaves out"
            )
        if self.doubt:
            warnings.append(self.doubt)
        return warnings

    @checked(LawError)
    def save(self, path: Path | str) -> None:
        """Writes the law to a JSON file, with a checksum. Raises a LawError if a number isn't finite; a FileError."""
        write(
            {
                "glideslope_law": VERSION, "parameters": self.parameters, "covariance": self.covariance.tolist(),
                "reference": self.reference, "unit": self.unit, "noise": self.noise, "shift": self.shift,
                "fitted": list(map(asdict, self.fitted)), "notes": list(self.notes), "batch_size": self.batch_size,
                "baseline": self.baseline, "misfit": self.misfit, "drift": self.drift, "batches": self.batches,
            }, path, indent=1,
        )  # fmt: skip

    def _from_lowest(self, loss: np.ndarray) -> np.ndarray:
        """Losses, where the noise's term is so far below 0 that they are under the lowest, that."""
        lowest = self.parameters["L0"]
        if np.any(loss < lowest):
            warn(
                f"the law says less than its lowest loss, {lowest:.4g}, which is given: these rates are far from those "
                "fitted"
            )
        return np.asarray(np.maximum(loss, lowest))

    def _knots(self, lr: Any, step: Any, batch_size: Any) -> Iterator[Knots]:
        """The knots of a rate, for some of the steps at a time."""
        rates = lr if isinstance(lr, Rates) else checked_rates(lr)
        steps = np.atleast_1d(numbers("step", step))
        if not len(rates) or not are_rates(Rates.of(rates).values):
            raise LawError("lr has the rate of each update, a number from 0, and one above it")
        if np.any(steps < 0) or np.any(steps > len(rates)) or not np.all(np.isfinite(steps)):
            raise LawError(f"steps from 0 to {len(rates)}, the updates that lr has, can be predicted")
        if batch_size is not None and self.batch_size is None:
            raise LawError("the law was fitted on runs without a batch size: give them one, or none here")
        sizes = None
        if batch_size is not None and self.batch_size is not None:
            sizes = over(checked_sizes("batch_size", batch_size, len(rates)), self.batch_size, len(rates))
        knots = Knots.of(rates, steps[:AT_ONCE], self.reference, self.unit, sizes)
        yield knots
        for begin in range(AT_ONCE, len(steps), AT_ONCE):
            yield knots.before(steps[begin : begin + AT_ONCE])


def write(document: dict[str, Any], path: Path | str, indent: int | None = None) -> None:
    """Writes a law, as plain data, with a checksum. Raises a LawError if a number isn't finite, a FileError if it can't
    be written."""
    try:
        text = sealed(document, indent=indent)
    except DocumentError as error:
        raise LawError(f"the law can't be written to {path}: {error}") from None
    write_atomically(Path(path), text + "\n")
