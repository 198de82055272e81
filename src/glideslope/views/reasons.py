"""Why each run of a tuning is its answer, or isn't: a short phrase for each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from glideslope.search.runs.contestant import Run
from glideslope.search.strategy.full_runs import CLEAN_SHORT, HELD, best_run
from glideslope.search.strategy.learned import learned, learned_clearly
from glideslope.search.strategy.peaks import best_short
from glideslope.search.strategy.rise import BLOW_UP, RISE, risen, undone

WHY = "why it is the answer, or isn't"  # the head of a column of reasons


@dataclass(frozen=True)
class Compared:
    """The runs of a tuning, by what they were made for."""

    short: Sequence[Run]  # those that compare peaks, schedules and what else is chosen, in order
    full: Sequence[Run]  # those of all updates, in order
    constants: Sequence[Run]  # full runs of constant rates, to compare with
    again: Sequence[Run]  # short runs in another data order, for the noise
    noise: float  # how far two data orders of one short run ended apart; 0 where that isn't known
    final: Run | None  # the run of the answer; None before there is one

    @cached_property
    def best_short(self) -> Run | None:
        """The short run that the first full run is made after, as the search chooses it: of the first schedule the best
        peak, and another where it ends lower by more than the noise."""
        if not self.short:
            return None
        first = [run for run in self.short if run.contestant.name == self.short[0].contestant.name]
        best = best_short(first, self.noise)
        for run in self.short:
            best = run if run not in first and run.final_loss < best.final_loss - self.noise else best
        return best

    @cached_property
    def lead(self) -> Run | None:
        """The run of the answer, among those above; before there is one, the best full run, or else short run."""
        if self.final is not None:
            return next((run for run in (*self.full, *self.short) if _is_in(self.final, [run])), self.final)
        return best_run(self.full) if self.full else self.best_short

    def reason(self, run: Run) -> str:
        """Why a run is the answer, or isn't."""
        if _is_in(run, self.again):
            return f"a short run in another data order, for the noise: {difference(run, self.short):.2g} apart"
        if not math.isfinite(run.final_loss):
            return lost(run)
        if _is_in(run, self.constants):
            return self._as_constant(run)
        return self._as_full(run) if _is_in(run, self.full) else self._as_short(run)

    def _as_constant(self, run: Run) -> str:
        if self.final is None or not math.isfinite(self.final.final_loss):
            return "a constant rate, to compare with"
        return f"a constant rate, to compare with: {above(run, self.final)} the answer"

    def _as_full(self, run: Run) -> str:
        lead, short = self.lead, self.best_short
        course = "".join(f"; {remark}" for remark in self._course_of(run))
        if lead is None or _is_in(run, [lead]):
            number = f"the lowest of {len(self.full)} full runs" if len(self.full) > 1 else "the full run"
            return (f"{self._answer(run)}: {number}" if self.final else f"{number} so far") + course
        if _is_in(lead, self.short):
            return f"{above(run, lead)} the short run that is the answer{course}"
        also = "; no lower than a short run" if short is not None and run.last_loss >= short.final_loss else ""
        return f"{above(run, lead)} the lowest full run, {beside(run, lead)}{also}{course}"

    def _course_of(self, run: Run) -> Iterator[str]:
        """What happened in a full run, and why it was made as it was."""
        if (rise := risen(run.losses)) > RISE:
            yield f"its training loss rose {rise:.2g}-fold on the way"
        elif undone(run.losses):
            yield "its training loss rose to where it began"
        if any(event.factor > 0 for event in run.events):
            yield "its rate was capped there"
        if run.last_loss > run.final_loss:
            yield "it ends where its validation loss was least"
        if run.is_given_up:
            yield f"given up after {run.made:,} updates, as it learned noise"
        if any(one.steps < self.full[0].steps and one.losses is run.losses for one in self.full):
            yield "made of the updates that a given-up run left"
        if run.contestant.schedule == HELD and HELD not in [one.contestant.schedule for one in self.short]:
            has_fallen = any(one.untrained > CLEAN_SHORT * one.final_loss for one in (*self.short, self.full[0]))
            yield f"its rate is held, since the loss {'shows little noise' if has_fallen else 'lay on a plateau'}"

    def _as_short(self, run: Run) -> str:
        if self.final is not None and _is_in(self.final, [run]):
            return f"{self._answer(run)}: it ends lower than every full run"
        best = self.best_short
        if best is None or _is_in(run, [best]):
            return self._as_best_short(run)
        alike = best_run([one for one in self.short if one.contestant.name == run.contestant.name])
        if run is not alike and best.contestant.name != run.contestant.name:
            return f"{above(run, alike)} the lowest of its kind, {beside(run, alike)}"
        if self.noise and abs(run.final_loss - best.final_loss) <= self.noise:
            return f"within the noise of the best short run, {beside(run, best)}"
        return f"{above(run, best)} the best short run, {beside(run, best)}"

    def _as_best_short(self, run: Run) -> str:
        if not self.full:
            return "the best short run so far"
        peak = self.full[0].contestant.peak
        blown = peak < run.contestant.peak and risen(run.losses) > BLOW_UP and learned_clearly(run)
        still = ", lower since its training loss blew up on the way" if blown else ""
        return f"the best short run: the first full run is made after it, at a peak of {peak:g}{still}"

    def _answer(self, run: Run) -> str:
        return "the answer" if learned(run, self.noise) else "no answer, since it ends no lower than the untrained loss"


