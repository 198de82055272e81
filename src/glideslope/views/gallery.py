"""Every schedule, with a picture of each."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from rich.table import Table

from glideslope.schedules import Clock, parse
from glideslope.schedules.names import NAMES
from glideslope.views.curves import Curve
from glideslope.views.terminal import braille

STEPS = 400
EXAMPLES = {
    "chebyshev": "chebyshev(16).stretch(25)", "cooldown": "hold() >> cooldown(40%)",
    "cosine_restarts": "cosine_restarts(15%)", "exp_range": "exp_range(12%, ratio=0.995)",
    "exponential": "exponential(25%, ratio=0.3)", "hold": "warmup(30%) >> hold()",
    "hyperbolic": "hyperbolic(bound=500)", "interpolate": "interpolate([0, 100, 250, 400], [0.2, 1, 0.4, 0.6])",
    "inverse_sqrt": "inverse_sqrt(10%)", "inverse_time": "inverse_time(20%)", "log_warmup": "log_warmup(400)",
    "multistep": "multistep(ratio=0.4)", "noam": "22 * noam(100)", "piecewise": "piecewise([1, 0.5, 0.2], [40%, 70%])",
    "power": "power(20%)", "step": "step(20%, ratio=0.6)", "triangular": "triangular(12%)",
    "triangular2": "triangular2(12%)", "warmup": "warmup(30%)", "wsd": "wsd(10%, 30%)",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A schedule of the gallery: how it is called, an example, what it is, and the example's rates."""

    call: str
    example: str
    summary: str
    curve: Curve


def entries() -> list[Entry]:
    """Every named schedule, in the order of the alphabet."""
    gallery = []
    for name, make in sorted(NAMES.items()):
        example = EXAMPLES.get(name, f"{name}()")
        summary = (inspect.getdoc(make) or "").partition("\n")[0]
        call = f"{name}({', '.join(inspect.signature(make).parameters)})"
        gallery.append(Entry(call, example, summary, Curve.of(parse(example), STEPS, 1.0, Clock())))
    return gallery


def table(gallery: list[Entry]) -> Table:
    """The gallery for a terminal."""
    grid = Table(show_lines=True)
    for title in ("schedule", "", "what it is"):
        grid.add_column(title)
    for entry in gallery:
        picture = "\n".join(
            "".join(row) for row in braille(entry.curve.at, entry.curve.rates, 24, 3, 0.0, max(entry.curve.rates))
        )
        grid.add_row(entry.example, picture, entry.summary.partition(":")[0].removesuffix("."))
    return grid
