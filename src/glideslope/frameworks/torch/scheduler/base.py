"""The common part of the schedulers of a torch optimizer: arguments, schedules and state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal

from torch.optim.lr_scheduler import LRScheduler
from torch.utils.hooks import RemovableHandle

from glideslope.documents import shown
from glideslope.errors import ScheduleError
from glideslope.frameworks.torch.scheduler.inner import as_scheduled, inner_optimizer
from glideslope.frameworks.torch.scheduler.known_groups import Replaced
from glideslope.frameworks.torch.scheduler.param_groups import Momenta, Rates
from glideslope.frameworks.torch.scheduler.scheduled_values import Plan
from glideslope.frameworks.torch.scheduler.state import Saved
from glideslope.policy import Policy
from glideslope.renamed import was_called
from glideslope.schedules import Clock
from glideslope.schedules.checks import check_positive
from glideslope.schedules.durations import Time
from glideslope.schedules.numbers import plain


class BaseScheduler(LRScheduler):
    """A scheduler of a torch optimizer. For the arguments see `Scheduler`."""

    succeeded = False  # whether a scheduler was made for the optimizer after this one

    @was_called("lr", "schedule")
    def __init__(
        self, optimizer: Any, schedule: Policy | list[Policy], *, steps: Time | None = None,
        clock: Clock | None = None, momentum: Policy | None = None, weight_decay: Policy | None = None,
        betas: tuple[Policy | None, Policy | None] | None = None, peak: float | None = None,
        count: Literal["optimizer", "step"] = "optimizer",
    ) -> None:  # fmt: skip
        if not isinstance(count, str) or count not in ("optimizer", "step"):
            raise ScheduleError(f"count={count!r}: give 'optimizer' or 'step'")
        if momentum is not None and betas is not None:
            raise ScheduleError("momentum= and betas= both: the first beta is the momentum, give one of them")
        if peak is not None:
            check_positive("peak", peak := plain(peak))
        if betas is not None and not (isinstance(betas, tuple | list) and len(betas) == 2):
            raise ScheduleError(f"betas={shown(betas)}: give a pair, a schedule or None for each beta")
        self.optimizer = optimizer = as_scheduled(optimizer)
        self._stepped = optimizer if count == "step" else inner_optimizer(optimizer)
        self._prepare(count, peak)
        first, second = betas or (momentum, None)
        rates = list(schedule) if isinstance(schedule, list | tuple) else [schedule]
        others: list[tuple[str, Policy | None, Rates | Momenta]] = [
            ("weight_decay", weight_decay, Rates("weight_decay")),
            ("momentum", first, Momenta(0, or_momentum=betas is None)),
            ("second_beta", second, Momenta(1, or_momentum=False)),
        ]
        scheduled: list[tuple[str, Policy, Rates | Momenta]] = [("lr", rate, Rates("lr")) for rate in rates]
        scheduled += [(name, policy, values) for name, policy, values in others if policy is not None]
        self._plan = Plan(optimizer.param_groups, scheduled, steps, clock, peak)
        self._shifts = [0.0] * len(scheduled)  # positions less the updates made: the batch size may change
        self._begin_schedules()

    @abstractmethod
    def _prepare(self, count: str, peak: float | None) -> None:
        """Reads the optimizer before anything of it is changed."""

    @abstractmethod
    def _begin_schedules(self) -> None:
        """Hooks the optimizer, so that updates are counted, and writes the values for the first."""

    @abstractmethod
    def _write(self) -> None:
        """Reads the groups, and writes the values for the next update."""

    @abstractmethod
    def _check(self, saved: Saved) -> None:
        """Raises if the schedules have no factors at the positions of a state."""

    @abstractmethod
    def _go_on(self, saved: Saved, replaced: list[Replaced]) -> None:
        """Goes on from a state whose schedules and base values were taken over."""

    def read_groups(self) -> None:
        """Reads the groups anew, after an `lr_scale` or an initial rate was changed, and sets their rates."""
        if not self.succeeded:
            self._write()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state of any scheduler here; `{"step": n}` is enough where nothing is to be compared.

        A schedule that isn't the one of the state is followed if it is the same as that up to here: a longer horizon
        of a schedule that holds until its cooldown, or the same schedule over examples with another batch size.

        Raises:
            ScheduleError: it isn't a scheduler's state, was changed since it was saved, or what was made so far would
                have been made at other rates, and the message has the difference; all stays as it was then.
        """
        saved = self._plan.read(state_dict)
        self._check(saved)
        replaced = self._plan.take(saved, self._groups)
        self._shifts = [position - saved.step for position in saved.positions]
        self._go_on(saved, replaced)

    def _state_after(self, step: int) -> dict[str, Any]:
        """The state after so many updates."""
        return self._plan.state(step, [step + shift for shift in self._shifts])

    @property
    def _groups(self) -> Any:
        """The optimizer's groups; while a wrapper loads a state, the new list, the wrapper's or the wrapped one's."""
        groups = self.optimizer.param_groups
        return self._stepped.param_groups if self._plan.groups.are_of(groups) else groups

    def _at_loads(self, before: Callable[..., Any] | None, after: Callable[..., Any]) -> list[RemovableHandle]:
        """Hooks functions before and after each load of the optimizer's state, or of a wrapper's around it."""
        handles = []
        for loaded in {id(optimizer): optimizer for optimizer in (self._stepped, self.optimizer)}.values():
            if all(hasattr(loaded, f"_optimizer_load_state_dict_{when}_hooks") for when in ("pre", "post")):
                handles += [loaded.register_load_state_dict_pre_hook(before)] if before else []
                handles.append(loaded.register_load_state_dict_post_hook(after))
        return handles
