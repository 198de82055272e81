"""A JAX training that a search may drive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.numbered_job import NumberedJob

Update = Callable[[Any, Any, Any, Any], tuple[Any, Any, Any]]


class Job(NumberedJob):
    """A training made from what a JAX user has: parameters, an optimizer's state, an update function and data.

    An update that draws random numbers keeps a key in the optimizer's state, which may be any pytree, or gets one with
    each batch.

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

    counts = ("updates", "skipped")
    fixed = "its update function takes the rate only"
    updates: int
    skipped: int

    def __init__(
        self, params: Any, opt_state: Any, update: Update, data: Callable[[int], Any], evaluate: Callable[[Any], Any]
    ) -> None:
        if not callable(update):
            raise JobError(
                f"update is a {type(update).__name__}: give a function, update(params, opt_state, batch, lr)"
            )
        if not callable(data):
            raise JobError(
                f"data is a {type(data).__name__}: give a function, data(t), the batch of update t; gs.jax.Batches "
                "makes one from arrays"
            )
        super().__init__(data)
        # Copies: an update function may give its arguments' memory away.
        self.params, self.opt_state = _copied((params, opt_state))
        self._update = jax.jit(update)
        self._evaluate = evaluate

    def step(self, lr: float, **controls: float) -> Any:
        """Makes one update at rate `lr`; returns its training loss, a scalar left on its device. Raises a JobError for
        a control, since none can be set."""
        self._refuse(controls)
        self.params, self.opt_state, loss = self._update(self.params, self.opt_state, self._next_batch(), lr)
        self.updates += 1
        return loss

    def evaluate(self) -> float:
        """The validation loss."""
        return float(self._evaluate(self.params))

    def state(self) -> dict[str, Any]:
        """A snapshot of all that the next step depends on: a pytree of arrays, and the data."""
        return {"params": _copied(self.params), "opt_state": _copied(self.opt_state), **self._position()}

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken; raises JobError if it isn't a state of such a job."""
        self._check(state)
        self.params, self.opt_state = _copied((state["params"], state["opt_state"]))
        self._go_to(state)

    def _check(self, state: Any) -> None:
        self._check_position(state, "params", "opt_state")
        here = self.params, self.opt_state
        saved = state["params"], state["opt_state"]
        leaves, theirs = jax.tree.flatten(here), jax.tree.flatten(saved)
        if bool(leaves[1] != theirs[1]):  # type: ignore[operator]
            raise JobError("the parameters and the optimizer's state aren't those of this job")
        for leaf, value in zip(leaves[0], theirs[0], strict=True):
            if hasattr(leaf, "dtype") and _form(value) != _form(leaf):
                raise JobError(f"{leaf.dtype} {leaf.shape} in this job, and in the state {shown(value)}")


def _form(leaf: Any) -> tuple[str, Any]:
    """The type and the shape of an array."""
    return str(getattr(leaf, "dtype", "")), tuple(getattr(leaf, "shape", ()))


def _copied(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.copy() if hasattr(leaf, "copy") else leaf, tree)
