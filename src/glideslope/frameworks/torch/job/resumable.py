"""A stream of batches or examples whose position is a count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.state_checks import check_random
from glideslope.schedules.numbers import is_count


class Resumable(IterableDataset[Any]):
    """A stream with `state_dict` and `load_state_dict`, for data that has no position of its own.

    Its state is the number of items taken since it last began, and the state of the random generators then. To go on
    from a state it begins again and passes by as many items: that costs the time of reading them. The stream must give
    the same items again from the same random state.

    >>> stream = Resumable(lambda: iter(range(10)))
    >>> items = iter(stream)
    >>> next(items), next(items)
    (0, 1)
    >>> state = stream.state_dict()
    >>> next(items)
    2
    >>> stream.load_state_dict(state)
    >>> next(iter(stream))
    2
    """

    def __init__(self, source: Iterable[Any] | Callable[[], Iterable[Any]]) -> None:
        if not (isinstance(source, Iterable) or hasattr(source, "__getitem__") or callable(source)):
            raise JobError(
                f"resumable() can't read an object of type {type(source).__name__}: give what can be "
                "iterated, or a function that returns an iterator"
            )
        if isinstance(source, Iterator):
            raise JobError(
                "resumable() was given an iterator, which can't begin again: give what it came from, or a "
                "function that makes it, such as resumable(lambda: read(path))"
            )
        if not callable(source) and stream(source) is not None:
            raise JobError(
                "resumable() was given a DataLoader whose data set has state_dict and load_state_dict, and "
                "so goes on where it is: give the DataLoader itself as the loader"
            )
        self.source = source
        self._generators = randomness.sources(source)
        self.iteration: object = None  # marks the iteration that began last, without keeping its items
        self.taken = 0  # items since then
        self._began: dict[str, Any] | None = None  # the generators at its beginning; None before there is one
        self._loaded = False

    def __iter__(self) -> Iterator[Any]:
        """The items from here on: from the loaded state, if one was loaded, else from the beginning."""
        if self._loaded and self._began is not None:
            items = self._passed_by(self.taken, self._began)
        else:
            self._began, self.taken = randomness.save(self._generators), 0
            items = self._begun()
        self._loaded = False
        self.iteration = mark = object()
        return self._counted(items, mark)

    def _counted(self, items: Iterator[Any], mark: object) -> Iterator[Any]:
        """The items, counted while no other iteration has begun."""
        for item in items:
            if self.iteration is mark:
                self.taken += 1
            yield item

    def state_dict(self) -> dict[str, Any]:
        """The position: plain data and tensors."""
        return {"taken": self.taken, "began": self._began}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Makes the next iteration go on from a state. Raises a JobError if it isn't a state of a resumable stream."""
        if not isinstance(state, dict) or state.keys() != {"taken", "began"}:
            raise JobError(f"a {type(state).__name__} isn't a state of a resumable stream: give its state_dict()")
        if not is_count(state["taken"]):
            raise JobError(f"{shown(state['taken'])} isn't the number of items taken from a stream")
        if state["began"] is not None:
            check_random(state["began"], self._generators)
        self.taken, self._began, self._loaded = state["taken"], state["began"], True

    def restart(self) -> None:
        """Makes the next iteration begin anew."""
        self.taken, self._began, self._loaded = 0, None, False

    def _begun(self) -> Iterator[Any]:
        source = self.source
        return iter(source() if callable(source) and not isinstance(source, Iterable) else source)

    def _passed_by(self, count: int, began: dict[str, Any]) -> Iterator[Any]:
        """The items after the first `count`; the global generators are left as they are."""
        with randomness.kept():  # but for those of the stream itself, which are where its items have brought them
            randomness.load(began, self._generators)
            items = self._begun()
            for i in range(count):
                if next(items, self) is self:
                    raise JobError(f"a stream can't go on after {count:,} items: it ended after {i:,} when read again")
        return items


def resumable(source: Iterable[Any] | Callable[[], Iterable[Any]]) -> Resumable:
    """A stream that a job can go back in: it begins again and passes by the items already taken.

    Args:
        source: a DataLoader of an IterableDataset, or anything that can be iterated anew; or a function that returns
            an iterator, which is called at each beginning. It may be endless.

    Raises:
        JobError: it is an iterator, which can't begin again.
    """
    return Resumable(source)


def stream(loader: Iterable[Any]) -> Any:
    """The data set that holds the position of a loader: a stream with `state_dict`, read in this process; or None."""
    if type(loader) is DataLoader and not loader.num_workers and isinstance(loader.dataset, IterableDataset):
        return loader.dataset if has_state(loader.dataset) else None
    return None


def has_state(item: Any) -> bool:
    """Whether an object's position can be saved by `state_dict` and loaded."""
    return callable(getattr(item, "state_dict", None)) and callable(getattr(item, "load_state_dict", None))
