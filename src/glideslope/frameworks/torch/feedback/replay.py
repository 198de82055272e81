"""Updates made again from their gradients: from a snapshot to the last good weights, without the batches."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch

from glideslope.feedback.events import Lost
from glideslope.feedback.ring import Kept
from glideslope.frameworks.torch.distributed import is_distributed
from glideslope.frameworks.torch.feedback.copies import numbers_of
from glideslope.frameworks.torch.feedback.snapshots import Training

FARTHEST = 20
"""Updates between snapshots where those since can be made again: to go back then costs none of them."""
_MOST_BYTES, _MOST_ON_DEVICE = 2**23, 2**28
"""Gradients that are held, of all updates since a snapshot. More wouldn't stay in a processor's cache: to write each
gradient of a million numbers into other memory than the last makes an update a fifth longer."""
_DOUBTFUL = 5
"""Updates before a loss of the training that aren't made again, where nothing but the updates changed the weights."""
_HABIT = 2
"""Times that something else changes the training, and the loss stays as it was, after which the training needs it."""
_version = attrgetter("_version")


@dataclass
class _Update:
    """An update: its number, counted from 0; each weight with its gradient, and the version of the gradient's memory
    when it was used; the options of each parameter group, such as its rate; and what isn't 0, on a device, where it was
    left out there."""

    gradients: list[tuple[torch.Tensor, torch.Tensor, int]]
    options: list[dict[str, Any]]
    left_out: torch.Tensor | None = None
    number: int = -1

    def is_finite(self) -> bool:
        """Whether its gradient is."""
        return all(bool(numbers_of(gradient).isfinite().all()) for _, gradient, _ in self.gradients)


