"""A schedule in a torch training: a scheduler whose clock is the optimizer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch.optim.lr_scheduler import LRScheduler

from glideslope.errors import FeedbackError, ScheduleError
from glideslope.feedback import Guard
from glideslope.feedback.feedback import measured
from glideslope.frameworks.torch.distributed import mean_over_ranks
from glideslope.frameworks.torch.scheduler import notices
from glideslope.frameworks.torch.scheduler.inner import as_scheduled, inner_optimizer
from glideslope.frameworks.torch.scheduler.known_groups import ROUNDING, Replaced
from glideslope.frameworks.torch.scheduler.param_groups import as_tensors
from glideslope.frameworks.torch.scheduler.scheduled_values import Plan
from glideslope.frameworks.torch.scheduler.update_counter import Updates, around_updates, succeed, weakly, while_held
from glideslope.frameworks.torch.scheduler.watch import Watch
from glideslope.policy import Policy
from glideslope.renamed import was_called
from glideslope.schedules import Clock
from glideslope.schedules.durations import Time

FEW = 8
"""Values that are looked at in each call of `step`; of more the first, and all before the next update."""
AHEAD = 1024
"""Factors that are computed at a time. A stretch begins at a multiple of it, so a resumed run has the same ones."""


class Scheduler(LRScheduler):
    """Drives an optimizer's rate, and momentum and weight decay, by schedules.

    Call `step()` after `optimizer.step()`, as torch's schedulers are called. What is counted are the updates that the
    optimizer has really made since the scheduler was made: a call of `step()` between two of them changes nothing. So
    micro-batches under accumulation, steps that mixed precision skips, and the calls that Accelerate makes for each
    process don't count. After the end the last value is held.

    The rate of a group is its initial rate (`initial_lr`, torch's convention) times its `lr_scale`, if it has one,
    times the factor. A group that is added later is picked up with the rate it has then. A rate that is a tensor is
    written in place, on its device. What can't be right is said once, as a warning: a rate that another hand changed,
    an optimizer that makes no update, a feedback that is told nothing, a loaded base rate other than the one given.

    Args:
        optimizer: a torch optimizer, or a wrapper around one.
        schedule: of the rate, a value or its text, possibly times a feedback (`gs.cosine() * gs.plateau()`, see
            `measure`) or a growth of the batch (`gs.batches.growth`, with `gs.torch.GrowingBatches`); a list has one
            for each group, which stays with its group when others come and go, and groups beyond it follow its last.
        steps: the horizon: updates, or a duration in another unit of the clock. Not needed if the schedule has one.
        clock: what an update is worth in epochs, examples or tokens, over all processes.
        momentum: a schedule whose factor is the momentum, or Adam's first beta.
        weight_decay: a schedule that multiplies each group's own weight decay.
        betas: a schedule for each beta; None leaves one as it is.
        peak: the rate where the factor is 1, for the group with the largest; the groups keep their proportions.
        count: what an update is: "optimizer", a step that the optimizer made; or "step", each call of `step()`, for an
            optimizer whose own step isn't what updates.

    Raises:
        ScheduleError: a schedule lacks its horizon or a unit, the list doesn't match the groups, the optimizer lacks
            what a schedule is for, or its updates can't be counted.

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
    _writing: list[tuple[Callable[[float], None], list[float]]]
    """What writes each scheduled value, and its factors over the stretch from `_begin` on, of length `_stretch`."""
    _begin: int
    _stretch: float
    _place: int
    """Where in the stretch the factors are that were written last."""
    _first: Any
    _seen: Any
    """The first group with a rate that is written, and the rate it had then."""
    _succeeded: bool
    """Whether a scheduler was made for the optimizer after this one."""
    _few: bool
    """Whether there are several values, few enough to look at each in `step`."""
    _count: int
    """How many groups there were when they were written."""

    @was_called("lr", "schedule")
    def __init__(
        self,
        optimizer: Any,
        schedule: Policy | list[Policy],
        *,
        steps: Time | None = None,
        clock: Clock | None = None,
        momentum: Policy | None = None,
        weight_decay: Policy | None = None,
        betas: tuple[Policy | None, Policy | None] | None = None,
        peak: float | None = None,
        count: Literal["optimizer", "step"] = "optimizer",
    ) -> None:
        if count not in ("optimizer", "step"):
            raise ScheduleError(f"count={count!r}: give 'optimizer' or 'step'")
        self._updates = Updates(each_call=count == "step")
        self.optimizer = optimizer = as_scheduled(optimizer)
        self._stepped = optimizer if self._updates.each_call else inner_optimizer(optimizer)
        made_with = None if peak else notices.other_than_made_with(self._stepped)
        self._unknown_base = None if peak else notices.unknown_base(self._stepped)
        other_rate = None if peak or made_with else notices.other_rate(self._stepped)
        self._plan = Plan(
            optimizer, schedule, steps=steps, clock=clock, momentum=momentum, betas=betas,
            weight_decay=weight_decay, peak=peak,
        )  # fmt: skip
        self._made = 0
        self._shifts = [0.0] * len(self._plan.schedules)  # positions less the updates made: the batch size may change
        self._watch = Watch(self._plan.waits(), other_rate)
        self._tensors = False
        self._keeper: weakref.ref[Any] | None = None
        self._listen()
        self._write()
        if made_with:
            self._watch.notices.tell("base", made_with)

    def _listen(self) -> None:
        """Has the optimizer say what it does: updates, and a state that it loaded."""
        succeed(self, self._stepped)
        handles = []
        if hasattr(self._stepped, "_optimizer_step_pre_hooks"):
            count = None if self._updates.each_call else self._updates.count
            handles = around_updates(self._stepped, before=weakly(self._before_update), after=count)
            hooks: Any = self._stepped._optimizer_step_pre_hooks
            hooks.move_to_end(handles[0].id, last=False)  # so that other hooks see the rates of the update
        for loaded in {id(own): own for own in (self._stepped, self.optimizer)}.values():
            if hasattr(loaded, "_optimizer_load_state_dict_post_hooks"):
                handles.append(loaded.register_load_state_dict_pre_hook(weakly(self._before_loading)))
                handles.append(loaded.register_load_state_dict_post_hook(weakly(self._after_loading)))
        while_held(self, handles)

    def step(self, epoch: Any = None) -> None:
        """Sets the rate, and what else is scheduled, for the next update.

        Args:
            epoch: a whole number isn't used, since updates are counted.

        Raises:
            FeedbackError: it is a metric, which is for `measure`.
        """
        if epoch is not None:
            self._refuse_metric(epoch)
        updates = self._updates
        if updates.news:
            self._look_at_news()
        if self._first["lr"] != self._seen or self._few or len(self.optimizer.param_groups) != self._count:
            self._look()
        made = updates.made
        if made != self._made + 1:
            self._watch.call(made, self._made)
        self._made = made
        self._place = place = made - self._begin
        if place >= self._stretch:
            self._place = place = self._look_ahead()
        for write, factors in self._writing:
            write(factors[place])
        self._seen = self._first["lr"]

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
            raise FeedbackError("no schedule here answers to measurements: give schedule=gs.cosine() * gs.plateau()")
        number, _ = measured(metric)
        self._look(stepped=self._writes_next)
        self._plan.measure(mean_over_ranks(number))
        self._watch.measured = True
        self._write()

    def take_guard(self, keeper: Any) -> Guard:
        """The guard among the feedbacks, for what makes the snapshots of a training; it can be taken once.

        Args:
            keeper: what takes it: asked for its `state` when this is saved, told `resumed()` when one is loaded, and
                asked for `looked`, the updates that it was told.

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
    def end(self) -> float:
        """The updates from which on every schedule holds its value; infinite where one has no end."""
        return self._plan.end

    @property
    def planned(self) -> Any:
        """The schedule of the rate of the first group, its units known."""
        return self._plan.schedules[0]

    @property
    def has_feedback(self) -> bool:
        """Whether any schedule answers to measurements."""
        return any(self._plan.feedbacks)

    @property
    def modes(self) -> set[str]:
        """Of the measurements that feedbacks answer to: "min" where less is better, "max" where more is."""
        return {feedback.mode for feedback, _ in self._plan.waits() if hasattr(feedback, "mode")}

    def training_ended(self) -> None:
        """Says if a feedback was told nothing in a trainer's training that is over."""
        self._watch.end(self._made, self._keeper and self._keeper())

    def driven_by_a_callback(self) -> None:
        """Leaves it to a callback to tell evaluations, and to write over the rates of a trainer's own scheduler."""
        self._watch.driven = self._watch.trained = True
        self._watch.notices.silence("another hand")

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
        self._look_at_new()
        groups, scale = self._groups, self._plan.scale
        return [scale * float(group["initial_lr"]) * group.get("lr_scale", 1.0) for group in groups]

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The rate of each group for the next update; copies, where it is a tensor."""
        self._look_at_new()
        rates = (group["lr"] for group in self._groups)
        return [rate.clone() if isinstance(rate, torch.Tensor) else rate for rate in rates]

    get_lr = get_last_lr
    _last_lr = property(get_last_lr)

    def state_dict(self) -> dict[str, Any]:
        """The updates made, the position on the schedules in updates of their clock, and the schedules' texts.

        Everything else follows from these, for any number of groups, processes and devices.
        """
        self._updates.decide()
        if not self._succeeded:
            self._look(stepped=False)
        step = self._updates.made
        if self._keeper is not None and (keeper := self._keeper()) is not None:
            self._plan.guard_state = keeper.state
        return self._plan.state(step, [step + shift for shift in self._shifts])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state; `{"step": n}` is enough where nothing is to be compared.

        A schedule that isn't the one of the state is followed if it is the same as that up to here: a longer horizon
        of a schedule that holds until its cooldown, or the same schedule over examples with another batch size.

        Raises:
            ScheduleError: it isn't a scheduler's state, was changed since it was saved, or what was made so far would
                have been made at other rates, and the message has the difference; all stays as it was then.
        """
        saved = self._plan.read(state_dict)
        begin = saved.step // AHEAD * AHEAD
        self._plan.factors([begin + position - saved.step for position in saved.positions], AHEAD)  # raises now, if so
        replaced = self._plan.take(saved, self._groups)
        self._updates.decide()
        self._updates.made = self._made = saved.step
        self._shifts = [position - saved.step for position in saved.positions]
        self._watch.measured |= self._plan.is_measured
        self._watch.begin(saved.step)
        self._write()
        if self._keeper is not None and (keeper := self._keeper()) is not None:
            keeper.resumed()
        self._tell_replaced(replaced, "the scheduler's state")
        if saved.step and saved.bases is None and self._unknown_base:
            self._watch.notices.tell("base", self._unknown_base)

    def __getstate__(self) -> dict[str, Any]:
        self._updates.decide()
        if not self._succeeded:
            self._look(stepped=False)
        left_out = ("_updates", "_writing", "_keeper", "_first", "_few", "_seen")
        kept = {name: value for name, value in vars(self).items() if name not in left_out}
        return {**kept, "updates": (self._updates.made, self._updates.each_call)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        made, each_call = state.pop("updates")
        self._updates = Updates(each_call)
        self._updates.made = made
        self._keeper = None
        vars(self).update(state)
        self._listen()
        self._write()

    def read_groups(self) -> None:
        """Reads the groups anew, after an `lr_scale` or an initial rate was changed, and sets their rates."""
        if not self._succeeded:
            self._write()

    def to_tensors(self) -> None:
        """Makes the groups' rates and betas tensors, so that a compiled step isn't compiled again for a new value."""
        self._tensors = True
        self._write()

    @property
    def _groups(self) -> Any:
        """The optimizer's groups; while a wrapper loads a state, the new list, its own or that of what it holds."""
        groups = self.optimizer.param_groups
        return self._stepped.param_groups if self._plan.groups.are_of(groups) else groups

    def _write(self) -> None:
        """Writes what the schedules have for the next update, whatever the groups were before."""
        groups = self._groups
        if self._tensors:
            as_tensors(groups)
        self._plan.find(groups)
        self._place = self._look_ahead()
        for write, factors in self._writing:
            write(factors[self._place])
        self._first, self._few, self._count = self._plan.first, 1 < self._plan.number <= FEW, len(groups)
        self._seen = self._first["lr"]

    def _look_ahead(self) -> int:
        """Computes the factors of the stretch of updates that the next is in; returns its place there."""
        if self._made >= self._watch.at:
            self._watch.look(self, self._made, self._keeper and self._keeper())
        self._begin = self._made // AHEAD * AHEAD
        self._stretch = min(AHEAD, self._watch.at - self._begin)
        factors = self._plan.factors([self._begin + shift for shift in self._shifts], AHEAD).tolist()
        self._writing = [(values.write, own) for values, own in zip(self._plan.values, factors, strict=True)]
        return self._made - self._begin

    def _look(self, stepped: bool = True) -> None:
        """Looks whether the groups are as they were written, finds them anew, and says if another hand wrote to them.

        Args:
            stepped: whether `step` was called since the last update, so that what was written is for the next; and no
                other scheduler was made since.
        """
        groups, factors = self._groups, [factors[self._place] for _, factors in self._writing]
        if self._plan.intact(groups, factors):
            return
        changes = self._plan.changes(factors)
        if changes and stepped:
            self._watch.notices.tell("another hand", notices.other_hand(changes))
        if self._plan.moved(groups):
            self._write()

    def _look_at_new(self) -> None:
        """Writes the rates of groups that came since the last look; other values stay as they are, to be told of."""
        if not self._succeeded and not self._plan.groups.are(self._groups):
            self._look(stepped=self._writes_next)

    @property
    def _writes_next(self) -> bool:
        """Whether the next update's rates are this scheduler's: it was stepped, isn't over, and has no successor."""
        return self._made == self._updates.made and not self._succeeded and self._made < self._plan.end

    def _before_update(self, args: Any, kwargs: Any) -> None:
        """Looks at the groups: one may be new, or have another rate than was written."""
        if not self._succeeded:
            self._look(stepped=self._writes_next)

    def _before_loading(self, optimizer: Any, state: Any) -> None:
        """Sees the groups as they are, since a state goes by their places."""
        if not self._succeeded:
            self._look(stepped=False)

    def _after_loading(self, optimizer: Any) -> None:
        """Writes over the rates of another schedule; says if there are other base rates."""
        if self._succeeded:
            return
        bases = self._plan.groups.bases()
        self._write()
        if self._plan.rescale():
            self._write()
        self._tell_replaced(self._plan.groups.replaced(bases), "the optimizer's state")

    def _look_at_news(self) -> None:
        """Counts the updates of which only the device, or this call, knew; says what a compiled step needs."""
        if self._updates.each_call:
            self._updates.made += 1
            self._look()
            return
        self._updates.decide()
        if self._updates.compiled and any(values.numbers for values in self._plan.values):
            self._watch.notices.tell("compiled", notices.COMPILED)

    def _tell_replaced(self, replaced: Sequence[Replaced], source: str) -> None:
        """Says, once, that a loaded base rate replaced another, unless that was what the schedule had made of it."""
        factors = [1.0, *(factors[self._place] for _, factors in self._writing)]
        for change in replaced if self._plan.peak is None and not self._succeeded else ():
            base = change.now * change.scale
            made_of_it = (abs(change.before - base * factor) <= 10 * ROUNDING * base for factor in factors)
            if not any(made_of_it):
                self._watch.notices.tell("base", notices.replaced_base(change, source))

    def _refuse_metric(self, metric: Any) -> None:
        if self.has_feedback or isinstance(metric, bool) or not isinstance(metric, int):
            raise FeedbackError(
                f"step({metric!r}): step() is called without a metric, after each update; a measurement is for "
                "scheduler.measure(metric), whenever there is one"
            )
