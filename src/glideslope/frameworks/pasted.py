"""The lines that put a user's own training on the schedule that a search chose, for the framework of its job."""

from __future__ import annotations

from glideslope.batches import Growth
from glideslope.errors import GlideslopeError
from glideslope.feedback import Controlled
from glideslope.frameworks.networks import framework_of
from glideslope.search.contestant import Contestant, finds_its_rate
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
    peak = "" if finds_its_rate(contestant.optimizer) else f", peak={contestant.peak!r}"
    arguments = f"{text!r}, steps={steps}{peak}".replace("'", '"', 2)
    if isinstance(contestant.schedule, Growth):
        return _growing(text, steps, contestant) if framework == "torch" else []
    lines = {
        "transformers": lambda: _in_trainer(arguments),
        "lightning": lambda: _in_lightning(arguments),
        "torch": lambda: [*_in_loop(arguments, contestant), *_in_trainer(arguments), *_in_lightning(arguments)],
        "keras": lambda: [f"model.fit(..., callbacks=[gs.keras.Scheduler({arguments})])"],
        "jax": lambda: [f"optimizer = optax.adamw({_curve(contestant, steps)})  # or your optimizer"],
        None: lambda: [f"rates = ({_curve(contestant, steps)}).sample({steps})  # the rate of each update"],
    }[framework]()
    return [*lines, *_besides(contestant, framework)]


def _curve(contestant: Contestant, steps: int) -> str:
    """The rate as a function of the update."""
    schedule = contestant.schedule
    curve = schedule.schedule if isinstance(schedule, Controlled) else schedule
    return f'{contestant.peak!r} * gs.parse("{curve}").over({steps})'


def _in_loop(arguments: str, contestant: Contestant) -> list[str]:
    lines = [
        f"scheduler = gs.torch.Scheduler(optimizer, {arguments})",
        "scheduler.step()  # after each optimizer.step()",
    ]
    if contestant.optimizer is not None:
        name = contestant.optimizer
        lines.insert(0, f'optimizer = gs.torch.automatic("{name}", model.parameters())  # with the options of the job')
    return lines


def _in_trainer(arguments: str) -> list[str]:
    return [f"Trainer(..., callbacks=[gs.transformers.Callback({arguments})])  # Hugging Face"]


def _in_lightning(arguments: str) -> list[str]:
    return [f"return gs.lightning.scheduled(self, optimizer, {arguments})  # Lightning, in configure_optimizers"]


def _growing(text: str, steps: int, contestant: Contestant) -> list[str]:
    return [
        f'# {text} over {steps} updates at {contestant.peak!r}: see "Decay paid in batch size" in the documentation'
    ]


def _besides(contestant: Contestant, framework: str | None) -> list[str]:
    """What else the training has: a guard, or feedback, and an average of the weights."""
    lines = []
    schedule = contestant.schedule
    if isinstance(schedule, Controlled):
        if schedule.guard is not None and framework == "torch":
            lines.append("guard = gs.torch.Guard(model, scheduler)  # guard.step(loss) after scheduler.step()")
        if framework in ("jax", None):
            lines.append(f"# the search also had the feedback {' * '.join(map(str, schedule.feedbacks))}")
    if contestant.average is not None:
        lines.append(f"# measured with averaged weights, {contestant.average}")
    return lines
