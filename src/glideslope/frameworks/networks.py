"""The trained network of a job, as a safetensors file: what is in it, and the line that loads it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from glideslope.errors import FrameworkError
from glideslope.search.jobs.job import Job

Framework = Literal["torch", "jax", "keras", "transformers", "lightning"]


@dataclass(frozen=True)
class Network:
    """A trained network: what writes it, and the line of Python that loads it, with `{file}` for the file."""

    write: Callable[[BinaryIO], None]
    loading: str


def framework_of(job: Job) -> Framework | None:
    """The framework that a job trains with, None for one of its own.

    >>> framework_of(object()) is None
    True
    """
    ours = type(job).__module__.removeprefix("glideslope.frameworks.").partition(".")[0].removesuffix("_job")
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
    """The network of a job that has one. Raises a FrameworkError if safetensors isn't installed."""
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

    import torch

    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    distinct = _distinct(tensors)
    kept = tensors if distinct is None else distinct

    def write(file: BinaryIO) -> None:
        from safetensors.torch import save

        plain = {name.replace("_orig_mod.", ""): value.detach().clone().contiguous() for name, value in kept.items()}
        file.write(save(plain, {"format": "pt"}))

    if distinct is None:
        return Network(write, "model.load_state_dict(safetensors.torch.load_file({file!r}))")
    return Network(write, "safetensors.torch.load_model(model, {file!r})")


def _distinct(tensors: dict[str, Any]) -> dict[str, Any] | None:
    """One tensor of those that share memory: the one that has all of it, for `load_model`; None where none has."""
    groups: dict[Any, list[str]] = {}
    for name, value in sorted(tensors.items()):
        storage = value.untyped_storage()
        groups.setdefault((value.device, storage.data_ptr()) if storage.nbytes() else name, []).append(name)
    kept: dict[str, Any] = {}
    for names in groups.values():
        complete = [name for name in names if tensors[name].nbytes == tensors[name].untyped_storage().nbytes()]
        if not complete and len(names) > 1:
            return None
        name = (complete or names)[0]
        kept[name] = tensors[name]
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
