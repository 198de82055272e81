"""A full run that is saved from too large a peak: where its loss rises, its rate stays under half of that; and from
learning noise: it ends where its validation loss was least, and early where it learns nothing else.

A cap, and not a factor: at its end the rate is the schedule's own again, so that little of the training is lost. The
training loss tells a rise early and with its noise; but it counts only where the validation loss doesn't say otherwise:
what is optimized may rise as a network learns, as the score function of a policy, or a loss with a growing weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from glideslope.feedback import Event
from glideslope.search.jobs.job import Job

RISE = 1.5
"""The ratio of the mean loss of a part of the run to the least of the parts before from which on the rate is capped, if
the part before had risen so too: batches that are hard, as a last one of three examples, come and go. At 1.25 it was in
good runs too, whose loss rises some while the rate is largest."""

LOST = 2.0
"""The ratio from which on the run also goes back to the end of the part with the least; where it is lost again, as from
over a cliff, to where the validation loss was least. So it does where all that the training loss had fallen is undone:
of losses that aren't positive, which have no ratio, nothing else is a rise."""

CLEAR = 4.0  # the standard errors by which the loss has risen where that is no noise of the batches

FACTOR = 0.5  # the cap, as a part of the rate where the loss had risen

REST = 2  # the parts after which there may be a lower cap: the loss needs some time to come down

HIGHEST = 0.2
"""The share of the losses of a part, the highest, that are cut to the highest of the others: outliers are no rise."""

OVER = 0.01
"""The part of the least validation loss by which a run ends above it that goes back there, as one that has learned the
noise of its examples; of losses that aren't positive, the part of what was gained."""

NOISE, ABOVE, LOWEST, LEARNED = 3, 1.05, 0.9, 0.8
"""The parts in a row with the marks of learning noise after which a run is given up: the validation loss is above its
least by a twentieth, the least is no more than a tenth below what a short run ended at, and the training loss is a
fifth below the end of that run's. Validation losses at high rates leap for a part or two, with batch normalization."""

GAP = 0.9
"""The ratio of the training loss to the validation loss below which a run may be learning noise."""

SHORTEST = 8  # the updates of a part below which its mean says nothing

MOST = 8  # the caps at most: a training that is lost at any rate is left


class ShortEnd(NamedTuple):
    """What the best short run ended at."""

    training: float
    validation: float


@dataclass(frozen=True)
class _Place:
    made: int  #: updates
    state: Any


