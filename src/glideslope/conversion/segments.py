"""The parts of a schedule that other libraries can express: lines, cosines, powers and steps, one after another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np

from glideslope.schedules import Schedule
from glideslope.schedules.combined import Scaled
from glideslope.schedules.durations import Frame, time_of
from glideslope.schedules.extension import unfolded
from glideslope.schedules.horizon import Over
from glideslope.schedules.named import Named
from glideslope.schedules.sampling import sampled
from glideslope.schedules.sequence import Sequence
from glideslope.schedules.units import in_updates


@dataclass(frozen=True)
class Segment:
    """A part of a schedule, `length` updates long, which may be a fraction."""

    kind: str
    start: float
    end: float
    arguments: dict[str, Any]
    length: float


def segments(schedule: Schedule, steps: int) -> list[Segment] | None:
    """The parts of a schedule over so many updates; None if others don't know a kind of them, or it isn't their sum."""
    frame, inner = Frame(steps), schedule
    if isinstance(inner, Over):
        frame, inner = Frame(inner.length(Frame()), inner.clock), inner.schedule
    scale = 1.0
    if isinstance(inner, Scaled):
        scale, inner = inner.scale, inner.schedule
    parts = unfolded(inner)
    try:
        lengths = Sequence(parts).shared_out(frame, frame.horizon or steps)
    except ValueError:
        return None
    unscaled: list[Segment] = []
    for part, length in zip(parts, lengths, strict=True):
        begin = unscaled[-1].end if unscaled else 1.0
        segment = _segment(in_updates(part, frame), frame, begin, length)
        if segment is None:
            return None
        unscaled.append(segment)
    scaled = [Segment(s.kind, scale * s.start, scale * s.end, s.arguments, s.length) for s in unscaled if s.length > 0]
    if not scaled:
        return None
    t = np.append(sampled(schedule, steps)[0], steps)
    theirs, ours = _factors(scaled, t), schedule.within(steps)(t)
    return scaled if np.abs(theirs - ours).max() <= 1e-13 * max(ours.max(), 1e-300) else None


def starts(parts: list[Segment]) -> list[float]:
    """When each begins, in updates."""
    return [0.0, *accumulate(part.length for part in parts[:-1])]


def stairs(part: Segment) -> bool:
    """Whether an exponential segment goes down in steps."""
    return bool(part.arguments.get("staircase", True))


def every(part: Segment) -> float:
    """The timescale of an exponential segment; `step` calls it every."""
    return float(part.arguments["every" if "every" in part.arguments else "timescale"])


def _factors(parts: list[Segment], t: np.ndarray) -> np.ndarray:
    """The factors of the parts at updates of shape (n,)."""
    values = np.full(t.shape, np.nan)
    for part, start in zip(parts, starts(parts), strict=True):
        inside = t >= start
        since = t[inside] - start
        x, a, b = np.clip(since / part.length, 0.0, 1.0), part.start, part.end
        match part.kind:
            case "line":
                values[inside] = a * (1 - x) + b * x
            case "cosine":
                values[inside] = b + (a - b) * (1 + np.cos(np.pi * x)) / 2
            case "polynomial":
                values[inside] = b + (a - b) * (1 - x) ** part.arguments["power"]
            case "exponential":
                periods = since / every(part)
                values[inside] = a * part.arguments["ratio"] ** (np.floor(periods) if stairs(part) else periods)
    return values


def _segment(part: Schedule, frame: Frame, begin: float, length: float) -> Segment | None:
    scale = 1.0
    if isinstance(part, Scaled):
        scale, part = part.scale, part.schedule
    if not isinstance(part, Named) or part.subject is not None:
        return None
    arguments = dict(part.arguments)
    shape = arguments.get("shape", "linear")
    match part.name:
        case "constant":
            return Segment("line", scale * arguments["factor"], scale * arguments["factor"], arguments, length)
        case "hold":
            return Segment("line", scale * begin, scale * begin, arguments, length)
        case "linear":
            return Segment("line", scale * arguments["start"], scale * arguments["final"], arguments, length)
        case "warmup" if shape == "linear":
            return Segment("line", scale * arguments["start"], scale * arguments["peak"], arguments, length)
        case "cooldown" if shape in ("linear", "cosine"):
            kind = "line" if shape == "linear" else "cosine"
            return Segment(kind, scale * begin, scale * arguments["final"], arguments, length)
        case "cosine" if arguments["exponent"] == 1:
            return Segment("cosine", scale, scale * arguments["final"], arguments, length)
        case "polynomial":
            return Segment("polynomial", scale, scale * arguments["final"], arguments, length)
        case "exponential" | "step" if arguments.get("duration") is None:
            name = "every" if part.name == "step" else "timescale"
            arguments[name] = frame.updates(time_of(arguments[name]))
            segment = Segment("exponential", scale, scale, arguments, length)
            return replace(segment, end=float(_factors([segment], np.array([length]))[0]))
    return None
