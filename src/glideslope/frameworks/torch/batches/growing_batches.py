"""A torch batch sampler whose batches grow between updates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import distributed
from torch.utils.data import Sampler

from glideslope.batches import Growth
from glideslope.documents import shown
from glideslope.errors import BatchError, ScheduleError
from glideslope.frameworks.batches import order
from glideslope.frameworks.torch.distributed import is_distributed
from glideslope.plural import plural
from glideslope.schedules.numbers import is_count, plain


class Part(NamedTuple):
    """How a micro-batch fits into its update."""

    weight: float  # of its mean loss, in this process's mean over the update
    last: bool  # whether the update is made after it
    examples: int  # consumed by all processes when the update has been made
    factor: float  # of the update's rate


class GrowingBatches(Sampler[list[int]]):
    """Batches of indices that grow as a `gs.batches.growth` says, for a DataLoader's `batch_sampler`.

    It runs, epoch after epoch, until the growth's horizon. Each epoch's order follows from the seed and the epoch,
    and what a batch has from the examples consumed, so a position is one number, and no worker that fetches ahead can
    lose it. With several processes each gets its share of every batch.

    Args:
        examples: in the data set.
        growth: with its horizon known.
        largest_per_device: examples that fit a device at a time; a larger share comes as several batches, whose
            gradients are accumulated. No bound if not given.
        seed: the seed of the order.
        shuffle: False keeps the order of the examples.
        rank: of this process; the process group's if not given.
        ranks: processes; the process group's if not given.

    Raises:
        BatchError: the growth has no horizon, or its batches can't be shared by the processes.

    >>> import torch, glideslope as gs
    >>> growth = gs.batches.growth(gs.linear(), base=2, largest=4).over(8)
    >>> batches = gs.torch.GrowingBatches(8, growth, shuffle=False, largest_per_device=3)
    >>> loader = torch.utils.data.DataLoader(range(8), batch_sampler=batches)
    >>> for batch, part in batches.parts(loader):
    ...     print(batch.tolist(), part.weight, part.last, part.examples)
    [0, 1] 1.0 True 2
    [2, 3] 1.0 True 4
    [4, 5] 1.0 True 6
    [6, 7, 0] 1.0 True 9
    [1, 2] 0.5 False 13
    [3, 4] 0.5 True 13
    [5, 6, 7] 1.0 True 16
    """

    def __init__(
        self, examples: int, growth: Growth, *, largest_per_device: int | None = None, seed: int = 0,
        shuffle: bool = True, rank: int | None = None, ranks: int | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(growth, Growth):
            raise BatchError(f"growth={growth!r}: give gs.batches.growth(schedule, ...).over(steps)")
        whole_numbers = [examples, *([] if largest_per_device is None else [largest_per_device])]
        grouped = is_distributed()
        self.rank = rank if rank is not None else distributed.get_rank() if grouped else 0
        self.ranks = ranks if ranks is not None else distributed.get_world_size() if grouped else 1
        if (
            not all(map(is_count, (*whole_numbers, seed, self.rank, self.ranks)))
            or not all(n >= 1 for n in whole_numbers) or not self.rank < self.ranks
        ):  # fmt: skip
            numbers = f"examples={shown(examples)}, rank={shown(self.rank)} of {shown(self.ranks)}, "
            numbers += f"seed={shown(seed)}, largest_per_device={shown(largest_per_device)}"
            raise BatchError(f"{numbers}: give whole positive numbers, and ranks and a seed from 0")
        try:
            self.plan = growth.plan()
        except ScheduleError as error:
            raise BatchError(f"{growth}: {error}") from None
        uneven = [int(size) for size in self.plan.sizes if size % self.ranks]
        if uneven:
            raise BatchError(
                f"a batch of {uneven[0]} can't be shared evenly by {plural(self.ranks, 'process')}: write growth(..., "
                f"multiple={self.ranks}), with a base and a horizon in examples that are multiples too"
            )
        self.examples, self.seed, self.shuffle = examples, seed, shuffle
        self.largest_per_device = largest_per_device
        self.consumed = 0

    def __iter__(self) -> Iterator[list[int]]:
        for update, start, size in self._pieces():
            whole = self.plan.sizes[update] // self.ranks
            first = int(self.plan.examples[update]) + self.rank * whole + start
            yield [self._example(first + i) for i in range(size)]

    def __len__(self) -> int:
        """The batches that are left, for a progress bar."""
        return sum(1 for _ in self._pieces())

    def parts(self, loader: Iterable[Any]) -> Iterator[tuple[Any, Part]]:
        """The batches of a loader, each with its part in the update; counts the examples consumed.

        Args:
            loader: a DataLoader with this as its `batch_sampler`.

        Raises:
            BatchError: it has another, such as Accelerate's, which divides the batches over the processes once more.
        """
        sampler = getattr(loader, "batch_sampler", self)
        if sampler is not self:
            raise BatchError(f"the loader has a {type(sampler).__name__} for its batch_sampler, and not this one, "
                             "whose batches are each process's share already: give the DataLoader as you made it, "
                             "before Accelerate's prepare")  # fmt: skip
        pieces = list(self._pieces())
        for batch, (update, start, size) in zip(loader, pieces, strict=True):
            whole = int(self.plan.sizes[update]) // self.ranks
            last, consumed = start + size == whole, int(self.plan.examples[update] + self.plan.sizes[update])
            if last:  # before the loop has it, which may save its state, or stop, after the update
                self.consumed = consumed
            yield batch, Part(size / whole, last, consumed, float(self.plan.factors[update]))

    def state_dict(self) -> dict[str, int]:
        """The examples that all processes have consumed, those of the update that `parts` has just given among them."""
        return {"examples": self.consumed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on after so many examples. Raises a BatchError if it isn't a state, or no update of this growth ends
        there; all stays as it was then."""
        consumed: Any = plain(state.get("examples")) if isinstance(state, Mapping) and len(state) == 1 else None
        if not is_count(consumed):
            raise BatchError(f'{shown(state)} isn\'t a state of this sampler, {{"examples": n}}')
        if consumed and consumed not in set((self.plan.examples + self.plan.sizes).tolist()):
            raise BatchError(
                f"no update of this growth ends at {plural(consumed, 'example')}: give the growth of the saved run"
            )
        self.consumed = consumed

    def _pieces(self) -> Iterator[tuple[int, int, int]]:
        """(update, start in this process's share of it, size) of each batch from here on."""
        for update, (whole, began) in enumerate(
            zip(self.plan.sizes.tolist(), self.plan.examples.tolist(), strict=True)
        ):
            if began < self.consumed:
                continue
            share = whole // self.ranks
            pieces = -(-share // (self.largest_per_device or share))
            ends = [share * (i + 1) // pieces for i in range(pieces)]
            yield from ((update, start, end - start) for start, end in zip([0, *ends], ends, strict=False))

    def _example(self, place: int) -> int:
        """The index of the example at a place in the endless stream."""
        epoch, within = divmod(place, self.examples)
        return int(order(self.seed, epoch, self.examples)[within]) if self.shuffle else within
