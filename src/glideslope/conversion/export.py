"""Our schedules as runnable code or configuration for other libraries."""

from __future__ import annotations

import json
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import numpy as np

from glideslope.conversion.from_configuration import from_deepspeed
from glideslope.conversion.segments import Segment, every, segments, stairs, starts
from glideslope.conversion.tables import table, values_at
from glideslope.conversion.torch_code import lambda_code, torch_code, transformers_code
from glideslope.errors import ConversionError
from glideslope.plural import plural
from glideslope.policy import as_policy
from glideslope.schedules import Schedule
from glideslope.schedules.amounts import real
from glideslope.schedules.checks import check_positive
from glideslope.schedules.numbers import MOST_UPDATES, plain, short

Writer = Callable[[Schedule, int, float, int], str]
"""From a schedule, the updates, the peak and the most rows of a table."""

MOST_ROWS = 1_000_000  # updates that a table is made of, at most, unless its caller says otherwise
_MOST_OF_KERAS = 10_000_000  # updates in a table for Keras, whose schedules look the rate up


def export(schedule: Schedule, steps: int, peak: float, to: str, most_rows: int = MOST_ROWS) -> str:
    """Code, or a configuration, that reproduces a schedule in another library.

    Args:
        schedule: the schedule.
        steps: the updates of the training, the horizon where the schedule has none.
        peak: the rate where the factor is 1.
        to: "torch", "optax", "keras", "transformers", "deepspeed" or "csv".
        most_rows: the most updates that a table lists one by one; of more it has some thousands, those where phases
            begin among them.

    Returns:
        Python code that defines `make(optimizer)`, which returns the scheduler (torch, transformers), or `schedule`
        (Optax, Keras); JSON for DeepSpeed if it has such a scheduler, else code of one for `deepspeed.initialize`; rows
        of step,lr. A schedule that the library has no class for becomes a table, with a comment that says so.

    Raises:
        ConversionError: the library is unknown, or the updates aren't a whole number.
        ScheduleError: the peak isn't positive.
    """
    steps, peak = plain(steps), plain(peak)
    if not isinstance(to, str) or to not in WRITERS:
        near = {"pytorch": "torch", "jax": "optax", "tensorflow": "keras", "tf": "keras", "hf": "transformers",
                "huggingface": "transformers"}.get(str(to).lower())  # fmt: skip
        near = near or next(iter(get_close_matches(str(to).lower(), WRITERS, 1)), None)
        hint = f"did you mean {near!r}?" if near else f"known are {', '.join(WRITERS)}"
        raise ConversionError(f"no export to {to!r}: {hint}")
    if not 1 <= real("steps", steps, ConversionError) <= MOST_UPDATES or steps != int(steps):
        raise ConversionError(f"steps={short(steps)}: give the updates of the training, a whole number, at least 1")
    check_positive("peak", peak)
    return WRITERS[to](as_policy(schedule).curve, int(steps), peak, most_rows)


def _optax(schedule: Schedule, steps: int, peak: float, rows: int) -> str:
    parts = segments(schedule, steps)
    calls = [_optax_function(part, peak) for part in parts or []]
    bounds = starts(parts or [])[1:]
    if not calls or None in calls or any(bound != int(bound) for bound in bounds):
        return (
            f"# {schedule!r}, {plural(steps, 'update')}, peak {peak!r}. Optax has no function for it: this "
            "is a table.\n"
            f"import jax.numpy as jnp\n\n{table(schedule, steps, peak, rows)}\n\n"
            "def schedule(count):\n    return jnp.interp(count, jnp.asarray(TIMES), jnp.asarray(VALUES))\n"
        )
    joined = ", ".join(str(code) for code in calls)
    code = f"optax.join_schedules([{joined}], {[int(bound) for bound in bounds]})" if len(calls) > 1 else joined
    return f"# {schedule}, {plural(steps, 'update')}, peak {peak!r}\nimport optax\n\nschedule = {code}\n"


def _optax_function(part: Segment, peak: float) -> str | None:
    start, end, length = peak * part.start, peak * part.end, part.length
    if part.kind in ("line", "cosine", "polynomial") and start != end and length != int(length):
        return None
    match part.kind:
        case "line" if start == end:
            return f"optax.constant_schedule({start!r})"
        case "line":
            return f"optax.linear_schedule({start!r}, {end!r}, {int(length)})"
        case "cosine" if start > 0:
            return f"optax.cosine_decay_schedule({start!r}, {int(length)}, alpha={end / start!r})"
        case "polynomial":
            return f"optax.polynomial_schedule({start!r}, {end!r}, {part.arguments['power']!r}, {int(length)})"
        case "exponential":
            return (
                f"optax.exponential_decay({start!r}, {every(part)!r}, {part.arguments['ratio']!r}, "
                f"staircase={stairs(part)})"
            )
    return None


