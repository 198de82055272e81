"""How a ramp goes from its start to its end: maps of [0, 1] onto [0, 1], by name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Formula


def linear(x: Any, xp: Any) -> Any:
    """x"""
    return x


def cosine(x: Any, xp: Any) -> Any:
    """(1 - cos πx)/2 (Loshchilov & Hutter 2017, arXiv:1608.03983)"""
    return 0.5 - 0.5 * xp.cos(xp.pi * x)


def sqrt(x: Any, xp: Any) -> Any:
    """√x, so that a cooldown to zero is 1 - √x (Hägele et al. 2024, arXiv:2405.18392)"""
    return xp.sqrt(x)


def exponential(x: Any, xp: Any) -> Any:
    """(1 - 0.01^x)/0.99: by the same ratio in equal times, a hundredfold in all, and then to its end exactly"""
    return (1.0 - 0.01**x) / 0.99


def power(x: Any, xp: Any) -> Any:
    """1 - (1 - x)^2"""
    return 1.0 - (1.0 - x) ** 2


def rex(x: Any, xp: Any) -> Any:
    """1 - (1 - x)/(1/2 + (1 - x)/2) (Chen et al. 2021, arXiv:2107.04197)"""
    return x / (2.0 - x)


SHAPES: dict[str, Formula] = {
    "linear": linear, "cosine": cosine, "sqrt": sqrt, "exponential": exponential, "power": power, "rex": rex,
}  # fmt: skip


def shape(name: str) -> Formula:
    """The shape of that name. Raises a ScheduleError, with the nearest name, for an unknown one."""
    if name in SHAPES:
        return SHAPES[name]
    near = get_close_matches(str(name), SHAPES, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(SHAPES)}"
    raise ScheduleError(f"unknown shape {name!r}: {hint}")
