"""Multipliers of the rate: a value, and the table that shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any

from glideslope.documents import shown
from glideslope.errors import LayerError
from glideslope.layers.parameters import Parameter
from glideslope.schedules.numbers import is_finite


@dataclass(frozen=True)
class Layer:
    """Parameters that share a multiplier."""

    name: str  #: the name of the module that owns them
    parameters: tuple[Parameter, ...]  #: the parameters
    multiplier: float  #: the multiplier of their rate
    initial: float = 1.0  #: the factor of their initial values; see `by_width`


@dataclass(frozen=True)
class Multipliers:
    """A multiplier of the rate for each layer; printed, it is a table.

    `a * b` multiplies layer by layer, `2 * a` all layers.
    """

    layers: tuple[Layer, ...]  #: in order

    @cached_property
    def by_parameter(self) -> dict[str, float]:
        """The multiplier of each parameter, by its name."""
        return {parameter.name: layer.multiplier for layer in self.layers for parameter in layer.parameters}

    def of(self, name: str) -> float:
        """The multiplier of a parameter. Raises a LayerError if no parameter has this name."""
        multipliers = self.by_parameter
        if name not in multipliers:
            some = ", ".join([*list(multipliers)[:5], *["…"][: len(multipliers) > 5]])
            raise LayerError(f"no parameter {name!r} among {some}: make the multipliers with this model")
        return multipliers[name]

    def __mul__(self, other: Multipliers | float) -> Multipliers:
        if not isinstance(other, Multipliers):
            check_multiplier("a factor of all layers", other)
            return Multipliers(tuple(replace(layer, multiplier=layer.multiplier * other) for layer in self.layers))
        theirs = other.by_parameter
        initial = {each.name: layer.initial for layer in other.layers for each in layer.parameters}
        if theirs.keys() != self.by_parameter.keys():
            raise LayerError("multipliers of different models: make both with the same one")
        return grouped(
            (each, layer.multiplier * theirs[each.name], layer.initial * initial[each.name])
            for layer in self.layers
            for each in layer.parameters
        )

    __rmul__ = __mul__

    def __str__(self) -> str:
        rows = [("layer", "shape", "parameters", "multiplier")]
        for layer in self.layers:
            shapes = ", ".join("×".join(map(str, each.shape)) or "1" for each in layer.parameters)
            rows.append((layer.name, shapes, f"{sum(p.size for p in layer.parameters):,}", f"{layer.multiplier:.4g}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            f"{name:{widths[0]}}  {shape:{widths[1]}}  {size:>{widths[2]}}  {multiplier:>{widths[3]}}"
            for name, shape, size, multiplier in rows
        )

    __repr__ = __str__


def grouped(multipliers: Iterable[tuple[Parameter, float, float]]) -> Multipliers:
    """Multipliers of parameters, each with the factor of its initial values; a layer that has several is several."""
    by_layer: dict[str, list[tuple[Parameter, float, float]]] = {}
    for entry in multipliers:
        by_layer.setdefault(entry[0].layer, []).append(entry)
    layers: list[Layer] = []
    for name, parts in by_layer.items():
        if len({(multiplier, initial) for _, multiplier, initial in parts}) == 1:
            layers.append(Layer(name, tuple(parameter for parameter, _, _ in parts), parts[0][1], parts[0][2]))
        else:
            layers += [Layer(parameter.name, (parameter,), by, initial) for parameter, by, initial in parts]
    return Multipliers(tuple(layers))


def check_multiplier(name: str, multiplier: Any) -> None:
    """Raises unless a multiplier is a finite number from 0."""
    value: Any = multiplier if isinstance(multiplier, Real) else -1
    if not (is_finite(value) and value >= 0):
        raise LayerError(f"{name}: a multiplier of {shown(multiplier)}: give a number from 0, which freezes")
