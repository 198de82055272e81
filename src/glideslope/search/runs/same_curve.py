"""Contestants that would be the same run: their rates, and all else that is set, are equal at every update."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from glideslope.schedules import constant
from glideslope.search.runs.contestant import Contestant
from glideslope.search.runs.labels import label

_DIGITS = 10  # decimals of a rate over its largest to which two are equal: formulas differ by rounding alone


def once(contestants: Sequence[Contestant], steps: int) -> tuple[list[Contestant], tuple[str, ...]]:
    """The contestants of runs of so many updates, each curve once, in order; and what was left out, with what has the
    same curve. Of several the constant rate stays, which others are compared with; else the first."""
    first: dict[str, Contestant] = {}
    left_out: dict[str, None] = {}
    for one in sorted(contestants, key=lambda contestant: contestant.schedule != constant()):
        same = first.setdefault(_curve(one, steps), one)
        if same != one:
            left_out[_said(one, same)] = None
    kept = list(first.values())
    return [one for one in contestants if one in kept], tuple(left_out)


def _curve(contestant: Contestant, steps: int) -> str:
    rates = contestant.rates(steps)
    largest = float(np.max(np.abs(rates), initial=0.0)) or 1.0
    digest = hashlib.sha256(np.round(rates / largest, _DIGITS).tobytes())
    for name, values in sorted(contestant.controls(steps).items()):
        digest.update(name.encode() + values.tobytes())
    what = (f"{largest:.10g}", contestant.optimizer, contestant.average, *map(label, contestant.policy.feedbacks))
    return f"{what} {len(rates)} {digest.hexdigest()}"


def _said(left: Contestant, same: Contestant) -> str:
    if left.peak == same.peak:
        return f"{left.name}: the same curve as {same.name}"
    return f"{left}: the same curve as {same}"
