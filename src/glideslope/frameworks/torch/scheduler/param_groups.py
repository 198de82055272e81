"""The values in an optimizer's parameter groups that schedules move, and how they are written."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import torch

from glideslope.errors import ScheduleError
from glideslope.frameworks.torch.scheduler.known_groups import ROUNDING, Group, Known, KnownGroups

Member = tuple[Group, Known]  # a group of the optimizer, and what is known of it
Place = tuple[Group, torch.Tensor, float]  # a group, the tensor in it that is written, and its base value


class Values:
    """What a schedule moves in parameter groups, under one of some keys: numbers, and tensors that are written in
    place, each with its base value."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.key = keys, " or ".join(keys)
        self.numbers: list[tuple[Group, float]] = []
        self.tensors: list[Place] = []

    def has(self, group: Group) -> bool:
        """Whether a group has such a value."""
        return any(key in group for key in self.keys)

    def find(self, members: Sequence[Member], known: KnownGroups, scale: float = 1.0) -> None:
        """Finds the values; initial ones are times the scale, those of groups not seen before as they are."""
        self.numbers, self.tensors = [], []
        for group, seen in members:
            if not self.has(group):
                continue
            value, base = self._value(group), self._base(group, seen, known, scale)
            if isinstance(value, torch.Tensor):
                self.tensors.append((group, value, base))
            else:
                self.numbers.append((group, base))

    def moved(self) -> bool:
        """Whether a value was removed or became a tensor, or a tensor was replaced."""
        return any(
            not self.has(group) or isinstance(self._value(group), torch.Tensor | None) for group, _ in self.numbers
        ) or any(not self.has(group) or self._value(group) is not tensor for group, tensor, _ in self.tensors)

    def changes(self, factor: float) -> list[tuple[float, float]]:
        """(value now, value written) of each group where they differ by more than single precision."""
        bases = [*self.numbers, *((group, base) for group, _, base in self.tensors)]
        values = [(float(self._value(group)), factor * base) for group, base in bases if self.has(group)]
        return [(now, written) for now, written in values if abs(now - written) > ROUNDING * abs(written)]

    def _value(self, group: Group) -> Any:
        return group[self.key]

    def _base(self, group: Group, seen: Known, known: KnownGroups, scale: float) -> float:
        return 1.0


class Rates(Values):
    """Rates, or weight decays, by their key in a group: each group's own initial value times the factor. The initial
    value is kept in the group, as torch's schedulers keep `initial_lr`. A value that is a tensor is written in place,
    on its device, without waiting for it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.fours: list[tuple[Any, ...]] = []
        self.rest: list[tuple[Group, float]] = []
        self.versions: list[int] = []

    def find(self, members: Sequence[Member], known: KnownGroups, scale: float = 1.0) -> None:
        super().find(members, known, scale)
        self.versions = []
        whole = len(self.numbers) // 4 * 4
        self.fours = [sum(self.numbers[i : i + 4], ()) for i in range(0, whole, 4)]
        self.rest = self.numbers[whole:]

    def write(self, factor: float) -> None:
        """Writes the values that a factor gives."""
        key = self.key
        for a, base_a, b, base_b, c, base_c, d, base_d in self.fours:  # a loop's turn costs as much as a write
            a[key] = factor * base_a
            b[key] = factor * base_b
            c[key] = factor * base_c
            d[key] = factor * base_d
        for group, base in self.rest:
            group[key] = factor * base
        if self.tensors:
            for _, tensor, base in self.tensors:
                tensor.fill_(factor * base)
            self.versions = [_version(tensor) for _, tensor, _ in self.tensors]

    def intact(self, factor: float) -> bool:
        """Whether every group still has what was written; of tensors, without waiting for their device."""
        key = self.key
        for group, base in self.numbers:
            value = group.get(key)
            if value.__class__ is not float or value != factor * base:
                return False
        for (group, tensor, _), version in zip(self.tensors, self.versions, strict=True):
            if group.get(key) is not tensor or _version(tensor) != version:
                return False
        return True

    def _base(self, group: Group, seen: Known, known: KnownGroups, scale: float) -> float:
        base = scale * known.base(group, seen, self.key, scale)
        return base * group.get("lr_scale", 1.0) if self.key == "lr" else base


class Momenta(Values):
    """Momenta: the factor itself, as the beta at a place in a group's `betas`; also as `momentum` of a group without
    betas (`or_momentum`)."""

    def __init__(self, place: int, *, or_momentum: bool) -> None:
        super().__init__("betas", *(("momentum",) if or_momentum else ()))
        self.place = place

    def write(self, factor: float) -> None:
        """Writes the momentum."""
        for group, _ in self.numbers:
            if "betas" in group:
                betas = list(group["betas"])
                betas[self.place] = factor
                group["betas"] = tuple(betas)
            else:
                group["momentum"] = factor
        for _, tensor, _ in self.tensors:
            tensor.fill_(factor)

    def intact(self, factor: float) -> bool:
        """Whether every group still has what was written; of tensors, whether it still has the same."""
        return all(self._value(group) == factor for group, _ in self.numbers if self.has(group)) and all(
            self.has(group) and self._value(group) is tensor for group, tensor, _ in self.tensors
        )

    def _value(self, group: Group) -> Any:
        return group["betas"][self.place] if "betas" in group else group["momentum"]


class Version:
    """How often a rate was written in place, where a group has its rate."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor

    def __getitem__(self, key: str) -> int:
        return _version(self._tensor)


def _version(tensor: torch.Tensor) -> int:
    """How often a tensor was written in place; torch doesn't count it for one made under inference mode."""
    return 0 if tensor.is_inference() else tensor._version


def check_has(values: Rates | Momenta, groups: Sequence[Group]) -> None:
    """Raises for a group that hasn't what is scheduled."""
    for group in groups:
        if not values.has(group):
            has = ", ".join(sorted(group.keys() - {"params"}))
            raise ScheduleError(f"a schedule of {values.key} for an optimizer that has none: its groups have {has}")


def separate(groups: Sequence[Group]) -> None:
    """Gives each group a rate of its own where torch gave one tensor to several; whole numbers become real ones."""
    seen: set[int] = set()
    for group in groups:
        rate = group["lr"]
        if isinstance(rate, torch.Tensor):
            if not rate.is_floating_point():
                group["lr"] = rate.to(torch.get_default_dtype())
            elif id(rate) in seen:
                group["lr"] = rate.clone()
            seen.add(id(group["lr"]))


def as_tensors(groups: Sequence[Group], places: Container[int] = (0, 1)) -> None:
    """Rates become tensors, where they are numbers, and so do the betas at some places."""
    for group in groups:
        device = group["params"][0].device if group["params"] else "cpu"

        def tensor(value: Any, device: Any = device) -> torch.Tensor:
            return value if isinstance(value, torch.Tensor) else torch.tensor(float(value), device=device)

        group["lr"] = tensor(group["lr"])
        if "betas" in group:
            group["betas"] = tuple(tensor(b) if i in places else b for i, b in enumerate(group["betas"]))
