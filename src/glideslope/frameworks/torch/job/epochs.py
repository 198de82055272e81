"""The batches of a trainer's loader, an epoch after another, with a position that can be restored exactly."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.naming import drawn
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.loader import some
from glideslope.frameworks.torch.job.loader_checks import check_workers, length
from glideslope.frameworks.torch.job.resumable import has_state
from glideslope.frameworks.torch.job.state_checks import check_random
from glideslope.schedules.numbers import is_count


class Epochs:
    """An iterator of the rest of an epoch; `end` goes on to the next. A position is the number of the epoch, the state
    of the generators when it began, and the batches taken since, which are passed by to go back to it, before the next
    one is needed; one that Accelerate fetched ahead is fetched again with the generators as they were then. A batch may
    draw from `generators` besides the global ones; `most` is the batches of an epoch, where a trainer limits them.
    Raises a JobError that says why a position can't be restored."""

    def __init__(self, loader: Iterable[Any], generators: list[randomness.Source], most: int | None = None) -> None:
        self.loader, self.generators, self.most = loader, generators, most
        base = base_loader(loader)
        check_workers(base)
        if isinstance(base, Iterator):
            raise JobError("the training loader is an iterator, which can't begin again: give the loader it came from")
        self._ahead = base is not loader and not getattr(base, "num_workers", 0)
        dataset = getattr(base, "dataset", None)
        self._stream: Any = dataset if has_state(dataset) else None
        self._samplers = _samplers(loader)
        self.epoch, self.taken = 0, 0
        self._batches: Iterator[Any] | None = None
        self._began: dict[str, Any] = {}
        self._before: dict[str, Any] | None = None  # the generators before the last batch was taken
        self._due: dict[str, Any] | None = None  # the position that was loaded, until the next batch

    @property
    def share(self) -> float:
        """The part of the epoch that was taken; 0 where the loader doesn't know its length."""
        batches = self.most if self.most is not None else length(self.loader)
        return self.taken / batches if batches else 0.0

    def __iter__(self) -> Epochs:
        return self

    def __next__(self) -> Any:
        if self._due is not None:
            self._catch_up(self._due)
        return self._next()

    def _next(self) -> Any:
        batches = self._begin() if self._batches is None else self._batches
        if self.taken == self.most:
            raise StopIteration
        if self._ahead:
            self._before = randomness.save(self.generators)
        batch = next(batches)
        self.taken += 1
        return batch

    def next(self) -> Any:
        """The next batch, of another epoch where this one is used up."""
        for batch in self:
            return batch
        self.end()
        return self.next()

    def end(self) -> None:
        """Ends the epoch."""
        self._leave()
        self.epoch += 1

    def reseed(self, seed: int) -> None:
        """Begins the next epoch with the next batch, in another order where the order depends on a seed."""
        if self._batches is not None or self._due is not None:
            self.epoch += 1
        self._leave()
        for sampler in self._samplers:
            if hasattr(sampler, "initial_seed"):
                sampler.initial_seed = seed

    def sample(self, wanted: int) -> Iterator[Any]:
        """Batches with about so many examples, from all over the loader where it can choose; the position stays."""
        position = copy.deepcopy(self._stream.state_dict()) if self._stream is not None else None
        epochs = [getattr(sampler, "epoch", None) for sampler in self._samplers]
        self._set_epoch(self._samplers, [self.epoch] * len(epochs))
        yield from some(base_loader(self.loader), wanted)
        self._set_epoch(self._samplers, epochs)  # a seeded sampler counts its epochs by itself
        if position is not None:
            self._stream.load_state_dict(position)

    def save(self) -> dict[str, Any]:
        """The position: plain data and tensors, which nothing changes later."""
        seeds = [getattr(sampler, "initial_seed", None) for sampler in self._samplers]
        position: dict[str, Any] = {"epoch": self.epoch, "seeds": seeds, "taken": None}
        if self._due is not None:
            position |= {name: self._due[name] for name in ("taken", "began", "before")}
        elif self._batches is not None:
            position |= {"taken": self.taken, "began": self._began, "before": self._before}
        return position

    def check(self, position: Any) -> None:
        """Raises a JobError for what isn't a position in this loader."""
        whole = isinstance(position, Mapping) and {"epoch", "seeds", "taken"} <= position.keys()
        taken = position["taken"] if whole else 0
        parts = {"began", "before"} if taken is not None else set()
        most = self.most if self.most is not None else length(self.loader)
        if not (
            whole
            and is_count(position["epoch"])
            and (taken is None or is_count(taken, math.inf if most is None else most))
            and isinstance(position["seeds"], list | tuple)
            and len(position["seeds"]) == len(self._samplers)
            and parts <= position.keys()
        ):
            raise JobError(f"{shown(position)} isn't a position in the training loader: give what state() returned")
        for state in [position[part] for part in sorted(parts) if part == "began" or position[part] is not None]:
            check_random(state, self.generators)

    def load(self, position: dict[str, Any]) -> None:
        """Goes back to a position; load the state of the generators after this."""
        self._leave()
        self.epoch = position["epoch"]
        for sampler, seed in zip(self._samplers, position["seeds"], strict=True):
            if seed is not None:
                sampler.initial_seed = seed
        if position["taken"] is not None:
            self._due, self.taken = position, position["taken"]

    def _catch_up(self, position: dict[str, Any]) -> None:
        """Begins the epoch of a position again, and passes the batches by; the generators stay where they are."""
        try:
            self.taken = 0
            with randomness.kept(self.generators, at=position["began"]):
                if self._stream is not None:
                    self._stream.load_state_dict(copy.deepcopy(position["began"]["stream"]))
                self._begin()
                for i in range(position["taken"]):
                    if i == position["taken"] - 1 and position["before"] is not None:
                        randomness.load(position["before"], self.generators)
                    self._next()
            self._due = None
        finally:
            self.taken = position["taken"]

    def _begin(self) -> Iterator[Any]:
        self._began = randomness.save(self.generators)
        if self._stream is not None:
            self._began["stream"] = copy.deepcopy(self._stream.state_dict())
        places = [self.loader, *self._samplers]
        self._set_epoch(places, [self.epoch] * len(places))
        self._batches = drawn(self.loader, "training")
        return self._batches

    @staticmethod
    def _set_epoch(places: Iterable[Any], epochs: Iterable[int | None]) -> None:
        for place, epoch in zip(places, epochs, strict=True):
            if epoch is not None and callable(getattr(place, "set_epoch", None)):
                place.set_epoch(epoch)

    def _leave(self) -> None:
        """Leaves the epoch where it is, and ends Accelerate's iteration of it."""
        if self._batches is not None and callable(getattr(self.loader, "end", None)):
            self.loader.end()  # type: ignore[attr-defined]
        self._batches, self._before, self._due, self.taken = None, None, None, 0


def base_loader(loader: Any) -> Any:
    """The DataLoader that a loader of Accelerate's is made of; any other loader itself."""
    return getattr(loader, "base_dataloader", loader)


def _samplers(loader: Any) -> list[Any]:
    """The samplers of a loader, from the outermost on."""
    samplers: list[Any] = []
    places = [loader]
    while places:
        place = places.pop()
        for name in ("batch_sampler", "sampler"):
            sampler = getattr(place, name, None)
            if sampler is not None and all(sampler is not known for known in samplers):
                samplers.append(sampler)
                places.append(sampler)
    return samplers
