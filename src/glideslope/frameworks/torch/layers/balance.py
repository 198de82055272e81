"""Balance in a torch training: the layers' rates are set so that they move at the same relative speed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import torch
from msgspec import Meta

from glideslope.documents import checked, shown
from glideslope.errors import DocumentError, LayerError
from glideslope.frameworks.seals import SEAL, check_seal, plain, sealed
from glideslope.frameworks.torch.layers.monitor import Monitor
from glideslope.frameworks.torch.scheduler.inner import inner_optimizer
from glideslope.frameworks.torch.scheduler.succession import schedulers_of
from glideslope.frameworks.torch.scheduler.update_counter import around_updates
from glideslope.layers import balance
from glideslope.plural import plural
from glideslope.schedules.numbers import is_count

_FRESH = {"multiplier": 1.0, "updates": 0, "logs": 0.0, "measured": 0}
_NEVER = 2**62


class Balance:
    """Measures how fast each layer moves, and sets a multiplier for each so that all move alike.

    The optimizer has a group for each layer: `gs.torch.groups(model, lr=0.1, merge=False)`. The multipliers enter the
    groups' `lr_scale`, which `gs.torch.Scheduler` and `gs.torch.Job` follow; the groups' rates are multiplied as well,
    for a loop that has neither. What is measured is kept in the groups, so it is saved and restored with the optimizer.
    A group that is added later keeps its rate. It is at work for as long as the optimizer is there, or until `remove`.
    A state of the optimizer in which what it keeps was damaged raises a LayerError when it is loaded, and nothing is
    changed.

    Args:
        model: the network.
        optimizer: with a group for each layer.
        probe: updates that are measured before the multipliers are set.
        every: updates between the beginnings of probes; measured once if not given.
        strength: 1 balances in full, 0 not at all.
        limit: the largest factor between a multiplier and their geometric mean.

    Raises:
        LayerError: a group has parameters of several layers, or a number is out of its range.

    Formula: see `gs.layers.balance`; the ratio of a layer is the geometric mean over a probe.
    """

    def __init__(
        self, model: torch.nn.Module, optimizer: Any, *, probe: int = 10, every: int | None = None,
        strength: float = 1.0, limit: float = 1000.0,
    ) -> None:  # fmt: skip
        if not is_count(probe) or probe < 1 or (every is not None and (not is_count(every) or every < probe)):
            raise LayerError(
                f"probe={shown(probe)}, every={shown(every)}: a probe has an update or more, and ends before the next"
            )
        balance({"": 1.0}, strength=strength, limit=limit)  # raises for numbers out of their range
        self.optimizer = inner_optimizer(optimizer)
        self.probe, self.every, self.strength, self.limit = probe, every, strength, limit
        self._monitor = Monitor(model, self.optimizer, every=1)
        self._layer_of = _layers_of(model, self.optimizer, self._monitor.layers)
        self._hooks = around_updates(self.optimizer, after=lambda skipped, compiled: self._look())
        self._hooks += [
            self.optimizer.register_load_state_dict_post_hook(lambda optimizer: self._measure_next()),
            self.optimizer.register_load_state_dict_pre_hook(lambda optimizer, state: checked_groups(state, probe)),
            self.optimizer.register_state_dict_post_hook(lambda optimizer, state: sealed_groups(state)),
        ]

    def remove(self) -> None:
        """Ends the measurements; the multipliers stay as they are."""
        self._monitor.remove()
        for hook in self._hooks:
            hook.remove()

    def _measure_next(self) -> None:
        """Measures the next update: only after it the loaded state is read, which may be in a probe."""
        self._monitor.every = 1

    @property
    def multipliers(self) -> dict[str, float]:
        """Those set last, by layer."""
        return {layer: kept["multiplier"] for layer, kept in self._kept().items()}

    def _kept(self) -> dict[str, dict[str, Any]]:
        """The records in the groups, by layer."""
        pairs = zip(self._layer_of, self.optimizer.param_groups, strict=False)
        return {layer: group.get(KEPT_AS, _FRESH) for layer, group in pairs if layer is not None}

    def _look(self) -> None:
        """Records the update that was made."""
        kept = self._kept()
        updates = next(iter(kept.values()))["updates"]
        measuring = self._place(updates) < self.probe
        ratios = self._monitor.read() if measuring else None
        changed = {layer: {**record, "updates": updates + 1} for layer, record in kept.items()}
        for layer, record in changed.items():
            ratio = ratios.by_layer[layer] if ratios is not None and ratios.update + 1 == self._monitor.updates else 0.0
            if 0 < ratio < math.inf:
                record["logs"], record["measured"] = record["logs"] + math.log(ratio), record["measured"] + 1
        if measuring and self._place(updates) + 1 == self.probe:
            changed = self._set(changed)
        for name, group in zip(self._layer_of, self.optimizer.param_groups, strict=False):
            if name is not None:
                group[KEPT_AS] = changed[name]
        self._monitor.every = 1 if self._place(updates + 1) < self.probe else _NEVER

    def _place(self, updates: int) -> int:
        """The place of an update since the last probe began."""
        return updates if self.every is None else updates % self.every

    def _set(self, kept: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Sets the multipliers by the probe; what is kept for the next one."""
        before = {layer: probe["multiplier"] for layer, probe in kept.items()}
        ratios = {
            layer: math.exp(probe["logs"] / probe["measured"]) if probe["measured"] else 0.0
            for layer, probe in kept.items()
        }
        new = balance(ratios, strength=self.strength, limit=self.limit, before=before)
        for name, group in zip(self._layer_of, self.optimizer.param_groups, strict=False):
            if name is None:
                continue
            change, scale = new[name] / before[name], group.get("lr_scale", 1.0)
            group.setdefault("initial_lr", float(group["lr"]) / scale)  # without what is multiplied here
            group["lr_scale"] = scale * change
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].mul_(change)
            else:
                group["lr"] *= change
        for scheduler in schedulers_of(self.optimizer):
            scheduler.read_groups()
        return {
            layer: {**_FRESH, "multiplier": new[layer], "updates": probe["updates"]} for layer, probe in kept.items()
        }


