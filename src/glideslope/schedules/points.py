"""Schedules from points, files and functions."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable
from collections.abc import Sequence as SequenceOf
from itertools import pairwise
from pathlib import Path
from typing import Any

from glideslope.documents import shown
from glideslope.errors import ScheduleError, reason
from glideslope.plural import plural
from glideslope.schedules.checks import check_factor
from glideslope.schedules.durations import Duration, Time, is_explicit, number_text, time_of
from glideslope.schedules.names import named
from glideslope.schedules.primitives import Function, Table
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.shapes import shape


@named
def interpolate(times: SequenceOf[Time], values: SequenceOf[float], *, between: str = "linear") -> Schedule:
    """Factors at given times, with a shape from one to the next.

    Args:
        times: when, two or more, all in one unit, rising; a point may lie within an update.
        values: the factor at each; the first holds before it, the last after it.
        between: "linear", "cosine" or any other shape of `cooldown`, or "step": the earlier value until the next time.

    Raises:
        ScheduleError: fewer than two times, not as many values, times that don't rise or mix units, or times that are
            fractions of the horizon rather than updates.

    >>> schedule = interpolate([0, 10, 30], [0, 1, 0.5])
    >>> [schedule(t) for t in (5, 20, 99)]
    [0.5, 0.75, 0.5]
    """
    durations = tuple(map(time_of, times))
    if len(durations) < 2 or len(durations) != len(values):
        raise ScheduleError(
            f"{plural(len(durations), 'time')} and {plural(len(values), 'value')}: give two or more, as "
            "many of one as the other"
        )
    if len({time.unit for time in durations if time.value}) > 1:
        raise ScheduleError(f"times {', '.join(map(str, durations))}: give all in the same unit")
    if late := next((b for a, b in pairwise(durations) if a.value >= b.value), None):
        raise ScheduleError(f"times: {late} comes after a later one or the same: they must rise")
    _check_updates(times, durations)
    for value in values:
        check_factor("values", value)
    return Table(durations, tuple(map(float, values)), None if between == "step" else shape(between))


def _check_updates(times: SequenceOf[Time], read: SequenceOf[Duration]) -> None:
    """Raises where all times are within the first update, and some in the middle of it: they are fractions."""
    within = [
        time for time, text in zip(read, times, strict=True) if time.is_part_of_an_update and not is_explicit(text)
    ]
    if within and not read[-1].unit and read[-1].value <= 1:
        raise ScheduleError(
            f"times up to {read[-1]} are all within the first update: did you mean "
            f"'{number_text(100 * within[0].value)}%' of the horizon? Multiply fractions by 100 and write them with a %"
        )


def from_points(points: Iterable[tuple[Time, float]], *, between: str = "linear") -> Schedule:
    """`interpolate` through (time, factor) pairs.

    >>> from_points([(0, 1), (100, 0)])(25)
    0.75
    """
    try:
        times, values = [], []
        for time, value in points:
            times.append(time)
            values.append(value)
    except (TypeError, ValueError):
        raise ScheduleError(f"points {shown(points, 80)}: give pairs of time and factor, [(0, 1), (100, 0)]") from None
    return interpolate(times, values, between=between)


def from_csv(path: str | Path, *, between: str = "linear") -> Schedule:
    """`interpolate` through the rows of a file of two columns, updates made and the factor or rate; a header may lead.

    A first row is a header if none of its cells is a number, or looks like a mistyped one, such as 0.l. Raises a
    ScheduleError if the file is missing, or a row isn't two numbers; the message has its line."""
    if not isinstance(path, str | os.PathLike):
        raise ScheduleError(f"{shown(path, 80)} isn't the path of a file")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScheduleError(f"{path} can't be read: {reason(error)}") from error
    points = []
    if rows and len(rows[0][1]) > 1 and not any(map(_resembles_number, rows[0][1])):  # a header
        if rows[0][1][1].strip().lower() in _TIMES:
            raise ScheduleError(f"{path}, line {rows[0][0]}: {','.join(rows[0][1])!r}: give the columns as step,lr")
        rows = rows[1:]
    for line, row in rows:
        try:
            time, value = (float(cell) for cell in row)
        except ValueError:
            time = value = math.nan
        if not (math.isfinite(time) and math.isfinite(value)):
            raise ScheduleError(f"{path}, line {line}: {','.join(row)!r} isn't two numbers, step,lr")
        points.append((time, value))
    try:
        return from_points(points, between=between)
    except ScheduleError as error:
        raise ScheduleError(f"{path}: {error}") from None


_TIMES = ("step", "steps", "update", "updates", "iteration", "iter", "t", "time")


def _resembles_number(cell: str) -> bool:
    """Whether a cell begins as a number does, or is one but for letters in the place of digits.

    >>> [_resembles_number(cell) for cell in ("0.5", "1e-3x", "O.5", "l0", ".5", "nan", "step", "lr")]
    [True, True, True, True, True, True, False, False]
    """
    text = cell.strip().lstrip("\"'+-(")
    try:
        float(text.translate(str.maketrans("OolI,", "0011.")))
    except ValueError:
        return text.lstrip(".,")[:1].isdigit()
    return True


def from_function(function: Callable[[Any], Any]) -> Schedule:
    """A schedule of a Python function of the updates made; it has no text form.

    Args:
        function: from updates made, a number, to the factor. For arrays it must be written with array operations.

    Raises:
        ScheduleError: it isn't callable.

    >>> from_function(lambda t: 0.5 ** (t // 100))(250)
    0.25
    """
    if not callable(function):
        raise ScheduleError(f"from_function({function!r}): give a function of the updates made")
    return Function(function)
