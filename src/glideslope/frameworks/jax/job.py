"""A JAX training that a search may drive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.schedules.numbers import plain

Update = Callable[[Any, Any, Any, Any], tuple[Any, Any, Any]]


class Job:
    """A training made from what a JAX user has: parameters, an optimizer's state, an update function and data.

    What the update draws at random, it draws from a key that it keeps in the optimizer's state, any pytree; or the data
    bring a key with each batch.

    Args:
        params: the parameters, a pytree.
        opt_state: the state of the optimizer, a pytree.
        update: (params, opt_state, batch, lr) -> (params, opt_state, loss), pure; it is compiled. Optax takes the rate
            as `optax.inject_hyperparams`, or as a factor of updates made with a rate of 1.
        data: the batch of each update, a function of its number, counted from 0, such as `gs.jax.Batches`.
        evaluate: params -> the validation loss.

    Raises:
        JobError: `update` or `data` can't be called.

    >>> import jax.numpy as jnp, glideslope as gs
    >>> def update(params, opt_state, batch, lr):
    ...     loss, gradient = jax.value_and_grad(lambda w: jnp.mean((batch[0] @ w - batch[1]) ** 2))(params)
    ...     return params - lr * gradient, opt_state, loss
    >>> x = jnp.eye(4)
    >>> data = gs.jax.Batches((x, x.sum(1)), batch_size=2)
    >>> job = gs.jax.Job(jnp.zeros(4), (), update, data, lambda w: jnp.mean((w - 1) ** 2))
    >>> state = job.state()
    >>> before, _ = job.evaluate(), job.step(lr=0.5)
    >>> job.evaluate() < before
    True
    >>> job.restore(state)
    >>> job.evaluate() == before
    True
    """

    controls: frozenset[str] = frozenset()
    """What `step` can set besides the rate: nothing."""

    def __init__(
        self, params: Any, opt_state: Any, update: Update, data: Callable[[int], Any], evaluate: Callable[[Any], Any]
    ) -> None:
        if not callable(update) or not callable(data):
            raise JobError(
                f"update={update!r}, data={data!r}: give functions, update(params, opt_state, batch, lr) and data(t), "
                "the batch of update t; gs.jax.Batches makes one from arrays"
            )
        # Copies: an update function may give its arguments' memory away.
        self.params, self.opt_state = _copied((params, opt_state))
        self.data = data
        self.updates = self.skipped = 0
        self._update = jax.jit(update)
        self._evaluate = evaluate
        if hasattr(data, "reseeded"):
            self.reseed = self._reseed

    def step(self, lr: float, **controls: float) -> Any:
        """Makes one update.

        Args:
            lr: the rate.
            controls: none can be set.

        Returns:
            The training loss, a scalar left on its device.

        Raises:
            JobError: a control was given.
        """
        if controls:
            raise JobError(f"this job can't set {', '.join(sorted(controls))}: its update function takes the rate only")
        made = self._update(self.params, self.opt_state, self.data(self.updates + self.skipped), lr)
        self.params, self.opt_state, loss = made
        self.updates += 1
        return loss

    def skip(self) -> None:
        """Passes a batch by, without an update."""
        self.skipped += 1

    def evaluate(self) -> float:
        """The validation loss."""
        return float(self._evaluate(self.params))

    def state(self) -> dict[str, Any]:
        """A snapshot of all that the next step depends on: a pytree of arrays, and the data."""
        return {
            "params": _copied(self.params), "opt_state": _copied(self.opt_state), "updates": self.updates,
            "skipped": self.skipped,
            "seed": getattr(self.data, "seed", None) if hasattr(self.data, "reseeded") else None,
        }  # fmt: skip

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken; raises JobError if it isn't a state of such a job."""
        self._check(state)
        self.params, self.opt_state = _copied((state["params"], state["opt_state"]))
        self.updates, self.skipped = plain(state["updates"]), plain(state["skipped"])
        if state["seed"] is not None:
            self._reseed(plain(state["seed"]))

    def _check(self, state: Any) -> None:
        parts = {"params", "opt_state", "updates", "skipped", "seed"}
        if not isinstance(state, Mapping) or not parts <= state.keys():
            raise JobError(f"{shown(state)} isn't a state of the job, which has {', '.join(sorted(parts))}")
        for name in ("updates", "skipped", "seed"):
            count = plain(state[name])
            if not (name == "seed" and count is None) and (type(count) is not int or count < 0):
                raise JobError(f"{name}={shown(state[name])} in the state of the job: a count was expected")
        here = self.params, self.opt_state
        saved = state["params"], state["opt_state"]
        leaves, theirs = jax.tree.flatten(here), jax.tree.flatten(saved)
        if bool(leaves[1] != theirs[1]):  # type: ignore[operator]
            raise JobError("the parameters and the optimizer's state aren't those of this job")
        for leaf, value in zip(leaves[0], theirs[0], strict=True):
            if hasattr(leaf, "dtype") and _form(value) != _form(leaf):
                raise JobError(f"{leaf.dtype} {leaf.shape} in this job, and in the state {shown(value)}")

    def _reseed(self, seed: int) -> None:
        """Draws the order of the data anew."""
        self.data = self.data.reseeded(seed)  # type: ignore[attr-defined]


def _form(leaf: Any) -> tuple[str, Any]:
    """The type and the shape of an array."""
    return str(getattr(leaf, "dtype", "")), tuple(getattr(leaf, "shape", ()))


def _copied(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.copy() if hasattr(leaf, "copy") else leaf, tree)
