"""The lines that put a user's own training on the schedule that a search chose, for the framework of its job."""

from __future__ import annotations

from glideslope.batches import Growth
from glideslope.errors import GlideslopeError
from glideslope.feedback import Controlled
from glideslope.frameworks.networks import framework_of
from glideslope.search.contestant import Contestant
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
    framework = framework_of(job)
    if isinstance(contestant.schedule, Growth) and framework == "torch":
        return [*_growing(text, contestant, steps), *_besides(contestant)]
    arguments = f'"{text}", steps={steps}, peak={contestant.peak!r}'
    if framework == "transformers":
        lines = [_in_trainer(arguments)]
    elif framework == "lightning":
        lines = [_in_lightning(arguments)]
    elif framework == "torch":
        lines = [*_in_loop(arguments, contestant), _in_trainer(arguments), _in_lightning(arguments)]
    elif framework == "keras":
        lines = [f"model.fit(..., callbacks=[gs.keras.Scheduler({arguments})])"]
    elif framework == "jax":
        lines = [f"optimizer = optax.adamw({_curve(contestant, steps)})  # or another optimizer of Optax"]
    else:
        lines = [f"rates = ({_curve(contestant, steps)}).sample({steps})  # the rate of each update"]
    return [*lines, *_besides(contestant)]


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


def _in_trainer(arguments: str) -> str:
    return f"Trainer(..., callbacks=[gs.transformers.Callback({arguments})])  # Hugging Face"


def _in_lightning(arguments: str) -> str:
    return f"return gs.lightning.scheduled(self, optimizer, {arguments})  # Lightning, in configure_optimizers"


def _growing(text: str, contestant: Contestant, steps: int) -> list[str]:
    return [
        f'growth = gs.parse("{text}").over({steps})',
        f"scheduler = gs.torch.Scheduler(optimizer, growth, peak={contestant.peak!r})  # scheduler.step() as ever",
        "batches = gs.torch.GrowingBatches(len(data), growth)  # DataLoader(data, batch_sampler=batches)",
    ]


def _besides(contestant: Contestant) -> list[str]:
    """Comments on what else the training had."""
    lines = []
    if contestant.optimizer is not None:
        lines.append(f'# with the optimizer "{contestant.optimizer}", made as the job makes it')
    if contestant.average is not None:
        lines.append(f"# measured with averaged weights, {contestant.average}")
    for name, value in contestant.settings:
        where = "or the first of betas, " if name == "momentum" else ""
        kept = ", but 0 where it was 0" if name == "weight_decay" else ""
        lines.append(f"# with {name}={value!r} in the optimizer, {where}in every parameter group{kept}")
    return lines
