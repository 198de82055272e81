"""A state taken apart into JSON and arrays, and joined again."""

from __future__ import annotations

import base64
import copy
import dataclasses
import math
import sys
from collections import OrderedDict, deque
from typing import Any

import numpy as np

from glideslope.documents import shown
from glideslope.errors import DocumentError

Arrays = dict[str, np.ndarray]
_DEEPEST = 60
_KINDS: dict[type, str] = {tuple: "tuple", set: "set", frozenset: "frozenset", deque: "deque"}
_SEQUENCES: dict[str, Any] = {name: kind for kind, name in _KINDS.items()}
_MAPPINGS: dict[str, Any] = {"dict": dict, "ordered": OrderedDict}
_MOST_BITS = 10_000


def taken_apart(value: Any, arrays: Arrays, place: str = "state", depth: int = 0) -> Any:
    """Plain JSON for a value; each array in it goes into `arrays`, under a new name. `place` and `depth` are where a
    part of a state is in it. Raises a DocumentError, which names the part, if one has no such form.

    >>> arrays = {}
    >>> tree = taken_apart({"w": np.ones(2), "order": (1, [float("inf")])}, arrays)
    >>> joined(tree, arrays, None)
    {'w': array([1., 1.]), 'order': (1, [inf])}
    """
    if depth > _DEEPEST:
        raise DocumentError(f"{place} is nested more than {_DEEPEST} deep")

    def part(item: Any, name: Any) -> Any:
        return taken_apart(item, arrays, f"{place}[{shown(name, 40)}]", depth + 1)

    kind = type(value)
    if value is None or kind in (bool, str) or (kind is int and value.bit_length() <= _MOST_BITS):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if kind is list:
        return [part(item, i) for i, item in enumerate(value)]
    if kind in _KINDS:
        limit = {"most": value.maxlen} if kind is deque else {}
        return {_KINDS[kind]: [part(item, i) for i, item in enumerate(value)], **limit}
    if kind in (dict, OrderedDict):
        name = "dict" if kind is dict else "ordered"
        return {name: [[part(key, "a key"), part(item, key)] for key, item in value.items()]}
    if kind is bytes:
        return {"bytes": base64.b64encode(value).decode()}
    if kind is complex:
        return {"complex": [part(value.real, 0), part(value.imag, 1)]}
    if isinstance(value, np.ndarray | np.generic) and kind.__module__ == "numpy":
        return _array(value, arrays, place) | ({} if isinstance(value, np.ndarray) else {"scalar": True})
    if isinstance(value, dict) and not getattr(value, "__dict__", None):
        return {"mapping": kind.__qualname__, "items": [[part(key, "a key"), part(value[key], key)] for key in value]}
    if (tensor := _of_framework(value, arrays, place)) is not None:
        return tensor
    if (parts := _parts(value)) is not None:
        return {"class": kind.__qualname__, "parts": [[name, part(item, name)] for name, item in parts]}
    raise DocumentError(f"{place} is a {kind.__name__}, which can't be stored safely")


def joined(tree: Any, arrays: Arrays, like: Any) -> Any:
    """The value of JSON and arrays, with the classes of `like`. Raises a DocumentError if those don't fit."""
    if tree is None or isinstance(tree, bool | str | int | float):
        return tree
    if isinstance(tree, list):
        return [joined(item, arrays, _item(like, i)) for i, item in enumerate(tree)]
    name = next(iter(tree), "")
    content = tree.get(name)
    if name in _SEQUENCES:
        items = [joined(item, arrays, _item(like, i)) for i, item in enumerate(content)]
        return deque(items, tree["most"]) if name == "deque" else _SEQUENCES[name](items)
    if name in _MAPPINGS:
        pairs = ((joined(key, arrays, None), item) for key, item in content)
        return _MAPPINGS[name]((key, joined(item, arrays, _item(like, key))) for key, item in pairs)
    if name == "float":
        return float(content)
    if name == "bytes":
        return base64.b64decode(content)
    if name == "complex":
        return complex(*(joined(item, arrays, None) for item in content))
    if name == "array":
        return _value(tree, arrays)
    if name == "class":
        return _object(tree, arrays, like)
    if name == "mapping":
        return _mapping(tree, arrays, like)
    raise DocumentError(f"{shown(tree)} isn't part of a state")


def _item(like: Any, key: Any) -> Any:
    """The part of a value of the same classes, None where it has none."""
    if isinstance(like, dict):
        return like.get(key)
    return like[key] if isinstance(like, list | tuple | deque) and key < len(like) else None


