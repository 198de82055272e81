"""A number with its derivatives: what a formula gives besides its value, by the rules of differentiation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

Numbers = Any  # a float64 number, or an array of them


@dataclass(frozen=True, slots=True)
class Jet:
    """A value, its first derivatives, and its second ones where they are asked for."""

    value: Numbers  # the number, of any shape
    first: tuple[Numbers, ...]  # by each variable
    second: tuple[Numbers, ...] | None
    """By each pair of variables (0, 0), (0, 1), (1, 1), …; None where they aren't asked for."""

    @classmethod
    def variables(cls, point: tuple[Numbers, ...], second: bool = False) -> tuple[Jet, ...]:
        """Each coordinate of a point as a variable.

        >>> x, y = Jet.variables((3.0, 2.0), second=True)
        >>> product = x * x * y
        >>> product.value, product.first, product.second
        (18.0, (12.0, 9.0), (4.0, 6.0, 0.0))
        """
        n = len(point)
        zeros = (0.0,) * (n * (n + 1) // 2) if second else None
        return tuple(cls(value, tuple(float(i == j) for j in range(n)), zeros) for i, value in enumerate(point))

    def through(self, value: Numbers, slope: Numbers, bend: Callable[[], Numbers]) -> Jet:
        """A function of it, by the chain rule, from its value and slope; `bend` computes the second derivative."""
        second = None
        if self.second is not None:
            curve = bend()
            pairs = combinations_with_replacement(self.first, 2)
            second = tuple(curve * a * b + slope * c for (a, b), c in zip(pairs, self.second, strict=True))
        return Jet(value, tuple(slope * a for a in self.first), second)

    def __add__(self, other: Jet) -> Jet:
        second = None
        if self.second is not None and other.second is not None:
            second = tuple(a + b for a, b in zip(self.second, other.second, strict=True))
        return Jet(self.value + other.value, tuple(a + b for a, b in zip(self.first, other.first, strict=True)), second)

    def __neg__(self) -> Jet:
        return self.through(-self.value, -1.0, lambda: 0.0)

    def __sub__(self, other: Jet) -> Jet:
        return self + -other

    def __mul__(self, other: Jet) -> Jet:
        u, v, a, b = self.value, other.value, self.first, other.first
        second = None
        if self.second is not None and other.second is not None:
            places = combinations_with_replacement(range(len(a)), 2)
            second = tuple(
                p * v + a[i] * b[j] + a[j] * b[i] + u * q
                for (i, j), p, q in zip(places, self.second, other.second, strict=True)
            )
        return Jet(u * v, tuple(x * v + u * y for x, y in zip(a, b, strict=True)), second)

    def __truediv__(self, other: Jet) -> Jet:
        inverse = 1.0 / other.value
        return self * other.through(inverse, -inverse * inverse, lambda: 2 * inverse**3)

    def power(self, exponent: float) -> Jet:
        """It to a power that is a number."""
        u, n = self.value, exponent
        if n == 0:
            return self.through(u * 0 + 1.0, 0.0, lambda: 0.0)
        return self.through(u**n, n * u ** (n - 1), lambda: n * (n - 1) * u ** (n - 2) if n != 1 else 0.0)


Rule = tuple[Callable[[Numbers], Numbers], Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]

FUNCTIONS: dict[str, Rule] = {
    "sin": (np.sin, np.cos, lambda u: -np.sin(u)),
    "cos": (np.cos, lambda u: -np.sin(u), lambda u: -np.cos(u)),
    "exp": (np.exp, np.exp, np.exp),
    "log": (np.log, lambda u: 1 / u, lambda u: -1 / u**2),
    "sqrt": (np.sqrt, lambda u: 0.5 / np.sqrt(u), lambda u: -0.25 * u**-1.5),
    "tanh": (np.tanh, lambda u: 1 / np.cosh(u) ** 2, lambda u: -2 * np.tanh(u) / np.cosh(u) ** 2),
    "abs": (np.abs, np.sign, lambda u: 0.0 * u),
}
"""The functions that a formula may call, with their first and second derivatives."""
