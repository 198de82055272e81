"""A rate for each layer in JAX: a tree of labels, and an Optax transformation that scales updates."""

from __future__ import annotations

from typing import Any

import jax
import optax

from glideslope.documents import check_kind
from glideslope.errors import LayerError
from glideslope.frameworks.jax.models import leaves
from glideslope.layers import Multipliers


def labels(params: Any, multipliers: Multipliers) -> tuple[Any, dict[str, float]]:
    """A tree like the parameters with a label for each, and the multiplier of each label, for `optax.multi_transform`.

    Args:
        params: the parameters, a pytree.
        multipliers: made with them.

    Raises:
        LayerError: a parameter isn't among them.

    >>> import jax.numpy as jnp, glideslope as gs
    >>> params = {"embed": jnp.ones((3, 2)), "head": jnp.ones((2, 1))}
    >>> tree, by_label = gs.jax.labels(params, gs.layers.by_name(params, {"embed": 0.1}))
    >>> tree, by_label
    ({'embed': '0.1', 'head': '1'}, {'0.1': 0.1, '1': 1.0})
    >>> rates = {label: optax.sgd(0.5 * multiplier) for label, multiplier in by_label.items()}
    >>> state = optax.multi_transform(rates, tree).init(params)
    """
    check_kind(LayerError, Multipliers, "what a function of glideslope.layers gives", multipliers=multipliers)
    factors = [multipliers.of(name) for name, _ in leaves(params)]
    names = [f"{multiplier:.12g}" for multiplier in factors]
    return jax.tree.unflatten(jax.tree.structure(params), names), dict(zip(names, factors, strict=True))


def scale_by_layer(multipliers: Multipliers) -> optax.GradientTransformation:
    """Scales the updates of each layer: `optax.chain(optax.adamw(3e-4 * schedule), scale_by_layer(multipliers))`.

    Last in a chain it multiplies the rate, decoupled weight decay included, and keeps one state for all layers.

    Args:
        multipliers: made with the parameters.

    >>> import jax.numpy as jnp, glideslope as gs
    >>> params = {"embed": jnp.ones(2), "head": jnp.ones(2)}
    >>> multipliers = gs.layers.by_name(params, {"embed": 0.1})
    >>> transformation = optax.chain(optax.sgd(1.0), gs.jax.scale_by_layer(multipliers))
    >>> transformation.update(params, transformation.init(params))[0]
    {'embed': Array([-0.1, -0.1], dtype=float32), 'head': Array([-1., -1.], dtype=float32)}
    """
    check_kind(LayerError, Multipliers, "what a function of glideslope.layers gives", multipliers=multipliers)

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        by_leaf = [multipliers.of(name) for name, _ in leaves(updates)]
        scaled = [by * update for by, update in zip(by_leaf, jax.tree.leaves(updates), strict=True)]
        return jax.tree.unflatten(jax.tree.structure(updates), scaled), state

    def init(params: Any) -> Any:
        missing = {name for name, _ in leaves(params)} - multipliers.by_parameter.keys()
        if missing:
            raise LayerError(f"no multiplier for {', '.join(sorted(missing)[:5])}: make multipliers with this model")
        return optax.EmptyState()

    return optax.GradientTransformation(init, update)
