"""Balance: multipliers by which layers move at the same relative speed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from glideslope.documents import check_kind
from glideslope.errors import LayerError
from glideslope.schedules.amounts import real


def balance(
    ratios: Mapping[str, float], *, strength: float = 1.0, limit: float = 1000.0,
    before: Mapping[str, float] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Multipliers of layers that would move at the same relative speed, from how fast they move.

    The geometric mean of those of layers that moved is 1, but for the limit, so a rate keeps its meaning.

    Args:
        ratios: the update ratio ‖Δw‖/‖w‖ of each layer, measured at one rate; 0 where a layer didn't move.
        strength: 1 balances in full, 0 not at all.
        limit: the largest factor, up or down, between a multiplier and the geometric mean of all.
        before: the multipliers at which the ratios were measured, 1 where not given.

    Formula: before · (r̄/r)^strength, with r̄ the geometric mean of the ratios.

    Raises:
        LayerError: no layer moved, or a number is out of its range.

    >>> balance({"first": 1e-5, "last": 1e-3})
    {'first': 10.0, 'last': 0.1}
    """
    strength, limit = real("strength", strength, LayerError), real("limit", limit, LayerError)
    if not 0 <= strength <= 1:
        raise LayerError(f"strength={strength}: give a number from 0 to 1")
    if not limit >= 1:
        raise LayerError(f"limit={limit}: give a number from 1")
    what = "a number for each layer, by its name"
    check_kind(LayerError, Mapping, what, ratios=ratios, before={} if before is None else before)
    ratios = {name: real(f"ratios[{name!r}]", ratio, LayerError) for name, ratio in ratios.items()}
    before = {name: real(f"before[{name!r}]", each, LayerError) for name, each in (before or {}).items()}
    if not all(multiplier > 0 for multiplier in before.values()):
        raise LayerError("a multiplier in before= is 0: a frozen layer can't be balanced, so leave it out")
    moving = {name: ratio for name, ratio in ratios.items() if ratio > 0 and math.isfinite(ratio)}
    if not moving:
        raise LayerError("no layer moved in the probe: give it a rate, and updates, that train")
    logarithms = {}
    for name, ratio in ratios.items():
        was = before.get(name, 1.0)
        # Nothing says how much faster a layer should move that didn't: its multiplier stays.
        logarithms[name] = math.log(was) - strength * math.log(ratio) if name in moving else math.log(was)
    mean = sum(logarithms[name] for name in moving) / len(moving)
    most = math.log(limit)
    clipped = {
        name: min(max(value - mean, -most), most) if name in moving else value for name, value in logarithms.items()
    }
    return {name: float(f"{math.exp(value):.12g}") for name, value in clipped.items()}
