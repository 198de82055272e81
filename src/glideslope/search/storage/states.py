"""The state of a job in a file, without pickle: torch's own file where it holds tensors, else arrays and JSON.

A `.pt` file is what `torch.load(file, weights_only=True)` reads. A `.npz` file has NumPy's arrays, and the rest of the
state as JSON in an array of bytes. What only a class of the job can hold, such as a named tuple of Optax, is
put into the state that the job has when the file is read.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from json import dumps
from typing import Any, BinaryIO, Literal

import numpy as np

from glideslope.documents import parsed
from glideslope.errors import DocumentError
from glideslope.search.storage.trees import Arrays, joined, taken_apart

Form = Literal["pt", "npz"]
FORMS: tuple[Form, ...] = ("pt", "npz")
_TREE = "state"  # the name of the array with the JSON
_PLAIN = (bool, str, bytes, int, float, complex, type(None))


def form_of(state: Any) -> Form:
    """The form of a state's file. Raises a DocumentError that names the value which has no safe form."""
    torch = sys.modules.get("torch")
    if torch is not None and _has_tensors(state, torch) and _is_plain(state, torch):
        return "pt"
    taken_apart(state, {})
    return "npz"


def write(state: Any, form: Form, file: BinaryIO) -> None:
    """Writes a state. Raises a DocumentError if it has no such form."""
    if form == "pt":
        sys.modules["torch"].save(state, file)
        return
    arrays: Arrays = {}
    tree = dumps(taken_apart(state, arrays), allow_nan=False)
    np.savez(file, allow_pickle=False, **{_TREE: np.frombuffer(tree.encode(), np.uint8), **arrays})


def read(file: BinaryIO, form: str, like: Any, name: str) -> Any:
    """The state in a file, with the classes of `like`, a state of the same job. Raises a DocumentError."""
    try:
        if form == "pt":
            if "torch" not in sys.modules:  # a job that has tensors has imported it
                raise DocumentError(f"{name} holds torch's tensors, and this job has none")
            return sys.modules["torch"].load(file, weights_only=True)
        with np.load(file, allow_pickle=False) as arrays:
            tree = parsed(arrays[_TREE].tobytes())
            return joined(tree, {name: arrays[name] for name in arrays.files}, like)
    except DocumentError:
        raise
    except Exception as error:  # of a damaged file, whatever the reader trips over
        raise DocumentError(f"{name} can't be read: {type(error).__name__}: {error}") from error


def size(state: Any) -> int:
    """About how many bytes of arrays and tensors a state holds."""
    if isinstance(state, dict):
        return sum(map(size, state.values()))
    if isinstance(state, list | tuple):
        return sum(map(size, state)) if len(state) < 10_000 else 8 * len(state)
    nbytes = getattr(state, "nbytes", 0)
    return nbytes if isinstance(nbytes, int) else 0


def _has_tensors(value: Any, torch: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_tensors(item, torch) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has_tensors(item, torch) for item in value)
    return isinstance(value, torch.Tensor)


def _is_plain(value: Any, torch: Any) -> bool:
    """Whether a value is of types that torch reads with weights_only=True."""
    kind = type(value)
    if kind in (dict, OrderedDict):
        return all(_is_plain(key, torch) and _is_plain(item, torch) for key, item in value.items())
    if kind in (list, tuple, set):
        return all(_is_plain(item, torch) for item in value)
    return kind in (*_PLAIN, torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype, torch.device)
