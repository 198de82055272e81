"""The rate as a pure function of the step."""

from glideslope.schedules.combined import largest as max
from glideslope.schedules.combined import smallest as min
from glideslope.schedules.cycles import (  # fmt: skip
    chebyshev,
    cosine_hard_restarts,
    cosine_restarts,
    exp_range,
    one_cycle,
    slanted_triangular,
    three_phase_one_cycle,
    triangular,
    triangular2,
    two_phase_one_cycle,
)
from glideslope.schedules.decays import cosine, hyperbolic, k_decay, linear, polynomial, rex, tanh
from glideslope.schedules.durations import Clock, Duration
from glideslope.schedules.phases import (  # fmt: skip
    constant,
    cooldown,
    flat_cosine,
    hold,
    log_warmup,
    multistep,
    piecewise,
    trapezoid,
    warmup,
    wsd,
)
from glideslope.schedules.points import from_csv, from_function, from_points, interpolate
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.text import parse
from glideslope.schedules.timescales import (  # fmt: skip
    exponential,
    inverse_sqrt,
    inverse_time,
    noam,
    polynomial_cycles,
    power,
    step,
)

__all__ = [
    "Clock", "Duration", "Schedule", "chebyshev", "constant", "cooldown", "cosine", "cosine_hard_restarts",
    "cosine_restarts", "exp_range", "exponential", "flat_cosine", "from_csv", "from_function", "from_points", "hold",
    "hyperbolic", "interpolate", "inverse_sqrt", "inverse_time", "k_decay", "linear", "log_warmup", "max", "min",
    "multistep", "noam", "one_cycle", "parse", "piecewise", "polynomial", "polynomial_cycles", "power", "rex",
    "slanted_triangular", "step", "tanh", "three_phase_one_cycle", "trapezoid", "triangular", "triangular2",
    "two_phase_one_cycle", "warmup", "wsd",
]  # fmt: skip
