"""Multipliers by depth, the order in which a forward pass uses the layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glideslope.errors import LayerError
from glideslope.layers.adapters import adapter_of
from glideslope.layers.multipliers import Layer, Multipliers, check_multiplier
from glideslope.layers.parameters import Parameter, parameters
from glideslope.schedules.amounts import real
from glideslope.schedules.numbers import is_number, plain

Rule = Callable[[int, int], float]  # (k, L) -> the multiplier of layer k of L, counted from the input, from 1


def discriminative(low: float, high: float) -> Rule:
    """A rule of depth: from `low` at the input to `high` at the output, each layer the same factor more.

    Formula: low · (high/low)^((k-1)/(L-1)) for layer k of L.

    Source: Howard & Ruder 2018, arXiv:1801.06146.

    Raises:
        LayerError: a multiplier isn't positive.

    >>> rule = discriminative(0.01, 1)
    >>> [round(rule(k, 3), 6) for k in (1, 2, 3)]
    [0.01, 0.1, 1.0]
    """
    for name, value in (("low", low), ("high", high)):
        check_multiplier(name, value)
        if value == 0:
            raise LayerError(f"{name}=0: give a positive multiplier; by_name freezes layers")
    return lambda k, layers: low * (high / low) ** ((k - 1) / max(layers - 1, 1))


def by_depth(model: Any, example_input: Any, decay: float | Rule, smaller: str = "input") -> Multipliers:
    """Multipliers that fall with the distance from the output, or from the input.

    Each module with parameters of its own is a layer, so a block of a transformer is several, and a decay that is right
    from block to block is too steep from layer to layer: 0.8 leaves 2e-10 to the embeddings of a BERT of 12 blocks. For
    fine-tuning a transformer or a ResNet take `by_block`.

    Smaller near the input keeps what is general already in a plain stack of layers. Smaller near the output is the
    remedy for deep networks of logistic activations, whose layers near the input hardly move.

    Args:
        model: a torch module, or a Keras model; for JAX the pair of the function (params, input) -> output and params.
        example_input: an input, a tuple of several, or for torch a dictionary of them by name; the model's outputs
            aren't kept, nor is anything changed.
        decay: the factor from a layer to the next, between 0 and 1; or any rule (k, L) -> multiplier of layer k of L,
            counted from the input, from 1, such as `discriminative(0.01, 1)`.
        smaller: "input" or "output": where the multipliers of a factor are smaller.

    Formula: d^(L-k) where smaller near the input, d^(k-1) near the output.

    Source: Howard & Ruder 2018, arXiv:1801.06146.

    Raises:
        LayerError: the factor isn't between 0 and 1, or the forward pass leaves parameters out: they are named.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> by_depth(model, torch.ones(1, 8), 0.5)
    layer  shape   parameters  multiplier
    0      4×8, 4          36         0.5
    2      2×4, 2          10           1
    """
    if smaller not in ("input", "output"):
        raise LayerError(f"smaller={smaller!r}: give 'input' or 'output'")
    rule = decay if callable(decay) else _power(decay, smaller)
    layers = in_order(model, example_input)
    multiplied = [Layer(*layer, real("decay", rule(k, len(layers)), LayerError)) for k, layer in enumerate(layers, 1)]
    for layer in multiplied:
        check_multiplier(layer.name, layer.multiplier)
    return Multipliers(tuple(multiplied))


def in_order(model: Any, example_input: Any) -> list[tuple[str, tuple[Parameter, ...]]]:
    """The layers in the order of their use, with their parameters. Raises a LayerError for parameters left out."""
    known = parameters(model[1] if isinstance(model, tuple) and len(model) > 1 else model)
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    used = adapter_of(model).order_of_use(model, inputs)
    left_out = [parameter.name for parameter in known if parameter.name not in used]
    if left_out:
        raise LayerError(
            f"the forward pass of this input doesn't use {', '.join([*left_out[:5], *['…'][: len(left_out) > 5]])}: "
            "give an input that does, or freeze them first (requires_grad_(False))"
        )
    layers: dict[str, list[Parameter]] = {}
    for parameter in known:
        layers.setdefault(parameter.layer, []).append(parameter)

    def first_use(layer: str) -> int:
        return min(used[parameter.name] for parameter in layers[layer])

    return [(layer, tuple(layers[layer])) for layer in sorted(layers, key=first_use)]


def checked_decay(decay: Any) -> float:
    """A factor from a layer to the next. Raises a LayerError if it isn't between 0 and 1."""
    decay = plain(decay)
    if not (is_number(decay) and 0 < decay <= 1):
        raise LayerError(f"decay={decay!r}: give a factor between 0 and 1; in by_depth, smaller= says which way")
    return float(decay)


def _power(decay: Any, smaller: str) -> Rule:
    factor = checked_decay(decay)
    return lambda k, layers: factor ** (layers - k if smaller == "input" else k - 1)
