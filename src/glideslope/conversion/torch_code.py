"""Code of a torch scheduler that is a schedule: for torch, transformers and DeepSpeed."""

from __future__ import annotations

from glideslope.conversion.segments import Segment, every, segments, stairs, starts
from glideslope.conversion.tables import table
from glideslope.plural import plural
from glideslope.schedules import Schedule


def torch_code(schedule: Schedule, steps: int, peak: float, rows: int) -> str:
    parts = segments(schedule, steps)
    call = _torch_class(parts[0], peak) if parts and len(parts) == 1 else None
    if call is None:
        return lambda_code(schedule, steps, rows, parts, "torch has no class for this schedule")
    return (
        f"# {schedule}, {plural(steps, 'update')}; the optimizer's rate is {peak!r}\n"
        "from torch.optim import lr_scheduler\n\n\n"
        f"def make(optimizer):\n    return lr_scheduler.{call}\n"
    )


def _torch_class(part: Segment, peak: float) -> str | None:
    """The class that is this segment at every update; they count in whole updates, and from the optimizer's rate."""
    match part:
        case Segment("line", 1.0, 1.0):
            return "ConstantLR(optimizer, factor=1.0, total_iters=0)"
        case Segment("line", start, end, _, length) if 0 < start <= 1 and end <= 1 and length == int(length):
            return f"LinearLR(optimizer, start_factor={start!r}, end_factor={end!r}, total_iters={int(length)})"
        case Segment("polynomial", 1.0, 0.0, arguments, length) if length == int(length):
            return f"PolynomialLR(optimizer, total_iters={int(length)}, power={arguments['power']!r})"
        case Segment("exponential", 1.0, _, {"staircase": False, "timescale": scale, "ratio": ratio}):
            return f"ExponentialLR(optimizer, gamma={ratio ** (1 / scale)!r})"
        case Segment("exponential", 1.0, _, arguments) if every(part) == int(every(part)):
            return f"StepLR(optimizer, step_size={int(every(part))}, gamma={arguments['ratio']!r})"
    # CosineAnnealingLR climbs again after its end, so it would not be this schedule beyond it.
    return None


def lambda_code(schedule: Schedule, steps: int, rows: int, parts: list[Segment] | None, why: str) -> str:
    """A LambdaLR: of formulas where there are, else of a table."""
    head = f"# {schedule!r}, {plural(steps, 'update')}. {why}: this is a LambdaLR of its factor.\n"
    if parts and (body := _formulas(parts)):
        code = f"import math\n\nfrom torch.optim.lr_scheduler import LambdaLR\n\n\ndef factor(t):\n{body}"
    else:
        code = (
            "import numpy as np\nfrom torch.optim.lr_scheduler import LambdaLR\n\n"
            f"# A table, with straight lines between its points.\n{table(schedule, steps, 1.0, rows)}\n\n"
            "def factor(t):\n    return float(np.interp(t, TIMES, VALUES))\n"
        )
    return f"{head}{code}\n\ndef make(optimizer):\n    return LambdaLR(optimizer, factor)\n"


def _formulas(parts: list[Segment]) -> str | None:
    """The body of a function of t, a branch for each segment."""
    lines = []
    for i, (part, start) in enumerate(zip(parts, starts(parts), strict=True)):
        formula = _formula(part, f"(t - {start!r})" if start else "t")
        if formula is None:
            return None
        last = i == len(parts) - 1
        lines.append(
            f"    return {formula}\n" if last else f"    if t < {start + part.length!r}:\n        return {formula}\n"
        )
    return "".join(lines)


def _formula(part: Segment, t: str) -> str | None:
    x, a, b = f"min({t} / {part.length!r}, 1.0)", part.start, part.end
    match part.kind:
        case "line":
            return f"{a!r}" if a == b else f"{a!r} + {b - a!r} * {x}"
        case "cosine":
            return f"{b!r} + {a - b!r} * (1 + math.cos(math.pi * {x})) / 2"
        case "polynomial":
            return f"{b!r} + {a - b!r} * (1 - {x}) ** {part.arguments['power']!r}"
        case "exponential":
            power = f"{t} {'//' if stairs(part) else '/'} {every(part)!r}"
            return f"{a!r} * {part.arguments['ratio']!r} ** ({power})"
    return None


def transformers_code(schedule: Schedule, steps: int, peak: float, rows: int) -> str:
    parts = segments(schedule, steps) or []
    whole = all(part.length == int(part.length) for part in parts)
    call = _transformers_call(parts, steps) if whole else None
    if call is None:
        return lambda_code(schedule, steps, rows, parts, "transformers has no name for this schedule")
    return (
        f"# {schedule}, {plural(steps, 'update')}; the optimizer's rate is {peak!r}\n"
        f"from transformers import get_scheduler\n\n\ndef make(optimizer):\n    return get_scheduler({call})\n"
    )


def _transformers_call(parts: list[Segment], steps: int) -> str | None:
    warm = 0
    match parts:
        case [Segment("line", 0.0, 1.0) as first, *rest]:
            warm, parts = int(first.length), rest
    training = f"num_warmup_steps={warm}, num_training_steps={steps}"
    match parts:
        case [Segment("line", 1.0, 1.0)]:
            return f"'constant_with_warmup', optimizer, num_warmup_steps={warm}"
        case [Segment("line", 1.0, 0.0)] if warm + parts[0].length == steps:
            return f"'linear', optimizer, {training}"
        case [Segment("cosine", 1.0, low)] if warm + parts[0].length == steps:
            lowest = f", scheduler_specific_kwargs={{'min_lr_rate': {low!r}}}" if low else ""
            return f"'{'cosine_with_min_lr' if low else 'cosine'}', optimizer, {training}{lowest}"
        case [Segment("line", 1.0, 1.0), Segment("line" | "cosine" as kind, 1.0, 0.0)] if (
            warm + parts[0].length + parts[1].length == steps
        ):
            specific = {"num_decay_steps": int(parts[1].length), "decay_type": {"line": "linear"}.get(kind, kind)}
            return f"'warmup_stable_decay', optimizer, {training}, scheduler_specific_kwargs={specific}"
    return None
