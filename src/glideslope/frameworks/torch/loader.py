"""A data loader whose position can be saved, and restored exactly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.torch import randomness
from glideslope.schedules.numbers import plain


class Position:
    """Endless batches from a loader, epoch after epoch, with a position in them.

    Shuffling, and the seeds of the workers, are drawn when an epoch begins. So the state of the generators at that
    moment and the number of batches taken since determine the order of the rest: to restore, the epoch is begun again
    from there and as many batches are skipped. A loader with `state_dict` and `load_state_dict` (torchdata's
    StatefulDataLoader) is asked instead, and skips nothing.

    Args:
        loader: a DataLoader, or anything that can be iterated anew for each epoch.
        own: the generators besides the global ones that a batch may draw from.

    Raises:
        JobError: its position can't be restored; the message says why, and what to do.
    """

    def __init__(self, loader: Iterable[Any], own: list[randomness.Source]) -> None:
        _refuse(loader, own)
        self.loader = loader
        self.own = own
        self.stateful: Any = loader if hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict") else None
        self.batches: Iterator[Any] | None = None
        self.taken = 0
        self.epoch_began: dict[str, Any] = {}

    def next(self) -> Any:
        """The next batch; a new epoch begins where the last is used up."""
        for _ in range(2):
            for batch in self._begun():
                self.taken += 1
                return batch
            self.batches = None
        raise JobError("the training loader is empty: it gave no batch in a whole epoch")

    def _begun(self) -> Iterator[Any]:
        if self.batches is None:
            self.epoch_began = randomness.save(self.own)
            self.batches, self.taken = iter(self.loader), 0
        return self.batches

    def save(self) -> dict[str, Any]:
        """Where it is: plain data and tensors."""
        if self.batches is None:
            return {"taken": None}
        if self.stateful is not None:
            return {"taken": self.taken, "loader": self.stateful.state_dict()}
        return {"taken": self.taken, "epoch_began": self.epoch_began}

    def load(self, state: dict[str, Any]) -> None:
        """Goes back to where it was. The generators are left anywhere: load their state after this.

        Raises:
            JobError: it isn't a position in this loader; it stays where it is then.
        """
        taken = self.check(state)
        self.batches = None
        if taken is None:
            return
        if self.stateful is not None:
            self.stateful.load_state_dict(state["loader"])
            self.batches, self.taken = iter(self.loader), taken
            return
        randomness.load(state["epoch_began"], self.own)
        self._begun()
        for _ in range(taken):
            self.next()

    def check(self, state: Any) -> int | None:
        """The batches of the epoch that a state is after, None before the first.

        Raises:
            JobError: it isn't a state of this loader.
        """
        taken = plain(state.get("taken", -1)) if isinstance(state, Mapping) else -1
        if taken is None:
            return None
        most = len(self.loader) if isinstance(self.loader, Sized) and self.stateful is None else math.inf
        if isinstance(taken, bool) or not isinstance(taken, int) or not 0 <= taken <= most:
            raise JobError(f"{shown(state)} isn't a position in the training loader: the batches taken in an epoch are "
                           f"a whole number from 0 to {most}, under 'taken'")  # fmt: skip
        kept = "loader" if self.stateful is not None else "epoch_began"
        if not isinstance(state.get(kept), Mapping):
            raise JobError(f"{shown(state)} isn't a position in this training loader, which keeps {kept!r}")
        return taken

    def reseed(self) -> None:
        """The next batch begins a new epoch."""
        self.batches = None


def spread(loader: Iterable[Any], examples: int) -> Iterable[Any]:
    """Batches with about so many examples, evenly spaced over the loader; the loader itself if it can't choose.

    Evenly spaced, because a data set may be sorted by class.
    """
    if type(loader) is not DataLoader or isinstance(loader.dataset, IterableDataset):
        return loader
    batches = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    indices = list(batches)
    sizes = [len(item) if isinstance(item, Sized) else 1 for item in indices]
    count = max(round(examples / max(sizes, default=1)), 1)
    if count >= len(indices):
        return loader
    chosen = [indices[(2 * i + 1) * len(indices) // (2 * count)] for i in range(count)]
    by_batch: dict[str, Any] = (
        {"batch_sampler": chosen} if loader.batch_sampler is not None else {"batch_size": None, "sampler": chosen}
    )
    return DataLoader(
        loader.dataset, **by_batch, collate_fn=loader.collate_fn, num_workers=loader.num_workers,
        worker_init_fn=loader.worker_init_fn, multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator, pin_memory=loader.pin_memory, timeout=loader.timeout,
    )  # fmt: skip


def batch_size(loader: Iterable[Any]) -> int | None:
    """The examples in a loader's batch, None if it doesn't say."""
    for place in (loader, getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None)):
        size = getattr(place, "batch_size", None)
        if isinstance(size, int):
            return size
    return None


def _refuse(loader: Iterable[Any], own: list[randomness.Source]) -> None:
    """Raises for loaders whose position can't be restored."""
    if iter(loader) is loader:
        raise JobError("the training loader is an iterator, which can't begin again: give the loader it came from")
    if hasattr(loader, "load_state_dict") or not isinstance(loader, DataLoader):
        return
    if isinstance(loader.dataset, IterableDataset):
        raise JobError(
            "the training loader reads an IterableDataset, whose position can't be restored: "
            "use a map-style dataset, or torchdata's StatefulDataLoader"
        )
    if loader.num_workers and loader.persistent_workers:
        raise JobError(
            "the training loader has persistent_workers=True, whose random state lasts from epoch to epoch out of "
            "reach: build it with persistent_workers=False"
        )
    if loader.num_workers and not getattr(loader, "in_order", True):
        raise JobError("the training loader has in_order=False, so its order is not repeatable: build it with True")
    _check_sampler(loader, own)


def _check_sampler(loader: DataLoader[Any], own: list[randomness.Source]) -> None:
    """Raises if the sampler doesn't give the same order again from the same state of every generator."""
    sampler = loader.batch_sampler if loader.batch_sampler is not None else loader.sampler
    before = randomness.save(own)

    def first() -> list[Any]:
        randomness.load(before, own)
        return [_indices(item) for item in itertools.islice(sampler, 3)]

    orders = first(), first()
    randomness.load(before, own)
    if orders[0] != orders[1]:
        raise JobError(
            f"the training loader's sampler ({type(loader.sampler).__name__}) gives another order each time from the "
            "same random state: it keeps state of its own, so a position in it can't be restored"
        )


def _indices(item: Any) -> Any:
    return item.tolist() if isinstance(item, torch.Tensor) else item