def _array(value: Any, arrays: Arrays, place: str) -> dict[str, Any]:
    array = np.asarray(value)
    if array.dtype.hasobject or array.dtype.names:
        raise DocumentError(f"{place} is an array of {array.dtype}, which can't be stored safely")
    name = f"array{len(arrays)}"
    if array.dtype.kind == "V":  # bfloat16 and its kin, which NumPy's files don't know
        arrays[name] = np.frombuffer(array.tobytes(), np.uint8)
        return {"array": name, "dtype": array.dtype.name, "shape": list(array.shape)}
    arrays[name] = array
    return {"array": name}


def _of_framework(value: Any, arrays: Arrays, place: str) -> dict[str, Any] | None:
    """A tensor of torch, or an array of JAX; None for another value."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and isinstance(value, torch.Tensor):
        kind = f"{place} is a {type(value).__name__} of {value.dtype} and {value.layout}, which can't be stored safely"
        if value.is_quantized:
            raise DocumentError(kind)
        try:
            flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        except (RuntimeError, TypeError) as error:  # distributed, sparse, nested, without data
            raise DocumentError(kind) from error
        return _array(flat, arrays, place) | {
            "dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "device": str(value.device)
        }  # fmt: skip
    if jax is None or not isinstance(value, jax.Array):
        return None
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        return _array(jax.random.key_data(value), arrays, place) | {"key": str(jax.random.key_impl(value))}
    return _array(value, arrays, place) | {"weak": bool(value.weak_type)}


def _value(tree: dict[str, Any], arrays: Arrays) -> Any:
    array = arrays[tree["array"]]
    if "device" in tree:
        torch = sys.modules["torch"]
        dtype = getattr(torch, tree["dtype"])
        tensor = torch.from_numpy(array.copy()).view(dtype) if array.size else torch.empty(0, dtype=dtype)
        return tensor.reshape(tree["shape"]).to(tree["device"])
    if "dtype" in tree:
        import ml_dtypes

        array = array.view(getattr(ml_dtypes, tree["dtype"])).reshape(tree["shape"])
    if "key" in tree:
        jax: Any = sys.modules["jax"]
        return jax.random.wrap_key_data(jax.numpy.asarray(array), impl=tree["key"])
    if "weak" in tree:
        jax = sys.modules["jax"]
        weak = tree["weak"] and array.ndim == 0
        return jax.numpy.asarray(array.item() if weak else array)
    return array[()] if tree.get("scalar") else array


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    """The parts of an object that `_object` makes again by its class: a named tuple, a data class or a node of JAX."""
    kind = type(value)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return list(zip(kind._fields, value, strict=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    if (jax := sys.modules.get("jax")) is not None:
        leaves = jax.tree.leaves(value, is_leaf=lambda item: item is not value)
        return None if leaves and leaves[0] is value else [(str(i), leaf) for i, leaf in enumerate(leaves)]
    return None


def _mapping(tree: dict[str, Any], arrays: Arrays, like: Any) -> Any:
    """A dictionary of a class of its own, such as a `defaultdict`: as that of the job, with other items."""
    if not isinstance(like, dict) or type(like).__qualname__ != tree["mapping"]:
        raise DocumentError(f"it has a {tree['mapping']} where the job has a {type(like).__name__}")
    other = copy.copy(like)
    other.clear()
    for key, item in tree["items"]:
        key = joined(key, arrays, None)
        other[key] = joined(item, arrays, _item(like, key))
    return other


def _object(tree: dict[str, Any], arrays: Arrays, like: Any) -> Any:
    kind, names = type(like), [name for name, _ in tree["parts"]]
    parts = None if like is None else _parts(like)
    if kind.__qualname__ != tree["class"] or parts is None or [name for name, _ in parts] != names:
        raise DocumentError(f"it has a {tree['class']} where the job has a {kind.__name__}")
    values = [joined(item, arrays, old) for (_, item), (_, old) in zip(tree["parts"], parts, strict=True)]
    if isinstance(like, tuple):
        return kind(*values)
    if dataclasses.is_dataclass(like):
        other = copy.copy(like)
        for (name, _), value in zip(parts, values, strict=True):
            object.__setattr__(other, name, value)
        return other
    jax: Any = sys.modules["jax"]
    structure = jax.tree.structure(like, is_leaf=lambda item: item is not like)
    return jax.tree.unflatten(structure, values)
