"""A short run as the answer, where no full run ends lower: a training that learns its noise is best stopped early."""

from __future__ import annotations

from dataclasses import replace

from glideslope.schedules import Schedule, constant
from glideslope.search.runs.contestant import Run, finds_its_rate
from glideslope.search.strategy.outcomes import SHARE
from glideslope.search.trials import Trials


def stopped(trials: Trials, short: Run, full: Run, noise: float) -> Run | None:
    """The short run as a full one whose rate is zero after its updates; None where a full run ends as low.

    Args:
        trials: made both.
        short: the best of the short runs.
        full: the best of the full runs.
        noise: how far the short run must end below the full one.
    """
    contestant, schedule = short.contestant, short.contestant.schedule
    if not isinstance(schedule, Schedule) or contestant.average or finds_its_rate(contestant.optimizer):
        return None
    if not short.final_loss < full.final_loss - noise:
        return None
    loss = trials.loss_by_all_data(short, SHARE)
    if not loss < full.final_loss - noise:
        return None
    return replace(
        short,
        contestant=replace(contestant, schedule=schedule.over(short.steps) >> constant(0.0)),
        steps=full.steps,
        evaluations=((short.made, loss),),
        final_loss=loss,
    )
