"""Update ratios of a training as it runs: how fast each layer moves, ‖Δw‖/‖w‖."""

from __future__ import annotations

import csv
import io
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from glideslope import escape
from glideslope.documents import shown
from glideslope.errors import LayerError
from glideslope.files import checked_path
from glideslope.frameworks.torch.feedback.arrivals import sent
from glideslope.frameworks.torch.models import checked_model
from glideslope.frameworks.torch.norms import add_shards, norms, real_numbers
from glideslope.frameworks.torch.private import foreach_copy_, foreach_sub_
from glideslope.frameworks.torch.scheduler.inner import inner_optimizer
from glideslope.frameworks.torch.scheduler.update_counter import around_updates
from glideslope.layers import parameters
from glideslope.schedules.numbers import is_count


@dataclass(frozen=True)
class Ratios:
    """The update ratio of each layer at one update; printed, it is a table."""

    update: int  #: the number of the update, counted from 0
    by_layer: dict[str, float]  #: ‖Δw‖/‖w‖ over all parameters of a layer, by its name; about 1e-3 is healthy

    def __str__(self) -> str:
        width = max(map(len, self.by_layer), default=0)
        lines = [f"update {self.update}: ‖Δw‖/‖w‖"]
        for name, ratio in self.by_layer.items():
            # Eight decades, from 1e-6 to 100, of which 1e-3 is the middle.
            length = min(max(round(4 * (math.log10(ratio) + 6)), 0), 32) if 0 < ratio < math.inf else 0
            lines.append(f"  {name:{width}}  {ratio:8.1e}  {'█' * length}")
        return "\n".join(lines)


class Monitor:
    """Measures the update ratio of each layer at every so many updates.

    A measurement is reported at a later one, when it has come from the device without waiting for it, or by `read`. It
    measures for as long as the optimizer is there, or until `remove`. The ratio of a layer whose weights are all 0 is
    NaN.

    Args:
        model: the network.
        optimizer: its optimizer.
        every: updates between measurements.
        to: is called with each: `print`, `gs.torch.to_csv(path)`, `gs.torch.to_tensorboard(writer)`, or your own.

    Raises:
        LayerError: `every` isn't positive.

    >>> import torch, glideslope as gs
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> torch.nn.init.ones_(model.weight)
    Parameter containing:
    tensor([[1.]], requires_grad=True)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> monitor = gs.torch.Monitor(model, optimizer, every=1)
    >>> model(torch.ones(1, 1)).backward()
    >>> optimizer.step()
    >>> monitor.read().by_layer
    {'weight': 0.1...}
    """

    def __init__(
        self, model: torch.nn.Module, optimizer: Any, every: int = 50, to: Callable[[Ratios], object] | None = None
    ) -> None:
        if not is_count(every) or every < 1:
            raise LayerError(f"every={shown(every)}: give a positive number of updates")
        tensors = dict(checked_model(model).named_parameters())
        known = [parameter for parameter in parameters(model) if parameter.name in tensors]
        self.layers = list(dict.fromkeys(parameter.layer for parameter in known))
        self.every = every
        self.updates = 0
        self._to = to
        self._tensors = [tensors[parameter.name] for parameter in known]
        self._index = torch.tensor([self.layers.index(parameter.layer) for parameter in known])
        self._before: list[torch.Tensor] = []  # kept: memory anew for each measurement costs more than the copy
        self._measuring = False
        self._latest: Ratios | None = None
        self._waiting: deque[tuple[int, torch.Tensor, Any]] = deque()
        self._hooks = around_updates(
            inner_optimizer(optimizer),
            before=lambda args, kwargs: self._keep(),
            after=lambda skipped, compiled: self._measure(),
        )

    def remove(self) -> None:
        """Ends the measurements."""
        for hook in self._hooks:
            hook.remove()

    def read(self) -> Ratios | None:
        """The last measurement, None before the first; reports those that weren't yet, and waits for the device."""
        self._report(wait=True)
        return self._latest

    def _report(self, wait: bool) -> None:
        while self._waiting and (wait or self._waiting[0][2] is None or self._waiting[0][2].query()):
            update, ratios, arrived = self._waiting.popleft()
            if arrived is not None:
                arrived.synchronize()
            self._latest = Ratios(update, dict(zip(self.layers, ratios.tolist(), strict=True)))
            if self._to is not None:
                self._to(self._latest)

    @torch.no_grad()
    def _keep(self) -> None:
        if self.updates % self.every == 0:
            self._report(wait=False)
            self._measuring = True
            if self._before:
                foreach_copy_(self._before, self._numbers())
            else:
                self._before = [tensor.clone() for tensor in self._numbers()]

    @torch.no_grad()
    def _measure(self) -> None:
        if self._measuring:
            weights = self._norms(self._before)
            foreach_sub_(self._before, self._numbers())
            moved = self._norms(self._before)
            self._measuring = False
            # Weights that are all 0 have no ratio.
            ratios = torch.where(weights > 0, moved / weights, torch.nan)
            self._waiting.append((self.updates, *(sent(ratios) if ratios.is_cuda else (ratios, None))))
        self.updates += 1

    def _numbers(self) -> list[torch.Tensor]:
        """The weights, as far as this process has them."""
        return [real_numbers(tensor.detach()) for tensor in self._tensors]

    def _norms(self, numbers: list[torch.Tensor]) -> torch.Tensor:
        """The norm over each layer's tensors, shape (layers,)."""
        squares = norms(numbers).square()
        add_shards(squares, self._tensors)
        self._index = self._index.to(squares.device)
        return squares.new_zeros(len(self.layers)).index_add_(0, self._index, squares).sqrt()


def to_csv(path: Path | str) -> Callable[[Ratios], None]:
    """Appends measurements to a CSV file of update, layer and ratio; for `Monitor(to=…)`."""
    file = checked_path(path)

    def write(ratios: Ratios) -> None:
        lines = io.StringIO()
        rows = csv.writer(lines, lineterminator="\n")
        if not file.exists():
            rows.writerow(("update", "layer", "ratio"))
        rows.writerows((ratios.update, escape.csv(name), f"{ratio:.6g}") for name, ratio in ratios.by_layer.items())
        with file.open("a", encoding="utf-8") as out:  # a row at a time, so there is no whole file to replace
            out.write(lines.getvalue())

    return write


def to_tensorboard(writer: Any) -> Callable[[Ratios], None]:
    """Adds measurements to a TensorBoard `SummaryWriter`, or anything with `add_scalar`; for `Monitor(to=…)`."""

    def write(ratios: Ratios) -> None:
        for name, ratio in ratios.by_layer.items():
            writer.add_scalar(f"update ratio/{name}", ratio, ratios.update)

    return write
