"""A JAX training that a search may drive."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

import jax
import numpy as np

from glideslope.documents import check_kind, shown
from glideslope.errors import JobError
from glideslope.frameworks.numbered_job import NumberedJob
from glideslope.search.jobs.scalars import number

Update = Callable[[Any, Any, Any, Any], tuple[Any, Any, Any]]
_LEAF = (jax.Array, np.ndarray, np.generic, Number)


class Job(NumberedJob):
    """A training made from what a JAX user has: parameters, an optimizer's state, an update function and data.

    An update that draws random numbers keeps a key in the optimizer's state, which may be any pytree, or gets one with
    each batch.

    Args:
        params: the parameters, a pytree, and what else `evaluate` needs, such as the statistics of batch normalization.
        opt_state: the state of the optimizer, a pytree.
        update: (params, opt_state, batch, lr) -> (params, opt_state, loss), pure; it is compiled. Optax takes the rate
            as `optax.inject_hyperparams`, or as a factor of updates made with a rate of 1.
        data: the batch of each update, a function of its number, counted from 0, such as `gs.jax.Batches`.
        evaluate: params -> the validation loss.
        estimate: params -> the same of some of the validation data, such as 512 examples spread over them; most of a
            search's measurements are by it, where it is given.

    Raises:
        JobError: `update`, `data`, `evaluate` or `estimate` can't be called.

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
        self, params: Any, opt_state: Any, update: Update, data: Callable[[int], Any], evaluate: Callable[[Any], Any],
        *, estimate: Callable[[Any], Any] | None = None,
    ) -> None:  # fmt: skip
        check_kind(JobError, Callable, "a function, update(params, opt_state, batch, lr)", update=update)
        check_kind(JobError, Callable, "a function, data(t), the batch of update t, or gs.jax.Batches", data=data)
        check_kind(JobError, Callable, "a function, evaluate(params), the validation loss", evaluate=evaluate)
        if estimate is not None:
            check_kind(JobError, Callable, "a function, estimate(params), of some validation data", estimate=estimate)
            self.estimate = lambda updates: self._measured("estimate", estimate)  # a search looks whether it is there
        for leaf in jax.tree.leaves(params):
            check_kind(JobError, _LEAF, "a pytree of arrays", params=leaf)
        for leaf in jax.tree.leaves(opt_state):
            check_kind(JobError, _LEAF, "a pytree of arrays, such as optimizer.init(params)", opt_state=leaf)
        super().__init__(data)
        # Copies: an update function may give its arguments' memory away.
        self.params, self.opt_state = _copied((params, opt_state))
        self._update = jax.jit(update)
        self._evaluate = evaluate

    def step(self, lr: float, **controls: float) -> Any:
        """Makes one update at rate `lr`; returns its training loss, a scalar left on its device. Raises a JobError for
        a control, since none can be set."""
        self._refuse(controls)
        returned = self._update(self.params, self.opt_state, self._next_batch(), lr)
        if not isinstance(returned, list | tuple) or len(returned) != 3:
            raise JobError(f"update gave {shown(returned, 80)}: give (params, opt_state, loss)")
        if not self.updates:
            _check_same(self.params, returned[0], "update gave params unlike those it got")
            _check_same(self.opt_state, returned[1], "update gave an opt_state unlike that it got")
        self.params, self.opt_state, loss = returned
        self.updates += 1
        return loss

    def evaluate(self) -> float:
        """The validation loss."""
        return self._measured("evaluate", self._evaluate)

    def _measured(self, name: str, measure: Callable[[Any], Any]) -> float:
        loss = measure(self.params)
        try:
            return number(loss)
        except TypeError as error:
            raise JobError(f"{name}: {error}") from None

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
        saved = state["params"], state["opt_state"]
        _check_same((self.params, self.opt_state), saved, "the state isn't one of this job")


def _check_same(here: Any, given: Any, problem: str) -> None:
    """Raises a JobError unless two pytrees have the same parts, of the same types and shapes."""
    (leaves, form), (values, other) = jax.tree.flatten(here), jax.tree.flatten(given)
    if bool(form != other):  # type: ignore[operator]
        raise JobError(f"{problem}: it has other parts, {shown(given, 80)}")
    for leaf, value in zip(leaves, values, strict=True):
        if hasattr(leaf, "dtype") and _form(value) != _form(leaf):
            raise JobError(f"{problem}: {shown(value, 80)} in the place of {leaf.dtype} {leaf.shape}")


def _form(leaf: Any) -> tuple[str, Any]:
    """The type and the shape of an array."""
    return str(getattr(leaf, "dtype", "")), tuple(getattr(leaf, "shape", ()))


def _copied(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.copy() if hasattr(leaf, "copy") else leaf, tree)
