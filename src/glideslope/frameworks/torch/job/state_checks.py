"""Whether a state fits a training, seen before anything of it is loaded."""

from __future__ import annotations

import copy
import inspect
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.torch.job import randomness
from glideslope.schedules.numbers import is_finite, is_number

_OTHER_SHAPES = ("LBFGS", "Adafactor", "SparseAdam")
"""Optimizers of torch whose tensors have other shapes than their parameters."""
_NO_PLAIN_UPDATE = ("LBFGS", "SparseAdam")  # a closure, sparse gradients
_NUMBERS = ("step", "eta", "mu", "mu_product")
"""The parts of the state of torch's optimizers for a parameter that may be numbers."""
_NUMPY, _PYTHON = np.random.RandomState(), random.Random()
"""Generators that take a state to show that it is one; to make them costs more than that."""


def check_tensors(what: str, saved: Any, here: Mapping[str, Any]) -> None:
    """Raises a JobError unless there is a tensor of the same shape and type for each one by name."""
    if not isinstance(saved, Mapping):
        raise JobError(f"the {what} in the state is a {type(saved).__name__}")
    if saved.keys() != here.keys():
        names = [*(here.keys() - saved.keys()), *(saved.keys() - here.keys())]
        raise JobError(f"the {what} in the state is another: {shown(names)} is in one of them alone")
    for name, tensor in here.items():
        if isinstance(tensor, torch.Tensor) and not is_lazy(tensor):
            _check_like(f"{what}'s {name}", saved[name], tensor)


def check_others(saved: Any, here: Sequence[torch.Tensor]) -> None:
    """Raises a JobError unless there is a tensor of the same shape and type for each one, in order."""
    if not isinstance(saved, list | tuple) or len(saved) != len(here):
        raise JobError(f"the state doesn't have the {len(here)} tensors beside the model: give one of this job")
    for i, (value, tensor) in enumerate(zip(saved, here, strict=True)):
        _check_like(f"tensor {i} beside the model", value, tensor)


def check_trainable(saved: Any, model: torch.nn.Module) -> None:
    """Raises a JobError unless a state says of each parameter whether it is trained, or, of an earlier version, not."""
    number = sum(1 for _ in model.parameters())
    if saved is not None and not (isinstance(saved, list | tuple) and [*map(type, saved)] == [bool] * number):
        raise JobError(f"trained={shown(saved)} in the state: a bool for each of {number} parameters was expected")


def check_optimizer(optimizer: Optimizer, saved: Any) -> None:
    """Raises a JobError unless a state has the groups, options and tensors of an optimizer like this one."""
    if not isinstance(saved, Mapping) or not isinstance(saved.get("state"), Mapping):
        raise JobError(f"{shown(saved)} isn't a state of the optimizer")
    known = type(optimizer).__module__.startswith("torch.optim")  # others keep in their groups what they like
    groups, here = saved.get("param_groups"), optimizer.param_groups
    if not isinstance(groups, list | tuple) or len(groups) != len(here):
        raise JobError(f"the state isn't of an optimizer with {len(here)} parameter groups")
    parameters: dict[Any, torch.Tensor] = {}
    for group, ours in zip(groups, here, strict=True):
        numbers: Any = group.get("params") if isinstance(group, Mapping) else None
        many = isinstance(numbers, list | tuple) and len(numbers) == len(ours["params"])
        if not many or not all(type(number) is int for number in numbers):
            raise JobError(f"a group in the state doesn't have {len(ours['params'])} parameters")
        parameters |= zip(numbers, ours["params"], strict=True)
        for name, value in ours.items() if known else ():
            if name != "params" and not (name in group and _is_option(group[name], value)):
                raise JobError(
                    f"{name}={shown(group.get(name))} in a group of the state: one like {value!r} was expected"
                )
    simple = known and type(optimizer).__name__ not in _OTHER_SHAPES
    for number, kept in saved["state"].items():
        if number not in parameters or not isinstance(kept, Mapping):
            raise JobError(f"the state of the optimizer's parameter {shown(number)} is of none in this job")
        for name, value in kept.items() if simple else ():
            shape = parameters[number].shape
            if isinstance(value, torch.Tensor):
                fits = value.shape == shape or (name in _NUMBERS and value.numel() == 1)
            else:
                fits = _is_number(value) if name in _NUMBERS else value is None and name == "momentum_buffer"
            fits = fits and (name != "step" or (_is_number(value) and value >= 0))
            if not fits:
                raise JobError(f"{name}={shown(value)} in the optimizer's state: a tensor like its parameter, of shape "
                               f"{tuple(shape)}, was expected")  # fmt: skip
    for group in groups if known else ():
        ours = {number: parameters[number] for number in group["params"]}
        _check_updates(type(optimizer), group, ours, saved["state"])


