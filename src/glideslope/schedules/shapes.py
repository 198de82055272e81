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


SHAPES: dict[str, Formula] = {"linear": linear, "cosine": cosine, "sqrt": sqrt}


def shape(name: str) -> Formula:
    """The shape of that name.

    Raises:
        ScheduleError: there is none; the nearest name is offered.
    """
    if name in SHAPES:
        return SHAPES[name]
    near = get_close_matches(str(name), SHAPES, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(SHAPES)}"
    raise ScheduleError(f"unknown shape {name!r}: {hint}")
