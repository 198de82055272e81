"""Parts of the validation data, for estimates: which batches they have, and the keeping of those that are small."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from glideslope.frameworks.estimates import evenly, fewest
from glideslope.frameworks.naming import naming
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.batch import examples
from glideslope.frameworks.torch.job.loader_checks import length

_MOST = 100_000  # batches that are looked through in a sampler that doesn't say how many it has
_KEPT = 2**29  # bytes of the batches that are kept at most; 512 images of 224 x 224 have 0.6 of them


class Parts:
    """Parts of a validation loader, for estimates: the same part each time; in a random order, that by the state of
    the generators when this was made. `chosen` is the loader of the same batches that can choose, where another one
    wraps it; `most` is the batches of a full validation, where they are limited."""

    def __init__(
        self,
        loader: Iterable[Any],
        generators: list[randomness.Source],
        chosen: Iterable[Any] | None = None,
        most: int | None = None,
    ) -> None:
        self.loader, self._generators, self._random = loader, generators, randomness.save(generators)
        self._chosen, self._most = loader if chosen is None else chosen, most
        self._parts: dict[int, Iterable[Any]] = {}

    def of(self, examples: float) -> Iterable[Any]:
        """About so many examples, spread over the loader; the loader for infinitely many."""
        if math.isinf(examples):
            return self.loader
        wanted = fewest(examples)
        if wanted not in self._parts:
            with randomness.kept(self._generators, at=self._random), naming("the validation loader"):
                part = spread(self._chosen, wanted, self._most)
            part = self.loader if part is self._chosen else part
            self._parts[wanted] = Kept(part, self._most, self._generators, self._random) if _can_keep(part) else part
        return self._parts[wanted]


class Kept:
    """The batches of a loader, `most` of them at most, read where the generators were at `random`. They are kept if
    they are small, once a second reading gave the same: data may change as the training goes on. Reading them takes
    longer than measuring a small network, and where there are workers longer still, as these begin anew."""

    def __init__(
        self, loader: Iterable[Any], most: int | None, generators: list[randomness.Source], random: dict[str, Any]
    ) -> None:
        self.loader, self._most, self._generators, self._random = loader, most, generators, random
        self._batches: list[Any] | None = None
        self._is_small, self._is_same = True, False

    def __iter__(self) -> Iterator[Any]:
        if self._is_small and not self._is_same:
            before, self._batches = self._batches, self._read()
            self._is_small = self._batches is not None
            self._is_same = self._is_small and before is not None and _same(before, self._batches)
        if self._batches is None:
            return iter(self.loader)
        return map(copy.deepcopy, self._batches)  # a network may write into its inputs

    def _read(self) -> list[Any] | None:
        """The batches; None where they are more than can be kept, or of another kind than tensors and plain data."""
        batches, room = [], _KEPT
        with randomness.kept(self._generators, at=self._random):
            for batch in itertools.islice(self.loader, self._most):
                batches.append(batch)
                room -= _bytes(batch)
                if room < 0:
                    return None
        return batches


def _can_keep(loader: Iterable[Any]) -> bool:
    plain = type(loader) is DataLoader and not isinstance(loader.dataset, IterableDataset)
    return plain and length(loader) is not None


def _bytes(item: Any) -> int:
    """About how large a batch is; more than can be kept where it has other things than tensors and plain data."""
    if type(item) is torch.Tensor and item.is_cpu and item.layout == torch.strided and not item.requires_grad:
        return item.numel() * item.element_size()
    if isinstance(item, Mapping | list | tuple):
        return sum(map(_bytes, item.values() if isinstance(item, Mapping) else item), 64)
    if isinstance(item, str | bytes):
        return 64 + len(item)
    return 64 if isinstance(item, int | float | None) else _KEPT + 1


def _same(one: Any, other: Any) -> bool:
    """Whether two batches have the same numbers and text; not where one has NaN."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, Mapping):
        both = type(one) is type(other) and one.keys() == other.keys()
        return both and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def spread(loader: Iterable[Any], wanted: int, most: int | None = None) -> Iterable[Any]:
    """Batches with about so many examples, evenly spaced since data may be sorted; the loader where they can't be."""
    if type(loader) in (list, tuple):
        all_batches = list(loader)[:most]
        return _chosen(all_batches, list(map(examples, all_batches)), wanted) or loader
    if type(loader) is not DataLoader or isinstance(loader.dataset, IterableDataset):
        return loader
    batches = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    known = length(batches) is not None or most is not None
    indices = list(itertools.islice(batches, most if known else _MOST))
    if not known and len(indices) == _MOST:  # it may be endless
        return loader
    sizes = [len(item) if isinstance(item, Sized) else 1 for item in indices]
    if not (chosen := _chosen(indices, sizes, wanted)):
        return loader
    by_batch: dict[str, Any] = (
        {"batch_sampler": chosen} if loader.batch_sampler is not None else {"batch_size": None, "sampler": chosen}
    )
    return DataLoader(
        loader.dataset, **by_batch, collate_fn=loader.collate_fn, num_workers=loader.num_workers,
        worker_init_fn=loader.worker_init_fn, multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator, pin_memory=loader.pin_memory, timeout=loader.timeout,
    )  # fmt: skip


def _chosen(batches: Sequence[Any], sizes: Sequence[int], wanted: int) -> list[Any]:
    """Some of the batches, which have about so many examples; none where all are needed."""
    count = max(round(wanted / max(sizes, default=1)), 1)
    return [batches[place] for place in evenly(count, len(batches))] if count < len(batches) else []
