"""Balance in a torch training: the layers' rates are set so that they move at the same relative speed."""

from __future__ import annotations

import math
from typing import Any

import torch

from glideslope.errors import LayerError
from glideslope.frameworks.torch.monitor import Monitor
from glideslope.frameworks.torch.updates import after_each_update, unwrapped
from glideslope.layers import balance

_NEVER = 2**62


class Balance:
    """Measures how fast each layer moves, and sets a multiplier for each so that all move alike.

    The optimizer has a group for each layer: `gs.torch.groups(model, lr=0.1, merge=False)`. The multipliers are the
    groups' `lr_scale`, which `gs.torch.Scheduler` and `gs.torch.Job` follow; the groups' rates are multiplied as well,
    for a loop that has neither.

    Args:
        model: the network.
        optimizer: with a group for each layer.
        scheduler: the `gs.torch.Scheduler` of the optimizer, where there is one.
        probe: updates that are measured before the multipliers are set.
        every: updates between the beginnings of probes; measured once if not given.
        strength: 1 balances in full, 0 not at all.
        limit: the multipliers are at most so many times their mean.

    Attributes:
        multipliers: those set last, by layer.

    Raises:
        LayerError: a group has parameters of several layers.

    Formula: see `gs.layers.balance`; the ratio of a layer is the geometric mean over a probe.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: Any,
        scheduler: Any = None,
        *,
        probe: int = 10,
        every: int | None = None,
        strength: float = 1.0,
        limit: float = 1000.0,
    ) -> None:
        if probe < 1 or (every is not None and every < probe):
            raise LayerError(
                f"probe={probe}, every={every}: a probe takes at least an update, and ends before the next"
            )
        self.optimizer = unwrapped(optimizer)
        self.scheduler = scheduler
        self.probe, self.every, self.strength, self.limit = probe, every, strength, limit
        self._monitor = Monitor(model, self.optimizer, every=1)
        self._layer_of = _layers_of(model, self.optimizer)
        self.multipliers = dict.fromkeys(self._monitor.layers, 1.0)
        balance(dict.fromkeys(self._monitor.layers, 1.0), strength=strength, limit=limit)  # raises for bad numbers
        self._updates = 0
        self._logs: list[dict[str, float]] = []
        self._handle = after_each_update(self.optimizer, self._look)

    def _look(self, found: torch.Tensor | None, compiled: bool) -> None:
        place = self._place()
        self._updates += 1
        self._monitor.every = 1 if self._place() < self.probe else _NEVER
        if place >= self.probe:
            return
        ratios = self._monitor.read()
        assert ratios is not None
        self._logs.append({name: math.log(ratio) for name, ratio in ratios.by_layer.items() if 0 < ratio < math.inf})
        if place + 1 == self.probe:
            self._set()

    def _place(self) -> int:
        """The place of the next update since the last probe began."""
        return self._updates if self.every is None else self._updates % self.every

    def _set(self) -> None:
        """Sets the multipliers by the probe, and begins a new one."""
        seen = {name: [log[name] for log in self._logs if name in log] for name in self.multipliers}
        self._logs = []
        ratios = {name: math.exp(sum(logs) / len(logs)) if logs else 0.0 for name, logs in seen.items()}
        new = balance(ratios, strength=self.strength, limit=self.limit, before=self.multipliers)
        for group, layer in zip(self.optimizer.param_groups, self._layer_of, strict=True):
            change = new[layer] / self.multipliers[layer]
            group["lr_scale"] = group.get("lr_scale", 1.0) * change
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].mul_(change)
            else:
                group["lr"] *= change
        self.multipliers = new
        if self.scheduler is not None:
            self.scheduler.read_groups()


def _layers_of(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """The layer of each parameter group."""
    names = {id(tensor): name.rpartition(".")[0] or name for name, tensor in model.named_parameters()}
    found: list[str] = []
    for group in optimizer.param_groups:
        layers = {names.get(id(tensor), "?") for tensor in group["params"]}
        if len(layers) != 1 or layers == {"?"}:
            raise LayerError(
                f"a parameter group has the parameters of {len(layers)} layers: make one for each with "
                "gs.torch.groups(model, lr=…, merge=False)"
            )
        found.append(layers.pop())
    return found
