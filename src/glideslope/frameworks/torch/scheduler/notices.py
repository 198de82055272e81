"""The warnings of a scheduler."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from glideslope.frameworks.torch.scheduler.known_groups import ROUNDING, Replaced
from glideslope.frameworks.torch.scheduler.succession import schedulers_of, was_scheduled
from glideslope.plural import plural

UNMEASURED = 1000  # updates that a feedback, other than a guard, may go without a measurement, at the least
COMPILED = (
    "the optimizer's step is compiled, and scheduled values in it are Python numbers, for which it is compiled again: "
    "scheduler.to_tensors() makes rates and betas tensors"
)


def other_hand(changes: Sequence[tuple[str, float, float]]) -> str:
    """The warning where somebody else writes what is scheduled."""
    name, now, written = changes[0]
    return (
        f"the {name} of a parameter group is {now:g}, and this scheduler had set {written:g}: another scheduler, or "
        "code that writes to the group, moves it too, and each overwrites the other. Keep one: a product of schedules "
        "and feedbacks (schedule * gs.plateau()) in place of two schedulers; to change a base rate, set the group's "
        "initial_lr and call scheduler.read_groups()"
    )


def replaced_base(replaced: Replaced, source: str) -> str:
    """The warning where a loaded state brings another base rate than the optimizer was made with."""
    return (
        f"{source} has an initial {replaced.key} of {replaced.now:g}, which replaces {replaced.before:g}: the schedule "
        f"goes on from the saved one. To train with the new one, set group['initial_{replaced.key}'] after loading and "
        "call scheduler.read_groups(), or give peak="
    )


def other_than_made_with(optimizer: Any) -> str | None:
    """The warning where the groups' initial rate isn't the `lr` that the optimizer was made with; None if it is. So it
    is after a state was loaded into an optimizer with a new `lr`, which torch keeps in `defaults` only. Where a
    scheduler was made for the optimizer before, its groups have had their say."""
    if "step" in vars(optimizer) or was_scheduled(optimizer):
        return None
    rate, initial = optimizer.defaults.get("lr"), {group.get("initial_lr") for group in optimizer.param_groups}
    parameter = inspect.signature(type(optimizer).__init__).parameters.get("lr")
    if len(initial) > 1 or None in initial or rate is None or (parameter and parameter.default == rate):
        return None  # groups with rates of their own, or an lr that nobody gave
    (only,) = map(float, initial)
    if abs(only - float(rate)) <= ROUNDING * abs(only):
        return None
    return (
        f"the parameter groups have an initial_lr of {only:g}, from a loaded state or another scheduler, and the "
        f"optimizer was made with lr={float(rate):g}: the schedule multiplies {only:g}. To train with the other, give "
        f"peak={float(rate):g}, or delete initial_lr from the groups and set their lr"
    )


def unknown_base(optimizer: Any) -> str | None:
    """The warning where a state brings no base rates, and the groups' rate may be one that a schedule has lowered. So
    it is where they have no initial rate, and another rate than the optimizer was made with, or several, and it was
    trained; None elsewhere."""
    rate, groups = getattr(optimizer, "defaults", {}).get("lr"), optimizer.param_groups
    now = {float(group["lr"]) for group in groups}
    if rate is None or any("initial_lr" in group for group in groups) or float(rate) in now:
        return None
    if len(now) > 1 and not optimizer.state:
        return None  # a new optimizer, whose groups have rates of their own
    rates = ", ".join(f"{value:g}" for value in sorted(now))
    return (
        f"neither state has a base rate: the schedule multiplies {rates}, which the groups had, and the optimizer was "
        f"made with lr={float(rate):g}. If a schedule had lowered it already, set group['initial_lr'] and call "
        "scheduler.read_groups()"
    )


def other_rate(optimizer: Any) -> str | None:
    """The warning where the groups have another rate than their initial one, which a schedule is going to multiply. So
    it is where a user has set it for a new phase; None where it is 0, or a scheduler here has left it."""
    groups = optimizer.param_groups
    pairs = [(float(group["lr"]), float(group.get("initial_lr", group["lr"]))) for group in groups]
    scales = [{1.0, group.get("lr_scale", 1.0)} for group in groups]  # the rate may have it already, as of a Balance
    differing = [
        (now, initial) for (now, initial), each in zip(pairs, scales, strict=True)
        if now and all(abs(now - initial * scale) > ROUNDING * abs(now) for scale in each)
    ]  # fmt: skip
    left = (scheduler.get_last_lr() for scheduler in schedulers_of(optimizer))
    if not differing or any(list(map(float, rates)) == [rate for rate, _ in pairs] for rates in left):
        return None
    return (
        f"the groups' rate was {differing[0][0]:g} when this scheduler was made, and their initial_lr is "
        f"{differing[0][1]:g}, which the schedule multiplies from its beginning on. To begin from the rate that was "
        "set, delete initial_lr from the groups before, or give peak=; to go on where a training was, load_state_dict"
    )


def idle(calls: int, updates_made: int) -> str:
    """The warning where `step()` is called and the optimizer makes no update."""
    return (
        f"step() was called {plural(calls, 'time')} in a row without an update by the optimizer, so the "
        "schedule stands at "
        f"{updates_made}. Updates are counted in the optimizer's step(); one that updates in another way needs "
        'gs.torch.Scheduler(..., count="step"), for which each scheduler.step() is one. To look at a schedule, '
        "schedule.sample(steps). While gradients accumulate, or mixed precision skips, this is as it should be"
    )


def late(updates: int) -> str:
    """The warning where `step()` is called after several updates."""
    return (
        f"step() was called after {plural(updates, 'update')}, which were made at one rate: call it after each "
        '(in Lightning "interval": "step"); the horizon is in updates, or steps="90ep" with a clock'
    )


def unmeasured(feedback: Any, updates: int) -> str:
    """The warning where a feedback gets no measurement."""
    if feedback.each_update:
        return (
            f"{feedback} got no loss in {plural(updates, 'update')}, so it protects nothing: make a "
            "gs.torch.Guard(model, scheduler), and call its step(loss) after each scheduler.step()"
        )
    return (
        f"{feedback} got no measurement in {plural(updates, 'update')}, so it moves no rate: call "
        "scheduler.measure(loss) "
        "after each evaluation (gs.lightning.scheduled with a monitor, and evaluations of a Hugging Face Trainer, do)"
    )
