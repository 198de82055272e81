"""A run of a job from its initial state to its end: what is set, measured, and taken back on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from glideslope.averages import Average
from glideslope.errors import DivergenceError
from glideslope.feedback import Controlled, Event
from glideslope.feedback.feedback import State
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job
from glideslope.search.jobs.scalars import number
from glideslope.search.runs import preemption
from glideslope.search.runs.backoff import Backoff
from glideslope.search.runs.checkpoints import Checkpoints
from glideslope.search.runs.drive import GUARDED_EVERY, LOOK_EVERY, diverged, drive
from glideslope.search.runs.position import Position, position_of
from glideslope.search.runs.protection import Protection, protection_of

MEASURED_EVERY = 4
"""After how many parts of a run that backs off the validation loss is measured, where nothing asks for it before."""


@dataclass
class Course:
    """A run in the making."""

    job: Job  # at its initial state
    rates: np.ndarray  # of each update, feedback left out, shape (n,)
    controls: dict[str, np.ndarray]  # of each update besides the rate, shape (n,) each
    feedback: Controlled | None  # what moves the rate, if anything does
    average: Average | None  # the average of the weights that is measured in place of them, if one is
    backoff: Backoff | None  # caps the rate where the training loss rises, if that is looked at
    ends: list[int]  # the numbers of updates made at which the validation loss may be measured, the last n
    measure: Callable[[bool], float]  # measures it; True for that of the averaged weights
    by_all: Callable[[float], float]
    """Gives the loss of the job as it is by all of the validation data, for what `measure` gives."""
    look: Callable[[int, float], None]  # is called now and then with the updates made and the last training loss
    what: str  # the run's name, for messages
    checkpoints: Checkpoints | None = None  # of the run, where they are kept
    measured: Callable[[int, float], None] | None = None
    """Is called after each evaluation with the updates made and the validation loss."""
    untrained: float = math.nan  # the validation loss before the first update
    made: int = 0  # the updates made, those taken back too
    losses: list[float] = field(default_factory=list)  # the training loss of each update made
    parts: int = 0  # how many of `ends` are behind it
    evaluations: list[tuple[int, float]] = field(default_factory=list)  # (updates made, validation loss)
    scales: list[tuple[int, float]] = field(default_factory=list)
    """(updates made, what feedback multiplies the rate by from there on)."""
    events: list[Event] = field(default_factory=list)  # what a guard did
    problem: str = ""  # why it ended early, where a guard stopped it

    def run(self, resumed: tuple[Position, Any] | None = None) -> float:
        """Makes the run, or goes on from a checkpoint; returns the final validation loss, infinite if it is lost."""
        self.state: State = self.feedback.init() if self.feedback else {}
        self.protection = protection = protection_of(self.feedback, self.job)
        if watched := protection.ring if protection else self.backoff:
            self.events = watched.events
        every = LOOK_EVERY if protection is None else GUARDED_EVERY
        position = None if resumed is None else self._restored(*resumed)
        try:
            while self.parts < len(self.ends) and not (self.backoff and self.backoff.gives_up):
                if not self._goes_on(protection, every, position):
                    return math.inf
                position = None
        except DivergenceError as error:
            self.problem = str(error)
            return math.inf
        final = self._ended(self.backoff) if self.backoff and self.average is None else self.evaluations[-1][1]
        return final if math.isfinite(final) else math.inf

    def _ended(self, backoff: Backoff) -> float:
        """The final loss of a run that backs off."""
        made, validation = self.evaluations[-1]
        with calling("evaluate, state or restore", f"at the end of {self.what}"):
            last, final = backoff.ended(made, validation, self.untrained, self.by_all)
        self.evaluations[-1] = made, last
        return final

    def _goes_on(self, protection: Protection | None, every: int, position: Position | None) -> bool:
        """Makes some updates, with a look at the loss after every so many, or an evaluation; returns whether the run
        goes on. `position` is that of a checkpoint within the stretch of updates, where the run goes on from one."""
        made = len(self.losses) if position is None else position.stretch
        if position is None and made == self.ends[self.parts]:
            self.parts += 1
            if self.backoff:
                self._end_part(self.backoff)
            else:
                self._evaluate(protection)
            return True
        if position is None and not self._begins(made, protection):
            return True
        end = self._next_stop(made)
        end = protection.next_skip(made, min(end, made + every)) if protection else end
        self._go(made, end, every, position)
        if protection is not None and self._went_back(protection, made):
            return True
        if not diverged(self.losses) or self.backoff is None:
            return not diverged(self.losses)
        with calling("restore", f"after update {len(self.losses)} of {self.what}"):
            return self.backoff.rescue(len(self.losses))

    def _end_part(self, backoff: Backoff) -> None:
        """Shows it the losses of the part that ends here, and the validation loss, if that is due or asked for. A part
        where the run goes back is one that asks: the loss is measured anew then."""
        begin, made = [0, *self.ends][self.parts - 1 : self.parts + 1]
        is_due = (
            self.parts == 1 or self.parts % MEASURED_EVERY == 0 or made == self.ends[-1] or self.average is not None
        )
        part = self.losses[begin:]
        validation = self._evaluate() if is_due or backoff.asks(part) else None
        with calling("state or restore", f"after update {made} of {self.what}"):
            went_back = backoff.look(part, validation, made)
        if went_back:
            self.evaluations.pop()
            self._evaluate()

    def _begins(self, made: int, protection: Protection | None) -> bool:
        """Does what is due before a stretch of updates; whether the run is still there, and didn't go back."""
        with calling("state, average or skip", f"after update {made} of {self.what}"):
            others = self.state, len(self.evaluations)
            if protection and protection.find_damage(made, self._guard_state(), others):
                self._go_back(protection, made - 1, {**self._guard_state(), "verdict": 4.0}, self.losses[-1])
                return False
            if self.average and made == self._averaged_from:
                self.job.average(self.average.kind, self.average.amount)  # type: ignore[attr-defined]
            if protection:
                protection.skip(made)
        self._save_if_due(made, [], [])
        return True

    def _save_if_due(self, stretch: int, losses: Sequence[float], waiting: Sequence[Any]) -> None:
        """Keeps a checkpoint of the run, where it is time for one: after the updates before this stretch, those of the
        stretch so far, and those whose losses are waiting for the next look."""
        if self.checkpoints is None or not self.checkpoints.due():
            return
        asked = preemption.asked()
        with self.checkpoints.timed():
            position = position_of(self, stretch, losses, [*map(number, waiting)])
            with calling("state", f"after update {stretch + len(losses) + len(waiting)} of {self.what}"):
                job = self.job.state()
            watched = self.protection or self.backoff
            self.checkpoints.save(position, {"job": job, "guard": watched and watched.saved()})
        if asked:
            preemption.leave()

    def _restored(self, position: Position, content: Any) -> Position:
        """Puts the job and the run where a checkpoint was kept."""
        position.restore(self)
        if watched := self.protection or self.backoff:
            watched.load(content["guard"], position.events)
        with calling("restore", f"to a checkpoint of {self.what}"):
            self.job.restore(content["job"])
        return position

    def _next_stop(self, made: int) -> int:
        """The update count where this stretch ends: an evaluation, or a change of a control or of what is averaged."""
        end = self.ends[self.parts]
        if self.average and made < self._averaged_from:
            end = min(end, self._averaged_from)
        for values in self.controls.values():
            changed = np.flatnonzero(values[made:end] != values[made])
            end = made + int(changed[0]) if len(changed) else end
        return end

    def _go(self, made: int, end: int, every: int, position: Position | None) -> None:
        controls = {name: values[made].item() for name, values in self.controls.items()}

        def step(rate: float) -> Any:
            return self.job.step(rate, **controls)

        scale = self._scale(made)
        rates = self.rates[made:end] if scale == 1.0 else scale * self.rates[made:end]
        rates = np.minimum(rates, self.backoff.cap) if self.backoff else rates
        losses = drive(
            step if controls else self.job.step, rates, diverged, lambda n, loss: self.look(made + n, loss), every,
            what=self.what, first=made, start=len(self.losses) + len(position.waiting) - made if position else 0,
            waiting=position.waiting if position else (),
            between=None if self.checkpoints is None else lambda *losses: self._save_if_due(made, *losses),
        )  # fmt: skip
        self.made += len(losses)
        self.losses += losses

    def _scale(self, made: int) -> float:
        """What the rate is multiplied by after so many updates, noted where it changes."""
        if self.feedback is None:
            return 1.0
        scale = float(self.feedback.factor(self.state))
        if scale != (self.scales[-1][1] if self.scales else 1.0):
            self.scales.append((made, scale))
        return scale

    @property
    def _averaged_from(self) -> int:
        """The updates made before the weights are averaged."""
        return int(self.average.amount * len(self.rates)) if self.average and self.average.kind == "swa" else 0

    def _evaluate(self, protection: Protection | None = None) -> float:
        with calling("evaluate", f"after update {len(self.losses)} of {self.what}"):
            loss = self.measure(self.average is not None and len(self.losses) > self._averaged_from)
        self.evaluations.append((len(self.losses), loss))
        if self.measured is not None:
            self.measured(*self.evaluations[-1])
        if self.feedback and math.isfinite(loss):
            self.state = self.feedback.update(self.state, loss)
        elif protection:
            self._go_back(protection, len(self.losses) - 1, {**self._guard_state(), "verdict": 1.0}, loss)
        return loss

    def _guard_state(self) -> State:
        assert self.feedback is not None
        return self.feedback.of_guard(self.state)

    def _went_back(self, protection: Protection, made: int) -> bool:
        """Tells the guard the losses since so many updates; goes back where it says so."""
        assert self.feedback is not None
        guard_state = self._guard_state()
        for update in range(made, len(self.losses)):
            guard_state = protection.guard.update(guard_state, self.losses[update])
            if guard_state["verdict"]:
                self._go_back(protection, update, guard_state, self.losses[update])
                return True
        self.state = self.feedback.with_guard(self.state, guard_state)
        protection.keep(len(self.losses), guard_state)
        return False

    def _go_back(self, protection: Protection, update: int, guard_state: State, loss: float) -> None:
        """Goes back from an update to a snapshot. Raises a DivergenceError if the training is lost."""
        assert self.feedback is not None
        rate = float(self.rates[update]) * float(self.feedback.factor(self.state))
        event, back, (state, (feedback_state, evaluated)) = protection.back(update, guard_state, loss, rate)
        with calling("restore", f"to update {event.back_to} of {self.what}"):
            self.job.restore(state)
        self.state = self.feedback.with_guard(feedback_state, back)
        del self.losses[event.back_to :], self.evaluations[evaluated:]
        self.parts = evaluated
        self.scales = [(at, scale) for at, scale in self.scales if at < event.back_to]


def scaled(rates: np.ndarray, scales: tuple[tuple[int, float], ...]) -> np.ndarray:
    """The rates as feedback has multiplied them; a list of (updates made, factor from there on)."""
    rates = rates.copy()
    for (start, scale), (end, _) in pairwise([*scales, (len(rates), 1.0)]):
        rates[start:end] *= scale
    return rates
