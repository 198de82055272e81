"""Values in a notebook: a curve and text, as HTML."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from glideslope import escape
from glideslope.batches import Growth
from glideslope.errors import ScheduleError
from glideslope.feedback import Controlled
from glideslope.laws import Law, Rates
from glideslope.plural import plural
from glideslope.schedules import Clock, Schedule
from glideslope.search.race import Race
from glideslope.search.range_test import RangeTest
from glideslope.search.tune import Tuned
from glideslope.views import laws, race, range_test, run_charts, tuned
from glideslope.views.answer import in_html
from glideslope.views.curves import Curve, Time, chart, horizon
from glideslope.views.svg import inline

STEPS = (1000, 10_000, 100_000, 1_000_000)
"""The horizons that a schedule without one is drawn over: the first that its phases fit into."""
_POINTS = 400


@singledispatch
def html(value: Any) -> str | None:
    """The HTML of a value; None where it has no such form."""
    return None


@html.register(Schedule)
@html.register(Controlled)
@html.register(Growth)
def _of_schedule(value: Schedule | Controlled | Growth) -> str:
    drawn = _curve(value)
    text = f"<p><code>{escape.html(repr(value))}</code></p>"
    if drawn is None:
        return text
    title = f"Drawn over {plural(drawn.steps, 'update', ',')}"
    return f"{text}{inline(chart([drawn], Time('update'), title, False))}<p>{title}.</p>"


@html.register
def _of_range_test(value: RangeTest) -> str:
    return in_html(range_test.answer(value)) + inline(range_test.chart(value))


@html.register
def _of_race(value: Race) -> str:
    return in_html(race.answer(value)) + inline(race.chart(value))


@html.register
def _of_tuned(value: Tuned) -> str:
    charts = [tuned.chart(value), run_charts.losses(tuned.full_runs(value), "Losses of the full runs")]
    return in_html(tuned.answer(value)) + "".join(map(inline, charts))


@html.register
def _of_law(value: Law) -> str:
    longest = max(value.fitted, key=lambda run: run.steps)
    at = np.unique(np.linspace(longest.steps / 50, longest.steps, 50).round()).astype(int)
    text = "warmup(2%) >> cosine()"
    rates = Rates.of_schedule(text, longest.steps, longest.peak)
    loss, (low, high) = value.predict(rates, at), value.interval(rates, at)
    predicted = laws.chart({f"{text} at {longest.peak:g}": (at, loss, low, high)}, "The loss that it predicts")
    doubt = f"<p>{escape.html(value.doubt)}</p>" if value.doubt else ""
    sentence = (
        f"A law of the loss, fitted on {plural(len(value.fitted), 'run')} "
        f"of up to {plural(longest.steps, 'update', ',')}; "
        f"ends of runs are {value.noise:.2%} from what fits without them predict."
    )
    return f"<p>{escape.html(sentence)}</p>{doubt}{inline(predicted)}"


def _curve(value: Schedule | Controlled | Growth) -> Curve | None:
    """The curve over the horizon, or over one that its phases fit into; None where it can't be drawn."""
    try:
        known = horizon(value)
    except ScheduleError:
        known = None
    for steps in STEPS if known is None else (known,):
        try:
            at = np.unique(np.linspace(0, steps - 1, min(steps, _POINTS)).astype(int))
            return Curve.of(value, steps, 1.0, Clock(), at)
        except (ScheduleError, TypeError, ValueError):  # too short, a unit of a clock, a function for single numbers
            continue
    return None
