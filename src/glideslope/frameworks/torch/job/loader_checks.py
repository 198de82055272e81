"""Whether a loader can be trained on: it has batches, and a position in it can be restored."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sized
from numbers import Integral
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.naming import naming
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.resumable import has_state, stream


def length(loader: Iterable[Any]) -> int | None:
    """How many batches a loader has, None if it doesn't say; a DataLoader of a stream raises when asked."""
    try:
        return len(loader) if isinstance(loader, Sized) else None
    except TypeError:
        return None


def checked_loaders(training: Any, validation: Any) -> tuple[Any, Any]:
    """The loaders of a training and its validation. Raises a JobError if one is missing, empty, or an iterator."""
    for name, loader in (("training", training), ("validation", validation)):
        if loader is None:
            raise JobError("a job needs both loaders: give train_loader and validation_loader")
        if length(loader) == 0:
            few = ", since it drops the last and its data are fewer than a batch" if _has_data(loader) else ""
            raise JobError(f"the {name} loader is empty: it has no batch{few}")
        if isinstance(loader, Iterator):
            raise JobError(
                f"the {name} loader is an iterator, which can't begin again: give the loader it came from, "
                "or gs.torch.resumable(lambda: ...) of what makes it"
            )
        can_iterate = hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")
        if not can_iterate or isinstance(loader, str | bytes | Mapping):
            raise JobError(
                f"the {name} loader is an object of type {type(loader).__name__}, which gives no batches: "
                "give a DataLoader, or gs.torch.resumable(function) of a function that returns an "
                "iterator"
            )
        if isinstance(loader, Dataset) and not isinstance(loader, IterableDataset):
            raise JobError(
                f"the {name} loader is a data set, {type(loader).__name__}, of single examples: give "
                "DataLoader(data, batch_size=32, shuffle=True); where its items are batches, batch_size=None"
            )
        if _is_inputs_and_targets(loader):
            raise JobError(
                f"the {name} loader is inputs and targets, {len(loader[0])} of each, and no batches: give "
                "[(inputs, targets)], or a DataLoader of a TensorDataset of them"
            )
    return training, validation


def _has_data(loader: Any) -> bool:
    """Whether a loader's data set has examples, as far as that is known."""
    return bool(length(getattr(loader, "dataset", ())))


def _is_inputs_and_targets(loader: Any) -> bool:
    """Whether two arrays are all examples and their targets: as long, but of another type or number of axes, or one
    target for each. Two batches may differ in how long their sequences are."""
    if type(loader) not in (list, tuple) or len(loader) != 2 or not all(hasattr(part, "shape") for part in loader):
        return False
    inputs, targets = (tuple(part.shape) for part in loader)
    if not inputs or inputs[:1] != targets[:1] or inputs == targets == (1,):
        return False
    return len(inputs) != len(targets) or loader[0].dtype != loader[1].dtype or targets[1:] == (1,) != inputs[1:]


def check_restorable(loader: Iterable[Any], generators: list[randomness.Source]) -> None:
    """Raises a JobError if a position in a training loader can't be restored; the message says why, and what to do."""
    if hasattr(loader, "load_state_dict") or not isinstance(loader, DataLoader) or stream(loader) is not None:
        return
    if isinstance(loader.dataset, IterableDataset):
        workers = " with num_workers=0" if has_state(loader.dataset) else ""
        raise JobError(
            "the training loader reads an IterableDataset, whose position can't be restored: give the data "
            f"set state_dict and load_state_dict and read it{workers or ' in this process'}, or give "
            "gs.torch.resumable(loader), which reads again what it has read"
        )
    check_workers(loader)
    _check_sampler(loader, generators)


def check_workers(loader: Any) -> None:
    """Raises a JobError unless the workers of a loader draw the same numbers again when an epoch begins again."""
    if not isinstance(loader, DataLoader) or not loader.num_workers:
        return
    if loader.persistent_workers:
        raise JobError(
            "the training loader has persistent_workers=True, whose random state lasts from epoch to epoch "
            "out of reach: build it with persistent_workers=False"
        )
    if not getattr(loader, "in_order", True):
        raise JobError("the training loader has in_order=False, so its order is not repeatable: build it with True")


def _check_sampler(loader: DataLoader[Any], generators: list[randomness.Source]) -> None:
    """Raises if the sampler doesn't give the same order again from the same state of every generator."""
    sampler = loader.batch_sampler if loader.batch_sampler is not None else loader.sampler

    def first() -> list[Any]:
        with randomness.kept(generators):
            drawn = itertools.islice(sampler, 3)
            return [item.tolist() if isinstance(item, torch.Tensor) else item for item in drawn]

    with naming("the training loader's sampler"):
        orders = first(), first()
    if orders[0] != orders[1]:
        raise JobError(
            f"the training loader's sampler ({type(loader.sampler).__name__}) gives another order each time "
            "from the same random state: it keeps state of its own, so a position in it can't be "
            "restored"
        )


def whole_batches(name: str, number: Any) -> None:
    """Raises a JobError unless a number of batches is a whole number from 1."""
    if not isinstance(number, Integral) or isinstance(number, bool) or number < 1:
        raise JobError(f"{name}={shown(number)}: give a whole number of batches, at least 1")
