"""A guard in a plain torch loop: what it sees of each update, and how it answers."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from glideslope.documents import shown
from glideslope.errors import FeedbackError
from glideslope.feedback import Event, Places
from glideslope.feedback.events import Lost
from glideslope.feedback.guard import FEW, WINDOW
from glideslope.feedback.named import check_whole
from glideslope.files import checked_path
from glideslope.frameworks.torch.distributed import greatest_over_ranks, is_distributed
from glideslope.frameworks.torch.feedback.arrivals import Arrivals, at_once, number
from glideslope.frameworks.torch.feedback.history import History
from glideslope.frameworks.torch.feedback.idle import Idle
from glideslope.frameworks.torch.feedback.level import EXPECTED, NOT_FINITE, SPIKE, Look
from glideslope.frameworks.torch.feedback.refusal import Refusal
from glideslope.frameworks.torch.feedback.replay import Replay
from glideslope.frameworks.torch.feedback.snapshots import Health, Training
from glideslope.frameworks.torch.job.resumable import has_state
from glideslope.frameworks.torch.models import checked_model
from glideslope.frameworks.torch.scheduler.scheduler import Scheduler
from glideslope.schedules.numbers import plain

AGREE_EVERY = 10  # updates between those at which processes agree whether to go back
MOST_REFUSED = {NOT_FINITE: 10, SPIKE: 4, EXPECTED: 4}  # in a row, before the weights are held to be at fault
BAD_BATCH = 1.5
"""A gradient so many times the largest lately, times the loss's distance above its level as a part of what makes a
spike: a bad batch. A hard one isn't both."""


