"""Numbers that a user gives or a job returns: Python's, NumPy's, arrays and tensors of no dimension."""

from __future__ import annotations

import math
import operator
import sys
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from glideslope.documents import shown
from glideslope.errors import GlideslopeError, SearchError

_ADVICE = "and must give a number: return a float, or a scalar on its device"
_SHOWN = 60  # characters of a value that a message shows
_NOT_REAL = ("bool", "complex", "str", "bytes", "datetime", "timedelta", "void", "U", "S", "[")
"""The types of array elements that aren't real numbers, by how their names begin."""


def number(value: Any) -> float:
    """A loss or a metric as a float: any real number, or an array or tensor of no dimension that holds one. Raises a
    TypeError, which names the value, if it is no number or a float can't hold it.

    >>> import numpy as np
    >>> number(np.float16(0.5)), number(np.array(2)), number(float("nan"))
    (0.5, 2.0, nan)
    >>> number(np.array([0.5]))
    Traceback (most recent call last):
    TypeError: it gave array([0.5]), of shape (1,), and must give a number: return loss.item() or loss.mean()
    """
    if isinstance(value, float):
        return float(value)
    _check(value)
    if getattr(value, "requires_grad", False):
        value = value.detach()
    try:
        result = float(value)
    except OverflowError:
        raise TypeError(f"it gave {shown(value, _SHOWN)}, which is beyond the largest float") from None
    except Exception as error:
        raise TypeError(f"it gave {shown(value, _SHOWN)}, {_ADVICE} ({error})") from error
    if math.isinf(result) and _is_finite(value):
        raise TypeError(f"it gave {shown(value, _SHOWN)}, which is beyond the largest float")
    return result


def kept(value: Any) -> Any:
    """What `number` will read later. A job may return the same tensor each time, as a captured graph does, and write
    the next loss into it. So a scalar on a device is copied there, which waits for nothing; any other is read now.
    Raises a TypeError if it is no number."""
    if isinstance(value, float):
        return float(value)
    if _is(value, "torch", "Tensor"):
        if not value.is_cpu:
            _check(value)
            return value.detach().clone()
        if not value.ndim and value.dtype.is_floating_point:  # nearly every loss, of which `number` takes longer
            return value.item()
    elif _is(value, "jax", "Array"):
        _check(value)
        return _copy_of_jax()(value)  # of memory that the next update may be given
    return number(value)


@cache
def _copy_of_jax() -> Any:
    """Copies an array of JAX; compiled, since that takes a twentieth of the time of the array's own method."""
    jax: Any = sys.modules["jax"]
    return jax.jit(jax.numpy.copy)


def _is(value: Any, module: str, name: str) -> bool:
    """Whether a value is of a type of a module, which isn't imported for that."""
    return isinstance(value, getattr(sys.modules.get(module), name, ()))


def _check(value: Any) -> None:
    """Raises for what is no real number, as far as that is known without reading it from a device."""
    shape = getattr(value, "shape", None)
    if shape is not None and not callable(shape):
        if len(shape):
            raise TypeError(
                f"it gave {shown(value, _SHOWN)}, of shape {tuple(shape)}, and must give a number: return loss.item() "
                "or loss.mean()"
            )
        element = _element(getattr(value, "dtype", ""))
        if element == "object":
            _check(value.item())
        elif element.startswith(_NOT_REAL):
            raise TypeError(f"it gave {shown(value, _SHOWN)}, of {element}, {_ADVICE}")
    elif isinstance(value, bool) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        advice = "and must give a number: return sum / count" if isinstance(value, tuple) else _ADVICE
        raise TypeError(f"it gave {shown(value, _SHOWN)}, of type {type(value).__name__}, {advice}")


@cache
def _element(dtype: Any) -> str:
    """The name of a type of array elements, as NumPy and torch have it."""
    return str(dtype).removeprefix("torch.").lstrip("<>|=")


def _is_finite(value: Any) -> bool:
    """Whether a value whose float is infinite is finite itself: one of more range than a float has."""
    if isinstance(value, int | Fraction | Decimal):
        return not isinstance(value, Decimal) or value.is_finite()
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.longdouble | numpy.ndarray) and bool(numpy.isfinite(value))


def whole(name: str, value: Any, error: type[GlideslopeError] = SearchError) -> int:
    """A whole number as an int. Raises the error if it isn't one.

    >>> import numpy as np
    >>> whole("steps", np.int64(100)), whole("steps", 100.0)
    (100, 100)
    """
    if not isinstance(value, bool | str | bytes):
        with suppress(TypeError):
            return operator.index(value)
        with suppress(TypeError, ValueError, OverflowError):
            if float(value) == int(value):
                return int(value)
    raise error(f"{name}={shown(value)}: give a whole number")
