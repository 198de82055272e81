"""The maximal-update rule: a rate that was tuned on a narrow model, for a wider one."""

from __future__ import annotations

import math
from typing import Any

from glideslope.errors import LayerError
from glideslope.layers.multipliers import Multipliers, grouped
from glideslope.layers.parameters import Parameter, parameters

RULES = ("adam", "sgd")


def by_width(base: Any, model: Any, rule: str = "adam") -> Multipliers:
    """Multipliers with which the best rate of a narrow model is also the best of a wider one.

    What differs in shape between the two is width. The output layer also has to begin smaller: `gs.torch.rescale`
    multiplies its initial weights by `Layer.initial`. Attention scores should be divided by the width of a head, not by
    its root, where that is what grows.

    Args:
        base: the narrow model, with which the rate was found.
        model: the wide one: the same names, and wider.
        rule: "adam", for Adam and what normalizes gradients like it, or "sgd".

    Formula: with n the ratio of what comes in and m of what goes out, the multipliers are 1/n (Adam) or m/n (SGD) for
    matrices, 1 (Adam) or m (SGD) for vectors and for tables that are looked up in; initial weights of the output layer,
    where only what comes in grows, are multiplied by 1/√n.

    Source: Yang et al. 2022, arXiv:2203.03466, table 3.

    Raises:
        LayerError: the models don't have the same parameters, some are tied, or the rule isn't known.

    >>> import torch
    >>> def make(width):
    ...     return torch.nn.Sequential(
    ...         torch.nn.Linear(8, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU(),
    ...         torch.nn.Linear(width, 2, bias=False),
    ...     )
    >>> by_width(make(16), make(64))
    layer     shape     parameters  multiplier
    0         64×8, 64         576           1
    2.weight  64×64          4,096        0.25
    2.bias    64                64           1
    4         2×64             128        0.25
    """
    if not isinstance(rule, str) or rule not in RULES:
        raise LayerError(f"rule={rule!r}: give 'adam' or 'sgd'")
    narrow, wide = parameters(base), parameters(model)
    _check_untied(model)
    ours, theirs = ({parameter.name for parameter in trained} for trained in (wide, narrow))
    if ours != theirs:
        raise LayerError(f"the models differ in more than width: {', '.join(sorted(ours ^ theirs)[:5])} is in one only")
    shapes = {parameter.name: parameter.shape for parameter in narrow}
    return grouped(_scaled(parameter, shapes[parameter.name], rule) for parameter in wide)


def _check_untied(model: Any) -> None:
    """Raises for an output layer that is also the table of the input: the two need rates that differ."""
    if not hasattr(model, "named_parameters") or hasattr(model, "trainable_variables"):
        return
    names: dict[int, list[str]] = {}
    for name, tensor in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(tensor), []).append(name)
    tied = [several for several in names.values() if len(several) > 1]
    if tied:
        raise LayerError(
            f"{' and '.join(tied[0])} are one tensor, which would need two rates: make them two (in transformers "
            "tie_word_embeddings=False)"
        )


def _scaled(parameter: Parameter, base: tuple[int, ...], rule: str) -> tuple[Parameter, float, float]:
    """The multiplier of a parameter, and the factor of its initial values."""
    if len(parameter.shape) != len(base):
        raise LayerError(f"{parameter.name} has the shapes {base} and {parameter.shape}: the models differ in more "
                         "than width")  # fmt: skip
    ratios = [wide / narrow for wide, narrow in zip(parameter.shape, base, strict=True)]
    if parameter.fans is None:
        return parameter, (math.prod(ratios) if rule == "sgd" else 1.0), 1.0
    incoming, outgoing = (math.prod(ratios[axis] for axis in axes) for axes in parameter.fans)
    multiplier = 1 / incoming if rule == "adam" else outgoing / incoming
    return parameter, multiplier, 1 / math.sqrt(incoming) if outgoing == 1 else 1.0