def _layers_of(model: torch.nn.Module, optimizer: torch.optim.Optimizer, trained: list[str]) -> list[str | None]:
    """The layer of each parameter group, None for one that isn't trained."""
    names = {id(tensor): name.rpartition(".")[0] or name for name, tensor in model.named_parameters()}
    names_of_groups: list[str | None] = []
    for group in optimizer.param_groups:
        layers = {names.get(id(tensor), "?") for tensor in group["params"]}
        if len(layers) != 1 or layers == {"?"}:
            raise LayerError(
                f"a parameter group has the parameters of {plural(len(layers), 'layer')}: make one for each with "
                "gs.torch.groups(model, lr=…, merge=False)"
            )
        layer = layers.pop()
        names_of_groups.append(layer if layer in trained else None)
    return names_of_groups


KEPT_AS = "balance"  # the key of a group


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    multiplier: Annotated[float, Meta(gt=0, le=1e30)]
    updates: Annotated[int, Meta(ge=0, le=2**53)]
    logs: Annotated[float, Meta(ge=-1e30, le=1e30)]
    measured: Annotated[int, Meta(ge=0, le=2**53)]


def sealed_groups(state: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's state with a checksum of each group's entries, `lr_scale` included."""
    return {**state, "param_groups": [_with_seal(group) for group in state["param_groups"]]}


def checked_groups(state: dict[str, Any], probe: int) -> dict[str, Any]:
    """A state of an optimizer without the checksums that `sealed_groups` gave it, if it has them. Raises a LayerError
    if a group doesn't hold what balance left there, of at most `probe` measured updates."""
    groups = state.get("param_groups") if isinstance(state, Mapping) else None
    if not isinstance(groups, list | tuple) or not all(isinstance(group, Mapping) for group in groups):
        return state  # of which torch says what is wrong
    try:
        read = [_without_seal(group, probe) for group in groups]
        if len({group[KEPT_AS]["updates"] for group in read if KEPT_AS in group}) > 1:
            raise DocumentError("the groups are after different numbers of updates")
    except DocumentError as error:
        raise LayerError(f"a damaged state of the optimizer: what balance keeps in a group of it: {error}") from None
    return {**state, "param_groups": read}


def _with_seal(group: dict[str, Any]) -> dict[str, Any]:
    if KEPT_AS not in group:
        return group
    return {**group, KEPT_AS: {**group[KEPT_AS], SEAL: sealed(_parts(group))[SEAL]}}


def _parts(group: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a group under one checksum."""
    return {**group[KEPT_AS], "scale": group.get("lr_scale")}


def _without_seal(group: Mapping[str, Any], probe: int) -> dict[str, Any]:
    if KEPT_AS not in group:
        return dict(group)
    kept = plain(group[KEPT_AS])
    if not isinstance(kept, dict):
        raise DocumentError(f"{shown(kept)} was found")
    seal = kept.pop(SEAL, None)
    read = checked(kept, _Kept)
    if read.measured > probe or read.logs != read.logs:
        raise DocumentError(f"{read.measured} of {probe} updates were measured")
    if seal is not None:
        check_seal(plain(_parts({**group, KEPT_AS: kept})), seal)
    return {**group, KEPT_AS: msgspec.to_builtins(read)}
