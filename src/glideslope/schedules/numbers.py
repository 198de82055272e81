"""Numbers as they come: NumPy's, arrays of no dimensions, and as people write them, `10_000`, `1e4`, `10k`, `2M`."""

from __future__ import annotations

import math
import re
import sys
from decimal import Decimal
from typing import Any, TypeGuard

from glideslope.errors import ScheduleError

MOST_UPDATES = 2**53  # the most updates that are counted exactly, in float64
NUMBER = r"(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
MULTIPLES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
"""The factor of a letter after a number; m would be a thousandth as well as a million, so it stands for neither."""
_WRITTEN = re.compile(rf"\s*([+-]?{NUMBER})\s*([kKMBT]?)\s*", re.ASCII)


def written(text: str) -> Decimal:
    """The number that a text is. Raises a ValueError for any other text.

    >>> [float(written(text)) for text in ("10_000", "1e4", "10k", "1.5M", "7B", ".5")]
    [10000.0, 10000.0, 10000.0, 1500000.0, 7000000000.0, 0.5]
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number")
    try:
        number = Decimal(match[1])
        return number * MULTIPLES[match[2]] if match[2] else number  # a product is rounded
    except ArithmeticError:  # an exponent beyond all numbers
        return Decimal("infinity").copy_sign(Decimal(-1 if match[1].startswith("-") else 1))


def number(cell: Any) -> float:
    """The number in a cell of a table: what `float` reads, or a text as people write it. Raises a ValueError or a
    TypeError for another cell.

    >>> number("124M"), number("1e-3"), number("inf"), number(3)
    (124000000.0, 0.001, inf, 3.0)
    """
    try:
        return float(cell)
    except ValueError:
        return float(written(cell))


def short(number: float) -> str:
    """A number as a message shows it, however many digits it has.

    >>> short(0.1), short(10**5000)  # of which `str` makes no text
    ('0.1', '1.00e5000')
    """
    if isinstance(number, int) and abs(number) >= 10**20:
        return f"{Decimal(number):.2e}".replace("+", "")
    text = str(number)
    return text if len(text) <= 20 else f"{text[:20]}…"


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a number of Python's, which a bool isn't here.

    >>> is_number(1), is_number(0.5), is_number(True), is_number("1")
    (True, True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: Any, most: float = MOST_UPDATES) -> bool:
    """Whether a value is a whole number from 0 to another, of Python's or as `plain` takes it."""
    value = plain(value)
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def is_finite(value: float) -> bool:
    """Whether a number is finite as a float: a Python integer may be too large for one.

    >>> is_finite(1), is_finite(10**400), is_finite(float("nan"))
    (True, False, False)
    """
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def plain(value: Any) -> Any:
    """A NumPy number, or a NumPy, torch or JAX array of no dimensions, as a Python number; anything else as it is.
    Raises a ScheduleError if JAX traces it: its number isn't known yet, or under `jax.grad` would lose its gradient.

    >>> import numpy as np
    >>> plain(np.int64(100)), plain(np.array(0.5)), plain("5%")
    (100, 0.5, '5%')
    """
    if type(value) in (float, int, str):
        return value
    if (jax := sys.modules.get("jax")) is not None and isinstance(value, jax.core.Tracer):
        raise ScheduleError(
            f"a number that JAX traces ({value.aval.str_short()}) where one is needed that is known beforehand: a "
            "traced peak multiplies what the schedule gives, lambda t: peak * schedule(t)"
        )
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
