"""The losses that a law predicts of a plan, and those at half and twice what it says."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from glideslope.errors import GlideslopeError
from glideslope.laws import Law, Rates
from glideslope.schedules import Clock
from glideslope.studio.effort import places
from glideslope.studio.plan import Plan, scheduled

_POINTS = 160  # updates at which a loss is predicted, for a curve
_TIMES = (0.5, 2.0)


@lru_cache(maxsize=32)
def course(law: Law, plan: Plan, fine: bool) -> tuple[Rates, np.ndarray, np.ndarray]:
    """The rates of a plan of one schedule, updates, and the predicted losses after them."""
    rates = _rates(plan, fine)
    return rates, *losses(law, plan, rates)


def _rates(plan: Plan, fine: bool) -> Rates:
    """The rates of the schedule that is edited, or nearly so where there is no time for its turns."""
    factors = _factors(plan.text, plan.steps, plan.clock, fine)
    return Rates(plan.peak * factors.values, factors.places, factors.updates)


@lru_cache(maxsize=32)
def _factors(text: str, steps: int, clock: Clock, fine: bool) -> Rates:
    """What the peak is times."""
    timed = scheduled(text).within(steps, clock)
    if fine:
        return Rates.of_schedule(timed, steps)
    at = places(timed, steps, fine)
    return Rates(np.broadcast_to(np.asarray(timed(at), dtype=float), at.shape), at, steps)


def batch(law: Law, plan: Plan) -> float | None:
    """The batch that a law is asked for; none where it knows none."""
    return None if law.batch_size is None else plan.batch


def losses(law: Law, plan: Plan, rates: Rates) -> tuple[np.ndarray, np.ndarray]:
    """Updates, and the losses after them."""
    at = np.unique(np.geomspace(max(len(rates) / 100, 1), len(rates), _POINTS).round())
    return at, law.predict(rates, at, batch(law, plan))


def _end(law: Law, plan: Plan, fine: bool) -> float | None:
    try:
        rates = _rates(plan, fine)
        return float(law.predict(rates, len(rates), batch(law, plan))[0])
    except GlideslopeError:
        return None


def what_ifs(law: Law, plan: Plan) -> list[dict[str, Any]]:
    """The predicted end at half and twice the horizon, the peak and the batch."""
    rows: list[dict[str, Any]] = []
    for name in ("steps", "peak", *(("batch",) if law.batch_size is not None else ())):
        changed = [
            msgspec.structs.replace(plan, **{name: type(getattr(plan, name))(max(getattr(plan, name) * times, 1e-12))})
            for times in _TIMES
        ]
        if name == "steps" and plan.steps < 2:
            continue
        rows.append({"name": name, "half": _end(law, changed[0], plan.fine), "twice": _end(law, changed[1], plan.fine)})
    return rows
