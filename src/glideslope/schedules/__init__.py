"""The rate as a pure function of the step."""

from glideslope.schedules.cycles import one_cycle
from glideslope.schedules.decays import cosine, exponential, inverse_sqrt, linear, polynomial, power
from glideslope.schedules.durations import Clock, Duration
from glideslope.schedules.phases import constant, cooldown, hold, piecewise, warmup
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.text import parse

__all__ = [
    "Clock",
    "Duration",
    "Schedule",
    "constant",
    "cooldown",
    "cosine",
    "exponential",
    "hold",
    "inverse_sqrt",
    "linear",
    "one_cycle",
    "parse",
    "piecewise",
    "polynomial",
    "power",
    "warmup",
]
