"""The data of a Keras job: arrays of examples, however nested."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from glideslope.documents import shown
from glideslope.errors import JobError

NEED = "give arrays, (inputs, targets), also with weights after them or without targets"


def are_data(parts: Any) -> bool:
    """Whether there are inputs, and maybe targets and weights: nothing but arrays of examples, however nested; weights
    may be None."""
    if not isinstance(parts, list | tuple) or not 1 <= len(parts) <= 3:
        return False
    arrays = keras.tree.flatten([*parts[:2], *(part for part in parts[2:] if part is not None)])
    return bool(arrays) and all(getattr(array, "shape", ()) for array in arrays)


def length(parts: Any) -> int:
    """How many examples there are."""
    return int(keras.tree.flatten(parts)[0].shape[0])


def check_lengths(validation: Any) -> None:
    """Raises a JobError unless all arrays have as many examples, and some."""
    lengths = {int(array.shape[0]) for array in keras.tree.flatten(validation) if array is not None}
    if len(lengths) > 1:
        raise JobError(f"validation= has arrays of lengths {sorted(lengths)}: give all as long as each other")
    if lengths == {0}:
        raise JobError("validation= is empty: give one example or more")


def check_batch(batch: Any) -> None:
    """Raises a JobError for a data frame, which `fit` takes, but not an update of one batch."""
    for array in keras.tree.flatten(batch):
        if array is not None and not hasattr(array, "dtype"):
            raise JobError(f"train gave {shown(array, 80)}: give arrays; of a DataFrame, its to_numpy()")


def taken(parts: Any, places: list[int]) -> Any:
    """The examples at these places."""

    def rows(array: Any) -> Any:
        indexed = array.tocsr() if hasattr(array, "tocsr") else getattr(array, "iloc", array)  # of SciPy, of pandas
        return indexed[np.array(places)]

    return keras.tree.map_structure(lambda array: None if array is None else rows(array), parts)


def tensor(array: Any) -> Any:
    """An array as `fit` gives it: of floats in the type that Keras is set to."""
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(array.dtype))
    return keras.ops.convert_to_tensor(array, keras.config.floatx() if is_float else None)
