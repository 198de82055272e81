"""The common part of the jobs of JAX and Keras: data by the number of the batch, and a state with that number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.schedules.numbers import is_count, plain
from glideslope.search.jobs.calls import described


class NumberedJob:
    """A training whose data are a function of the number of a batch, counted from 0, such as `Batches`; where they can
    be reseeded, so can the job."""

    controls: frozenset[str] = frozenset()  # the controls of `step` besides the rate: none
    counts: ClassVar[tuple[str, ...]]
    """The attributes whose sum is the number of the next batch; the last also counts those that are passed by."""
    fixed: ClassVar[str]  # why `step` can set the rate only
    reseed: Callable[[int], None]

    def __init__(self, data: Any) -> None:
        self.data = data
        for name in self.counts:
            setattr(self, name, 0)
        if hasattr(data, "reseeded"):
            self.reseed = self._reseed

    def skip(self) -> None:
        """Passes a batch by, without an update."""
        setattr(self, self.counts[-1], getattr(self, self.counts[-1]) + 1)

    def _next_batch(self) -> Any:
        number = sum(getattr(self, name) for name in self.counts)
        try:
            return self.data(number)
        except (IndexError, StopIteration) as error:
            raise JobError(
                f"the data gave no batch {number}, counted from 0: {described(error)}; a search asks for any number, "
                "as often as it goes back: give Batches(arrays, batch_size), or begin again, batches[i % len(batches)]"
            ) from error

    def _refuse(self, controls: Mapping[str, float]) -> None:
        """Raises for a control, which `step` can't set."""
        if controls:
            raise JobError(f"this job can't set {', '.join(sorted(controls))}: {self.fixed}")

    def _position(self) -> dict[str, Any]:
        """The counts, and the seed of the data."""
        seed = getattr(self.data, "seed", None) if hasattr(self.data, "reseeded") else None
        return {**{name: getattr(self, name) for name in self.counts}, "seed": seed}

    def _check_position(self, state: Any, *others: str) -> None:
        """Raises for what isn't a mapping with these parts and a position."""
        parts = {*others, *self.counts, "seed"}
        if not isinstance(state, Mapping) or not parts <= state.keys():
            raise JobError(f"{shown(state)} isn't a state of the job, which has {', '.join(sorted(parts))}")
        for name in (*self.counts, "seed"):
            if not is_count(state[name], math.inf) and not (name == "seed" and state[name] is None):
                raise JobError(f"{name}={shown(state[name])} in the state of the job: a count was expected")

    def _go_to(self, state: Mapping[str, Any]) -> None:
        """Goes to the position of a state."""
        for name in self.counts:
            setattr(self, name, plain(state[name]))
        if state["seed"] is not None:
            self._reseed(plain(state["seed"]))

    def _reseed(self, seed: int) -> None:
        """Draws the order of the data anew."""
        self.data = self.data.reseeded(seed)
