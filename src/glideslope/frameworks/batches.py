"""Batches as a pure function of the update, so that a position in the data is a number."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Integral
from typing import Any

import numpy as np

from glideslope.documents import check_kind, shown
from glideslope.errors import JobError
from glideslope.plural import plural
from glideslope.schedules.numbers import is_count


@dataclass(frozen=True, eq=False, repr=False)
class Batches:
    """Batches from arrays in memory: `batches(t)` is that of update t + 1.

    Each epoch goes through all examples in an order drawn from the seed and the epoch; the last batch of an epoch, if
    it would be smaller, is left out. The batch of an update follows from its number alone, so nothing else has to be
    saved to go on from there. A part may be a dict, list or tuple of arrays, as of several inputs. Raises a JobError if
    there is no array, their lengths differ, or a batch is larger than they are.

    >>> batches = Batches((np.arange(6), np.arange(6) * 10), batch_size=3, shuffle=False)
    >>> batches(1)
    (array([3, 4, 5]), array([30, 40, 50]))
    """

    arrays: tuple[Any, ...]  #: arrays of one length along their first axis, such as inputs and targets, maybe nested
    batch_size: int  #: examples in a batch
    seed: int = 0  #: the seed of the order
    shuffle: bool = True  #: False keeps the order of the examples

    def __post_init__(self) -> None:
        what = "a tuple of arrays, (inputs, targets) or (inputs,)"
        check_kind(JobError, tuple | list, what, arrays=self.arrays)
        parts = leaves(self.arrays)
        for array in parts:
            if not getattr(array, "shape", ()) or hasattr(array, "iloc"):
                raise JobError(f"arrays={shown(array, 80)}: give {what}; of a DataFrame, its to_numpy()")
        check_kind(JobError, Integral, "a whole number of examples", batch_size=self.batch_size)
        check_kind(JobError, bool, "True or False", shuffle=self.shuffle)
        if not is_count(self.seed, math.inf):
            raise JobError(f"seed={shown(self.seed, 80)}: give a whole number, at least 0")
        lengths = {len(array) for array in parts}
        if len(lengths) != 1:
            raise JobError(f"arrays of lengths {sorted(lengths)}: give one or more, all as long as each other")
        if not 1 <= self.batch_size <= min(lengths):
            raise JobError(f"batch_size={self.batch_size} of {min(lengths)} examples: give at least 1, at most as many")

    def __repr__(self) -> str:
        return f"<Batches of {self.batch_size} of {plural(self._length, 'example')}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Batches):
            return NotImplemented
        same = (self.batch_size, self.seed, self.shuffle) == (other.batch_size, other.seed, other.shuffle)
        mine, theirs = leaves(self.arrays), leaves(other.arrays)
        return same and len(mine) == len(theirs) and all(map(np.array_equal, mine, theirs))

    def __hash__(self) -> int:
        return hash((self._length, self.batch_size, self.seed, self.shuffle))

    @property
    def _length(self) -> int:
        return len(leaves(self.arrays)[0])

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return self._length // self.batch_size

    def __call__(self, update: int) -> tuple[Any, ...]:
        """The batch of an update, counted from 0: a tuple of arrays of length `batch_size`."""
        epoch, place = divmod(update, self.per_epoch)
        chosen: Any = slice(place * self.batch_size, (place + 1) * self.batch_size)
        if self.shuffle:
            chosen = order(self.seed, epoch, self._length)[chosen]
        return tuple(_taken(part, chosen) for part in self.arrays)

    def reseeded(self, seed: int) -> Batches:
        """The same in another order."""
        return replace(self, seed=seed)


def leaves(part: Any) -> list[Any]:
    """What is in nested dictionaries, lists and tuples.

    >>> leaves({"a": [1, (2, 3)], "b": 4})
    [1, 2, 3, 4]
    """
    if not isinstance(part, dict | list | tuple):
        return [part]
    return [leaf for inner in (part.values() if isinstance(part, dict) else part) for leaf in leaves(inner)]


def _taken(part: Any, chosen: Any) -> Any:
    """A part with the chosen examples of each of its arrays."""
    if isinstance(part, dict):
        return {name: _taken(inner, chosen) for name, inner in part.items()}
    if not isinstance(part, list | tuple):
        return part[chosen]
    inner = [_taken(inner, chosen) for inner in part]
    return inner if isinstance(part, list) else getattr(part, "_make", tuple)(inner)


@lru_cache(maxsize=4)
def order(seed: int, epoch: int, length: int) -> np.ndarray:
    """The order of an epoch's examples: all its batches ask for it."""
    return np.random.default_rng([seed, epoch]).permutation(length)