def _is_in(run: Run, runs: Sequence[Run]) -> bool:
    """Whether a run is one of some, or is the answer that was made of it: they share their curve."""
    return any(run.losses is one.losses for one in runs)


def difference(run: Run, runs: Sequence[Run]) -> float:
    """How far a run ended from that of some which was made alike, in another data order; 0 where none was."""
    alike = [one for one in runs if (one.contestant, one.steps) == (run.contestant, run.steps)]
    gap = abs(run.final_loss - alike[0].final_loss) if alike else math.nan
    return gap if math.isfinite(gap) else 0.0


def lost(run: Run) -> str:
    """How a run ended that has no finite loss."""
    if run.problem:
        return f"stopped by its guard: {run.problem}"
    if run.trained_to_the_end:
        return "its validation loss isn't finite"
    return f"diverged after {len(run.losses):,} updates"


def above(run: Run, best: Run) -> str:
    """How far a run ended above another, for a phrase; a run that learned nothing says that first."""
    nothing = "no lower than the untrained loss: " if run.final_loss >= run.untrained > best.final_loss else ""
    return nothing + apart(run.final_loss - best.final_loss)


def apart(gap: float) -> str:
    """How far a loss is from another.

    >>> apart(0.25), apart(-0.5), apart(0.0)
    ('0.25 above', '0.5 below', 'as low as')
    """
    return "as low as" if gap == 0 else f"{abs(gap):.3g} {'above' if gap > 0 else 'below'}"


def beside(run: Run, best: Run) -> str:
    """How a run was made otherwise than the best.

    >>> import glideslope as gs
    >>> from glideslope.search.runs.contestant import Contestant
    >>> import numpy as np
    >>> def made(schedule, peak): return Run(Contestant(gs.parse(schedule), peak), 10, 0, np.ones(10), (), 1.0)
    >>> beside(made("linear", 10), made("linear", 0.1)), beside(made("cosine", 0.4), made("linear", 0.1))
    ('at 100 times its peak', 'with another schedule')
    """
    one, other = run.contestant, best.contestant
    if replace(one, peak=other.peak) == other:
        factor = f"{float(f'{one.peak / other.peak:.2g}'):g}"
        return {"1": "with the same peak", "2": "at twice its peak", "0.5": "at half its peak"}.get(
            factor, f"at {factor} times its peak"
        )
    if one.optimizer != other.optimizer:
        return "with another optimizer"
    if one.average != other.average:
        return "with another average of the weights"
    if one.schedule != other.schedule:
        return "with another schedule"
    return f"with {', '.join(f'{name} {value:g}' for name, value in one.settings) or 'fewer settings'}"
