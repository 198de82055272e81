"""A short run as the answer, where no full run ends lower: a training that learns its noise is best stopped early."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from glideslope.schedules import Schedule, constant
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.trial import Trial
from glideslope.search.strategy.outcomes import SHARE, final_loss
from glideslope.search.trials import Trials


def stopped(trials: Trials, best: Run, short: Iterable[Run], full: Run, noise: float) -> tuple[Run, Trial] | None:
    """The lowest short run as a full one whose rate is zero after its updates, and the trial that it was; None where
    the best full run ends as low, to within the noise.

    The best short run may be another one within the noise, which a full run is made after. The state is kept at the
    end of the lowest: another would have to be made again, beyond the bound."""
    if not best.final_loss < full.final_loss - noise:
        return None
    lowest = min((run for run in short if run.contestant.may_stop), key=final_loss, default=None)
    if lowest is None:
        return None
    loss = trials.loss_by_all_data(lowest, SHARE)
    if not loss < full.final_loss - noise:
        return None
    run = replace(as_whole(lowest, full.steps), evaluations=((lowest.made, loss),), final_loss=loss)
    return run, Trial(lowest.contestant, lowest.steps, trials.opened, share=SHARE)


def as_whole(run: Run, steps: int) -> Run:
    """A run as one over so many updates: of a shorter one the rate is zero for the rest."""
    schedule = run.contestant.schedule
    if run.steps == steps or not isinstance(schedule, Schedule):
        return run
    begun = schedule.lasting(run.steps) if schedule.ends() else schedule.over(run.steps)
    return replace(run, contestant=replace(run.contestant, schedule=begun >> constant(0.0)), steps=steps)