class Backoff:
    """Looks at a run after each of its parts; caps its rate, which stays under `cap`, and takes it back where its loss
    has risen. Time goes on where the run goes back: so it makes as many updates as any. The factor of an event is the
    cap over the schedule's rate at its update, its loss the mean of a part, or the validation loss at the end. The run
    is given up where it learns noise, by what the short run beside it ended at."""

    def __init__(self, rates: np.ndarray, job: Job, short: ShortEnd | None = None) -> None:
        self.cap = math.inf
        self.events: list[Event] = []
        self._rates, self._job, self._short = rates, job, short
        self._noisy = 0  # the parts in a row that have learned noise
        self._since = 0  # the parts since the last cap
        self._first = self._begun = self._least = self._error = math.inf  # of the first part, and the least mean
        self._validation = self._lowest = math.inf  # after the part before, and the least
        self._kept = math.inf  # where the validation loss is below this, it has fallen since the mean was least
        self._least_at = self._lowest_at = _Place(0, None)  # where the mean was least, and the validation loss
        self._is_back = False  # to the former, and no mean was less since
        self._has_risen = False  # the mean of the part before
        self._is_well = False  # where the validation loss was measured last: no sign of learning noise

    def asks(self, losses: Sequence[float]) -> bool:
        """Whether the validation loss is to be measured after a part with such losses: where the mean has risen; and
        always, from where it isn't at its least, or the training loss is clearly below it, to where neither is so."""
        part = np.asarray(losses, float)
        return not self._is_well or not _is_read(part) or self._rises(*_mean(part))

    def look(self, losses: Sequence[float], validation: float | None, made: int) -> bool:
        """Looks at the losses of a part, and the validation loss after it if it was measured: keeps the states where
        either is the least so far; caps the rate where the mean has clearly risen. Returns whether the run went back. A
        part isn't looked at where the validation loss is below what it was when it was first measured, and by the part
        with the least mean, both after this part and when it was measured before: at a cliff a single one is noisy."""
        part = np.asarray(losses, float)
        self._since += 1
        before, had_risen, self._has_risen = self._validation, self._has_risen, False
        is_lowest = validation is not None and validation < self._lowest
        if validation is not None:
            self._validation, self._is_well = validation, is_lowest
            if is_lowest:
                self._lowest, self._lowest_at = validation, _Place(made, self._job.state())
        if not _is_read(part):
            return False
        mean, error = _mean(part)
        if validation is not None:
            self._noisy = self._noisy + 1 if self._learns_noise(part, validation) else 0
            self._is_well = is_lowest and mean >= GAP * validation > 0
        if mean < self._least:
            if math.isinf(self._first):
                self._first, self._begun = mean, self._validation
            self._least, self._error, self._kept = mean, error, min(self._validation, self._begun)
            self._least_at = self._lowest_at if is_lowest else _Place(made, self._job.state())
            self._is_back = False
            return False
        has_fallen = max(self._validation, before) < self._kept
        if has_fallen or self._rates[made - 1] <= 0 or (self.events and self._since <= REST):
            return False
        return self._answer(mean, error, made, had_risen)

    @property
    def gives_up(self) -> bool:
        """Whether the run learns nothing but noise."""
        return self._noisy >= NOISE

    def rescue(self, made: int) -> bool:
        """Goes back from a loss that isn't finite, after so many updates, and caps the rate; returns whether it did."""
        if not self._least_at.made or len(self.events) >= MOST or self._rates[made - 1] <= 0:
            return False
        self._lower(made, "not finite", math.inf, is_lost=True)
        return True

    def _learns_noise(self, part: np.ndarray, validation: float) -> bool:
        if self._short is None or not 0 < LOWEST * self._short.validation < self._lowest:
            return False
        return validation > ABOVE * self._lowest and float(np.median(part)) < LEARNED * self._short.training

    def ended(
        self, made: int, validation: float, untrained: float, by_all: Callable[[float], float]
    ) -> tuple[float, float]:
        """The last loss of a run and its final one, by all of the validation data. Where the loss was clearly less on
        the way, and is by all of the data too, the run goes back there, and its rate is zero from there on.

        Args:
            made: the updates after which it ended.
            validation: the loss then, measured as those on the way.
            untrained: the loss before the first update.
            by_all: gives the loss of the job as it is by all of the data, for one measured as those on the way.
        """
        last, lowest = by_all(validation), self._lowest
        last = last if math.isfinite(last) else math.inf
        clear = OVER * (lowest if lowest > 0 else untrained - lowest)
        if not self._lowest_at.made or lowest >= untrained or validation - lowest <= clear:
            return last, last
        end = self._job.state()
        self._job.restore(self._lowest_at.state)
        if not (least := by_all(lowest)) < last:
            self._job.restore(end)
            return last, last
        self.events.append(Event(made - 1, "overfitting", last, self._lowest_at.made, 0.0))
        return last, least

    def _answer(self, mean: float, error: float, made: int, had_risen: bool) -> bool:
        """Caps the rate where a part's mean has clearly risen, and goes back where it has much; whether it did."""
        is_lost = self._is_lost(mean, error)
        self._has_risen = self._rises(mean, error)
        if mean - self._least <= self._noise(error):
            return False
        if not (is_lost or (self._has_risen and had_risen and made < len(self._rates))):
            return False
        self._lower(made, "growth", mean, is_lost=is_lost)
        return is_lost

    def _rises(self, mean: float, error: float) -> bool:
        return self._is_lost(mean, error) or 0 < RISE * self._least < mean

    def _is_lost(self, mean: float, error: float) -> bool:
        is_undone = mean > self._first > self._least + self._noise(error)
        return 0 < LOST * self._least < mean or is_undone

    def _noise(self, error: float) -> float:
        return CLEAR * math.hypot(error, self._error)

    def _lower(self, made: int, kind: str, loss: float, *, is_lost: bool) -> None:
        self.cap = FACTOR * min(float(self._rates[made - 1]), self.cap)
        self._since = 0
        if is_lost:
            if self._is_back and self._lowest_at.made:  # the part with the least mean ended over the cliff
                self._least_at = self._lowest_at
            self._kept, self._is_back = self._lowest, True
        self.events.append(Event(made - 1, kind, loss, self._least_at.made if is_lost else made, FACTOR))
        if is_lost:
            self._job.restore(self._least_at.state)

    def saved(self) -> dict[str, Any]:
        """All that it knows but for the events, to go on from with `load`: plain data around the states."""
        numbers = {
            "cap": self.cap, "since": self._since, "first": self._first, "least": self._least, "error": self._error,
            "validation": self._validation, "kept": self._kept, "lowest": self._lowest,
            "begun": self._begun, "back": float(self._is_back), "risen": float(self._has_risen),
            "noisy": float(self._noisy), "well": float(self._is_well),
        }  # fmt: skip
        return {"ring": {"kept": [[place.made, numbers, (place.state, None)] for place in self._places()]}}

    def load(self, saved: dict[str, Any], events: Iterable[Event]) -> None:
        """Goes on from what another saved, and its events."""
        self.events[:] = events
        places = [_Place(made, state) for made, _, (state, _) in saved["ring"]["kept"]]
        for _, numbers, _ in saved["ring"]["kept"][:1]:
            self._has_risen, self._noisy = bool(numbers["risen"]), int(numbers.get("noisy", 0.0))
            self._is_well = bool(numbers.get("well", 0.0))
            self._least_at, self._lowest_at = places[0], places[-1]
            self.cap, self._since, self._is_back = numbers["cap"], numbers["since"], bool(numbers["back"])
            self._first, self._least, self._error = numbers["first"], numbers["least"], numbers["error"]
            self._validation, self._kept = numbers["validation"], numbers["kept"]
            self._lowest, self._begun = numbers["lowest"], numbers["begun"]

    def _places(self) -> list[_Place]:
        """Those that it may go back to, the one of the least mean first; one alone where both are the same."""
        return [self._least_at] if self._least_at is self._lowest_at else [self._least_at, self._lowest_at]

    @property
    def snapshots(self) -> int:
        """How many states it keeps."""
        return len(self._places())


def _is_read(part: np.ndarray) -> bool:
    """Whether the losses of a part say something."""
    return len(part) >= SHORTEST and bool(np.isfinite(part).all())


def _mean(part: np.ndarray) -> tuple[float, float]:
    """The mean of a part's losses, whose highest are cut, and its standard error."""
    part = np.minimum(part, np.quantile(part, 1 - HIGHEST, method="lower"))
    return float(part.mean()), _error(part)


def _error(losses: np.ndarray) -> float:
    """The standard error of their mean by how far neighbours are apart: a trend is no noise."""
    return float(np.abs(np.diff(losses)).mean()) * math.sqrt(math.pi) / 2 / math.sqrt(len(losses))
