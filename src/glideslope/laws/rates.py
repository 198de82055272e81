"""The rate of each update of a run, kept as the rates of some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from glideslope.errors import LawError
from glideslope.laws.values import ByValue, shared
from glideslope.plural import plural
from glideslope.schedules import Schedule, parse
from glideslope.schedules.arguments import checked
from glideslope.schedules.numbers import MOST_UPDATES
from glideslope.schedules.sampling import EACH, counted, sampled

MOST_AS_ARRAY = 100_000_000  # the updates of which an array of every rate is made, at most
_BLOCKS, _IN_BLOCK = 2048, 64
"""Of a rate that goes up and down faster than knots follow: means that are taken of it, and updates in each."""
_STRAIGHT = 1e-7
"""How far from a straight line a logged rate may lie that is left out, over the peak, each time that some are."""
_OFF = 0.01  # how far, as a root mean square over the peak, straight lines may lie from such a rate


@dataclass(frozen=True, eq=False)
class Rates(ByValue, NDArrayOperatorsMixin):
    """The rate of each of many updates, straight between those at some places: an array of 10^12, in a few numbers.

    It has the length, the items and the operators of the array that it stands for. Raises a LawError if the places
    aren't in order, not as many as the values, or beyond the updates.

    >>> rates = Rates([0.0, 1.0, 1.0], [0, 10, 999], 1000)
    >>> len(rates), rates[5], rates[10:12], rates.total(np.array([10, 1000]))
    (1000, 0.5, array([1., 1.]), array([  4.5, 994.5]))
    """

    values: Any  #: the rates there, shape (n,)
    #: Updates made, whole numbers in order from 0 up, shape (n,); each update if None. The first value holds before the
    #: first place, the last after the last.
    places: Any = None
    updates: int | None = None  #: the updates in all; up to the last place if None

    def __post_init__(self) -> None:
        values = shared(self.values)
        places = None if self.places is None else shared(self.places)
        if values.ndim != 1 or not len(values) or (places is not None and places.shape != values.shape):
            raise LawError("rates are an array of one or more, with a place for each, or none")
        last = len(values) - 1.0 if places is None else float(places[-1])
        updates = int(last) + 1 if self.updates is None else int(self.updates)
        if places is not None and (places[0] < 0 or np.any(np.diff(places) <= 0) or np.any(places != np.floor(places))):
            raise LawError("places are whole numbers of updates made, from 0 up, in order")
        if not last < updates <= MOST_UPDATES:
            raise LawError(f"{plural(updates, 'update')}, but the last rate is that of update {last + 1:g}")
        for name, value in (("values", values), ("places", places), ("updates", updates)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<Rates of {plural(len(self), 'update')}, peak {self.peak:.3g}>"

    @classmethod
    def of(cls, lr: Any) -> Rates:
        """Those in an array of each update, shape (T,), or these."""
        return lr if isinstance(lr, Rates) else cls(np.ravel(lr))

    @classmethod
    @checked(LawError, above_0="peak")
    def of_schedule(cls, schedule: Schedule | str, steps: int, peak: float = 1.0) -> Rates:
        """Those of a schedule, a value or its text, over so many updates, up to 2^53; one with an end of its own keeps
        it. Raises a LawError if measurements or batches change it, or a ScheduleError if it isn't one, or as for its
        `over`."""
        value = parse(schedule) if isinstance(schedule, str) else schedule
        if not isinstance(value, Schedule):
            raise LawError(f"{value}: a law predicts schedules, without what measurements or batches do to them")
        steps = counted(steps)
        at, factors = sampled(value, steps)
        rates = cls(peak * factors, None if len(at) == steps else at, steps)
        random = np.random.default_rng(0)
        if rates.places is None:
            return rates
        whole = value.within(steps)
        some = random.integers(0, steps, 4096)
        off = np.asarray(whole(some)) - rates.at(some) / peak
        if np.sqrt(np.mean(off**2)) <= _OFF * factors.max():
            return rates
        edges = np.unique(np.linspace(0, steps, _BLOCKS + 1).astype(np.int64))
        inside = edges[:-1, None] + (random.random((len(edges) - 1, _IN_BLOCK)) * np.diff(edges)[:, None]).astype(int)
        means = np.asarray(whole(inside.ravel())).reshape(inside.shape).mean(axis=1)
        return cls(peak * means, (edges[:-1] + edges[1:] - 1) // 2, steps)

    @property
    def peak(self) -> float:
        """The largest rate."""
        return float(self.values.max())

    @cached_property
    def warmup(self) -> int:
        """The first update, from 0, at nearly the largest rate."""
        return self.first(0.999 * self.peak)

    @property
    def shape(self) -> tuple[int]:
        """(T,), T the updates."""
        return (len(self),)

    def at(self, t: Any) -> np.ndarray:
        """The rates before updates t + 1, of any shape."""
        if self.places is None:
            inside = np.clip(np.asarray(t), 0, len(self.values) - 1)
            return np.asarray(self.values[inside.astype(np.int64)])
        return np.asarray(np.interp(t, self.places, self.values))

    def total(self, t: np.ndarray) -> np.ndarray:
        """The sum of the rates of the first t updates, whole numbers of shape (n,); after the last its rate goes on."""
        if self.places is None:
            sums = np.concatenate([[0.0], np.cumsum(self.values)])
            inside = np.minimum(t, len(self.values)).astype(np.int64)
            return np.asarray(sums[inside] + (t - inside) * self.values[-1])
        places, values = self._closed()
        length, change = np.diff(places), np.diff(values)
        slope = change / length
        sums = np.concatenate([[0.0], np.cumsum(length * values[:-1] + slope * length * (length - 1) / 2)])
        i = np.clip(np.searchsorted(places, t, side="right") - 1, 0, len(places) - 1)
        since, slope = t - places[i], np.append(slope, 0.0)
        return np.asarray(sums[i] + since * values[i] + slope[i] * since * (since - 1) / 2)

    def _closed(self) -> tuple[np.ndarray, np.ndarray]:
        """Places and values with one at 0, and at the last update."""
        places, values = self.every_place(), self.values
        if places[0] > 0:
            places, values = np.append(0.0, places), np.append(values[0], values)
        if places[-1] < len(self) - 1:
            places, values = np.append(places, len(self) - 1.0), np.append(values, values[-1])
        return places, values

    def every_place(self) -> np.ndarray:
        """The places, shape (n,)."""
        return np.arange(float(len(self.values))) if self.places is None else self.places

    def first(self, level: float) -> int:
        """The first update, from 0, whose rate is a level at least, which one has to be."""
        i = int(np.argmax(self.values >= level))
        if self.places is None or i == 0:
            return i if self.places is None else 0
        low, high = self.values[i - 1 : i + 1]
        begin, end = self.places[i - 1 : i + 1]
        guess = int(begin + np.ceil((level - low) / (high - low) * (end - begin)))
        return next(t for t in (guess - 1, guess, guess + 1, int(end)) if t >= end or self.at(t) >= level)

    def lowest(self, begin: int, end: int) -> float:
        """The least rate of the updates from `begin` up to `end`, which isn't one of them."""
        places = self.every_place()
        inside = self.values[np.searchsorted(places, begin) : np.searchsorted(places, end)]
        return float(min(inside.min(initial=np.inf), *self.at(np.array([begin, end - 1])).tolist()))

    def mean(self, of: Callable[[np.ndarray], np.ndarray]) -> float:
        """The mean over the updates of a function of the rate."""
        if self.places is None:
            return float(of(self.values).mean())
        places, values = self._closed()
        length = np.diff(places)
        inside = np.where(length == 1, of(values[:-1]), (of(values[:-1]) + of(values[1:])) / 2)
        return float((np.sum(length * inside) + of(values[-1:])[0]) / len(self))

    def __len__(self) -> int:
        assert self.updates is not None
        return self.updates

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, int | np.integer):
            if not -len(self) <= place < len(self):
                raise IndexError(f"update {place} of {len(self)}")
            return float(self.at(place % len(self)))
        if isinstance(place, slice):
            return self.at(_updates(*place.indices(len(self))))
        chosen = np.asarray(place)
        if chosen.dtype == bool:
            return np.asarray(self)[chosen]
        if np.any(chosen < -len(self)) or np.any(chosen >= len(self)):
            raise IndexError(f"an update beyond {len(self)}")
        return self.at(np.where(chosen < 0, chosen + len(self), chosen))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self[:], dtype=dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*(np.asarray(x) if isinstance(x, Rates) else x for x in inputs), **options)

    def __eq__(self, other: object) -> Any:
        return ByValue.__eq__(self, other) if isinstance(other, Rates) else np.asarray(self) == other

    __hash__ = ByValue.__hash__

    def max(self) -> float:
        """The largest rate."""
        return self.peak

    def min(self) -> float:
        """The least rate."""
        return float(self.values.min())


def thinned(values: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates and their places, of very many those left out that a straight line between others comes to."""
    if len(values) <= EACH:
        return values, places
    tolerance = _STRAIGHT * float(values.max())
    while len(values) > 2:
        inner, after = slice(1, len(values) - 1, 2), slice(2, len(values), 2)
        before = slice(0, len(values) - 2, 2)
        share = (places[inner] - places[before]) / (places[after] - places[before])
        off = values[inner] - (values[before] * (1 - share) + values[after] * share)
        straight = 1 + 2 * np.flatnonzero(np.abs(off) <= tolerance)
        if 8 * len(straight) < len(off):
            break
        kept = np.ones(len(values), dtype=bool)
        kept[straight] = False
        values, places = values[kept], places[kept]
    return values, places


def _updates(begin: int, end: int, step: int) -> np.ndarray:
    """A range of updates, if an array of them isn't too large. Raises a LawError if it is."""
    if (end - begin) / step > MOST_AS_ARRAY:
        raise LawError(
            f"an array of {abs(end - begin) // abs(step):,} rates was asked for, at most {MOST_AS_ARRAY:,} are made: "
            "take those of some updates, lr[[0, 1000]]; predictions take the rates as they are"
        )
    return np.arange(begin, end, step)
