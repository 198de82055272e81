"""The trained network of a job, as a safetensors file: what is in it, and the line that loads it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from glideslope.errors import FrameworkError
from glideslope.search.job import Job

Framework = Literal["torch", "jax", "keras", "transformers", "lightning"]


@dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
        write: writes it.
        loading: the line of Python that loads it, with `{file}` for the file.
    """

    write: Callable[[BinaryIO], None]
    loading: str


def framework_of(job: Job) -> Framework | None:
    """The framework that a job trains with, None for one of its own.

    >>> framework_of(object()) is None
    True
    """
    ours = type(job).__module__.removeprefix("glideslope.frameworks.").partition(".")[0]
    if ours in ("transformers", "lightning"):
        return ours  # type: ignore[return-value]
    model = getattr(job, "model", None)
    keras, torch = sys.modules.get("keras"), sys.modules.get("torch")
    if keras is not None and isinstance(model, keras.Model):
        return "keras"
    if torch is not None and isinstance(model, torch.nn.Module):
        return "torch"
    return "jax" if ours == "jax" else None


def network(job: Job) -> Network | None:
    """The network of a job that has one: a model of torch or Keras, or JAX's parameters.

    Raises:
        FrameworkError: safetensors isn't installed.
    """
    framework = framework_of(job)
    if framework is None:
        return None
    try:
        import safetensors  # noqa: F401
    except ModuleNotFoundError as error:
        raise FrameworkError(
            "the trained network isn't saved, since safetensors isn't installed: pip install safetensors"
        ) from error
    owner: Any = job
    if framework == "keras":
        return _of_keras(owner.model)
    if framework == "jax":
        return _of_jax(owner.params)
    return _of_torch(owner)


def _of_torch(job: Any) -> Network | None:
    if not hasattr(job, "measured_state") and not hasattr(job, "model"):
        return None
    state = job.measured_state() if hasattr(job, "measured_state") else job.model.state_dict()

    def write(file: BinaryIO) -> None:
        from safetensors.torch import save

        file.write(save(_distinct(state), {"format": "pt"}))

    return Network(write, "safetensors.torch.load_model(model, {file!r})")


def _distinct(state: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a state dictionary, one of each that is the same under several names, as `load_model` expects.

    The names are those of the model itself, without what torch.compile puts into them.
    """
    import torch

    kept: dict[str, Any] = {}
    seen: set[tuple[Any, ...]] = set()
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            continue
        memory = value.device, value.data_ptr(), value.shape, value.stride(), value.dtype
        if memory not in seen or not value.numel():
            kept[name.replace("_orig_mod.", "")] = value.detach().contiguous().clone()
        seen.add(memory)
    return kept


def _of_keras(model: Any) -> Network:
    def write(file: BinaryIO) -> None:
        import keras
        import numpy as np
        from safetensors.numpy import save

        values = (np.array(keras.ops.convert_to_numpy(weight), order="C") for weight in model.weights)
        file.write(save({str(i): value for i, value in enumerate(values)}))

    return Network(
        write,
        "tensors = safetensors.numpy.load_file({file!r}); "
        "model.set_weights([tensors[str(i)] for i in range(len(tensors))])",
    )


def _of_jax(params: Any) -> Network:
    import jax

    def write(file: BinaryIO) -> None:
        from safetensors.flax import save

        leaves = jax.tree_util.tree_leaves_with_path(params)
        file.write(save({jax.tree_util.keystr(path): jax.numpy.asarray(leaf) for path, leaf in leaves}))

    return Network(
        write,
        "tensors = safetensors.flax.load_file({file!r}); "
        "params = jax.tree_util.tree_map_with_path(lambda path, _: tensors[jax.tree_util.keystr(path)], params)",
    )
