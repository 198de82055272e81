"""What a schedule moves in an optimizer's parameter groups, and how it is written there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from glideslope.errors import ScheduleError

Group = dict[str, Any]


class Rates:
    """Rates, or weight decays: each group's own initial value times the factor.

    A value that is a tensor is written in place, on its device, without waiting for it.

    Args:
        key: of the value in a group; its initial value is kept there too, as torch's schedulers keep `initial_lr`.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.numbers: list[tuple[Group, float]] = []
        self.tensors: list[tuple[torch.Tensor, float]] = []
        self.fours: list[tuple[Any, ...]] = []
        self.rest: list[tuple[Group, float]] = []

    def has(self, group: Group) -> bool:
        """Whether a group has such a value."""
        return self.key in group

    def found_in(self, groups: Sequence[Group], scale: float = 1.0) -> None:
        """Sees where the values are; initial ones are times the scale, those of groups not seen before as they are."""
        self.numbers, self.tensors = [], []
        for group in filter(self.has, groups):
            value = group[self.key]
            base = scale * float(group.setdefault(f"initial_{self.key}", float(value) / scale))
            if self.key == "lr":
                base *= group.get("lr_scale", 1.0)
            if isinstance(value, torch.Tensor):
                self.tensors.append((value, base))
            else:
                self.numbers.append((group, base))
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
        for tensor, base in self.tensors:
            tensor.fill_(factor * base)


class Momenta:
    """Momenta: the factor itself, as one of a group's `betas`.

    Args:
        place: which of the betas.
        or_momentum: also as `momentum`, where a group has no betas.
    """

    def __init__(self, place: int, *, or_momentum: bool) -> None:
        self.place = place
        self.keys = ("betas", "momentum") if or_momentum else ("betas",)
        self.key = " or ".join(self.keys)
        self.numbers: list[Group] = []
        self.tensors: list[tuple[torch.Tensor, float]] = []

    def has(self, group: Group) -> bool:
        """Whether a group has such a value."""
        return any(key in group for key in self.keys)

    def found_in(self, groups: Sequence[Group], scale: float = 1.0) -> None:
        """Sees where the values are, which have no scale."""
        self.numbers, self.tensors = [], []
        for group in filter(self.has, groups):
            value = group["betas"][self.place] if "betas" in group else group["momentum"]
            if isinstance(value, torch.Tensor):
                self.tensors.append((value, 1.0))
            else:
                self.numbers.append(group)

    def write(self, factor: float) -> None:
        """Writes the momentum."""
        for group in self.numbers:
            if "betas" in group:
                betas = list(group["betas"])
                betas[self.place] = factor
                group["betas"] = tuple(betas)
            else:
                group["momentum"] = factor
        for tensor, _ in self.tensors:
            tensor.fill_(factor)


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


def as_tensors(groups: Sequence[Group]) -> None:
    """Rates and betas become tensors, where they are numbers."""
    for group in groups:
        place = group["params"][0].device if group["params"] else "cpu"
        if not isinstance(group["lr"], torch.Tensor):
            group["lr"] = torch.tensor(float(group["lr"]), device=place)
        if "betas" in group:
            group["betas"] = tuple(
                beta if isinstance(beta, torch.Tensor) else torch.tensor(float(beta), device=place)
                for beta in group["betas"]
            )
