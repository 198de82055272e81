"""The lines that put a user's own training on the schedule that a search chose, for the framework of its job."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from glideslope.batches import Growth
from glideslope.errors import GlideslopeError
from glideslope.feedback import Controlled
from glideslope.frameworks.networks import Framework, framework_of
from glideslope.search.contestant import Contestant, Given
from glideslope.search.job import Job


def lines_to_paste(job: Job, contestant: Contestant, steps: int) -> list[str]:
    """Lines of Python, each with a comment that says where it belongs; none where the schedule has no text form.

    Args:
        job: the job.
        contestant: what the training is made with.
        steps: its updates.
    """
    try:
        text = str(contestant.schedule)
    except GlideslopeError:  # of a Python function
        return []
    framework, peak = framework_of(job), contestant.peak
    peaks = job.peaks(peak) if isinstance(job, _HasPeaks) else []
    unguarded = _without_guard(contestant.schedule)
    arguments = f'"{unguarded}", steps={steps}, peak={peak!r}'
    if isinstance(contestant.schedule, Growth) and framework in ("torch", "transformers", "lightning"):
        lines = _growing(text, steps, len(contestant.rates(steps)), {
            "torch": f"scheduler = gs.torch.Scheduler(optimizer, growth, peak={peak!r})  # scheduler.step() as ever",
            "transformers": _in_trainer(f"growth, peak={peak!r}"),
            "lightning": _in_lightning(f"growth, peak={peak!r}"),
        }[framework])  # fmt: skip
    elif len(peaks) > 1:
        lines = _in_loop_of_several(text, steps, peaks)
    elif framework == "transformers":
        lines = [_in_trainer(arguments)]
    elif framework == "lightning":
        lines = [_in_lightning(arguments)]
    elif framework == "torch":
        in_loop = _in_loop(f'"{text}", steps={steps}, peak={peak!r}', contestant)
        lines = [*in_loop, _in_trainer(arguments), _in_lightning(arguments)]
    elif framework == "keras":
        lines = [f"model.fit(..., callbacks=[gs.keras.Scheduler({arguments})])"]
    elif framework == "jax":
        lines = [f"optimizer = optax.adamw({_curve(contestant, steps)})  # or another optimizer of Optax"]
    else:
        lines = [f"rates = ({_curve(contestant, steps)}).sample({steps})  # the rate of each update"]
    return [*lines, *_besides(contestant, framework)]


@runtime_checkable
class _HasPeaks(Protocol):
    """A job that may have several optimizers."""

    def peaks(self, lr: float) -> list[float]:
        """The rate of each, where the largest is `lr`."""
        ...


def _without_guard(schedule: Given) -> Given:
    """The schedule and its other feedbacks: a guard works in a loop of one's own alone."""
    if not isinstance(schedule, Controlled) or schedule.guard is None:
        return schedule
    others = tuple(feedback for feedback in schedule.feedbacks if not feedback.each_update)
    return Controlled(schedule.schedule, others) if others else schedule.schedule


def _curve(contestant: Contestant, steps: int) -> str:
    """The rate as a function of the update, feedback left out."""
    schedule = contestant.schedule
    curve = schedule.schedule if isinstance(schedule, Controlled) else schedule
    return f'{contestant.peak!r} * gs.parse("{curve}").over({steps})'


def _in_loop(arguments: str, contestant: Contestant) -> list[str]:
    lines = [
        f"scheduler = gs.torch.Scheduler(optimizer, {arguments})  # and scheduler.step() after each optimizer.step()"
    ]
    schedule = contestant.schedule
    if isinstance(schedule, Controlled) and schedule.guard is not None:
        lines.append("guard = gs.torch.Guard(model, scheduler)  # and guard.step(loss) after each scheduler.step()")
    if isinstance(schedule, Controlled) and any(not feedback.each_update for feedback in schedule.feedbacks):
        lines.append("scheduler.measure(validation_loss)  # at each evaluation")
    return lines


def _in_loop_of_several(text: str, steps: int, peaks: list[float]) -> list[str]:
    return [
        f'schedulers = [gs.torch.Scheduler(each, "{text}", steps={steps}, peak=peak) '
        f"for each, peak in zip(optimizers, {peaks!r})]  # in the job's order",
        "for scheduler in schedulers: scheduler.step()  # after each update",
    ]


def _in_trainer(arguments: str) -> str:
    return f"Trainer(..., callbacks=[gs.transformers.Callback({arguments})])  # Hugging Face"


def _in_lightning(arguments: str) -> str:
    return f"return gs.lightning.scheduled(self, optimizer, {arguments})  # Lightning, in configure_optimizers"


def _growing(text: str, steps: int, updates: int, scheduler: str) -> list[str]:
    return [
        f'growth = gs.parse("{text}").over({steps})',
        scheduler,
        f"batches = gs.torch.GrowingBatches(len(data), growth)  # {updates} updates in all; the training loader is "
        "DataLoader(data, batch_sampler=batches)",
    ]


def _besides(contestant: Contestant, framework: Framework | None) -> list[str]:
    """Comments on what else the training had."""
    lines = []
    schedule = contestant.schedule
    if isinstance(schedule, Controlled) and schedule.guard is not None and framework != "torch":
        lines.append("# without the guard that the search had: gs.torch.Guard works in a loop of your own")
    if (
        isinstance(schedule, Controlled)
        and framework in ("jax", None)
        and len(schedule.feedbacks) > (schedule.guard is not None)
    ):
        lines.append("# without the feedback that the search had, which the rate of an update alone doesn't tell")
    if contestant.optimizer is not None:
        lines.append(f'# with the optimizer "{contestant.optimizer}", made as the job makes it')
    if contestant.average is not None:
        lines.append(f"# measured with averaged weights, {contestant.average}")
    for name, value in contestant.settings:
        where = "or the first of betas, " if name == "momentum" else ""
        kept = ", but 0 where it was 0" if name == "weight_decay" else ""
        lines.append(f"# with {name}={value!r} in the optimizer, {where}in every parameter group{kept}")
    return lines
