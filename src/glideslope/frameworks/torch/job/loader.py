"""A data loader whose position can be saved, and restored exactly."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from glideslope.documents import shown
from glideslope.errors import GlideslopeError, JobError
from glideslope.frameworks.naming import named, naming
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.batch import examples
from glideslope.frameworks.torch.job.loader_checks import check_restorable, length
from glideslope.frameworks.torch.job.parts import spread
from glideslope.frameworks.torch.job.resumable import Resumable, has_state, stream
from glideslope.frameworks.torch.job.state_checks import check_random
from glideslope.schedules.numbers import is_count, plain


class Position:
    """Endless batches from a loader, epoch after epoch, with a position in them. To restore it, the generators are set
    to their state when the epoch began, the epoch is begun again, and as many batches are skipped as were taken: before
    the next batch, since a training that is restored to be measured, or for another restore, needs none. A loader with
    `state_dict` and `load_state_dict` (torchdata's StatefulDataLoader), or a stream with them that is read in this
    process, skips nothing. A batch may draw from `generators` besides the global ones. Raises a JobError that says why
    its position can't be restored, and what to do."""

    def __init__(self, loader: Iterable[Any], generators: list[randomness.Source]) -> None:
        check_restorable(loader, generators)
        self.loader = loader
        self.generators = generators
        self.stateful: Any = loader if has_state(loader) else None
        self.stream: Any = stream(loader)
        self.batches: Iterator[Any] | None = None
        self.taken = 0
        self.epoch_began: dict[str, Any] = {}
        self._is_behind = False  # the batches of the epoch that were taken are still to be skipped

    def next(self) -> Any:
        """The next batch; a new epoch begins where the last is used up."""
        if self._is_behind:
            self._catch_up()
        return self._next()

    def _catch_up(self) -> None:
        """Begins the epoch again, and skips the batches that were taken; the generators stay where they are."""
        taken, began = self.taken, self.epoch_began
        try:
            with randomness.kept(self.generators, at=began):
                self._begin()
                for _ in range(taken):
                    self._next()
            self._is_behind = False
        finally:
            self.taken, self.epoch_began = taken, began

    def _next(self) -> Any:
        for _ in range(2):
            try:
                if self.batches is None:
                    self._begin()
                batch = next(self.batches, self)  # type: ignore[arg-type]
            except GlideslopeError:
                raise
            except Exception as error:  # not by `naming`: this is done at each update
                raise named("the training loader", error) from error
            if batch is not self:
                self.taken += 1
                return batch
            self.batches = None
        raise JobError("the training loader is empty: it gave no batch in a whole epoch")

    def _begin(self) -> None:
        self.epoch_began = randomness.save(self.generators)
        self.batches, self.taken = iter(self.loader), 0

    def save(self) -> dict[str, Any]:
        """Where it is: plain data and tensors, which nothing changes later."""
        if self.stream is not None:
            begins = self.batches is None or self._has_begun_anew()
            return {"taken": None if begins else self.taken, "stream": copy.deepcopy(self.stream.state_dict())}
        if self.batches is None and not self._is_behind:
            return {"taken": None}
        if self.stateful is not None:
            return {"taken": self.taken, "loader": copy.deepcopy(self.stateful.state_dict())}
        return {"taken": self.taken, "epoch_began": self.epoch_began}

    def _has_begun_anew(self) -> bool:
        """Whether the last batch, smaller than the others, ended a stream, which was at its beginning again by that."""
        fetcher = getattr(self.batches, "_dataset_fetcher", None)
        return getattr(fetcher, "ended", False) and not isinstance(self.stream, Resumable)

    def load(self, state: dict[str, Any]) -> None:
        """Goes back to where it was, by a position that was checked; load the state of the generators after this."""
        taken = plain(state["taken"])
        self.batches, self._is_behind = None, False
        if self.stream is not None:
            self.stream.load_state_dict(copy.deepcopy(state["stream"]))
        if taken is None:
            return
        self.taken = taken
        if self.stream is None and self.stateful is None:
            self.epoch_began, self._is_behind = state["epoch_began"], True
            return
        if self.stateful is not None:
            self.stateful.load_state_dict(state["loader"])
        self.batches = iter(self.loader)

    def check(self, state: Any) -> None:
        """Raises a JobError for what isn't a position in this loader."""
        taken = plain(state.get("taken", -1)) if isinstance(state, Mapping) else -1
        of_stream = self.stream is not None
        whole = None if of_stream or self.stateful is not None else length(self.loader)
        most = math.inf if whole is None else whole
        if taken is not None and not is_count(taken, most):
            raise JobError(f"{shown(state)} isn't a position in the training loader: the batches taken in an epoch are "
                           f"a whole number from 0 to {most}, under 'taken'")  # fmt: skip
        kept = "stream" if of_stream else "loader" if self.stateful is not None else "epoch_began"
        if (taken is not None or of_stream) and not isinstance(state.get(kept), Mapping):
            raise JobError(f"{shown(state)} isn't a position in this training loader, which keeps {kept!r}")
        if taken is not None and kept == "epoch_began":
            check_random(state["epoch_began"], self.generators)

    def reseed(self, seed: int) -> None:
        """The next batch begins a new epoch; its order depends on the generators, which are seeded already."""
        self.batches, self._is_behind = None, False
        for place in (self.stateful, self.stream):
            if isinstance(place, Resumable):
                place.restart()

    def sample(self, wanted: int) -> Iterator[Any]:
        """Batches with about so many examples, from all over the loader where it can choose; the position stays."""
        kept = self.save() if self.stateful is not None or self.stream is not None else None
        yield from some(self.loader, wanted)
        if kept is not None:
            self.load(kept)


def some(loader: Iterable[Any], wanted: int) -> Iterator[Any]:
    """Training batches of about so many examples, spread evenly; all of a loader that can't choose but has a length."""
    with naming("the training loader"):
        batches, count = spread(loader, wanted), 0
        for batch in batches:
            yield batch
            count += examples(batch)
            if count >= wanted and length(batches) is None:  # it may be endless
                break


def batch_size(loader: Iterable[Any]) -> int | None:
    """The examples in a loader's batch, over all processes; None if it doesn't say."""
    places = (loader, getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None))
    over_processes = getattr(loader, "total_batch_size", None)  # of a loader of Accelerate's
    sizes = (over_processes, *(getattr(place, "batch_size", None) for place in places))
    return next((size for size in sizes if isinstance(size, int)), None)


def batches_in(examples: float, size: int | None) -> int:
    """How many of a loader's batches of `size` make up one of so many. Raises a JobError if no whole number does."""
    batches, rest = divmod(examples, size or 1)
    if rest or batches < 1:
        raise JobError(
            f"batch_size={examples:g}: the loader's batches have {size}, and an update takes whole ones; "
            f"write growth(base={size}, ..., multiple={size}), or a range of sizes that begins at {size}"
        )
    return int(batches)
