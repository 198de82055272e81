"""Multipliers by block: the layer-wise decay of fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glideslope.layers.depth import checked_decay
from glideslope.layers.multipliers import Multipliers, grouped
from glideslope.layers.parameters import parameters
from glideslope.layers.repeated import Blocks


def by_block(
    model: Any, decay: float, *, blocks: str | Sequence[str] = (), head: str | Sequence[str] = ()
) -> Multipliers:
    """Multipliers that fall from block to block towards the input: the layer-wise decay of fine-tuning.

    A block is one of the modules that a model repeats, found by their names: `encoder.layer.N`, `h.N`, `layers.N`,
    `blocks.N`, a ResNet's `layer1` to `layer4` or `stages.N`. What comes before them are the embeddings, what comes
    after them is the head, whose rate stays as it is; a norm right after the blocks belongs to the last of them.

    Args:
        model: a torch module, a Keras model that was built, or a pytree of arrays; `(apply, params)` too.
        decay: the factor from a block to the one before it, between 0 and 1.
        blocks: the name of the list of blocks, `"encoder.layer"`, where there are several; or a list of such names,
            from the input to the output.
        head: names of all that comes after the blocks, where their own names don't say so.

    Formula: d^(n+1-k) for block k of n, counted from the input, from 1; k = 0 for embeddings, n + 1 for the head.

    Source: Clark et al. 2020, arXiv:2003.10555 (ELECTRA), whose head is one factor further from the last block; Sun et
    al. 2019, arXiv:1905.05583 (BERT); Bao et al. 2022, arXiv:2106.08254 (BEiT), as timm's param_groups_layer_decay.

    Raises:
        LayerError: the factor isn't between 0 and 1, there are no blocks or several lists of them, or a parameter may
            come before the blocks or after them.

    >>> import torch
    >>> class Network(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.embed = torch.nn.Embedding(9, 4)
    ...         self.blocks = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(2))
    ...         self.head = torch.nn.Linear(4, 2)
    >>> by_block(Network(), 0.5)
    layer     shape   parameters  multiplier
    embed     9×4             36       0.125
    blocks.0  4×4, 4          20        0.25
    blocks.1  4×4, 4          20         0.5
    head      2×4, 2          10           1
    """
    decay, model = checked_decay(decay), model[1] if isinstance(model, tuple) else model
    known = parameters(model)
    in_keras = hasattr(model, "trainable_variables")
    in_torch = hasattr(model, "named_parameters") and not in_keras
    names = [name for name, _ in model.named_parameters()] if in_torch else [parameter.name for parameter in known]
    places = Blocks(names, in_torch or in_keras, _listed(blocks), _listed(head))
    return grouped((parameter, decay ** (len(places) + 1 - places.depth(parameter.name)), 1.0) for parameter in known)


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
