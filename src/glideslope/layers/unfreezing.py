"""Gradual unfreezing: layers join the training one after the other, those near the output first."""

from __future__ import annotations

from glideslope.documents import shown
from glideslope.errors import LayerError
from glideslope.layers.multipliers import Multipliers
from glideslope.plural import plural
from glideslope.schedules import Schedule, parse, piecewise
from glideslope.schedules.durations import Duration, Time, duration
from glideslope.schedules.numbers import is_count, plain


def unfreezing(schedule: Schedule | str, layers: int, every: Time, first: int = 1) -> list[Schedule]:
    """A schedule for each layer, counted from the input: 0 until the layer joins, then the schedule's factor.

    Make groups with `gs.torch.groups(model, multipliers, lr=…, merge=False)`, whose multipliers are in the order of the
    layers (`by_depth`), and give the scheduler the list `[schedules[group["layer"]] for group in groups]`. A rate of 0
    leaves weights as they are, weight decay included; gradients are still computed.

    Args:
        schedule: of the layers that have joined.
        layers: the number of layers.
        every: between one layer and the next: updates, or a duration such as "1ep" or "10%".
        first: the number of layers that are trained from the start.

    Source: Howard & Ruder 2018, arXiv:1801.06146, section 3.3.

    Raises:
        LayerError: a number is out of its range, or something multiplies the schedule, as a feedback does.
        ScheduleError: the text of the schedule, or of the duration, can't be read.

    >>> import glideslope as gs
    >>> for schedule in gs.layers.unfreezing(gs.linear(), 3, every="25%"):
    ...     print(schedule.over(4).sample(4))
    [0.   0.   0.5  0.25]
    [0.   0.75 0.5  0.25]
    [1.   0.75 0.5  0.25]
    """
    layers, first = plain(layers), plain(first)
    if isinstance(layers, Multipliers):
        raise LayerError(f"layers are multipliers: give how many there are, layers={len(layers.layers)}")
    for name, number in (("layers", layers), ("first", first)):
        if not is_count(number, 100_000):
            raise LayerError(f"{name}={shown(number)}: give a whole number of layers")
    if not (layers >= 1 and 1 <= first <= layers):
        raise LayerError(
            f"{plural(layers, 'layer')}, of which the first={first} are trained from the start: give 1 to {layers}"
        )
    step = duration(every)
    if not step.value > 0:
        raise LayerError(f"every={every!r}: give a positive duration")
    whole = parse(schedule) if isinstance(schedule, str) else schedule
    if not isinstance(whole, Schedule):
        raise LayerError(f"{whole!r}: layers join a schedule, without what multiplies it")
    waits = [max(layers - first - i, 0) for i in range(layers)]
    return [whole * piecewise([0, 1], [Duration(n * step.value, step.unit)]) if n else whole for n in waits]