class Guard:
    """Keeps a training from being lost: leaves out bad updates, goes back, and lowers the rate for a while.

    The guard is a factor of the scheduler's schedule, `gs.cosine() * gs.guard()`. Call `step(loss)` after
    `scheduler.step()`. It leaves out an update whose gradient isn't finite or is far too large, before the weights are
    touched. Where the weights, the buffers or the optimizer's state are damaged, or the loss is lost, the training goes
    back to a snapshot. The loop, its data and the schedule's position go on; an update that is left out counts as one.

    A loss on a device is read when it has been computed anyway, so the verdict may lag a few updates behind. Of several
    processes all go back where one finds cause to. `looked` counts the updates that it has seen.

    Args:
        model: the network.
        scheduler: the scheduler of its optimizer.
        scaler: the gradient scaler, where there is one.
        folder: where to keep the snapshots, in files with checksums; in memory, on their device, if not given. Each
            guard, and so each process, has a folder of its own in it, which goes with the guard.
        beside: what else follows the weights and goes back with them, each with `state_dict` and `load_state_dict`,
            such as torch's AveragedModel. A `gs.torch.Average` of the model goes back without being given.
        steps_per_epoch: calls of `step` in an epoch; inferred from where the bad batches are if not given.

    Raises:
        FeedbackError: the scheduler has no guard, or another one is at work on it; or what is beside has no state.

    >>> import torch, glideslope as gs
    >>> model = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> scheduler = gs.torch.Scheduler(optimizer, gs.cosine() * gs.guard(), steps=100)
    >>> guard = gs.torch.Guard(model, scheduler)
    >>> for i, x in enumerate(torch.rand(100, 8, 1)):
    ...     loss = ((model(x / (i != 50)) - 2 * x) ** 2).mean()
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    ...     scheduler.step()
    ...     guard.step(loss)
    >>> [(event.update, event.kind, event.answer) for event in guard.events]
    [(50, 'not finite', 'refused')]
    """

    def __init__(
        self, model: torch.nn.Module, scheduler: Scheduler, *, scaler: torch.amp.GradScaler | None = None,
        folder: Path | str | None = None, beside: Sequence[Any] = (), steps_per_epoch: int | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(scheduler, Scheduler):
            raise FeedbackError(f"{scheduler!r}: give the gs.torch.Scheduler whose schedule is times gs.guard()")
        if steps_per_epoch is not None:
            check_whole(1, steps_per_epoch=plain(steps_per_epoch))
        self.scheduler, self.optimizer = scheduler, scheduler.optimizer
        if scaler is not None and not hasattr(scaler, "get_scale"):
            raise FeedbackError(f"scaler={shown(scaler)}: give a torch.amp.GradScaler")
        if not isinstance(beside, Sequence):
            raise FeedbackError(f"beside={shown(beside)}: give a list of what goes back with the weights")
        if without := [each for each in beside if not has_state(each)]:
            raise FeedbackError(f"{shown(without[0])} has no state_dict and load_state_dict, and so can't go back")
        self._training = Training(checked_model(model), self.optimizer, scaler, beside)
        self._replay = Replay(self.optimizer)
        self._history = History(
            scheduler.feedbacks.take_guard(self), self._training, self._replay, scheduler.feedbacks.end,
            None if folder is None else checked_path(folder),
        )  # fmt: skip
        self._ring = self._history.ring
        self._places = Places(steps_per_epoch)
        self._refusal = Refusal(self.optimizer, self._replay)
        self._idle = Idle(scaler)
        self._device = next(model.parameters()).device
        self._agreeing = is_distributed()
        self._calls = self.looked = 0
        self.resumed()

    def resumed(self) -> None:
        """Begins with the training as it is: after a state was loaded, or weights were changed on purpose."""
        self._made = self.scheduler.last_epoch
        self.state = self.scheduler.feedbacks.guard_state
        self._arrivals = Arrivals()
        self._lost: Lost | None = None
        self._refused = 0
        self._bad: int | None = None
        self._loss, self._end = math.inf, self.scheduler.feedbacks.end
        self._idle.begin()
        self._history.begin(self._made, self.state)

    @property
    def events(self) -> list[Event]:
        """The answers so far, in order."""
        return self._ring.events

    def take_norm(self, norm: float | torch.Tensor) -> None:
        """Takes the norm of the gradient of the next update, which isn't computed again then.

        Call it before `optimizer.step()`, in each update, with what `clip_grad_norm_` returns.

        Args:
            norm: before the gradient was clipped; a number or a tensor of one element.

        >>> import torch, glideslope as gs
        >>> model = torch.nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> scheduler = gs.torch.Scheduler(optimizer, gs.cosine() * gs.guard(), steps=100)
        >>> guard = gs.torch.Guard(model, scheduler)
        >>> loss = model(torch.ones(8, 1)).square().mean()
        >>> loss.backward()
        >>> guard.take_norm(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        >>> optimizer.step(), scheduler.step(), guard.step(loss)
        (None, None, None)
        """
        self._refusal.norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm

    def step(self, loss: float | torch.Tensor, gradient_norm: float | torch.Tensor = 0.0) -> None:
        """Looks at an update that was made.

        Args:
            loss: its training loss, a number or a tensor of one element; it may be infinite or NaN.
            gradient_norm: the norm of its gradient, if it is known: whether it is finite is looked at.

        Raises:
            DivergenceError: it went back too often for one place; the message is a diagnosis.
        """
        self._step(loss, gradient_norm)
        if self._refusal.expected or self._training.held:
            self._training.hold_buffers(self._refusal.expected)

    def _step(self, loss: float | torch.Tensor, gradient_norm: float | torch.Tensor) -> None:
        updates_made, call = self.scheduler.last_epoch, self._calls
        self._calls += 1
        self._refusal.expected = self._calls == self._bad
        if updates_made == self._made:  # mixed precision left the update out, so there is nothing to undo
            self._look_at_idle(loss)
            return
        self._made = updates_made
        self._replay.number(updates_made - 1)
        self.looked += 1
        self._idle.calls = self._idle.lost = 0
        seen, self._refusal.last = self._refusal.last, None
        norm = seen.norm if seen else 0.0
        loss, gradient_norm = at_once(loss), at_once(gradient_norm)
        if type(loss) is float and type(gradient_norm) is float and type(norm) is float:
            self._look(updates_made - 1, call, loss, gradient_norm, norm, seen)
        else:
            self._arrivals.add((updates_made - 1, call, seen), [loss, gradient_norm, norm])
            self._look_at_arrived(wait=updates_made == self._end or self._refusal.is_careful)
        if updates_made == self._end:
            self._look_at_weights(updates_made - 1, self._loss, self._training.health())
        if self._agreeing:
            if self.looked % AGREE_EVERY and updates_made != self._end:
                return
            self._agree()
        if self._lost:
            self._go_back(self._lost)
        elif self._history.is_due(updates_made):
            self._wait()

    def _look(self, update: int, call: int, loss: float, gradient_norm: float, norm: float, seen: Look | None) -> None:
        """Updates the guard's state by an update, and the scheduler's if the factor changed."""
        self._loss = loss
        before, refused = self.state, seen.refused(norm) if seen else ""
        state = self._ring.guard.update(before, loss, gradient_norm)
        self._history.high = high = state["rough"] > 0 and state["seen"] < WINDOW
        if refused and (refused == NOT_FINITE or state["verdict"] or state["rough"]):
            self._look_at_refused(update, call, loss, refused, quiet=seen is not None and seen.expected)
            return
        if refused and seen:  # its loss is as ever, so its gradient was a good one
            self._ring.note(update, 2.0, loss, "refused")
            self._places.forget(call)
            seen.level.take(norm) if refused == EXPECTED else seen.level.accept()
        larger = seen.times(norm) if seen and not refused else 0.0
        is_outlier = high and before["seen"] >= FEW and self._refused + before["rough"] < MOST_REFUSED[SPIKE] - 1
        is_bad = larger and (is_outlier or self._ring.guard.is_high(self.state, loss, max(BAD_BATCH / larger, 0.25)))
        if high:
            self._look_at_weights(update, loss, self._training.health())
        if seen and is_bad and self._history.undo(update, suspected=self._lost is not None):
            self._lost, self._arrivals = None, Arrivals()  # what is on its way is of later updates, undone too
            seen.level.take_back(seen.high)
            self._look_at_refused(update, call, loss, SPIKE, quiet=False)
            return
        self._refused, self.state = 0, state
        if seen and state["rough"] and before["seen"] >= FEW:
            seen.level.take_back(seen.high)
        if state["verdict"]:
            if state["verdict"] < 3:
                self._remember(call)
            self._lost = self._lost or Lost(update, state, loss)
            return
        if verdict := self._history.count(update, loss, before, calm=not state["rough"]):
            self._lost = self._lost or Lost(update, {**state, "verdict": verdict}, loss)
        if seen is None:
            self._replay.forget(update + 1)
        if state["factor"] != before["factor"]:
            self.scheduler.feedbacks.guard_state = state
        if not state["rough"] and self._history.is_seen(update):
            self._look_at_weights(update, loss, self._history.health)
            if self._ring.waiting and not self._lost:
                self._history.keep(update, doubtful=self._ring.guard.is_doubtful(state))

    def _look_at_refused(self, update: int, call: int, loss: float, refused: str, quiet: bool) -> None:
        """Answers an update that was left out: by no more than that, unless the weights are at fault."""
        verdict = 1.0 if refused == NOT_FINITE else 2.0
        self._refused += 1
        self._look_at_weights(update, loss, self._training.health())
        if self._lost:
            return
        self._remember(call)
        if self._refused >= MOST_REFUSED[refused]:
            self._lost = Lost(update, {**self.state, "verdict": verdict}, loss, self._refused)
        elif not quiet:
            self._ring.note(update, verdict, loss, "refused")

    def _look_at_weights(self, update: int, loss: float, health: Health) -> None:
        """Finds damage in weights, buffers and the optimizer's state."""
        self._lost = self._lost or self._history.damage(update, loss, self.state, health, noted=self._refused > 0)

    def _look_at_arrived(self, wait: bool) -> None:
        arrivals = self._arrivals  # others after an update was undone
        for (update, call, seen), (loss, gradient_norm, norm) in arrivals.read(wait):
            if seen and not seen.refused(norm):
                seen.level.take(norm)
            self._look(update, call, loss, gradient_norm, norm, seen)
            if self._arrivals is not arrivals:
                break

    def _look_at_idle(self, loss: float | torch.Tensor) -> None:
        """Goes back, all processes alike, where the scaler leaves out updates and it or the weights are at fault."""
        value = number(loss)
        verdict = self._idle.verdict(value, lambda: not self._agreeing and self._history.is_lost(self._made, value))
        if verdict == 0 and self._idle.undone:
            self._ring.note(self._made, 1.0, value, "rescaled")
        if self._agreeing:
            verdict = greatest_over_ranks(self._device, verdict)[0] if self._idle.calls % AGREE_EVERY == 0 else 0.0
        if verdict:
            self._go_back(Lost(self._made, {**self.state, "verdict": verdict}, value))

    def _remember(self, call: int) -> None:
        """Remembers where a bad batch was."""
        self._places.note(call)
        self._bad = self._places.following(self._calls)
        self._refusal.be_careful(expected=self._calls == self._bad)

    def _agree(self) -> None:
        """Goes back on every process where one of them has found cause to."""
        lost = self._lost or Lost(sys.maxsize, {**self.state, "verdict": 0.0}, math.nan)
        verdict, first = greatest_over_ranks(self._device, lost.state["verdict"], -lost.update)
        self._lost = Lost(-int(first), {**lost.state, "verdict": verdict}, lost.loss) if verdict else None

    def _go_back(self, lost: Lost) -> None:
        self._lost, self._refused, self._arrivals = None, 0, Arrivals()
        self._idle.calls = self._idle.lost = 0
        state = self._history.back(lost, max(float(group["lr"]) for group in self.optimizer.param_groups))
        self._ring.resumed = self._made
        if state["seen"] < WINDOW:
            self._refusal.begin()
        # The position goes on, so the rest begins here and not at the snapshot.
        self.scheduler.feedbacks.guard_state = self.state = {**state, "resting": float(self._ring.guard.rest)}

    def _wait(self) -> None:
        if self._idle.mended():
            self._ring.note(self._made, 6.0, self._loss, "rescaled")
        self._history.wait(self._made, self.state)
