"""A schedule in a torch training: a scheduler whose clock is the optimizer."""

from __future__ import annotations

import warnings
import weakref
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from glideslope.errors import FeedbackError, ScheduleError
from glideslope.feedback import Guard
from glideslope.feedback.feedback import measured
from glideslope.frameworks.torch.distributed import mean_over_ranks
from glideslope.frameworks.torch.groups import as_tensors
from glideslope.frameworks.torch.plan import Given, Plan
from glideslope.frameworks.torch.updates import Updates, unwrapped
from glideslope.schedules import Clock
from glideslope.schedules.durations import Time

AHEAD = 1024
"""Factors that are computed at a time. A stretch begins at a multiple of it, so a resumed run has the same ones."""
PATIENCE = 100
"""Calls of `step` in a row, with no update between them, that are taken without a word."""


class Scheduler(LRScheduler):
    """Drives an optimizer's rate, and momentum and weight decay, by schedules.

    Call `step()` after `optimizer.step()`, as torch's schedulers are called. What is counted are the updates that the
    optimizer has really made since the scheduler was made: a call of `step()` between two of them changes nothing. So
    micro-batches under accumulation, steps that mixed precision skips, and the calls that Accelerate makes for each
    process don't count. After the end the last value is held.

    The rate of a group is its initial rate (`initial_lr`, torch's convention) times its `lr_scale`, if it has one,
    times the factor. A group that is added later is picked up with the rate it has then. A rate that is a tensor is
    written in place, on its device.

    Args:
        optimizer: a torch optimizer, or a wrapper around one.
        lr: the schedule, a value or its text, possibly times a feedback (`gs.cosine() * gs.plateau()`, see `measure`)
            or a growth of the batch (`gs.batches.growth`, with `gs.torch.GrowingBatches`); a list has one for each
            group, and groups beyond it follow its last.
        steps: the horizon: updates, or a duration in another unit of the clock. Not needed if the schedule has one.
        clock: what an update is worth in epochs, examples or tokens, over all processes.
        momentum: a schedule whose factor is the momentum, or Adam's first beta.
        weight_decay: a schedule that multiplies each group's own weight decay.
        betas: a schedule for each beta; None leaves one as it is.
        peak: the rate where the factor is 1, for the group with the largest; the groups keep their proportions.

    Raises:
        ScheduleError: a schedule lacks its horizon or a unit, the list doesn't match the groups, or the optimizer
            lacks what a schedule is for.

    >>> import torch, glideslope as gs
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.5)
    >>> scheduler = gs.torch.Scheduler(optimizer, gs.linear(), steps=4)
    >>> for _ in range(3):
    ...     print(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    [0.5]
    [0.375]
    [0.25]
    """

    _step_count = 1
    """Accelerate counts micro-batches here; nothing is read from it."""

    def __init__(
        self,
        optimizer: Any,
        lr: Given | list[Given],
        *,
        steps: Time | None = None,
        clock: Clock | None = None,
        momentum: Given | None = None,
        weight_decay: Given | None = None,
        betas: tuple[Given | None, Given | None] | None = None,
        peak: float | None = None,
    ) -> None:
        self.optimizer = optimizer = unwrapped(optimizer)
        self._plan = Plan(
            optimizer, lr, steps=steps, clock=clock, momentum=momentum, betas=betas, weight_decay=weight_decay,
            peak=peak,
        )  # fmt: skip
        self._made = 0
        self._shifts = [0.0] * len(self._plan.schedules)  # positions less the updates made: the batch size may change
        self._idle_at, self._idle_calls = -1, 0
        self._told: set[str] = set()
        self._tensors = False
        self._keeper: weakref.ref[Any] | None = None
        self._listen()
        self._write()

    def _listen(self) -> None:
        """Has the optimizer say what it does: updates, groups that were added, a state that it loaded."""
        self._updates = Updates(self.optimizer)
        this = weakref.ref(self)
        before = self.optimizer.register_step_pre_hook(_before_each_update(this))
        loaded = self.optimizer.register_load_state_dict_post_hook(_after_loading(this))
        vars(self.optimizer).setdefault("_schedulers", weakref.WeakSet()).add(self)  # which a Balance tells
        for handle in (self._updates.handle, before, loaded):
            weakref.finalize(self, handle.remove)

    def step(self, epoch: int | None = None) -> None:
        """Sets the rate, and what else is scheduled, for the next update.

        Args:
            epoch: not used; the optimizer's updates are counted.
        """
        updates = self._updates
        if updates.news:
            self._look_at_news()
        made = updates.made
        if made != self._made + 1:
            self._notice(made)
        self._made = made
        place = made - self._begin
        if place >= AHEAD:
            place = self._look_ahead()
        for write, factors in self._writing:
            write(factors[place])

    def measure(self, metric: Any) -> None:
        """Tells a measurement, such as the validation loss, to the feedbacks that the schedules are multiplied by.

        The mean over all processes is what they are told, so call it in each; the rate is the same everywhere.

        Args:
            metric: a number, or a tensor of one element without a graph.

        Raises:
            FeedbackError: it can't be used, or no schedule has a feedback.

        >>> import torch, glideslope as gs
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.5)
        >>> scheduler = gs.torch.Scheduler(optimizer, gs.cosine() * gs.plateau(patience=0), steps=100)
        >>> scheduler.measure(1.0), scheduler.measure(1.0), scheduler.get_last_lr()
        (None, None, [0.05])
        """
        if not self.has_feedback:
            raise FeedbackError("no schedule here answers to measurements: give lr=schedule * gs.plateau()")
        number, _ = measured(metric)
        self._plan.measure(mean_over_ranks(number))
        self._write()

    def take_guard(self, keeper: Any) -> Guard:
        """The guard among the feedbacks, for what makes the snapshots of a training; it can be taken once.

        Args:
            keeper: what takes it: asked for its `state` when this is saved, told `resumed()` when one is loaded.

        Raises:
            FeedbackError: there is none, or it was taken.
        """
        if self._keeper is not None and self._keeper() is not None:
            raise FeedbackError("two guards on one run: this scheduler's is at work already, use that one")
        _, held = self._plan.guarded()
        self._keeper = weakref.ref(keeper)
        guard = held.feedbacks[held.guard or 0]
        assert isinstance(guard, Guard)
        return guard

    @property
    def guard_state(self) -> dict[str, Any]:
        """The state of the guard among the feedbacks. Setting it sets the rate."""
        return self._plan.guard_state

    @guard_state.setter
    def guard_state(self, state: dict[str, Any]) -> None:
        self._plan.guard_state = state
        self._write()

    @property
    def has_feedback(self) -> bool:
        """Whether any schedule answers to measurements."""
        return any(self._plan.feedbacks)

    @property
    def last_epoch(self) -> int:
        """The updates that the rates are set for; the name is torch's."""
        return self._made

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        raise ScheduleError("a scheduler's count is its optimizer's updates: to compose, schedules with >>, not "
                            "schedulers; to move it, load_state_dict({\"step\": n})")  # fmt: skip

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        """The rate of each group where the factor is 1."""
        groups, scale = self.optimizer.param_groups, self._plan.scale
        return [scale * float(group["initial_lr"]) * group.get("lr_scale", 1.0) for group in groups]

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The rate of each group for the next update; copies, where it is a tensor."""
        rates = (group["lr"] for group in self.optimizer.param_groups)
        return [rate.clone() if isinstance(rate, torch.Tensor) else rate for rate in rates]

    get_lr = get_last_lr
    _last_lr = property(get_last_lr)

    def state_dict(self) -> dict[str, Any]:
        """The updates made, the position on the schedules in updates of their clock, and the schedules' texts.

        Everything else follows from these, for any number of groups, processes and devices.
        """
        self._updates.decide()
        step = self._updates.made
        if self._keeper is not None and (keeper := self._keeper()) is not None:
            self._plan.guard_state = keeper.state
        return self._plan.state(step, [step + shift for shift in self._shifts])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state; `{"step": n}` is enough where nothing is to be compared.

        A schedule that isn't the one of the state is followed if it is the same as that up to here: a longer horizon
        of a schedule that holds until its cooldown, or the same schedule over examples with another batch size.

        Raises:
            ScheduleError: it isn't a scheduler's state, or what was made so far would have been made at other rates;
                the message has the difference.
        """
        step, positions = self._plan.restore(state_dict)
        self._updates.decide()
        self._updates.made = self._made = step
        self._shifts = [position - step for position in positions]
        self._write()
        if self._keeper is not None and (keeper := self._keeper()) is not None:
            keeper.resumed()

    def __getstate__(self) -> dict[str, Any]:
        self._updates.decide()
        kept = {name: value for name, value in vars(self).items() if name not in ("_updates", "_writing", "_keeper")}
        return {**kept, "updates": self._updates.made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        updates = state.pop("updates")
        self._keeper = None
        vars(self).update(state)
        self._listen()
        self._updates.made = updates
        self._write()

    def read_groups(self) -> None:
        """Reads the groups anew, after an `lr_scale` or an initial rate was changed, and sets their rates."""
        self._write()

    def to_tensors(self) -> None:
        """Makes the groups' rates and betas tensors, so that a compiled step isn't compiled again for a new value."""
        self._tensors = True
        self._write()

    def _write(self) -> None:
        """Writes what the schedules have for the next update, whatever the groups were before."""
        groups = self.optimizer.param_groups
        if self._tensors:
            as_tensors(groups)
        self._plan.find(groups)
        self._groups = groups
        self._last, self._number = groups[-1], len(groups)
        place = self._look_ahead()
        for write, factors in self._writing:
            write(factors[place])

    def _look_ahead(self) -> int:
        """Computes the factors of the stretch of updates that the next is in; returns its place there."""
        self._begin = self._made // AHEAD * AHEAD
        factors = self._plan.factors([self._begin + shift for shift in self._shifts], AHEAD).tolist()
        self._writing = [(values.write, own) for values, own in zip(self._plan.values, factors, strict=True)]
        return self._made - self._begin

    def _has_other_groups(self) -> bool:
        """Whether groups were added, or replaced."""
        groups = self.optimizer.param_groups
        return groups is not self._groups or len(groups) != self._number or groups[-1] is not self._last

    def _notice(self, made: int) -> None:
        """Says, once, what a user should know of calls that don't follow updates one by one."""
        if made > self._made:
            self._tell(
                "late",
                f"step() was called after {made - self._made} updates, which were made at one rate: call it after each "
                '(in Lightning "interval": "step"); the horizon is in updates, or steps="90ep" with a clock',
            )
            return
        self._idle_calls = self._idle_calls + 1 if self._idle_at == made else 1
        self._idle_at = made
        if self._idle_calls == PATIENCE:
            self._tell(
                "idle",
                f"step() was called {PATIENCE} times in a row without an update by the optimizer, so the schedule "
                f"stands at {made}; to look at a schedule, schedule.sample(steps)",
            )

    def _look_at_news(self) -> None:
        """Counts the updates of which only the device knew; says, once, what a compiled step needs."""
        self._updates.decide()
        if self._updates.compiled and any(values.numbers for values in self._plan.values):
            self._tell(
                "compiled",
                "the optimizer's step is compiled, and scheduled values in it are Python numbers, for which it is "
                "compiled again: scheduler.to_tensors() makes rates and betas tensors",
            )

    def _tell(self, what: str, message: str) -> None:
        if what not in self._told:
            self._told.add(what)
            warnings.warn(message, stacklevel=4)


def _before_each_update(this: weakref.ref[Scheduler]) -> Any:
    """A hook that gives groups that were added since their rate before their first update."""

    def look() -> None:
        scheduler = this()
        if scheduler is not None and scheduler._has_other_groups():
            scheduler._write()

    untraced: Any = torch.compiler.disable(look)  # type: ignore[no-untyped-call]

    def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
        untraced() if torch.compiler.is_compiling() else look()

    return hook


def _after_loading(this: weakref.ref[Scheduler]) -> Any:
    """A hook for when the optimizer's state is loaded, which may hold a rate of another schedule."""

    def hook(optimizer: Any) -> None:
        if scheduler := this():
            scheduler._write()

    return hook