def _keras(schedule: Schedule, steps: int, peak: float, rows: int) -> str:
    parts = segments(schedule, steps) or []
    head = f"# {schedule!r}, {plural(steps, 'update')}, peak {peak!r}"
    if (call := _keras_class(parts, peak)) is not None:
        return f"{head}\nimport keras\n\nschedule = keras.optimizers.schedules.{call}\n"
    if steps > _MOST_OF_KERAS:
        raise ConversionError(
            f"Keras has no class for this schedule, and {plural(steps, 'update', ',')} are too many for a table: use "
            "glideslope.keras.Schedule itself"
        )
    return (
        f"{head}. Keras has no class for this schedule: this is a table.\n"
        f"import keras\nimport numpy as np\n\n{table(schedule, steps, peak, rows)}\n\n"
        "class Table(keras.optimizers.schedules.LearningRateSchedule):\n"
        "    def __init__(self):\n"
        "        self.rates = np.interp(np.arange(TIMES[-1] + 1), TIMES, VALUES).astype('float32')\n\n"
        "    def __call__(self, step):\n"
        "        return keras.ops.take(self.rates, keras.ops.minimum(keras.ops.cast(step, 'int32'), TIMES[-1]))\n\n"
        "    def get_config(self):\n        return {}\n\n\nschedule = Table()\n"
    )


def _keras_class(parts: list[Segment], peak: float) -> str | None:
    match parts:
        case [Segment("cosine", start, end, _, length)] if start > 0:
            return f"CosineDecay({peak * start!r}, {length!r}, alpha={end / start!r})"
        case [Segment("line", first, top, _, warm), Segment("cosine", start, end, _, length)] if top == start > first:
            return (
                f"CosineDecay({peak * first!r}, {length!r}, alpha={end / start!r}, warmup_target={peak * top!r}, "
                f"warmup_steps={warm!r})"
            )
        case [Segment("line", start, end, _, length)] if start >= end:
            return f"PolynomialDecay({peak * start!r}, {length!r}, {peak * end!r}, power=1.0)"
        case [Segment("polynomial", start, end, arguments, length)]:
            return f"PolynomialDecay({peak * start!r}, {length!r}, {peak * end!r}, power={arguments['power']!r})"
        case [Segment("exponential", start, _, arguments) as part]:
            return (
                f"ExponentialDecay({peak * start!r}, {every(part)!r}, {arguments['ratio']!r}, staircase={stairs(part)})"
            )
    return None


def _deepspeed(schedule: Schedule, steps: int, peak: float, rows: int) -> str:
    at, factors = values_at(schedule, steps, rows)
    if (section := _deepspeed_section(at, peak * factors, steps, peak)) is not None:
        return json.dumps({"scheduler": section}, indent=2) + "\n"
    why = "DeepSpeed has no configuration for it; give make(optimizer) to deepspeed.initialize(lr_scheduler=...)"
    return lambda_code(schedule, steps, rows, segments(schedule, steps), why)


def _deepspeed_section(at: np.ndarray, rates: np.ndarray, steps: int, peak: float) -> dict[str, Any] | None:
    """The section that gives exactly these rates, DeepSpeed's lag of an update included; None if there is none. The
    rates, shape (n,), are of updates from 0 to `steps`, 0 and 1 and `steps` among them; `peak` is the optimizer's rate,
    which WarmupCosineLR multiplies."""
    for section in _deepspeed_candidates(at, rates, steps, peak):
        of = peak if section["type"] == "WarmupCosineLR" else 1.0
        theirs = of * np.asarray(from_deepspeed(section)(at))
        if np.abs(theirs - rates).max() <= 1e-12 * rates.max():
            return section
    return None


def _deepspeed_candidates(at: np.ndarray, rates: np.ndarray, steps: int, peak: float) -> list[dict[str, Any]]:
    """Configurations whose warmup ends where the rates are highest."""
    top = float(rates.max())
    warm = int(at[np.argmax(rates >= top * (1 - 1e-12))]) - 1
    if warm < 2:
        return []
    sections = []
    for kind in ("linear", "log"):
        updates = warm + (kind == "log")
        params: dict[str, Any] = {"warmup_num_steps": updates, "warmup_type": kind}
        ends = {"warmup_min_lr": float(rates[0]), "warmup_max_lr": top}
        sections.append({"type": "WarmupLR", "params": ends | params})
        for total in {steps, steps - 1}:
            sections.append({"type": "WarmupDecayLR", "params": ends | params | {"total_num_steps": total}})
            ratios = {"warmup_min_ratio": float(rates[1]) / peak, "cos_min_ratio": float(rates[-1]) / peak}
            sections.append({"type": "WarmupCosineLR", "params": ratios | params | {"total_num_steps": total}})
    return sections


def _csv(schedule: Schedule, steps: int, peak: float, rows: int) -> str:
    at, factors = values_at(schedule, steps, rows)
    pairs = zip(at[:-1].tolist(), (peak * factors[:-1]).tolist(), strict=True)
    return "step,lr\n" + "".join(f"{t},{rate!r}\n" for t, rate in pairs)


WRITERS: dict[str, Writer] = {
    "torch": torch_code,
    "optax": _optax,
    "keras": _keras,
    "transformers": transformers_code,
    "deepspeed": _deepspeed,
    "csv": _csv,
}
