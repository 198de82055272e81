"""A schedule in a torch training: a scheduler whose clock is the optimizer."""

from __future__ import annotations

from typing import Any

import torch

from glideslope.errors import ScheduleError
from glideslope.frameworks.factors import ended, small
from glideslope.frameworks.torch.scheduler import notices
from glideslope.frameworks.torch.scheduler.base import BaseScheduler
from glideslope.frameworks.torch.scheduler.known_groups import Replaced
from glideslope.frameworks.torch.scheduler.param_groups import as_tensors
from glideslope.frameworks.torch.scheduler.state import Saved
from glideslope.frameworks.torch.scheduler.succession import succeed
from glideslope.frameworks.torch.scheduler.update_counter import Updates, around_updates, weakly, while_held
from glideslope.frameworks.torch.scheduler.watch import Watch
from glideslope.frameworks.torch.scheduler.written import AHEAD, Written


class Scheduler(BaseScheduler):
    """Drives an optimizer's rate, and momentum and weight decay, by schedules.

    Call `step()` after `optimizer.step()`, as torch's schedulers are called. What is counted are the updates that the
    optimizer has really made since the scheduler was made: a call of `step()` between two of them changes nothing. So
    micro-batches under accumulation, steps that mixed precision skips, and the calls that Accelerate makes for each
    process don't count. After the end the last value is held.

    The rate of a group is its initial rate (`initial_lr`, torch's convention) times its `lr_scale`, if it has one,
    times the factor. A group that is added later is picked up with the rate it has then. A rate that is a tensor is
    written in place, on its device. It warns once of a likely mistake: a rate that other code changed, an optimizer
    that makes no update, a feedback without measurements, a loaded base rate other than the given one.

    Args:
        optimizer: a torch optimizer, or a wrapper around one.
        schedule: of the rate, a value or its text, possibly times a feedback (`gs.cosine() * gs.plateau()`, see
            `measure`) or a growth of the batch (`gs.batches.growth`, with `gs.torch.GrowingBatches`); a list has one
            for each group, which stays with its group when others come and go, and groups beyond it follow its last.
        steps: the horizon: updates, or a duration in another unit of the clock. Not needed if the schedule has one.
        clock: the epochs, examples or tokens of an update, over all processes.
        momentum: a schedule whose factor is the momentum, or Adam's first beta.
        weight_decay: a schedule that multiplies each group's own weight decay.
        betas: a schedule for each beta; None leaves one as it is.
        peak: the rate where the factor is 1, for the group with the largest; the groups keep their proportions.
        count: what counts as an update: "optimizer", a step of the optimizer; or "step", a call of `step()`, for an
            optimizer that updates outside its own step.

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

    _step_count = 1  # Accelerate counts micro-batches here; nothing is read from it

    def _prepare(self, count: str, peak: float | None) -> None:
        self._updates = Updates(each_call=count == "step")
        self._other_base = None if peak else notices.other_than_made_with(self._stepped)
        self._unknown_base = None if peak else notices.unknown_base(self._stepped)
        self._other_rate = None if peak or self._other_base else notices.other_rate(self._stepped)

    def _begin_schedules(self) -> None:
        self._made = 0
        self._watch = Watch(self._plan.feedbacks.waits(), self._other_rate)
        self._tensors = False
        self._listen()
        self._write()
        if self._other_base:
            self._watch.tell("base", self._other_base)
        if self._plan.peak is None and (notice := small(self._plan.of_rate, self._plan.largest)):
            self._watch.tell("small", notice)

    def _listen(self) -> None:
        """Hooks the optimizer's updates, and its loading of a state."""
        self.feedbacks, self._written = self._plan.feedbacks, Written()
        self.feedbacks.attach(self._watch, weakly(self._write))
        succeed(self, self._stepped)
        handles = []
        if hasattr(self._stepped, "_optimizer_step_pre_hooks"):
            count = None if self._updates.each_call else self._updates.count
            handles = around_updates(self._stepped, before=weakly(self._before_update), after=count)
            hooks: Any = self._stepped._optimizer_step_pre_hooks
            hooks.move_to_end(handles[0].id, last=False)  # so that other hooks see the rates of the update
        while_held(self, handles + self._at_loads(weakly(self._before_loading), weakly(self._after_loading)))

    def step(self, epoch: Any = None) -> None:
        """Sets the rate, and what else is scheduled, for the next update. The number of an epoch is ignored, since
        updates are counted. Raises a FeedbackError if it is a metric, which is for `measure`."""
        if epoch is not None:
            self.feedbacks.refuse_metric(epoch)
        updates, written = self._updates, self._written
        if updates.news:
            self._look_at_news()
        if written.first["lr"] != written.seen or written.few or len(self.optimizer.param_groups) != written.count:
            self._look()
        updates_made = updates.made
        if updates_made != self._made + 1:
            self._watch.call(updates_made, self._made)
        self._made = updates_made
        written.place = place = updates_made - written.begin
        if place >= written.length:
            place = self._look_ahead()
        for write, factors in written.writing:
            write(factors[place])
        written.seen = written.first["lr"]

    def measure(self, metric: Any) -> None:
        """Passes a measurement, a number or a tensor of one element without a graph, to the feedbacks that the
        schedules are multiplied by. They get the mean over all processes, so call it in each; the rate is the same
        everywhere. Raises a FeedbackError if it can't be used, or no schedule has a feedback.

        >>> import torch, glideslope as gs
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.5)
        >>> scheduler = gs.torch.Scheduler(optimizer, gs.cosine() * gs.plateau(patience=0), steps=100)
        >>> scheduler.measure(1.0), scheduler.measure(1.0), scheduler.get_last_lr()
        (None, None, [0.05])
        """
        number = self.feedbacks.number(metric)
        self._look(stepped=self._writes_next)
        if self.feedbacks.take(number):
            self._write()

    @property
    def planned(self) -> Any:
        """The schedule of the rate of the first group, its units known."""
        return self._plan.schedules[0]

    @property
    def last_epoch(self) -> int:
        """The updates made, for which the rates are set; the name is torch's."""
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
        if not self.succeeded:
            self._look(stepped=False)
        self.feedbacks.take_keepers_state()
        return self._state_after(self._updates.made)

    def _check(self, saved: Saved) -> None:
        begin = saved.step // AHEAD * AHEAD
        self._plan.factors([begin + position - saved.step for position in saved.positions], AHEAD)

    def _go_on(self, saved: Saved, replaced: list[Replaced]) -> None:
        self._updates.decide()
        self._updates.made = self._made = saved.step
        self._watch.measured |= self.feedbacks.are_measured
        self._watch.begin(saved.step)
        self._write()
        if (keeper := self.feedbacks.keeper) is not None:
            keeper.resumed()
        self._tell_replaced(replaced, "the scheduler's state")
        if saved.step and saved.bases is None and self._unknown_base:
            self._watch.tell("base", self._unknown_base)

    def __getstate__(self) -> dict[str, Any]:
        self._updates.decide()
        if not self.succeeded:
            self._look(stepped=False)
        left_out = ("_updates", "_written", "feedbacks")
        kept = {name: value for name, value in vars(self).items() if name not in left_out}
        return {**kept, "updates": (self._updates.made, self._updates.each_call)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        updates_made, each_call = state.pop("updates")
        self._updates = Updates(each_call)
        self._updates.made = updates_made
        vars(self).update(state)
        self._listen()
        self._write()

    def to_tensors(self) -> None:
        """Makes the groups' rates and betas tensors, so that a compiled step isn't compiled again for a new value."""
        self._tensors = True
        self._write()

    def _write(self) -> None:
        """Writes the values for the next update, whatever the groups were before."""
        groups = self._groups
        if self._tensors:
            as_tensors(groups)
        self._plan.find(groups)
        self._look_ahead()
        self._written.write(self._plan, groups)

    def _look_ahead(self) -> int:
        """Computes the next updates' factors, and looks for mistakes where it is time; returns the place there."""
        if self._made >= self._watch.at:
            self._watch.look(self, self._made, self.feedbacks.keeper)
            if notice := ended(self._plan.of_rate, self._made):
                self._watch.tell("ended", notice)
        return self._written.look_ahead(self._plan, self._made, self._shifts, self._watch.at)

    def _look(self, stepped: bool = True) -> None:
        """Looks whether the groups are as they were written, finds them anew, and warns if something else wrote to
        them: where what was written is for the next update (`stepped`)."""
        groups, factors = self._groups, self._written.factors
        if self._plan.intact(groups, factors):
            return
        changes = self._plan.changes(factors)
        if changes and stepped:
            self._watch.tell("another hand", notices.other_hand(changes))
        if self._plan.moved(groups):
            self._write()

    def _look_at_new(self) -> None:
        """Writes the rates of groups that came since the last look; other values stay, for a warning later."""
        if not self.succeeded and not self._plan.groups.are(self._groups):
            self._look(stepped=self._writes_next)

    @property
    def _writes_next(self) -> bool:
        """Whether the next update's rates are this scheduler's: it was stepped, isn't over, and has no successor."""
        return self._made == self._updates.made and not self.succeeded and self._made < self.feedbacks.end

    def _before_update(self, args: Any, kwargs: Any) -> None:
        """Checks the groups: one may be new, or have another rate than was written."""
        if not self.succeeded:
            self._look(stepped=self._writes_next)

    def _before_loading(self, optimizer: Any, state: Any) -> None:
        """Reads the groups as they are, since a state refers to their places."""
        if not self.succeeded:
            self._look(stepped=False)

    def _after_loading(self, optimizer: Any) -> None:
        """Writes over the rates of another schedule; warns of other base rates."""
        if self.succeeded:
            return
        bases = self._plan.groups.bases()
        self._write()
        if self._plan.rescale():
            self._write()
        self._tell_replaced(self._plan.groups.replaced(bases), "the optimizer's state")

    def _look_at_news(self) -> None:
        """Counts the updates of which only the device, or this call, knew; warns of floats in a compiled step."""
        if self._updates.each_call:
            self._updates.made += 1
            self._look()
            return
        self._updates.decide()
        if self._updates.compiled and any(values.numbers for values in self._plan.values):
            self._watch.tell("compiled", notices.COMPILED)

    def _tell_replaced(self, replaced: list[Replaced], source: str) -> None:
        """Warns that loaded base rates replaced others, unless the user gave the peak or another scheduler writes."""
        if self._plan.peak is None and not self.succeeded:
            self._watch.tell_replaced(replaced, self._written.factors, source)
