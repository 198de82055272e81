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

    def found_in(self, groups: Sequence[Group]) -> None:
        """Sees which groups there are.

        Raises:
            ScheduleError: a group has no such value.
        """
        self.numbers, self.tensors = [], []
        for group in groups:
            if self.key not in group:
                raise _lacking(group, self.key)
            value = group[self.key]
            base = group.setdefault(f"initial_{self.key}", float(value))
            if self.key == "lr":
                base = float(base) * group.get("lr_scale", 1.0)
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
    """Momenta: the factor itself, as `momentum`, or as one of `betas` where a group has those.

    Args:
        place: which of the betas.
    """

    def __init__(self, place: int) -> None:
        self.place = place
        self.numbers: list[Group] = []
        self.tensors: list[tuple[torch.Tensor, float]] = []

    def found_in(self, groups: Sequence[Group]) -> None:
        """Sees which groups there are.

        Raises:
            ScheduleError: a group has no momentum.
        """
        self.numbers, self.tensors = [], []
        for group in groups:
            value = group["betas"][self.place] if "betas" in group else group.get("momentum")
            if value is None:
                raise _lacking(group, "betas or momentum")
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


def _lacking(group: Group, what: str) -> ScheduleError:
    has = ", ".join(sorted(group.keys() - {"params"}))
    return ScheduleError(f"a schedule of {what} for an optimizer that has none: its groups have {has}")


def as_tensors(groups: Sequence[Group]) -> None:
    """Rates and betas become tensors, where they are numbers."""
    for group in groups:
        place = group["params"][0].device if group["params"] else "cpu"
        if not isinstance(group["lr"], torch.Tensor):
            group["lr"] = torch.tensor(group["lr"], device=place)
        if "betas" in group:
            group["betas"] = tuple(
                beta if isinstance(beta, torch.Tensor) else torch.tensor(beta, device=place) for beta in group["betas"]
            )