@dataclass
class Replay:
    """The updates since the last snapshot, where they can be made again: those of torch's optimizers. A gradient is
    held and not copied: the next backward pass makes a new one. Where the loop writes over it, as
    `zero_grad(set_to_none=False)` does, its update can't be made again. All after `since` updates are held."""

    optimizer: Any
    since: float = 0
    _updates: list[_Update] = field(default_factory=list)
    _pending: list[_Update] = field(default_factory=list)
    _watched: list[torch.Tensor] = field(default_factory=list)
    _versions: list[int] = field(default_factory=list)
    _touched: bool = False
    _touches: list[int] = field(default_factory=list)
    is_habit: bool = False

    def __post_init__(self) -> None:
        kind, weights = type(self.optimizer), self._weights()
        self._most = 0  # how many updates are held, by the bytes of the first gradient
        self.possible = (
            f"{kind.__module__}.".startswith("torch.optim.")
            and not isinstance(self.optimizer, torch.optim.LBFGS)
            and {weight.device.type for weight in weights} <= {"cpu", "cuda"}
            and not is_distributed()
        )

    def _weights(self) -> list[torch.Tensor]:
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]

    def _moved(self) -> list[torch.Tensor]:
        """What updates change: the weights and the optimizer's state."""
        states = [self.optimizer.state.get(weight, {}).values() for weight in self._weights()]
        return [*self._weights(), *[value for state in states for value in state if isinstance(value, torch.Tensor)]]

    def watch(self) -> None:
        """Checks, before an update, whether something else has changed the training since the last."""
        if self._versions:
            self._touched |= self._versions != [*map(_version, self._watched)]

    def note(self, pairs: list[tuple[torch.Tensor, torch.Tensor]], left_out: torch.Tensor | None = None) -> None:
        """Notes an update, about to be made, of some weights with their gradients; on a device it may be left out."""
        if self.possible and not self._most:
            size = sum(numbers_of(gradient).numel() * gradient.element_size() for _, gradient in pairs)
            self._most = (_MOST_BYTES if pairs[0][1].is_cpu else _MOST_ON_DEVICE) // max(size, 1)
            self.possible = self._most >= 2 * FARTHEST
        if self.possible:
            gradients = [(weight, gradient, gradient._version) for weight, gradient in pairs]
            self._pending.append(_Update(gradients, self._options(copied=True), left_out))

    def noted(self) -> None:
        """Notes that an update was made, or left out."""
        self._versions = [*map(_version, self._watched)]

    def rewatch(self) -> None:
        """Watches the weights and the optimizer's state as they are now: other tensors may have taken their place."""
        self.watch()
        self._watched = self._moved() if self.possible else []
        self.noted()

    def number(self, update: int) -> None:
        """Numbers the updates noted since the last call, of which the last has this number."""
        if self._pending:
            for noted in self._pending:
                noted.number = update
            self._updates += self._pending
            self._pending = []

    def count(self, update: int, calm: bool) -> bool:
        """Looks at an update that was numbered; `calm` says whether its loss is normal. Returns whether something else
        changed the training before it, which it doesn't need."""
        self.number(update)
        if touched := self._touched and calm:
            self._touched = False
            self._touches.append(update)
            self.is_habit = self.is_habit or len(self._touches) >= _HABIT
        if len(self._updates) > self._most or len(self._touches) >= _HABIT:
            self.forget(update + 1)
        return touched and not self.is_habit

    def forget(self, updates_made: int) -> None:
        """Forgets the updates before a snapshot, or those before which not all are known."""
        if self._updates or self._touches:
            self._updates = [update for update in self._updates if update.number >= updates_made]
            self._touches = [update for update in self._touches if update >= updates_made]
        if updates_made > self.since:
            self.since = updates_made

    def clear(self, updates_made: int) -> None:
        """Forgets all: the training is another one, after so many updates."""
        self.since = updates_made
        self.rewatch()
        self._updates, self._pending, self._touches, self._touched, self.is_habit = [], [], [], False, False

    def reaches(self, updates_made: int) -> bool:
        """Whether all updates since a snapshot, after so many, can be made again."""
        return (
            self.possible
            and updates_made >= self.since
            and all(gradient._version == version for each in self._updates for _, gradient, version in each.gradients)
        )

    def good(self, training: Training, kept: Kept[Any], parts: dict[str, Any], lost: Lost) -> tuple[int, bool]:
        """How far the updates since a snapshot can be made again, and whether something else than they lost the
        training: it is so where the same updates, from the same snapshot, lead to another training. Updates whose
        gradient isn't finite are left out. The training is another one afterwards."""
        if not self.reaches(kept.made):
            return kept.made, False
        outside = self.leads_elsewhere(training, kept.made, parts)
        end = min([lost.first, *self._touches]) if outside else lost.update - _DOUBTFUL
        return max(kept.made, end), outside

    def leads_elsewhere(self, training: Training, updates_made: int, parts: dict[str, Any]) -> bool:
        """Whether the updates since a snapshot lead to another training than the present, and a finite one: something
        else changed it. The training is what they lead to afterwards."""
        present = [tensor.detach().clone() for tensor in self._moved()]
        was_finite = training.is_finite()
        self._updates = [update for update in self._updates if update.is_finite()]
        training.restore(parts)
        self._make(updates_made, sys.maxsize)
        again = self._moved()
        same = was_finite and len(again) == len(present) and all(map(torch.equal, present, again))
        return training.is_finite() and not same

    def make(self, updates_made: int, end: int) -> None:
        """Makes the updates since a snapshot again, up to one, and forgets the later ones."""
        self._updates = [update for update in self._updates if update.number < end]
        self._make(updates_made, end)
        self.since = updates_made
        self.rewatch()
        self._touched, self._pending, self._touches = False, [], []

    def _make(self, updates_made: int, end: int) -> None:
        groups, options = self.optimizer.param_groups, self._options()
        step = type(self.optimizer).step.__wrapped__  # without hooks, which count
        for update in self._updates:
            if updates_made <= update.number < end:
                for group, then in zip(groups, update.options, strict=True):
                    group.update(then)
                if update.left_out is not None and bool(update.left_out):
                    continue
                self.optimizer.zero_grad()
                for weight, gradient, _ in update.gradients:
                    weight.grad = gradient
                step(self.optimizer)
        self.optimizer.zero_grad()
        for group, now in zip(groups, options, strict=True):
            group.update(now)

    def _options(self, copied: bool = False) -> list[dict[str, Any]]:
        every = []
        for group in self.optimizer.param_groups:
            every.append(options := dict(group))
            del options["params"]
            if copied:
                options.update({name: value.clone() for name, value in options.items() if type(value) is torch.Tensor})
        return every