def _check_updates(
    kind: type[Optimizer], group: Mapping[str, Any], parameters: Mapping[Any, torch.Tensor], state: Mapping[Any, Any]
) -> None:
    """Raises a JobError unless an optimizer of torch can be made, and update, with a group's options, and the state of
    each parameter has what it makes for a small one of as many dimensions."""
    options = inspect.signature(kind).parameters
    taken = {name: value for name, value in group.items() if name in options}
    known = {number: each for number, each in parameters.items() if not is_lazy(each)}
    small = {each.ndim: torch.zeros([1] * each.ndim, dtype=each.dtype, device=each.device)
             for each in known.values()} or {2: torch.zeros(1, 1)}  # fmt: skip
    try:
        optimizer = kind(**copy.deepcopy(taken) | {"params": [*small.values()]})
        initial = {dimensions: {*optimizer.state.get(each, {})} for dimensions, each in small.items()}
        if kind.__name__ not in _NO_PLAIN_UPDATE:
            for each in small.values():
                each.grad = torch.zeros_like(each)
            kind.step.__wrapped__(optimizer)  # type: ignore[attr-defined]  # without hooks, which count
    except (ArithmeticError, AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise JobError(f"the options of the optimizer in the state are invalid: {error}") from None
    for number, weight in known.items():
        kept = state.get(number, {})
        needed = {*optimizer.state.get(small[weight.ndim], {})} if kept else initial[weight.ndim]
        if kind is not torch.optim.SGD and (missing := needed - kept.keys()):  # SGD makes what is missing
            raise JobError(f"the optimizer's state of parameter {number} lacks {', '.join(sorted(missing))}")


def check_average(saved: Any, model: Mapping[str, Any]) -> int:
    """The updates in an average of the weights of a model; raises a JobError unless it is one."""
    averaged: Any = saved.get("averaged") if isinstance(saved, Mapping) else None
    kind = saved.get("kind") if isinstance(averaged, Mapping) else None
    if not isinstance(kind, str) or kind not in ("ema", "swa") or not _is_number(saved.get("amount")):
        raise JobError(f"{shown(saved)} isn't an average of the weights")
    count = torch.zeros((), dtype=torch.long)
    check_tensors("average", averaged, {"n_averaged": count} | {f"module.{name}": each for name, each in model.items()})
    if not 0 <= saved["amount"] <= 1 or averaged["n_averaged"] < 0:
        raise JobError(f"an average of {saved['amount']}, over {int(averaged['n_averaged'])} updates, can't be")
    return int(averaged["n_averaged"])


def check_scaler(saved: Any, here: Mapping[str, Any]) -> None:
    """Raises a JobError unless the numbers of a gradient scaler are there, and can be."""
    whole = isinstance(saved, Mapping) and saved.keys() == here.keys()
    if not whole or not all(_is_number(value) and value >= 0 for value in saved.values()):
        raise JobError(f"{shown(saved)} isn't a state of the gradient scaler, which has {', '.join(here) or 'none'}")


def check_random(saved: Any, generators: Iterable[randomness.Source]) -> None:
    """Raises a JobError unless the states of the global generators, and of these, can be set."""
    sources = list(generators)
    try:
        torch.Generator().set_state(saved["torch"])
        if any(not isinstance(state, torch.Tensor) or state.dtype != torch.uint8 for state in saved["cuda"]):
            raise ValueError("a CUDA generator's isn't a tensor of bytes")
        _NUMPY.set_state(randomness.native(saved["numpy"]))
        _PYTHON.setstate(randomness.native(saved["python"]))
        for source, state in zip(sources, saved["own"], strict=True):
            randomness.load_one(_like(source), state)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise JobError(f"the state's generators of random numbers aren't those of this job: {error}") from None


def _like(source: randomness.Source) -> randomness.Source:
    """A new generator of the same kind."""
    if isinstance(source, torch.Generator):
        return torch.Generator(source.device)
    if isinstance(source, np.random.Generator):
        return np.random.Generator(type(source.bit_generator)())
    return np.random.RandomState() if isinstance(source, np.random.RandomState) else random.Random()


def _check_like(what: str, value: Any, tensor: torch.Tensor) -> None:
    if not isinstance(value, torch.Tensor) or value.shape != tensor.shape or value.dtype != tensor.dtype:
        have = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else shown(value)
        raise JobError(f"the {what} is {tensor.dtype} {tuple(tensor.shape)}, and the state has {have}")


def _is_option(value: Any, like: Any) -> bool:
    """Whether a value can be an optimizer's option, by the one that there is."""
    if isinstance(like, bool) or like is None:
        return value is None or isinstance(value, bool | int | float | torch.Tensor)
    if _is_number(like):
        return _is_number(value)
    if isinstance(like, list | tuple):
        pairs = isinstance(value, list | tuple) and len(value) == len(like)
        return pairs and all(_is_option(a, b) for a, b in zip(value, like, strict=True))
    return isinstance(value, type(like))


def _is_number(value: Any) -> bool:
    if isinstance(value, torch.Tensor) and value.numel() == 1 and not value.is_complex():
        value = value.item()
    return is_number(value) and is_finite(value)
