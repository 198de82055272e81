"""The lines that put a user's own training on the schedule that a search chose, for the framework of its job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from glideslope.errors import GlideslopeError
from glideslope.feedback import Feedback
from glideslope.frameworks.networks import Framework, framework_of
from glideslope.plural import plural
from glideslope.policy import RatePolicy
from glideslope.search.jobs.job import Job
from glideslope.search.runs.contestant import Contestant


def lines_to_paste(job: Job, contestant: Contestant, steps: int) -> list[str]:
    """Lines of Python that train with a contestant, each with a comment where it belongs; none without a text form."""
    framework, peak, policy = framework_of(job), contestant.peak, contestant.policy
    if policy.schedule.ends():  # which is no horizon that a scheduler may be given beside it
        policy = replace(policy, schedule=policy.schedule.lasting(steps))
    try:
        text = str(policy)
    except GlideslopeError:  # of a Python function
        return []
    curve = f'{peak!r} * gs.parse("{policy.schedule}").over({steps})'  # feedback left out
    peaks_of: Any = getattr(job, "peaks", None)  # of a job that may have several optimizers
    peaks: list[float] = peaks_of(peak) if callable(peaks_of) else []
    unguarded = replace(policy, feedbacks=_measured(policy))  # a guard works in a loop of one's own alone
    arguments = f'"{unguarded}", steps={steps}, peak={peak!r}'
    if policy.growth and framework in ("torch", "transformers", "lightning"):
        lines = _growing(text, steps, policy.updates(steps), {
            "torch": f"scheduler = gs.torch.Scheduler(optimizer, growth, peak={peak!r})  # scheduler.step() as ever",
            "transformers": _in_trainer(f"growth, peak={peak!r}"),
            "lightning": _in_lightning(f"growth, peak={peak!r}"),
        }[framework])  # fmt: skip
    elif policy.growth:
        lines = [
            f'sizes, factors, _ = gs.parse("{text}").over({steps}).plan()',
            f"rates = {peak!r} * factors  # the rate of each update; sizes has the examples in its batch",
        ]
    elif len(peaks) > 1:
        lines = [
            f'schedulers = [gs.torch.Scheduler(each, "{text}", steps={steps}, peak=peak) '
            f"for each, peak in zip(optimizers, {peaks!r})]  # in the job's order",
            "for scheduler in schedulers: scheduler.step()  # after each update",
        ]
    elif framework == "transformers":
        lines = [_in_trainer(arguments)]
    elif framework == "lightning":
        lines = [_in_lightning(arguments)]
    elif framework == "torch":
        in_loop = _in_loop(f'"{text}", steps={steps}, peak={peak!r}', policy)
        lines = [*in_loop, _in_trainer(arguments), _in_lightning(arguments)]
    elif framework == "keras":
        lines = [f"model.fit(..., callbacks=[gs.keras.Scheduler({arguments})])"]
    elif framework == "jax":
        lines = [f"optimizer = optax.adamw({curve})  # or another optimizer of Optax"]
    else:
        lines = [f"rates = ({curve}).sample({steps})  # the rate of each update"]
    return [*lines, *_besides(contestant, framework)]


def _measured(policy: RatePolicy) -> tuple[Feedback, ...]:
    """The feedbacks but the guard: those that measurements move."""
    return tuple(feedback for feedback in policy.feedbacks if not feedback.each_update)


def _in_loop(arguments: str, policy: RatePolicy) -> list[str]:
    lines = [
        f"scheduler = gs.torch.Scheduler(optimizer, {arguments})  # and scheduler.step() after each optimizer.step()"
    ]
    if _measured(policy) != policy.feedbacks:
        lines.append("guard = gs.torch.Guard(model, scheduler)  # and guard.step(loss) after each scheduler.step()")
    if _measured(policy):
        lines.append("scheduler.measure(validation_loss)  # at each evaluation")
    return lines


def _in_trainer(arguments: str) -> str:
    return f"Trainer(..., callbacks=[gs.transformers.Callback({arguments})])  # Hugging Face"


def _in_lightning(arguments: str) -> str:
    return f"return gs.lightning.scheduled(self, optimizer, {arguments})  # Lightning, in configure_optimizers"


def _growing(text: str, steps: int, updates: int, scheduler: str) -> list[str]:
    return [
        f'growth = gs.parse("{text}").over({steps})',
        scheduler,
        f"batches = gs.torch.GrowingBatches(len(data), growth)  # {plural(updates, 'update')} in all; the training "
        "loader is DataLoader(data, batch_sampler=batches)",
    ]


def _besides(contestant: Contestant, framework: Framework | None) -> list[str]:
    """Comments on what else the training had."""
    lines = []
    policy = contestant.policy
    if _measured(policy) != policy.feedbacks and framework != "torch":
        lines.append("# without the guard that the search had: gs.torch.Guard works in a loop of your own")
    if _measured(policy) and framework in ("jax", None):
        lines.append("# without the feedback that the search had, which needs measurements")
    if contestant.optimizer is not None:
        lines.append(f'# with the optimizer "{contestant.optimizer}", made as the job makes it')
    if contestant.average is not None:
        lines.append(f"# measured with averaged weights, {contestant.average}")
    for name, value in contestant.settings:
        if name == "batch_size":
            lines.append(f"# with {plural(value, 'example', 'g')} in each update")
            continue
        where = "or the first of betas, " if name == "momentum" else ""
        kept = ", but 0 where it was 0" if name == "weight_decay" else ""
        lines.append(f"# with {name}={value!r} in the optimizer, {where}in every parameter group{kept}")
    return lines
